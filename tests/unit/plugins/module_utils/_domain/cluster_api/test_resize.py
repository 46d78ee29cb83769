# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change means to the machines of a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.cluster_api.resize import (
    Refused,
    Way,
    changes,
    heaviest,
    require_possible,
)

BEFORE: dict[str, Any] = {
    "environment": "dev",
    "controlPlaneNodes": 3,
    "workerNodes": 2,
    "workerCPU": "4",
    "workerMemory": "8Gi",
    "workerStorage": "100Gi",
    "kubernetesVersion": "v1.31.4",
    "enableLiveMigration": True,
    "networkPlugin": "calico",
    "podCIDR": "10.244.0.0/16",
    "serviceType": "LoadBalancer",
    "paused": False,
    "vaultPath": "secret/clusters/dev",
}


@pytest.mark.parametrize(
    ("parameter", "after", "way"),
    [
        ("workerNodes", 5, Way.IN_PLACE),
        ("workerNodes", 1, Way.IN_PLACE),
        ("controlPlaneNodes", 5, Way.IN_PLACE),
        ("controlPlaneNodes", 1, Way.IN_PLACE),
        ("paused", True, Way.IN_PLACE),
        ("vaultPath", "secret/clusters/other", Way.IN_PLACE),
        ("nodeDrainTimeout", "1m", Way.IN_PLACE),
        ("workerCPU", "8", Way.ROLLING),
        ("workerMemory", "16Gi", Way.ROLLING),
        ("workerMemory", "4Gi", Way.ROLLING),
        ("workerStorage", "200Gi", Way.ROLLING),
        ("workerStorage", "1Ti", Way.ROLLING),
        ("enableLiveMigration", False, Way.ROLLING),
        ("kubernetesVersion", "v1.32.0", Way.ROLLING),
        ("kubernetesVersion", "v1.31.9", Way.ROLLING),
        ("rolloutAfter", "2026-01-01T00:00:00Z", Way.ROLLING),
        ("storageClass", "fast", Way.ROLLING),
        ("workerStorage", "50Gi", Way.REPLACE),
        ("workerStorage", "100G", Way.REPLACE),
        ("kubernetesVersion", "v1.33.0", Way.REPLACE),
        ("kubernetesVersion", "v2.0.0", Way.REPLACE),
        ("kubernetesVersion", "v1.30.9", Way.REPLACE),
        ("kubernetesVersion", "v1.31.3", Way.REPLACE),
        ("networkPlugin", "cilium", Way.REPLACE),
        ("podCIDR", "10.10.0.0/16", Way.REPLACE),
        ("serviceType", "NodePort", Way.REPLACE),
        ("controlPlaneEndpoint", {"host": "10.0.0.1", "port": 6443}, Way.REPLACE),
        ("environment", "staging", Way.REPLACE),
    ],
)
def test_a_change_has_one_way(parameter: str, after: Any, way: Way) -> None:
    (change,) = changes(BEFORE, {**BEFORE, parameter: after})
    assert (change.parameter, change.way) == (parameter, way)


@pytest.mark.parametrize(
    ("parameter", "after"),
    [("kubernetesVersion", "1.31.4"), ("workerMemory", "8192Mi"), ("workerCPU", "4.0"), ("workerNodes", 2)],
)
def test_the_same_in_other_words_is_no_change(parameter: str, after: Any) -> None:
    assert changes(BEFORE, {**BEFORE, parameter: after}) == []


def test_the_heaviest_way_decides() -> None:
    found = changes(BEFORE, {**BEFORE, "workerNodes": 3, "workerMemory": "16Gi"})
    assert heaviest(found) is Way.ROLLING
    assert heaviest([]) is None


@pytest.mark.parametrize(
    ("parameter", "after", "reason", "remedy"),
    [
        (
            "kubernetesVersion",
            "v1.33.0",
            "kubernetes_version from v1.31.4 to v1.33.0 is not possible: no minor version may be left out",
            "go to v1.32 first",
        ),
        (
            "workerStorage",
            "50Gi",
            "worker_storage from 100Gi to 50Gi is not possible: what is on a machine's disk may not fit any more",
            "set allow_replace to delete the cluster, with all that runs in it, and to make it anew",
        ),
    ],
)
def test_what_is_impossible_is_one_sentence(parameter: str, after: Any, reason: str, remedy: str) -> None:
    with pytest.raises(Refused) as error:
        require_possible(changes(BEFORE, {**BEFORE, parameter: after}))
    assert str(error.value) == f"nothing was changed, for {reason}; {remedy}"
    assert error.value.facts["changes"][0]["way"] == "replace"


def test_all_that_is_impossible_is_said_at_once() -> None:
    with pytest.raises(Refused, match=r"network_plugin from calico to cilium.*pod_cidr from"):
        require_possible(changes(BEFORE, {**BEFORE, "networkPlugin": "cilium", "podCIDR": "10.10.0.0/16"}))
