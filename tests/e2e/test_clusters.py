# SPDX-License-Identifier: GPL-3.0-or-later
"""An environment with a cluster: made, left alone, resized and deleted by the playbooks, and seen on both clusters.

It needs a test bed with clusters (`up --with clusters`).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.servers import ask, bootstrap

ENVIRONMENT = "dev"
APP = "shop"
QUIETLY = (sys.executable, "-m", "tests.quiet")
THERE = f"--namespace={ENVIRONMENT}"
WANTED = {
    "environment_capabilities": ["database", "cluster"],
    "database_enable_backup": False,
    "vault_cluster_applications": [{"name": APP}],
}
BEHIND = (
    "clusters.cluster.x-k8s.io,machines.cluster.x-k8s.io,machinedeployments.cluster.x-k8s.io,"
    "kubevirtmachines.infrastructure.cluster.x-k8s.io,kubevirtmachinetemplates.infrastructure.cluster.x-k8s.io,"
    "virtualmachines.kubevirt.io,virtualmachineinstances.kubevirt.io"
)


def play(verb: str, *arguments: str, quietly: bool = False, **variables: object) -> str:
    given = ("--inventory=inventories/dev", f"--extra-vars={json.dumps({**WANTED, **variables})}")
    command = (*(QUIETLY if quietly else ()), "ansible-playbook", f"pnow.infra.{verb}", *given, *arguments)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def changes(output: str) -> int:
    recap = re.search(r"changed=(\d+) ", output)
    assert recap is not None, output
    return int(recap[1])


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    bootstrap()
    play("provision")
    yield
    play("delete", f"--extra-vars=confirm={ENVIRONMENT}")


@pytest.fixture(scope="module")
def workload(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The kubeconfig that is in Vault, as an option of kubectl."""
    path: Path = tmp_path_factory.mktemp("workload") / "kubeconfig"
    path.write_text(ask("vault", "kv", "get", "-field=kubeconfig", f"secret/clusters/{ENVIRONMENT}"))
    path.chmod(0o600)
    return f"--kubeconfig={path}"


def nodes(workload: str) -> list[str]:
    return ask("kubectl", workload, "get", "nodes", "--output=name").split()


def workers(workload: str) -> int:
    return len([name for name in nodes(workload) if "-workers-" in name])


def test_its_kubeconfig_is_in_vault(workload: str) -> None:
    assert len(nodes(workload)) == 3
    claim = ("kubernetesclusters.compute.yourdomain.com", f"{ENVIRONMENT}-cluster", THERE)
    ask("kubectl", "wait", *claim, "--for=condition=Ready", "--timeout=1s")
    ask("kubectl", "wait", "clusters.cluster.x-k8s.io", ENVIRONMENT, THERE, "--for=condition=Available", "--timeout=1s")


def test_a_second_run_writes_nothing() -> None:
    assert changes(play("provision", quietly=True)) == 0


def test_status_has_a_line_for_it() -> None:
    said = play("status", quietly=True)
    assert re.search(rf"dev +dev-cluster +v1\.31\.0 +1/1 +2/2 +ready .* kubernetes-{ENVIRONMENT}\s", said), said


def test_an_application_of_the_cluster_gets_a_credential(workload: str) -> None:
    ask("kubectl", workload, "create", "namespace", APP)
    ask("kubectl", workload, "create", "serviceaccount", APP, f"--namespace={APP}")
    jwt = ask("kubectl", workload, "create", "token", APP, f"--namespace={APP}")
    said = ask("vault", "write", "-format=json", f"auth/kubernetes-{ENVIRONMENT}/login", f"role={APP}", f"jwt={jwt}")
    assert f"{ENVIRONMENT}-database-application" in json.loads(said)["auth"]["token_policies"]


@pytest.mark.parametrize("number", [3, 1])
def test_workers_come_and_go(workload: str, number: int) -> None:
    assert changes(play("resize", "--check", quietly=True, cluster_worker_nodes=number)) == 1
    assert changes(play("resize", cluster_worker_nodes=number)) == 1
    assert workers(workload) == number
    assert changes(play("resize", quietly=True, cluster_worker_nodes=number)) == 0


def test_it_is_deleted_alone(workload: str) -> None:
    assert workers(workload) == 1
    assert changes(play("delete", f"--extra-vars=confirm={ENVIRONMENT}-cluster", "--check", quietly=True)) > 0
    play("delete", f"--extra-vars=confirm={ENVIRONMENT}-cluster")
    assert ask("kubectl", "get", BEHIND, THERE, "--ignore-not-found", "--output=name") == ""
    assert ask("kubectl", "get", "secret", THERE, f"{ENVIRONMENT}-kubeconfig", "--ignore-not-found") == ""
    assert f"kubernetes-{ENVIRONMENT}/" not in json.loads(ask("vault", "auth", "list", "-format=json"))
    found = subprocess.run(["vault", "kv", "list", "secret/clusters"], capture_output=True, text=True, check=False)
    assert found.returncode == 2, found.stdout
    assert "revoked" in ask(sys.executable, "-m", "tests.proof", ENVIRONMENT)
    assert changes(play("delete", f"--extra-vars=confirm={ENVIRONMENT}-cluster", quietly=True)) == 0
