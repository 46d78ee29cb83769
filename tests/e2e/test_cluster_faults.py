# SPDX-License-Identifier: GPL-3.0-or-later
"""Something is wrong with a cluster: it is named, down to the VM, the pod or the finalizer; the next run converges.

One cluster suffers all of it, one after the other. It needs a test bed with clusters (`up --with clusters`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.clusters import (
    BEHIND,
    CONTROL_PLANE,
    KUBEVIRT_MACHINES,
    MACHINES,
    PATIENCE,
    VIRTUAL_MACHINES,
    Cluster,
    quietly,
    refusal,
)
from tests.e2e.servers import ask, bootstrap
from tests.e2e.tasks import run
from tests.e2e.web_servers import plain_web_server
from tests.testbed.readiness import NotReady, wait_until

NAME = "pr-9420"
FAULT = "kubevirt.testbed/fault"
TERMINAL = "capk.cluster.x-k8s.io/vm-is-terminal"
HOLD = "example.org/hold"
PAUSED = "cluster.x-k8s.io/paused"
# For a task that is to end in vain: enough to look at everything when the machine is busy.
SHORTLY = {"wait_timeout": "30s"}
BUDGET = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web-1", "namespace": "default", "labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web"}]},
        },
    ],
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Made by a task that gave up on it once, for its worker's VM could not boot."""
    bootstrap()
    made = Cluster(tmp_path_factory.mktemp("cluster"), NAME, node_drain_timeout="1h")
    ask("kubectl", "create", "namespace", NAME)
    made.fault("never-boots")
    assert not made.run(wait=False).get("failed")
    yield made
    made.fault("")
    for machine in made.objects(MACHINES):
        made.kubectl("patch", f"{MACHINES}/{machine['metadata']['name']}", "--type=json", unheld(machine))
    made.run(state="absent")
    ask("kubectl", "delete", "namespace", NAME, "--timeout=6m")


def unheld(machine: dict[str, Any]) -> str:
    """A patch that takes our finalizer away, and nothing else."""
    others = [each for each in machine["metadata"].get("finalizers", []) if each != HOLD]
    return "--patch=" + json.dumps([{"op": "add", "path": "/metadata/finalizers", "value": others}])


def named(blockers: list[dict[str, Any]], name: str = "") -> dict[str, dict[str, Any]]:
    """The blockers about a machine and what stands for it, by their kinds."""
    return {each["kind"]: each for each in blockers if each["name"] == name}


def converges(cluster: Cluster, **changed: Any) -> None:
    result = cluster.play(**changed).result(PATIENCE)
    assert not result["failed"], result["msg"]
    cluster.stays(**changed)


def test_a_vm_that_never_boots(cluster: Cluster) -> None:
    worker = cluster.coming()
    cluster.awaits(f"{KUBEVIRT_MACHINES}/{worker}", "condition=VMProvisioned=False")
    cluster.awaits(CONTROL_PLANE + f"/{NAME}-control-plane", "condition=Available")
    with quietly():
        result = cluster.run(**SHORTLY)
    said = refusal(result)
    assert f"VirtualMachineInstance {NAME}/{worker} PodScheduled=False Unschedulable: 0/3 nodes are available" in said
    about = named(result["blockers"], worker)
    assert {"Machine", "KubevirtMachine", "VirtualMachine", "VirtualMachineInstance"} == about.keys()
    assert about["KubevirtMachine"]["reason"] == "Unschedulable"
    cluster.fault("")
    converges(cluster)


def test_a_bootstrap_that_fails_and_then_a_vm_that_is_given_up(cluster: Cluster) -> None:
    two = {"worker_nodes": 2}
    cluster.fault("bootstrap-fails")
    (first,) = cluster.workers()
    play = cluster.play(**two)
    worker = cluster.coming(first)
    cluster.awaits(f"{KUBEVIRT_MACHINES}/{worker}", "condition=BootstrapExecSucceeded=False")
    about = named(cluster.blockers(), worker)
    assert about["KubevirtMachine"]["condition"] == "BootstrapExecSucceeded"
    assert about["KubevirtMachine"]["message"] == "VM not bootstrapped yet"

    cluster.kubectl("label", f"{VIRTUAL_MACHINES}/{worker}", f"{TERMINAL}=disk-is-gone")
    result = play.result(PATIENCE)
    said = refusal(result)
    assert "can not become ready" in said
    assert " of 20m" not in said  # it did not wait until its deadline
    assert "marked as being terminal with reason [disk-is-gone]" in said
    assert f"{NAME}/{worker}" in said
    assert {"Machine", "KubevirtMachine", "VirtualMachine"} <= named(result["blockers"], worker).keys()
    assert any(f"{worker} failed (UpdateError" in line for line in play.lines), play.lines

    cluster.fault("")
    cluster.kubectl("delete", f"{MACHINES}/{worker}", "--timeout=6m")
    converges(cluster, **two)
    assert len(cluster.nodes()) == 3


