# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be changed about a cluster: each foreseen by check mode, made, seen on both sides, and then left alone.

One cluster goes through all of it, from a machine of the control plane and a worker to three and one. It needs a test
bed with clusters (`up --with clusters`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.clusters import (
    BEHIND,
    CONTROL_PLANE,
    DEPLOYMENT,
    MACHINES,
    PATIENCE,
    VIRTUAL_MACHINES,
    Cluster,
    quietly,
)
from tests.e2e.servers import ask, bootstrap
from tests.testbed.readiness import NotReady, wait_until

NAME = "pr-9410"
UPGRADED = {"kubernetes_version": "v1.32.0", "enable_live_migration": False}
# How long it must have been as it should be, in seconds.
HELD = 3
# How far it is, as a person would say it.
COUNTED = re.compile(r"control plane \d/\d( \(\d to be replaced\))?, workers \d/\d( \(\d to be replaced\))?(; .+)?$")
AUTOSCALED = [f"cluster.x-k8s.io/cluster-api-autoscaler-node-group-{end}-size" for end in ("min", "max")]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    bootstrap()
    made = Cluster(tmp_path_factory.mktemp("cluster"), NAME)
    ask("kubectl", "create", "namespace", NAME)
    made.becomes()
    yield made
    made.run(state="absent")
    ask("kubectl", "delete", "namespace", NAME, "--timeout=6m")


def ways(result: dict[str, Any]) -> dict[str, str]:
    return {each["option"]: each["way"] for each in result["changes"]}


def require_held(cluster: Cluster) -> None:
    """Its readiness was no flash: since when it is available is longer ago than it had to be so."""
    now = datetime.now(UTC)
    (found,) = cluster.objects("clusters.cluster.x-k8s.io")
    (available,) = [each for each in found["status"]["conditions"] if each["type"] == "Available"]
    assert available["status"] == "True"
    assert datetime.fromisoformat(available["lastTransitionTime"]) <= now - timedelta(seconds=HELD - 1)


def require_readable(lines: list[str]) -> list[str]:
    """What was said of the cluster: how far it is, in words that a person understands, and that it is ready at last."""
    start = f"KubernetesCluster {NAME}/{NAME}-cluster: "
    told = [line.partition(start)[2] for line in lines if start in line]
    counted = [line for line in told if line.startswith("control plane ")]
    assert counted
    assert [line for line in counted if not COUNTED.match(line)] == []
    assert told[-2:] == ["as it should be; looking whether it stays so for 3s", "ready"]
    return counted


def test_a_new_version_and_the_end_of_live_migration_roll_through(cluster: Cluster) -> None:
    for option, value in UPGRADED.items():
        foreseen = cluster.foreseen(**{option: value})
        assert (foreseen["resize"], ways(foreseen)) == ("rolling", {option: "rolling"})
    before = {each["metadata"]["uid"] for each in cluster.objects(MACHINES)}

    result, lines = cluster.becomes(**UPGRADED)

    assert ways(result) == dict.fromkeys(UPGRADED, "rolling")
    assert any("control plane 1/1 (1 to be replaced)" in line for line in require_readable(lines))
    require_held(cluster)
    (control_plane,) = cluster.objects(CONTROL_PLANE)
    assert (control_plane["spec"]["version"], control_plane["status"]["version"]) == ("v1.32.0", "v1.32.0")
    machines = cluster.objects(MACHINES)
    assert {each["spec"]["version"] for each in machines} == {"v1.32.0"}
    assert before.isdisjoint(each["metadata"]["uid"] for each in machines)
    vms = cluster.objects(VIRTUAL_MACHINES)
    assert [each["spec"]["template"]["spec"]["evictionStrategy"] for each in vms] == ["External"] * 2
    nodes = cluster.nodes()
    assert {each["metadata"]["name"] for each in nodes} == {each["metadata"]["name"] for each in machines}
    assert {each["status"]["nodeInfo"]["kubeletVersion"] for each in nodes} == {"v1.32.0"}
    assert len(cluster.objects("kubevirtmachinetemplates.infrastructure.cluster.x-k8s.io")) == 2
    cluster.options |= UPGRADED
    cluster.stays()


def test_a_restart_replaces_every_machine_once(cluster: Cluster) -> None:
    after = {"rollout_after": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    assert ways(cluster.foreseen(**after)) == {"rollout_after": "rolling"}
    before = {each["metadata"]["uid"] for each in cluster.objects(MACHINES)}
    _result, lines = cluster.becomes(**after)
    require_readable(lines)
    machines = cluster.objects(MACHINES)
    assert len(machines) == 2
    assert before.isdisjoint(each["metadata"]["uid"] for each in machines)
    assert {each["metadata"]["name"] for each in cluster.nodes()} == {each["metadata"]["name"] for each in machines}
    cluster.stays(**after)
    cluster.stays()  # that of an earlier run stays


def test_a_pause_is_reached_and_said_and_ends(cluster: Cluster) -> None:
    assert ways(cluster.foreseen(paused=True)) == {"paused": "in_place"}
    result, _lines = cluster.becomes(paused=True)
    assert (result["cluster"]["paused"], result["cluster"]["ready"]) == (True, False)
    cluster.awaits(f"clusters.cluster.x-k8s.io/{NAME}", "jsonpath={.spec.paused}=true")
    cluster.stays(paused=True)
    assert ways(cluster.foreseen()) == {"paused": "in_place"}
    result, lines = cluster.becomes()
    assert (result["cluster"]["paused"], result["cluster"]["ready"]) == (False, True)
    assert any(line.endswith(": ready") for line in lines)
    assert not cluster.objects("clusters.cluster.x-k8s.io")[0]["spec"].get("paused")
    cluster.stays()


def test_an_autoscaler_is_not_fought(cluster: Cluster) -> None:
    deployment = f"{DEPLOYMENT}/{NAME}-workers"
    cluster.kubectl("annotate", deployment, *(f"{name}=2" for name in AUTOSCALED))

    def let_go() -> None:
        kept = ask("kubectl", "get", "objects.kubernetes.crossplane.io", f"{NAME}-workers", "--output=json")
        if "replicas" in json.loads(kept)["spec"]["forProvider"]["manifest"]["spec"]:
            raise NotReady("the platform still says how many workers there are")

    wait_until(let_go, PATIENCE)
    cluster.kubectl("scale", deployment, "--replicas=2")
    with quietly():
        result = cluster.run(worker_nodes=3)
    assert not result["changed"]
    assert f"worker_nodes is not applied: MachineDeployment {NAME}-workers has the annotations" in str(
        result["warnings"]
    )
    assert result["cluster"]["autoscaled"] == [f"{NAME}-workers"]
    assert result["cluster"]["workers"] == {"desired": 2, "ready": 2, "up_to_date": 2}
    assert len(cluster.workers()) == len(cluster.nodes()) - 1 == 2
    cluster.kubectl("annotate", deployment, *(f"{name}-" for name in AUTOSCALED))
    cluster.awaits(deployment, "jsonpath={.spec.replicas}=1")
    cluster.stays()
    assert len(cluster.workers()) == 1


def test_the_control_plane_grows_to_three(cluster: Cluster) -> None:
    grown = {"control_plane_nodes": 3}
    foreseen = cluster.foreseen(**grown)
    assert (foreseen["resize"], ways(foreseen)) == ("in_place", {"control_plane_nodes": "in_place"})
    before = {each["metadata"]["uid"] for each in cluster.objects(MACHINES)}
    result, lines = cluster.becomes(**grown)
    require_held(cluster)
    told = require_readable(lines)
    for count in ("1/3", "2/3"):
        assert any(f"control plane {count}, workers 1/1" in line for line in told), told
    assert any("waiting for" in line for line in told)
    assert result["cluster"]["control_plane"] == {"desired": 3, "ready": 3, "up_to_date": 3}
    assert before < {each["metadata"]["uid"] for each in cluster.objects(MACHINES)}
    (control_plane,) = cluster.objects(CONTROL_PLANE)
    assert control_plane["status"]["readyReplicas"] == 3
    members = cluster.inside("get", "pods", "--namespace=kube-system", "-l", "component=etcd", "--output=name").split()
    assert len(members) == 3
    cluster.options |= grown
    cluster.stays()


def test_it_goes_and_takes_its_kubeconfig_along(cluster: Cluster) -> None:
    cluster.foreseen(state="absent")
    cluster.becomes(state="absent")
    assert cluster.kubectl("get", BEHIND, "--ignore-not-found", "--output=name") == ""
    assert not cluster.kubeconfig.exists()
    cluster.stays(state="absent")
