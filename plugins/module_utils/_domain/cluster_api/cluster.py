# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as Cluster API has it: how far it has come, and when it is what its claim asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

from ..kubernetes.manifest import Condition, Manifest, ObjectRef, being_deleted, generation, ref_of
from ..kubernetes.readiness import Phase, Readiness
from .conditions import (
    NONE,
    Counts,
    counts_of,
    is_autoscaled,
    is_fresh,
    is_paused,
    newer_conditions,
    older_conditions,
    telling_conditions,
    version_of,
)
from .machines import MachineState
from .versions import parsed

# A change is over when none of these is True: without them Available alone would flash in the middle of one.
_UNDER_WAY = ("RollingOut", "ScalingUp", "ScalingDown", "Remediating", "Deleting")


@dataclass(frozen=True)
class Progress(Readiness):
    """A verdict in words of its own, which are a line of progress when they change."""

    told: str = ""

    def __str__(self) -> str:
        return self.told


@dataclass(frozen=True)
class ClusterState:
    """A Cluster and what it has, as they were read together."""

    cluster: Manifest
    control_plane: Manifest | None = None
    deployments: Sequence[Manifest] = ()
    machines: Sequence[MachineState] = ()

    @property
    def ref(self) -> ObjectRef:
        return ref_of(self.cluster)

    @property
    def paused(self) -> bool:
        return is_paused(self.cluster)

    @property
    def control_plane_counts(self) -> Counts:
        return counts_of(self.control_plane) if self.control_plane else NONE

    @property
    def worker_counts(self) -> Counts:
        return reduce(add, map(counts_of, self.deployments), NONE)

    @property
    def autoscaled(self) -> list[str]:
        """The MachineDeployments whose number of machines the cluster autoscaler decides."""
        return [ref_of(each).name for each in self.deployments if is_autoscaled(each)]

    @property
    def failed(self) -> MachineState | None:
        """A machine that will never work and that nothing replaces."""
        return next((each for each in self.machines if each.failure), None)

    @property
    def unready(self) -> list[MachineState]:
        return [each for each in self.machines if not each.ready]

    @property
    def told(self) -> str:
        """``control plane 1/3, workers 2/5; dev-workers-x: waiting for bootstrap data``."""
        counted = f"control plane {self.control_plane_counts}, workers {self.worker_counts}"
        waiting = self.unready
        if not waiting:
            return counted
        others = f" and {len(waiting) - 1} more" if waiting[1:] else ""
        return f"{counted}; {waiting[0].ref.name}: {waiting[0].told}{others}"

    def verdict(self, wanted: Mapping[str, Any]) -> Readiness:
        """Whether it is what the parameters of its claim ask for, and stands still."""
        if being_deleted(self.cluster):
            return self._not_yet(Condition("Deleting", "True"), f"{self.ref} is being deleted; {self.told}")
        if wanted.get("paused"):
            return Readiness(Phase.READY) if self.paused else self._not_yet(None, f"{self.ref} is not paused yet")
        if self.failed is not None:
            return Progress(Phase.FAILED, self.failed.hindrance, self.failed.ref, f"{self.failed.ref} failed")
        if self.paused:
            return self._not_yet(Condition("Paused", "True"), f"{self.ref} is paused, so nothing is done about it")
        return self._arrival(wanted)

    def _arrival(self, wanted: Mapping[str, Any]) -> Readiness:
        missing = self._missing(wanted)
        if missing:
            return self._not_yet(Condition("UpToDate", "False", "", missing), f"{self.told}; {missing}")
        wrong = self._unavailable()
        if wrong is not None or not (self.control_plane_counts.settled and self.worker_counts.settled):
            return self._not_yet(wrong, self.told if self.unready or wrong is None else f"{self.told}; {_said(wrong)}")
        return Readiness(Phase.READY)

    def _not_yet(self, condition: Condition | None, told: str) -> Progress:
        return Progress(Phase.PROGRESSING, condition, self.ref, told)

    def _missing(self, wanted: Mapping[str, Any]) -> str:
        """What has not reached Cluster API yet, or was not looked at by it; empty when all has."""
        if self.control_plane is None:
            return "there is no control plane yet"
        owners = [self.control_plane, *self.deployments]
        for owner in owners:
            if not is_fresh(owner):
                return f"{ref_of(owner)}: its controller has not looked at the latest change yet"
            version = wanted.get("kubernetesVersion")
            if version and parsed(version_of(owner)) != parsed(str(version)):
                return f"{ref_of(owner)} does not ask for {version} yet"
        nodes = wanted.get("controlPlaneNodes")
        if nodes is not None and self.control_plane_counts.desired != nodes:
            return f"{ref_of(self.control_plane)} does not ask for {nodes} machines yet"
        return self._missing_workers(wanted.get("workerNodes"))

    def _missing_workers(self, nodes: Any) -> str:
        if nodes is None or self.autoscaled or self.worker_counts.desired == nodes:
            return ""
        return f"its MachineDeployments do not ask for {nodes} machines yet"

    def _unavailable(self) -> Condition | None:
        """The condition of the Cluster that is not as it should be."""
        newer = newer_conditions(self.cluster)
        current = newer or older_conditions(self.cluster)
        wanted = "Available" if newer else "Ready"
        found = current.get(wanted, Condition(wanted, "Unknown", "NotReportedYet"))
        if found.status != "True":
            return found
        if 0 < found.observed_generation < generation(self.cluster):
            return Condition(wanted, "Unknown", "ObservedGenerationIsOld")
        under_way = (newer[name] for name in _UNDER_WAY if name in newer and newer[name].status == "True")
        return next(under_way, None)

    def fact(self) -> dict[str, Any]:
        """The cluster as the keys of a result that describe it."""
        endpoint = (self.cluster.get("spec") or {}).get("controlPlaneEndpoint") or {}
        host, port = endpoint.get("host"), endpoint.get("port")
        owner = self.control_plane or {}
        return {
            "endpoint": f"https://{host}:{port}" if host and port else "",
            "kubernetes_version": str((owner.get("status") or {}).get("version") or ""),
            "control_plane": self.control_plane_counts.fact(),
            "workers": self.worker_counts.fact(),
            "autoscaled": self.autoscaled,
            "paused": self.paused,
            "deleting": being_deleted(self.cluster),
            "machines": [each.fact() for each in self.machines],
        }


def hindrance(manifest: Manifest) -> Condition | None:
    """What a Cluster, a control plane or a MachineDeployment says is wrong with it, if anything."""
    current = telling_conditions(manifest)
    for name in ("Available", "Ready"):
        if name in current and current[name].status != "True":
            return current[name]
    return None


def _said(condition: Condition) -> str:
    return " ".join(part for part in (f"{condition.type}={condition.status}", condition.reason) if part)
