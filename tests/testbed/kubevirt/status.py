# SPDX-License-Identifier: GPL-3.0-or-later
"""What KubeVirt says of a VM: its VirtualMachineInstance, and the status of the VirtualMachine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tests.testbed.kubevirt.api import Object
from tests.testbed.programs import KUBERNETES

API_VERSION = "kubevirt.io/v1"


@dataclass(frozen=True)
class Condition:
    kind: str
    reason: str
    message: str


class State(Enum):
    """A VM's state: the phase of its instance (none has no instance), its printable status, and what is wrong."""

    HALTED = (None, "Stopped", None)
    UNSCHEDULABLE = (
        "Scheduling",
        "ErrorUnschedulable",
        Condition("PodScheduled", "Unschedulable", "0/3 nodes are available: 3 Insufficient memory."),
    )
    NO_IMAGE = (
        "Scheduling",
        "ErrImagePull",
        Condition("Synchronized", "ErrImagePull", "Back-off pulling image of containerdisk: manifest unknown"),
    )
    STARTING = ("Scheduled", "Starting", None)
    RUNNING = ("Running", "Running", None)
    FAILED = ("Failed", "CrashLoopBackOff", Condition("Failure", "FailedCreate", "The virtual machine has died."))

    @property
    def phase(self) -> str | None:
        phase: str | None = self.value[0]
        return phase

    @property
    def printable(self) -> str:
        printable: str = self.value[1]
        return printable

    def conditions(self) -> list[dict[str, str]]:
        """Whether it is ready, and what is wrong with it."""
        running, wrong = self is State.RUNNING, self.value[2]
        ready = {"type": "Ready", "status": str(running)} | ({} if running else {"reason": "GuestNotRunning"})
        problem = (
            {"type": wrong.kind, "status": "False", "reason": wrong.reason, "message": wrong.message} if wrong else {}
        )
        return [ready, *([problem] if problem else [])]


def instance(machine: Mapping[str, Any], state: State, address: str) -> Object:
    """The VirtualMachineInstance of a VirtualMachine."""
    metadata, template = machine["metadata"], machine["spec"]["template"]
    owner = {
        "apiVersion": API_VERSION,
        "kind": "VirtualMachine",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    status: Object = {"phase": state.phase, "conditions": state.conditions()}
    if state is State.RUNNING:
        status["conditions"].append({"type": "LiveMigratable", "status": "True"})
        status["interfaces"] = [{"name": "default", "ipAddress": address, "ipAddresses": [address]}]
        status["nodeName"] = "testbed"
    return {
        "apiVersion": API_VERSION,
        "kind": "VirtualMachineInstance",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": template.get("metadata", {}).get("labels", {}),
            "annotations": template.get("metadata", {}).get("annotations", {}),
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
        "status": status,
    }


def machine_status(machine: Mapping[str, Any], state: State) -> Object:
    """What is applied to the status of a VirtualMachine."""
    metadata = machine["metadata"]
    return {
        "apiVersion": API_VERSION,
        "kind": "VirtualMachine",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "status": {
            "created": state.phase is not None,
            "ready": state is State.RUNNING,
            "printableStatus": state.printable,
            "conditions": state.conditions(),
        },
    }


def capacity(spec: Mapping[str, Any]) -> dict[str, str]:
    """The cpu and memory of a VM, by the spec of its instance."""
    domain = spec.get("domain", {})
    cpu, requests = domain.get("cpu", {}), domain.get("resources", {}).get("requests", {})
    cores = cpu.get("cores", 1) * cpu.get("sockets", 1) * cpu.get("threads", 1)
    memory = domain.get("memory", {}).get("guest") or requests.get("memory") or "1Gi"
    return {"cpu": str(cores if cpu else requests.get("cpu", 1)), "memory": str(memory)}


def kubelet_version(machine: Mapping[str, Any]) -> str:
    """The version of the kubelet in the VM's image, which is the image's tag; the bed's own if there is no such tag."""
    volumes = machine["spec"]["template"]["spec"].get("volumes", [])
    images = [volume["containerDisk"]["image"] for volume in volumes if "containerDisk" in volume]
    sources = [each["spec"].get("source", {}) for each in machine["spec"].get("dataVolumeTemplates", [])]
    images += [source["registry"]["url"] for source in sources if "registry" in source]
    tags = (re.search(r":(v\d+\.\d+\.\d+[^/]*)$", image) for image in images)
    return next((tag[1] for tag in tags if tag), KUBERNETES.version)


def user_data_secret(spec: Mapping[str, Any]) -> str | None:
    """The name of the Secret with the VM's user data, by the spec of its instance."""
    for volume in spec.get("volumes", []):
        for kind in ("cloudInitConfigDrive", "cloudInitNoCloud"):
            name: str | None = volume.get(kind, {}).get("secretRef", {}).get("name")
            if name:
                return name
    return None
