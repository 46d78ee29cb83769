# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of a playbook at random moments: the next run converges, nothing is made twice, nothing is left.

Each round starts a run, kills it after a random time, runs again to the end, and asks kubectl and psql. Ansible's
workers leave the process group and may go on beside the next run; that must not matter either. PNOW_KILLS rounds per
verb (default 4); the seed is printed, and PNOW_SEED repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

ROUNDS = int(os.environ.get("PNOW_KILLS", "4"))
SEED = int(os.environ.get("PNOW_SEED", str(random.randrange(2**32))))
PLAYBOOK = Path(__file__).with_name("claim.yml")
NAMESPACE = "kill"
CLAIMS = "postgresqlinstances.database.yourdomain.com"
COMPOSITES = "xpostgresqlinstances.database.yourdomain.com"
CONNECTIONS = {"small": "20", "medium": "50"}
# Long enough for a whole run, so that every moment of it can be hit.
LONGEST_RUN = 4.0

moments = random.Random(SEED)
environments = [f"pr-{9100 + number}" for number in range(ROUNDS)]


def ask(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=200).stdout.strip()


def psql(query: str) -> str:
    return ask("psql", "--dbname", "postgres", "-Atc", query)


def start(environment: str, state: str, size: str) -> subprocess.Popen[str]:
    extra = {"environment_name": environment, "namespace_name": NAMESPACE, "state": state, "size": size}
    command = ["ansible-playbook", str(PLAYBOOK), "--extra-vars", json.dumps(extra)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def run(environment: str, state: str, size: str = "small") -> int:
    """How many tasks changed something."""
    output, _stderr = start(environment, state, size).communicate(timeout=300)
    recap = re.search(r"changed=(\d+) .*failed=(\d+)", output)
    assert recap is not None, output
    assert recap[2] == "0", output
    return int(recap[1])


def run_killed(environment: str, state: str, size: str = "small") -> None:
    process = start(environment, state, size)
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=moments.uniform(0.3, LONGEST_RUN))
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module", autouse=True)
def namespace() -> Iterator[None]:
    print(f"PNOW_SEED={SEED}")
    platform = ("--inventory=inventories/management", f"--extra-vars=@{os.environ['PNOW_TESTBED_VARS']}")
    ask("ansible-playbook", "pnow.infra.bootstrap", *platform)
    ask("kubectl", "create", "namespace", NAMESPACE)
    yield
    ask("kubectl", "delete", CLAIMS, "--namespace", NAMESPACE, "--all", "--timeout=180s")
    ask("kubectl", "delete", "namespace", NAMESPACE, "--timeout=60s")


@pytest.mark.parametrize("environment", environments)
def test_a_killed_creation(environment: str) -> None:
    run_killed(environment, "present")
    run(environment, "present")
    ready = '{.status.conditions[?(@.type=="Ready")].status}'
    assert (
        ask("kubectl", "get", CLAIMS, "-n", NAMESPACE, f"{environment}-database", "-o", f"jsonpath={ready}") == "True"
    )
    label = f"crossplane.io/claim-name={environment}-database"
    assert len(ask("kubectl", "get", COMPOSITES, "-l", label, "-o", "name").splitlines()) == 1
    assert psql(f"SELECT count(*) FROM pg_database WHERE datname = '{environment}-db'") == "1"
    assert run(environment, "present") == 0


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_killed_change(number: int) -> None:
    size = ("medium", "small")[number % 2]
    run_killed(environments[0], "present", size)
    run(environments[0], "present", size)
    limit = psql(f"SELECT datconnlimit FROM pg_database WHERE datname = '{environments[0]}-db'")
    assert limit == CONNECTIONS[size]
    assert run(environments[0], "present", size) == 0


@pytest.mark.parametrize("environment", environments)
def test_a_killed_deletion(environment: str) -> None:
    run_killed(environment, "absent")
    run(environment, "absent")
    label = f"crossplane.io/claim-name={environment}-database"
    assert ask("kubectl", "get", f"{COMPOSITES},managed", "-l", label, "-o", "name") == ""
    assert psql(f"SELECT count(*) FROM pg_roles WHERE rolname LIKE '{environment}-%'") == "0"
    assert psql(f"SELECT count(*) FROM pg_database WHERE datname LIKE '{environment}-%'") == "0"
    assert run(environment, "absent") == 0


def test_nothing_of_the_killed_runs_goes_on() -> None:
    # A zombie, and a process that ends while it is read, has no command line.
    running = ((process, process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
    workers = [process for process, command in running if str(PLAYBOOK) in command]
    _ended, left = psutil.wait_procs(workers, timeout=60)
    assert left == []
