# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions and counts as Cluster API writes them, in either version of its API.

Version v1beta2 has its conditions in ``status.conditions`` and those of before in ``status.deprecated.v1beta1``; in
v1beta1 these are in ``status.conditions``, and the newer ones, if the controllers know them, in ``status.v1beta2``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..kubernetes.manifest import Condition, Manifest, conditions, generation

CLUSTER_LABEL = "cluster.x-k8s.io/cluster-name"
CONTROL_PLANE_LABEL = "cluster.x-k8s.io/control-plane"
PAUSED_ANNOTATION = "cluster.x-k8s.io/paused"

# With both of them a MachineDeployment is the cluster autoscaler's, which decides how many machines it has.
_AUTOSCALED = (
    "cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size",
    "cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size",
)


@dataclass(frozen=True)
class Counts:
    """How many machines there shall be, are, are ready, and are as they shall be."""

    desired: int
    existing: int
    ready: int
    up_to_date: int

    @property
    def settled(self) -> bool:
        return self.desired == self.existing == self.ready == self.up_to_date

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.desired + other.desired,
            self.existing + other.existing,
            self.ready + other.ready,
            self.up_to_date + other.up_to_date,
        )

    def __str__(self) -> str:
        old = self.existing - self.up_to_date
        return f"{self.ready}/{self.desired}" + (f" ({old} to be replaced)" if old > 0 else "")

    def fact(self) -> dict[str, int]:
        return {"desired": self.desired, "ready": self.ready, "up_to_date": self.up_to_date}


NONE = Counts(0, 0, 0, 0)


def status_of(manifest: Manifest) -> Mapping[str, Any]:
    """The status; empty before there is one."""
    status = manifest.get("status")
    return status if isinstance(status, dict) else {}


def newer_conditions(manifest: Manifest) -> dict[str, Condition]:
    """The conditions of v1beta2; empty where the controllers know none."""
    if _is_newer(manifest):
        return conditions(manifest)
    return conditions({"status": status_of(manifest).get("v1beta2")})


def older_conditions(manifest: Manifest) -> dict[str, Condition]:
    """The conditions of v1beta1, which infrastructure providers have until they change, too."""
    if _is_newer(manifest):
        return conditions({"status": _older_status(manifest)})
    return conditions(manifest)


def telling_conditions(manifest: Manifest) -> dict[str, Condition]:
    """The newer ones, and the older ones where there are no others."""
    return newer_conditions(manifest) or older_conditions(manifest)


def failure_of(manifest: Manifest) -> str:
    """What a machine says has failed for good; empty when nothing has."""
    for status in (status_of(manifest), _older_status(manifest)):
        reason, message = status.get("failureReason"), status.get("failureMessage")
        if reason or message:
            return ": ".join(str(item) for item in (reason, message) if item)
    return ""


def counts_of(owner: Manifest) -> Counts:
    """The machines of a control plane or of a MachineDeployment."""
    status = status_of(owner)
    newer = status if _is_newer(owner) else _mapping(status.get("v1beta2"))
    desired = (owner.get("spec") or {}).get("replicas")
    return Counts(
        desired=1 if desired is None else int(desired),
        existing=int(status.get("replicas") or 0),
        ready=int(newer.get("readyReplicas", status.get("readyReplicas")) or 0),
        up_to_date=int(newer.get("upToDateReplicas", status.get("updatedReplicas")) or 0),
    )


def is_fresh(manifest: Manifest) -> bool:
    """Whether its controller has looked at what it now specifies."""
    return int(status_of(manifest).get("observedGeneration") or 0) >= generation(manifest)


def is_paused(cluster: Manifest) -> bool:
    """Whether Cluster API leaves a cluster alone."""
    annotations = cluster.get("metadata", {}).get("annotations") or {}
    return bool((cluster.get("spec") or {}).get("paused")) or PAUSED_ANNOTATION in annotations


def is_autoscaled(deployment: Manifest) -> bool:
    """Whether the cluster autoscaler decides how many machines there are."""
    annotations = deployment.get("metadata", {}).get("annotations") or {}
    return all(name in annotations for name in _AUTOSCALED)


def version_of(owner: Manifest) -> str:
    """The version of Kubernetes that a control plane or a MachineDeployment asks for."""
    spec = owner.get("spec") or {}
    template = _mapping(_mapping(spec.get("template")).get("spec"))
    return str(spec.get("version") or template.get("version") or "")


def _is_newer(manifest: Manifest) -> bool:
    return str(manifest.get("apiVersion", "")).endswith("/v1beta2")


def _older_status(manifest: Manifest) -> Mapping[str, Any]:
    return _mapping(_mapping(status_of(manifest).get("deprecated")).get("v1beta1"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
