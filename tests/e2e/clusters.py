# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that module kubevirt_cluster makes, changes and removes; and what kubectl sees of it from both sides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.runner import Event, Play
from tests.e2e.servers import ask
from tests.e2e.tasks import Result, run
from tests.quiet import Writes
from tests.testbed.readiness import NotReady, wait_until

# As long as a cluster may take on a machine that is busy with other things.
PATIENCE = 1200.0
MINUTES = "20m"
Object = dict[str, Any]

CLAIM = "kubernetesclusters.compute.yourdomain.com"
CONTROL_PLANE = "kubeadmcontrolplanes.controlplane.cluster.x-k8s.io"
DEPLOYMENT = "machinedeployments.cluster.x-k8s.io"
MACHINES = "machines.cluster.x-k8s.io"
KUBEVIRT_MACHINES = "kubevirtmachines.infrastructure.cluster.x-k8s.io"
VIRTUAL_MACHINES = "virtualmachines.kubevirt.io"
ROLE = "cluster.x-k8s.io/role=worker"
BEHIND = ",".join(
    (
        "clusters.cluster.x-k8s.io",
        CONTROL_PLANE,
        DEPLOYMENT,
        MACHINES,
        KUBEVIRT_MACHINES,
        "kubevirtmachinetemplates.infrastructure.cluster.x-k8s.io",
        VIRTUAL_MACHINES,
        "virtualmachineinstances.kubevirt.io",
    )
)


@contextmanager
def quietly() -> Iterator[None]:
    """Nothing of ours is written, by the servers' own account."""
    writes = Writes()
    yield
    assert writes.found() == []


def refusal(result: Result) -> str:
    """The one sentence with which a task failed."""
    assert result["failed"], result
    message = str(result["msg"])
    assert "Traceback" not in message
    assert message.isprintable()
    return message


class Cluster:
    """One with a control plane of one machine and a worker, unless told otherwise; named like its namespace."""

    def __init__(self, folder: Path, name: str, **options: Any) -> None:
        self._folder = folder
        self._plays = 0
        self.name = name
        self.kubeconfig = folder / "kept" / "kubeconfig"
        self.options: dict[str, Any] = {
            "name": f"{name}-cluster",
            "namespace": name,
            "environment": name,
            "control_plane_nodes": 1,
            "worker_nodes": 1,
            "worker_memory": "2Gi",
            "kubernetes_version": "v1.31.0",
            "network_plugin": "calico",
            "vault_path": f"secret/clusters/{name}",
            "kubeconfig": "path",
            "kubeconfig_path": str(self.kubeconfig),
            "wait_timeout": MINUTES,
            **options,
        }

    def play(self, **changed: Any) -> Play:
        """A task that was started in a playbook, whose progress is seen."""
        self._plays += 1
        folder = self._folder / f"play-{self._plays}"
        folder.mkdir()
        return Play(folder, "kubevirt_cluster.yml", {"options": {**self.options, **changed}})

    def becomes(self, **changed: Any) -> tuple[Event, list[str]]:
        """What a task has returned that changed something, and what it has said of the cluster meanwhile."""
        play = self.play(**changed)
        result = play.result(PATIENCE)
        assert not result["failed"], (result["msg"], play.lines)
        assert result["changed"]
        return result, play.lines

    def run(self, **changed: Any) -> Result:
        """What the module returns in a process of its own."""
        return run("kubevirt_cluster", **{**self.options, **changed})

    def foreseen(self, **changed: Any) -> Result:
        """What check mode says of a change, and does not make."""
        with quietly():
            result = self.run(_ansible_check_mode=True, **changed)
        assert result["changed"], result
        return result

    def stays(self, **changed: Any) -> Result:
        """What a task returns that has nothing to do, and does nothing."""
        with quietly():
            result = self.run(**changed)
        assert not result.get("failed"), result["msg"]
        assert not result["changed"], result["diff"]
        return result

    def blockers(self) -> list[Object]:
        """What keeps it, by the module that only looks."""
        options = {name: self.options[name] for name in ("name", "namespace")}
        (found,) = run("kubevirt_cluster_info", **options)["clusters"]
        return list(found["blockers"])

    def kubectl(self, *arguments: str) -> str:
        """In its namespace of the management cluster."""
        return ask("kubectl", "--namespace", self.name, *arguments)

    def inside(self, *arguments: str) -> str:
        """In the cluster itself, by the kubeconfig that was kept."""
        return ask("kubectl", "--kubeconfig", str(self.kubeconfig), *arguments)

    def objects(self, kinds: str, *arguments: str) -> list[Object]:
        return list(json.loads(self.kubectl("get", kinds, *arguments, "--output=json"))["items"])

    def nodes(self) -> list[Object]:
        return list(json.loads(self.inside("get", "nodes", "--output=json"))["items"])

    def workers(self) -> list[str]:
        """The names of the workers' machines, which their nodes and VMs have, too."""
        labels = ("-l", "cluster.x-k8s.io/deployment-name")
        return sorted(each["metadata"]["name"] for each in self.objects(MACHINES, *labels))

    def fault(self, kind: str) -> None:
        """Lets the VMs of workers that are yet to boot have a fault, or none."""
        value = f"={kind}" if kind else "-"
        ask("kubectl", "annotate", "namespace", self.name, f"kubevirt.testbed/fault-worker{value}", "--overwrite")

    def awaits(self, what: str, condition: str) -> None:
        """Until kubectl sees it."""
        self.kubectl("wait", what, f"--for={condition}", "--timeout=6m")

    def coming(self, *others: str) -> str:
        """The VM of a worker, as soon as there is one beside others."""

        def look() -> str:
            names = self.kubectl("get", VIRTUAL_MACHINES, "-l", ROLE, "--output=name").split()
            new = {name.partition("/")[2] for name in names} - set(others)
            if not new:
                raise NotReady(f"no other worker than {others} has a VM")
            return new.pop()

        return wait_until(look, PATIENCE)
