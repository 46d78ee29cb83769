# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The claim for a cluster: from the options of a task to what ``xrd_claim`` takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..errors import InvalidOption
from .versions import version_from

KIND = "KubernetesCluster"

# The options that become parameters, and which.
PARAMETERS = {
    "environment": "environment",
    "control_plane_nodes": "controlPlaneNodes",
    "control_plane_cpu": "controlPlaneCPU",
    "control_plane_memory": "controlPlaneMemory",
    "control_plane_storage": "controlPlaneStorage",
    "control_plane_endpoint": "controlPlaneEndpoint",
    "worker_nodes": "workerNodes",
    "worker_cpu": "workerCPU",
    "worker_memory": "workerMemory",
    "worker_storage": "workerStorage",
    "kubernetes_version": "kubernetesVersion",
    "machine_image_registry": "machineImageRegistry",
    "enable_live_migration": "enableLiveMigration",
    "network_plugin": "networkPlugin",
    "pod_cidr": "podCIDR",
    "service_cidr": "serviceCIDR",
    "service_type": "serviceType",
    "storage_class": "storageClass",
    "node_drain_timeout": "nodeDrainTimeout",
    "node_deletion_timeout": "nodeDeletionTimeout",
    "node_volume_detach_timeout": "nodeVolumeDetachTimeout",
    "paused": "paused",
    "rollout_after": "rolloutAfter",
    "vault_path": "vaultPath",
}
OPTIONS = {parameter: option for option, parameter in PARAMETERS.items()}


def api_version(domain: str) -> str:
    """Group and version of the claims of a platform's domain."""
    return f"compute.{domain}/v1alpha1"


def claim_entry(options: Mapping[str, Any]) -> dict[str, Any]:
    """The claim as an entry of option ``claims``. Raises InvalidOption."""
    return {
        "api_version": api_version(options["api_domain"]),
        "kind": KIND,
        "name": options["name"],
        "namespace": options["namespace"],
        "parameters": parameters_from(options),
        "composition_selector": options.get("composition_selector") or {},
        "labels": options.get("labels") or {},
        "annotations": options.get("annotations") or {},
    }


def parameters_from(options: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that are asked for; what is left out is the definition's business. Raises InvalidOption."""
    asked = {parameter: options[option] for option, parameter in PARAMETERS.items() if options.get(option) is not None}
    if "kubernetesVersion" in asked:
        asked["kubernetesVersion"] = str(version_from(asked["kubernetesVersion"], "kubernetes_version"))
    if "rolloutAfter" in asked:
        asked["rolloutAfter"] = _moment(asked["rolloutAfter"])
    _require_odd(asked.get("controlPlaneNodes"))
    return asked


def _require_odd(nodes: Any) -> None:
    if isinstance(nodes, int) and nodes > 0 and nodes % 2 == 0:
        raise InvalidOption(
            f"control_plane_nodes is {nodes}, and etcd on {nodes} nodes outlives no more failures than on {nodes - 1}",
            next_step="use an odd number: 1, 3 or 5",
        )


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidOption(
            f"rollout_after is {text!r}, which is no moment with a time zone",
            next_step="write it as RFC 3339 does, in quotes: '2026-01-31T12:00:00Z'",
        )
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
