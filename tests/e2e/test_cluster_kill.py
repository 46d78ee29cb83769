# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of provision, resize and delete of a cluster at random moments: the next run converges, and nothing is left.

Each environment goes through its whole life: a run is killed, run again to the end, asked about with kubectl on both
clusters and with vault, and run once more, which changes nothing. Every other one is killed together with all that it
has started; of the rest Ansible's workers may go on beside the next run. PNOW_KILLS environments (default 2), each
verb's moments spread over the time that it takes; the seed is printed, and PNOW_SEED repeats the moments.

It needs a test bed with clusters (`up --with clusters`).
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.servers import ask, bootstrap
from tests.testbed.readiness import NotReady, wait_until

ROUNDS = int(os.environ.get("PNOW_KILLS", "2"))
SEED = int(os.environ.get("PNOW_SEED", str(random.randrange(2**32))))
# How long a whole run of each verb takes beside the others, in seconds, so that every moment of it can be hit.
LONGEST = {"provision": 90.0, "resize": 60.0, "delete": 40.0}
# As many as two processors bear: a cluster's own programs are busy while it starts.
AT_ONCE = 3
PATIENCE = 1500
APP = "shop"
LARGER = {"cluster_worker_nodes": 2, "cluster_worker_memory": "6Gi"}
CLAIM = "kubernetesclusters.compute.yourdomain.com"
BEHIND = (
    "clusters.cluster.x-k8s.io,machines.cluster.x-k8s.io,machinedeployments.cluster.x-k8s.io,"
    "kubeadmcontrolplanes.controlplane.cluster.x-k8s.io,kubevirtmachines.infrastructure.cluster.x-k8s.io,"
    "kubevirtmachinetemplates.infrastructure.cluster.x-k8s.io,virtualmachines.kubevirt.io,"
    "virtualmachineinstances.kubevirt.io"
)
READY = ("Ready", "True")
HOST = {
    "ansible_connection": "local",
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    "environment_capabilities": ["cluster"],
    # What a killed run has left behind keeps the Lease until its task has ended, which may be waiting for the cluster.
    "environment_run_wait_timeout": "20m",
    "cluster_control_plane_nodes": 1,
    "cluster_control_plane_memory": "4Gi",
    "cluster_worker_nodes": 1,
    "cluster_worker_memory": "4Gi",
    "cluster_network_plugin": "calico",
    "vault_cluster_applications": [{"name": APP}],
}


