# SPDX-License-Identifier: GPL-3.0-or-later
"""A test bed with clusters makes one of plain Cluster API objects, has it suffer what it is told to, and removes it.

Nothing here is ours but the bed: what fails here is a fault of the stand-in for KubeVirt.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.testbed import processes
from tests.testbed.kubevirt import faults
from tests.testbed.readiness import NotReady, wait_until

NAMESPACE, NAME = "plain", "plain"
MANIFESTS = Path(__file__).with_name("cluster.yml")
MINUTES = "--timeout=10m"
PATIENCE = 300.0
KINDS_THAT_TELL = "clusters,kubeadmcontrolplanes,machinesets,machines,kubevirtmachines,virtualmachines"
KINDS = "machines,kubevirtmachines,kubevirtmachinetemplates,virtualmachines,virtualmachineinstances,secrets,services"


def kubectl(*arguments: str, kubeconfig: Path | None = None) -> str:
    """What kubectl prints about the test's namespace, or about the cluster of another kubeconfig."""
    where = ["--kubeconfig", str(kubeconfig)] if kubeconfig else ["--namespace", NAMESPACE]
    result = subprocess.run(["kubectl", *where, *arguments], check=False, capture_output=True, text=True)
    assert result.returncode == 0, f"kubectl {' '.join(arguments)}: {result.stderr}{standing()}"
    return result.stdout


def standing() -> str:
    """What all that there is says of itself, other than that it is well: the reason of a wait that was in vain."""
    told = ["kubectl", "get", KINDS_THAT_TELL, "--namespace", NAMESPACE, "--ignore-not-found", "--output=json"]
    found = subprocess.run(told, check=False, capture_output=True, text=True).stdout
    lines = [
        f"{each['kind']}/{each['metadata']['name']}: {condition['type']}={condition['status']} "
        f"{condition.get('reason', '')} {condition.get('message', '')}"
        for each in json.loads(found or "{}").get("items", [])
        for condition in each.get("status", {}).get("conditions") or []
        if condition["status"] != "True"
    ]
    return "\n".join(["", *lines])


def items(kinds: str, kubeconfig: Path | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(kubectl("get", kinds, "-o", "json", kubeconfig=kubeconfig))["items"]
    return found


def await_available() -> None:
    kubectl("wait", f"cluster/{NAME}", "--for=condition=Available", MINUTES)


def worker() -> str:
    """The name of the worker's VM, once there is one that stays; its Node and Machine are called so, too."""

    def look() -> str:
        vms = [
            vm["metadata"] for vm in items("virtualmachines") if vm["metadata"]["labels"][faults.ROLE_LABEL] == "worker"
        ]
        staying = [metadata["name"] for metadata in vms if "deletionTimestamp" not in metadata]
        if not staying:
            raise NotReady("no worker has a VM that stays")
        return str(staying[0])

    return wait_until(look, PATIENCE)


def unschedulable_is_said() -> None:
    """Raises NotReady unless the provider says why the worker has no VM."""
    conditions = json.loads(kubectl("get", f"kubevirtmachine/{worker()}", "-o", "json"))["status"]["conditions"]
    if "Unschedulable" not in [each.get("reason") for each in conditions]:
        raise NotReady(f"it says {conditions}")


def guests() -> list[int]:
    """The processes of the namespace's VMs."""
    state = Path(os.environ["PNOW_TESTBED_STATE"])
    disks = f"{state}/kubevirt/{NAMESPACE}/"
    return [each.pid for each in processes.members(state) if any(disks in word for word in each.cmdline())]


def await_guests() -> None:
    def look() -> None:
        if not guests():
            raise NotReady("no VM runs")

    wait_until(look, PATIENCE)


def await_no_guest() -> None:
    def look() -> None:
        if running := guests():
            raise NotReady(f"still running: {running}")

    wait_until(look, PATIENCE)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of a cluster that is available; whose workers could not boot at first."""
    subprocess.run(["kubectl", "create", "namespace", NAMESPACE], check=True)
    try:
        kubectl("annotate", "namespace", NAMESPACE, f"{faults.ANNOTATION}-worker=never-boots")
        # Nobody is asked for all schemas there are, which a busy API server takes long to write down.
        kubectl("create", "--validate=false", "-f", str(MANIFESTS))
        kubectl(
            "wait", f"virtualmachine/{worker()}", "--for=jsonpath={.status.printableStatus}=ErrorUnschedulable", MINUTES
        )
        wait_until(unschedulable_is_said, PATIENCE)
        kubectl("annotate", "namespace", NAMESPACE, f"{faults.ANNOTATION}-worker-")
        await_available()
        secret = json.loads(kubectl("get", "secret", f"{NAME}-kubeconfig", "-o", "json"))
        kubeconfig = tmp_path_factory.mktemp("cluster") / "kubeconfig"
        kubeconfig.write_bytes(base64.b64decode(secret["data"]["value"]))
        yield kubeconfig
    finally:
        subprocess.run(["kubectl", "delete", "namespace", NAMESPACE, MINUTES], check=True)


def beats(kubeconfig: Path) -> dict[str, str]:
    """When each node has last said that it lives. Raises NotReady unless the cluster's API answers."""
    command = [
        "kubectl",
        "--kubeconfig",
        str(kubeconfig),
        "get",
        "leases",
        "--namespace=kube-node-lease",
        "--output=json",
    ]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    if answer.returncode != 0:
        raise NotReady(answer.stderr)
    return {each["metadata"]["name"]: each["spec"]["renewTime"] for each in json.loads(answer.stdout)["items"]}


def test_the_cluster_has_the_nodes_that_were_asked_for(cluster: Path) -> None:
    nodes = {node["metadata"]["name"]: node for node in items("nodes", cluster)}
    machines = {machine["metadata"]["name"] for machine in items("machines")}

    assert set(nodes) == machines
    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes.values()} == {"v1.31.0"}
    node = nodes[worker()]
    assert node["status"]["capacity"] == {"cpu": "4", "memory": "8Gi", "pods": "110"}
    assert node["spec"]["providerID"] == f"kubevirt://{worker()}"
    assert node["spec"]["taints"][0]["key"] == "node.cloudprovider.kubernetes.io/uninitialized"


