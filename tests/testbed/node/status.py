# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kubelet says of a pod, from what is known of its containers; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Object = Mapping[str, Any]
State = dict[str, Any]

CREATING: State = {"waiting": {"reason": "ContainerCreating"}}
INITIALIZING: State = {"waiting": {"reason": "PodInitializing"}}


@dataclass
class Known:
    """What is known of one container; `state` and `last` are as the API has them."""

    name: str
    image: str
    state: State = field(default_factory=lambda: dict(CREATING))
    last: State = field(default_factory=dict)
    restarts: int = 0
    ready: bool = False
    started: bool = False
    identity: str = ""

    @property
    def succeeded(self) -> bool:
        return "terminated" in self.state and self.state["terminated"]["exitCode"] == 0

    @property
    def failed(self) -> bool:
        return "terminated" in self.state and self.state["terminated"]["exitCode"] != 0

    def status(self) -> dict[str, Any]:
        """The container's status."""
        return {
            "name": self.name,
            "image": self.image,
            "imageID": self.image if self.identity else "",
            "containerID": self.identity,
            "state": self.state,
            "lastState": self.last,
            "restartCount": self.restarts,
            "ready": self.ready,
            "started": self.started,
        }


def phase(policy: str, inits: Sequence[Known], containers: Sequence[Known]) -> str:
    """The pod's phase, as a kubelet derives it; `inits` are those that must have ended well before the others begin."""
    if policy == "Never" and any(each.failed for each in inits):
        return "Failed"
    if not all(each.succeeded for each in inits):
        return "Pending"
    if any("waiting" in each.state and not each.last for each in containers):
        return "Pending"
    if any("running" in each.state for each in containers) or policy == "Always":
        return "Running"
    if all(each.succeeded for each in containers):
        return "Succeeded"
    return "Failed" if policy == "Never" and all("terminated" in each.state for each in containers) else "Running"


def conditions(
    pod: Object, phase_now: str, inits: Sequence[Known], containers: Sequence[Known], sandbox: bool
) -> dict[str, tuple[str, str, str]]:
    """Status, reason and message of each condition, by its type."""
    if phase_now == "Succeeded":
        unready = ("False", "PodCompleted", "")
    else:
        names = " ".join(each.name for each in containers if not each.ready)
        unready = ("False", "ContainersNotReady", f"containers with unready status: [{names}]")
    ready = unready if any(not each.ready for each in containers) else ("True", "", "")
    waiting = " ".join(each.name for each in inits if not each.succeeded)
    initialized = ("False", "ContainersNotInitialized", f"containers with incomplete status: [{waiting}]")
    return {
        "PodReadyToStartContainers": ("True" if sandbox else "False", "", ""),
        "Initialized": initialized if waiting else ("True", "", ""),
        "ContainersReady": ready,
        "Ready": _gated(pod, ready),
    }


def merged(before: Sequence[Object], now: Mapping[str, tuple[str, str, str]], when: str) -> list[dict[str, Any]]:
    """The conditions to store: since when they are as they are is kept."""
    known = {each["type"]: each for each in before}
    stored = []
    for kind, (status, reason, message) in now.items():
        former = known.get(kind, {})
        since = former["lastTransitionTime"] if former.get("status") == status else when
        condition = {"type": kind, "status": status, "lastTransitionTime": since, "lastProbeTime": None}
        stored.append(condition | {"reason": reason or None, "message": message or None})
    return stored


def _gated(pod: Object, ready: tuple[str, str, str]) -> tuple[str, str, str]:
    known = {each["type"]: each["status"] for each in pod.get("status", {}).get("conditions", [])}
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates", [])]
    missing = [gate for gate in gates if known.get(gate) != "True"]
    if ready[0] == "True" and missing:
        return (
            "False",
            "ReadinessGatesNotReady",
            f'corresponding condition of pod readiness gate "{missing[0]}" does not exist.',
        )
    return ready