def test_a_vm_that_dies(cluster: Cluster) -> None:
    worker = cluster.workers()[0]
    vm = f"{VIRTUAL_MACHINES}/{worker}"
    cluster.kubectl("annotate", vm, f"{FAULT}=dies")
    cluster.awaits(f"{KUBEVIRT_MACHINES}/{worker}", "condition=VMProvisioned=False")
    about = named(cluster.blockers(), worker)
    assert about["KubevirtMachine"]["message"] == "VM is not ready: CrashLoopBackOff"
    assert about["VirtualMachine"]["reason"] == "GuestNotRunning"
    cluster.kubectl("annotate", vm, f"{FAULT}-")
    converges(cluster, worker_nodes=2)


def test_a_drain_that_a_budget_holds_up(cluster: Cluster) -> None:
    worker = cluster.workers()[0]
    BUDGET["items"][1]["spec"]["nodeName"] = worker
    ask("kubectl", "--kubeconfig", str(cluster.kubeconfig), "apply", "--filename=-", given=json.dumps(BUDGET))
    cluster.inside("wait", "poddisruptionbudget/web", "--for=jsonpath={.status.currentHealthy}=1", "--timeout=6m")
    cluster.kubectl("annotate", f"{MACHINES}/{worker}", "cluster.x-k8s.io/delete-machine=true")
    assert cluster.run(wait=False)["changed"]

    def is_held_up() -> None:
        told = cluster.kubectl("get", f"{MACHINES}/{worker}", "--output=jsonpath={.status.conditions}")
        if "disruption budget web" not in told:
            raise NotReady(told)

    wait_until(is_held_up, PATIENCE)
    result = cluster.run(**SHORTLY)
    said = refusal(result)
    assert f"Machine {NAME}/{worker}" in said
    assert "default/web-1" in said
    assert "disruption budget web" in said
    cluster.inside("delete", "poddisruptionbudget/web")
    converges(cluster)
    assert worker not in cluster.workers()
    assert len(cluster.nodes()) == 2


def test_somebody_else_pauses_it(cluster: Cluster) -> None:
    cluster.kubectl("annotate", f"clusters.cluster.x-k8s.io/{NAME}", f"{PAUSED}=true")
    with quietly():
        said = refusal(cluster.run())
    assert f"can not become ready: Cluster {NAME}/{NAME} Paused=True: nothing is done about it" in said
    assert " of 20m" not in said
    cluster.kubectl("annotate", f"clusters.cluster.x-k8s.io/{NAME}", f"{PAUSED}-")
    converges(cluster)


def test_a_machine_that_is_stuck_in_its_deletion(cluster: Cluster) -> None:
    (worker,) = cluster.workers()
    machine = f"{MACHINES}/{worker}"
    held = [*json.loads(cluster.kubectl("get", machine, "--output=json"))["metadata"]["finalizers"], HOLD]
    cluster.kubectl("patch", machine, "--type=merge", f"--patch={json.dumps({'metadata': {'finalizers': held}})}")
    other = cluster.kubeconfig.with_name("other")
    other.write_text(cluster.kubeconfig.read_text().replace("https://127.", "https://128."))
    result = cluster.run(state="absent", wait=False, kubeconfig_path=str(other))
    assert result["changed"]
    assert f"the kubeconfig in {other} is left alone: it opens the cluster at https://128." in str(result["warnings"])
    cluster.awaits(machine, f"jsonpath={{.metadata.finalizers[0]}}={HOLD}")

    result = cluster.run(state="absent", **SHORTLY)
    said = refusal(result)
    assert "not gone after" in said
    assert f"Machine {NAME}/{worker}" in said
    assert HOLD in said
    assert result["leftovers"][0]["finalizers"] == [HOLD]
    said = refusal(cluster.run(**SHORTLY))  # it is not made anew before it has gone
    assert "not gone after" in said

    cluster.kubectl("patch", machine, "--type=merge", '--patch={"metadata": {"finalizers": []}}')
    result = cluster.play(state="absent").result(PATIENCE)
    assert not result["failed"], result["msg"]
    assert cluster.kubectl("get", BEHIND, "--ignore-not-found", "--output=name") == ""
    assert not cluster.kubeconfig.exists()
    assert other.exists()
    cluster.stays(state="absent")


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_plain_web_server(state: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """It answers 404 to everything, which is not what a server of ours says of what does not exist."""
    options = {**Cluster(tmp_path_factory.mktemp("none"), NAME).options, "state": state, "wait_timeout": "1m"}
    with plain_web_server() as url:
        said = refusal(run("kubevirt_cluster", **options, kubernetes={"host": url}))
        assert url in said
        nowhere = {"url": url, "token": "none", "retries": 0}
        said = refusal(run("kubevirt_cluster", **{**options, "kubeconfig": "vault"}, vault=nowhere))
        assert f"something that is not Vault answered at {url} with status 404 (text/html)" in said