def test_a_vm_that_dies_is_seen_and_comes_back(cluster: Path) -> None:
    name = worker()
    kubectl("annotate", f"virtualmachine/{name}", f"{faults.ANNOTATION}=dies")
    kubectl("wait", f"virtualmachineinstance/{name}", "--for=jsonpath={.status.phase}=Failed", MINUTES)
    kubectl("wait", f"node/{name}", "--for=condition=Ready=Unknown", MINUTES, kubeconfig=cluster)
    kubectl("annotate", f"virtualmachine/{name}", f"{faults.ANNOTATION}-")
    kubectl("wait", f"node/{name}", "--for=condition=Ready", MINUTES, kubeconfig=cluster)
    await_available()


def test_a_bootstrap_that_fails_leaves_a_machine_without_a_node(cluster: Path) -> None:
    kubectl("annotate", "namespace", NAMESPACE, f"{faults.ANNOTATION}-worker=bootstrap-fails")
    before = worker()
    kubectl("delete", f"machine/{before}", MINUTES)
    name = worker()
    assert name != before
    kubectl("wait", f"virtualmachineinstance/{name}", "--for=condition=Ready", MINUTES)
    assert kubectl("get", "node", name, "--ignore-not-found", kubeconfig=cluster) == ""
    kubectl("annotate", "namespace", NAMESPACE, f"{faults.ANNOTATION}-worker-")
    kubectl("wait", f"machine/{name}", "--for=condition=Ready", MINUTES)


def test_when_the_stand_in_is_killed_so_are_its_vms_and_they_boot_with_the_next(cluster: Path) -> None:
    before = beats(cluster)
    assert guests()
    for verb, then in (("kill", await_no_guest), ("start", await_guests)):
        subprocess.run([sys.executable, "-m", "tests.testbed", verb, "kubevirt"], check=True)
        then()

    def look() -> None:
        if same := beats(cluster).items() & before.items():
            raise NotReady(f"nodes that say nothing yet: {same}")

    wait_until(look, PATIENCE)
    await_available()
    assert beats(cluster).keys() == before.keys()


def test_deletion_leaves_nothing(cluster: Path) -> None:
    kubectl("delete", f"cluster/{NAME}", MINUTES)

    def look() -> None:
        if left := [f"{each['kind']}/{each['metadata']['name']}" for each in items(KINDS)]:
            raise NotReady(f"still there: {', '.join(left)}")

    wait_until(look, PATIENCE)
    await_no_guest()
    assert not list((Path(os.environ["PNOW_TESTBED_STATE"]) / "kubevirt" / NAMESPACE).iterdir())
    assert cluster.exists()
