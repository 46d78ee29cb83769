# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters of platforms other than the default one, each from nothing to nothing, both at the same time.

One platform has composites in namespaces, the other writes Cluster API's objects in v1beta1. Each has a domain of its
own, beside the default one.

It needs a test bed with clusters (`up --with clusters`).
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.e2e.servers import ask

QUIETLY = (sys.executable, "-m", "tests.quiet")
NAMESPACED, OLDER = "namespaced.example.org", "older.example.org"
# What is said of each platform, and the environment that is on it.
PLATFORMS = {
    NAMESPACED: {"platform_api_style": "namespaced"},
    OLDER: {"platform_api_cluster_capi_version": "v1beta1"},
}
ENVIRONMENTS = {NAMESPACED: "pr-9401", OLDER: "pr-9402"}
MACHINES = "machines.cluster.x-k8s.io,virtualmachines.kubevirt.io,virtualmachineinstances.kubevirt.io"
HOST = {
    "ansible_connection": "local",
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    "environment_capabilities": ["cluster"],
    "cluster_control_plane_nodes": 1,
    "cluster_worker_nodes": 1,
    "cluster_network_plugin": "cilium",
}
on_each = pytest.mark.parametrize("domain", ENVIRONMENTS)


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    hosts = {name: {**HOST, "environment_api_domain": domain} for domain, name in ENVIRONMENTS.items()}
    file = tmp_path_factory.mktemp("inventory") / "hosts.json"
    file.write_text(json.dumps({"environments": {"hosts": hosts}}))
    return file


@pytest.fixture(scope="module", autouse=True)
def environments(inventory: Path) -> None:
    for domain, settings in PLATFORMS.items():
        bootstrap(domain, **settings)
    play(inventory, "provision")


def bootstrap(domain: str, **settings: str) -> str:
    extra = (f"@{os.environ['PNOW_TESTBED_VARS']}", json.dumps({"platform_api_domain": domain, **settings}))
    platform = ("--inventory=inventories/management", *(f"--extra-vars={each}" for each in extra))
    return ask("ansible-playbook", "pnow.infra.bootstrap", *platform)


def play(inventory: Path, verb: str, *arguments: str, quietly: tuple[str, ...] = ()) -> str:
    return ask(*quietly, "ansible-playbook", f"pnow.infra.{verb}", f"--inventory={inventory}", *arguments)


def changes(output: str) -> int:
    """How many tasks changed something, in all environments."""
    recaps = re.findall(r"changed=(\d+) ", output)
    assert len(recaps) == len(ENVIRONMENTS), output
    return sum(map(int, recaps))


def seen(kind: str, domain: str, template: str, name: str = "") -> str:
    """What kubectl shows of an object that is called like its environment, unless it has another name."""
    environment = ENVIRONMENTS[domain]
    where = (kind, name or environment, f"--namespace={environment}")
    return ask("kubectl", "get", *where, f"--output=jsonpath={template}")


@on_each
def test_it_is_ready(domain: str) -> None:
    claim = f"{ENVIRONMENTS[domain]}-cluster"
    ready = '{.status.conditions[?(@.type=="Ready")].status}'
    assert seen(f"kubernetesclusters.compute.{domain}", domain, ready, claim) == "True"
    available = '{.status.conditions[?(@.type=="Available")].status}'
    assert seen("clusters.v1beta2.cluster.x-k8s.io", domain, available) == "True"


@on_each
def test_it_is_opened_by_what_is_in_vault(domain: str, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kept = ("vault", "kv", "get", "-field=kubeconfig", f"secret/clusters/{ENVIRONMENTS[domain]}")
    kubeconfig.write_text(ask(*kept))
    assert len(ask("kubectl", f"--kubeconfig={kubeconfig}", "get", "nodes", "--output=name").splitlines()) == 2


def test_composites_are_in_the_environments_namespace() -> None:
    managed = "objects.kubernetes.m.crossplane.io,releases.helm.m.crossplane.io"
    names = ask("kubectl", "get", managed, f"--namespace={ENVIRONMENTS[NAMESPACED]}", "--output=name").splitlines()
    assert f"object.kubernetes.m.crossplane.io/{ENVIRONMENTS[NAMESPACED]}-cluster" in names
    assert f"release.helm.m.crossplane.io/{ENVIRONMENTS[NAMESPACED]}-cni" in names


def test_objects_are_ordered_in_the_older_version() -> None:
    objects = json.loads(ask("kubectl", "get", "objects.kubernetes.crossplane.io", "--output=json"))["items"]
    manifests = [each["spec"]["forProvider"]["manifest"] for each in objects]
    versions = {each["apiVersion"] for each in manifests if each["metadata"]["namespace"] == ENVIRONMENTS[OLDER]}
    assert {version for version in versions if "cluster.x-k8s.io/" in version} == {
        "cluster.x-k8s.io/v1beta1",
        "bootstrap.cluster.x-k8s.io/v1beta1",
        "controlplane.cluster.x-k8s.io/v1beta1",
        "infrastructure.cluster.x-k8s.io/v1alpha1",
    }


def test_a_second_run_writes_nothing(inventory: Path) -> None:
    assert changes(play(inventory, "provision", quietly=QUIETLY)) == 0


def test_workers_come(inventory: Path) -> None:
    assert changes(play(inventory, "resize", "--extra-vars=cluster_worker_nodes=2")) == len(ENVIRONMENTS)
    for domain, environment in ENVIRONMENTS.items():
        deployment = ("machinedeployments.v1beta2.cluster.x-k8s.io", domain, "{.status.readyReplicas}")
        assert seen(*deployment, f"{environment}-workers") == "2"


def test_they_are_deleted(inventory: Path) -> None:
    confirmed = f"--extra-vars=confirm={','.join(ENVIRONMENTS.values())}"
    play(inventory, "delete", confirmed)
    for name in ENVIRONMENTS.values():
        assert ask("kubectl", "get", MACHINES, f"--namespace={name}", "--output=name") == ""
        assert ask("kubectl", "get", f"namespace/{name}", "--ignore-not-found", "--output=name") == ""
    assert changes(play(inventory, "delete", confirmed, quietly=QUIETLY)) == 0
