# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing KubeVirt's kinds."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.testbed.bed import Bed
from tests.testbed.crossplane import CUSTOM_RESOURCES, ESTABLISH_TIMEOUT, all_established
from tests.testbed.kubernetes_api import KubernetesApi
from tests.testbed.readiness import wait_until


def install(bed: Bed) -> None:
    """Have the bed's API server serve VirtualMachines and VirtualMachineInstances."""
    api = KubernetesApi(bed)
    for definition in yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())["items"]:
        api.apply(f"{CUSTOM_RESOURCES}/{definition['metadata']['name']}", definition)
    wait_until(lambda: all_established(api), ESTABLISH_TIMEOUT)