@pytest.fixture(scope="module")
def inventories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An inventory for each environment, called like it."""
    print(f"PNOW_SEED={SEED}")
    bootstrap()
    return tmp_path_factory.mktemp("inventories")


def test_killed_runs_converge(inventories: Path) -> None:
    lives = [Life(inventories, number) for number in range(ROUNDS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = {life.environment: pool.submit(life.live) for life in lives}
    failures = {environment: repr(end.exception()) for environment, end in ends.items() if end.exception()}
    assert failures == {}


def test_nothing_of_the_killed_runs_goes_on(inventories: Path) -> None:
    running = ((process, " ".join(process.info["cmdline"] or ())) for process in psutil.process_iter(["cmdline"]))
    workers = [process for process, command in running if str(inventories) in command]
    _ended, left = psutil.wait_procs(workers, timeout=PATIENCE)
    assert left == []


def condition_statuses(status: dict[str, Any]) -> list[tuple[str, str]]:
    return [(condition["type"], condition["status"]) for condition in status["conditions"]]


class Life:
    """An environment from nothing to nothing, with one run of each verb killed."""

    def __init__(self, inventories: Path, number: int) -> None:
        self.environment = f"pr-{9500 + number}"
        self._number = number
        self._there = f"--namespace={self.environment}"
        hosts = {"environments": {"hosts": {self.environment: HOST}}}
        self._inventory = inventories / f"{self.environment}.json"
        self._inventory.write_text(json.dumps(hosts))
        self._kubeconfig = inventories / f"{self.environment}.kubeconfig"

    def live(self) -> None:
        for verb, variables, proof in (
            ("provision", {}, self._is_there),
            ("resize", LARGER, self._is_larger),
            ("delete", {"confirm": self.environment}, self._is_gone),
        ):
            self._run_killed(verb, variables)
            self._run(verb, variables)
            proof()
            assert self._run(verb, variables) == 0, f"{verb} changes something again"

    def _start(self, verb: str, variables: dict[str, object]) -> subprocess.Popen[str]:
        given = (f"--inventory={self._inventory}", f"--extra-vars={json.dumps(variables)}")
        return subprocess.Popen(
            ["ansible-playbook", f"pnow.infra.{verb}", *given],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _run(self, verb: str, variables: dict[str, object]) -> int:
        """How many tasks changed something."""
        output, _stderr = self._start(verb, variables).communicate(timeout=PATIENCE)
        recap = re.search(r"changed=(\d+) +unreachable=(\d+) +failed=(\d+)", output)
        assert recap is not None, output
        assert (recap[2], recap[3]) == ("0", "0"), output
        return int(recap[1])

    def _run_killed(self, verb: str, variables: dict[str, object]) -> None:
        chance = random.Random(f"{SEED} {self.environment} {verb}").random()
        moment = (self._number + chance) / ROUNDS * LONGEST[verb]
        process = self._start(verb, variables)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=moment)
        ended = process.poll() is not None
        children = []
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(process.pid).children(recursive=True)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for child in children if self._number % 2 else ():
            with suppress(psutil.NoSuchProcess):
                child.kill()
        process.wait()
        print(f"{self.environment} {verb}: {'had ended' if ended else 'killed'} after {moment:.1f} s", flush=True)

    def _is_there(self) -> None:
        self._is_available()
        composites = ("kubectl", "get", f"x{CLAIM}", "--selector", f"crossplane.io/claim-namespace={self.environment}")
        assert len(ask(*composites, "--output=name").splitlines()) == 1
        self._kubeconfig.write_text(self._kept_kubeconfig())
        assert self._memory_of_workers() == ["4Gi"]
        self._kubectl("create", "namespace", APP)
        self._kubectl("create", "serviceaccount", APP, f"--namespace={APP}")
        self._can_log_in()

    def _is_larger(self) -> None:
        self._is_available()
        assert self._memory_of_workers() == ["6Gi", "6Gi"]
        machines = ask("kubectl", "get", "machines.cluster.x-k8s.io", self._there, "--output=name").splitlines()
        assert len(machines) == 3
        wait_until(self._former_template_is_gone, PATIENCE)
        assert self._kept_kubeconfig() == self._kubeconfig.read_text()
        self._can_log_in()

    def _is_gone(self) -> None:
        assert ask("kubectl", "get", f"namespace/{self.environment}", "--ignore-not-found", "--output=name") == ""
        assert ask("kubectl", "get", BEHIND, self._there, "--output=name") == ""
        for kind in ("objects.kubernetes.crossplane.io", "releases.helm.crossplane.io"):
            behind = ("kubectl", "get", kind, f"--selector=crossplane.io/claim-namespace={self.environment}")
            assert ask(*behind, "--output=name") == ""
        assert f"kubernetes-{self.environment}/" not in json.loads(ask("vault", "auth", "list", "-format=json"))
        kept = subprocess.run(
            ["vault", "kv", "list", "-format=json", "secret/clusters"], capture_output=True, text=True, check=False
        )
        assert self.environment not in kept.stdout

    def _is_available(self) -> None:
        """At once, for a run that has ended has waited for it."""
        for what, condition in (
            (f"{CLAIM}/{self.environment}-cluster", "Ready"),
            (f"clusters.cluster.x-k8s.io/{self.environment}", "Available"),
        ):
            ask("kubectl", "wait", what, self._there, f"--for=condition={condition}", "--timeout=30s")

    def _former_template_is_gone(self) -> None:
        """It goes once all machines are new, for which nobody waits."""
        kind = "kubevirtmachinetemplates.infrastructure.cluster.x-k8s.io"
        templates = ask("kubectl", "get", kind, self._there, "--output=name").splitlines()
        if len(templates) != 2:
            raise NotReady(f"there are {templates}")

    def _kept_kubeconfig(self) -> str:
        return ask("vault", "kv", "get", "-field=kubeconfig", f"secret/clusters/{self.environment}")

    def _kubectl(self, *arguments: str) -> str:
        return ask("kubectl", f"--kubeconfig={self._kubeconfig}", *arguments)

    def _memory_of_workers(self) -> list[str]:
        """Of those that are ready, asked in the cluster itself."""
        workers = self._kubectl("get", "nodes", "--selector=!node-role.kubernetes.io/control-plane", "--output=json")
        nodes = [node["status"] for node in json.loads(workers)["items"]]
        return [node["capacity"]["memory"] for node in nodes if READY in condition_statuses(node)]

    def _can_log_in(self) -> None:
        jwt = self._kubectl("create", "token", APP, f"--namespace={APP}")
        login = f"auth/kubernetes-{self.environment}/login"
        assert json.loads(ask("vault", "write", "-format=json", login, f"role={APP}", f"jwt={jwt}"))["auth"]
