# SPDX-License-Identifier: GPL-3.0-or-later
"""The claim that a task's options make."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.cluster_api.claim import PARAMETERS, claim_entry
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import CLUSTER

OPTIONS: dict[str, Any] = {
    "name": "dev-cluster",
    "namespace": "dev",
    "api_domain": "example.org",
    "environment": "dev",
    "vault_path": "secret/clusters/dev",
}


def test_only_what_was_asked_for_is_claimed() -> None:
    entry = claim_entry({**OPTIONS, "control_plane_nodes": 1, "worker_cpu": None, "kubernetes_version": "1.31.0"})
    assert (entry["api_version"], entry["kind"]) == ("compute.example.org/v1alpha1", "KubernetesCluster")
    assert entry["parameters"] == {
        "environment": "dev",
        "controlPlaneNodes": 1,
        "kubernetesVersion": "v1.31.0",
        "vaultPath": "secret/clusters/dev",
    }


def test_every_option_that_is_a_parameter_exists() -> None:
    assert PARAMETERS.keys() <= CLUSTER.keys()


@pytest.mark.parametrize("nodes", [2, 4])
def test_an_even_control_plane_is_refused(nodes: int) -> None:
    with pytest.raises(InvalidOption, match=f"control_plane_nodes is {nodes}.*use an odd number"):
        claim_entry({**OPTIONS, "control_plane_nodes": nodes})


def test_a_moment_is_told_in_utc() -> None:
    entry = claim_entry({**OPTIONS, "rollout_after": "2026-01-31T13:00:00+01:00"})
    assert entry["parameters"]["rolloutAfter"] == "2026-01-31T12:00:00Z"


@pytest.mark.parametrize("text", ["now", "2026-01-31", "2026-01-31T12:00:00"])
def test_a_moment_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption, match=r"rollout_after is .* no moment with a time zone"):
        claim_entry({**OPTIONS, "rollout_after": text})
