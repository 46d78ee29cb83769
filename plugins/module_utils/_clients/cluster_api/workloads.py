# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that was made, reached by its kubeconfig, as ``ports.Workloads``."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..._domain.kubernetes.manifest import ObjectRef
from ..._domain.ports import Clock
from ..kubernetes.api import connect

with suppress(ImportError):  # without it nobody connects to the management cluster, and is told so
    import yaml


class WorkloadClusters:
    """Implements ``ports.Workloads``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def parsed(self, text: str) -> Any:
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            return None

    def require_answer(self, text: str, moment: float) -> None:
        # The client library reads kubeconfigs from files. This one is gone with its folder, which nobody else may read.
        with tempfile.TemporaryDirectory(prefix="pnow-infra-") as folder:
            path = Path(folder) / "kubeconfig"
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
            with connect({"kubeconfig": str(path)}, self._clock) as api:
                api.bounded_by(moment).page(ObjectRef("v1", "Node", ""), {"limit": "1"})
