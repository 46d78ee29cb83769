# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine of a cluster: how far it has come, in words, and what keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..kubernetes.manifest import Condition, Manifest, ObjectRef, being_deleted, ref_of
from .conditions import (
    CONTROL_PLANE_LABEL,
    failure_of,
    newer_conditions,
    older_conditions,
    status_of,
    telling_conditions,
)

# On a VirtualMachine or its instance: whoever put it there gives up on the VM.
TERMINAL_LABEL = "capk.cluster.x-k8s.io/vm-is-terminal"

_PHASES = {
    "Pending": "waiting for bootstrap data",
    "Provisioning": "waiting for its VM",
    "Provisioned": "waiting for its node",
    "Failed": "failed",
}

# The conditions of a VM or its instance that tell why it is not ready; Ready itself often has a reason and no message.
_WHY_UNREADY = ("Ready", "PodScheduled", "DataVolumesReady", "Synchronized")

# What a machine that goes is waiting for, by the reason of its condition Deleting.
_LEAVING = {
    "DrainingNode": "draining its node",
    "WaitingForPreDrainHook": "waiting for a hook before it is drained",
    "WaitingForVolumeDetach": "waiting for volumes to be detached",
    "WaitingForPreTerminateHook": "waiting for a hook before its VM goes",
    "WaitingForInfrastructureDeletion": "waiting for its VM to go",
    "WaitingForBootstrapDeletion": "waiting for its bootstrap data to go",
    "DeletingNode": "deleting its node",
}


@dataclass(frozen=True)
class MachineState:
    """A Machine and the KubevirtMachine that stands for it, if there is one yet."""

    machine: Manifest
    infrastructure: Manifest | None = None

    @property
    def ref(self) -> ObjectRef:
        return ref_of(self.machine)

    @property
    def infrastructure_name(self) -> str:
        reference = (self.machine.get("spec") or {}).get("infrastructureRef") or {}
        return str(reference.get("name") or "")

    @property
    def leaving(self) -> bool:
        return being_deleted(self.machine)

    @property
    def ready(self) -> bool:
        """Whether it works and may stay."""
        if self.leaving:
            return False
        ready = telling_conditions(self.machine).get("Ready")
        return ready is not None and ready.status == "True" and self._phase == "Running"

    @property
    def failure(self) -> str:
        """Why it will never work; empty for one that something is going to replace, or that may work yet."""
        if self.leaving or "OwnerRemediated" in telling_conditions(self.machine):
            return ""
        return failure_of(self.infrastructure or {}) or failure_of(self.machine)

    @property
    def told(self) -> str:
        """How far it has come."""
        if self.failure:
            return f"failed: {self.failure}"
        if self.leaving:
            deleting = newer_conditions(self.machine).get("Deleting")
            return _LEAVING.get(deleting.reason if deleting else "", "being deleted")
        if self._phase == "Running":
            return "ready" if self.ready else "its node is not ready"
        return _PHASES.get(self._phase, "being made")

    @property
    def hindrance(self) -> Condition:
        """The condition that says most about why it is not ready, or not gone."""
        current = telling_conditions(self.machine)
        if self.failure:
            return Condition("Failed", "True", "", self.failure)
        if self.leaving:
            drained = older_conditions(self.machine).get("DrainingSucceeded")
            since = str(self.machine["metadata"]["deletionTimestamp"])
            return current.get("Deleting") or drained or Condition("Deleting", "True", since=since)
        names = ("BootstrapConfigReady", "BootstrapReady", "InfrastructureReady", "NodeHealthy", "NodeReady", "Ready")
        wrong = [current[name] for name in names if name in current and current[name].status != "True"]
        return next(iter(wrong), Condition("Ready", "Unknown", self._phase))

    @property
    def _phase(self) -> str:
        return str(status_of(self.machine).get("phase") or "")

    def fact(self) -> dict[str, Any]:
        """The machine as an entry of the result's ``machines``."""
        status, spec = status_of(self.machine), self.machine.get("spec") or {}
        labels = self.machine.get("metadata", {}).get("labels") or {}
        return {
            "name": self.ref.name,
            "control_plane": CONTROL_PLANE_LABEL in labels,
            "ready": self.ready,
            "phase": self._phase,
            "state": self.told,
            "version": str(spec.get("version") or ""),
            "node": str((status.get("nodeRef") or {}).get("name") or ""),
        }


def infrastructure_hindrance(infrastructure: Manifest) -> Condition | None:
    """What a KubevirtMachine says is wrong with it, if anything."""
    failure = failure_of(infrastructure)
    if failure:
        return Condition("Failed", "True", "", failure)
    current = older_conditions(infrastructure)
    names = ("VMProvisioned", "BootstrapExecSucceeded", "Ready")
    return next((current[name] for name in names if name in current and current[name].status != "True"), None)


def vm_hindrance(vm: Manifest) -> Condition | None:
    """What a VirtualMachine, or an instance of one, says is wrong with it, if anything."""
    labels = vm.get("metadata", {}).get("labels") or {}
    if TERMINAL_LABEL in labels:
        return Condition("Terminal", "True", "", f"label {TERMINAL_LABEL} says: {labels[TERMINAL_LABEL]}")
    if being_deleted(vm):
        return Condition("Deleting", "True", since=str(vm["metadata"]["deletionTimestamp"]))
    current = telling_conditions(vm)
    failing = [entry for name, entry in current.items() if name == "Failure" and entry.status == "True"]
    unready = [current[name] for name in _WHY_UNREADY if name in current and current[name].status != "True"]
    status = status_of(vm)
    state = str(status.get("printableStatus") or status.get("phase") or "")
    found = failing + unready
    said = next((entry for entry in found if entry.message), next(iter(found), None))
    if said is not None:
        return said if said.message else Condition(said.type, said.status, said.reason or state, since=said.since)
    return None if state in ("Running", "") else Condition("Ready", "False", state)
