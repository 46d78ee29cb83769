# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of a playbook at random moments: the next run converges, nothing is made twice, nothing is left.

Each round starts a run, kills it after a random time, runs again to the end, and asks kubectl and psql; several rounds
go on at the same time, each with an environment of its own. Ansible's workers leave the process group and may go on
beside the next run; that must not matter either. PNOW_KILLS rounds per verb (default 4); the seed is printed, and
PNOW_SEED repeats the moments.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.e2e.servers import CLAIMS, COMPOSITES, ask, bootstrap, psql

ROUNDS = int(os.environ.get("PNOW_KILLS", "4"))
SEED = int(os.environ.get("PNOW_SEED", str(random.randrange(2**32))))
PLAYBOOK = Path(__file__).with_name("claim.yml")
NAMESPACE = "kill"
# Connections that a database of this size allows.
MEDIUM = "50"
# Long enough for a whole run beside the others, so that every moment of it can be hit.
LONGEST_RUN = 6.0
# As many as keep two processors busy: most of a run is waiting for Crossplane.
AT_ONCE = 5

environments = [f"pr-{9100 + number}" for number in range(ROUNDS)]


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
    moment = random.Random(f"{SEED} {environment} {state} {size}").uniform(0.3, LONGEST_RUN)
    process = start(environment, state, size)
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=moment)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def for_each_environment(check: Callable[[str], None]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        checks = {environment: pool.submit(check, environment) for environment in environments}
    failures = {environment: str(done.exception()) for environment, done in checks.items() if done.exception()}
    assert failures == {}


@pytest.fixture(scope="module", autouse=True)
def namespace() -> Iterator[None]:
    print(f"PNOW_SEED={SEED}")
    bootstrap()
    ask("kubectl", "create", "namespace", NAMESPACE)
    yield
    ask("kubectl", "delete", CLAIMS, "--namespace", NAMESPACE, "--all", "--timeout=180s")
    ask("kubectl", "delete", "namespace", NAMESPACE, "--timeout=60s")


def test_killed_creations() -> None:
    for_each_environment(create)


def create(environment: str) -> None:
    run_killed(environment, "present")
    run(environment, "present")
    claim = (CLAIMS, "--namespace", NAMESPACE, f"{environment}-database")
    assert ask("kubectl", "get", *claim, '--output=jsonpath={.status.conditions[?(@.type=="Ready")].status}') == "True"
    label = f"crossplane.io/claim-name={environment}-database"
    assert len(ask("kubectl", "get", COMPOSITES, "-l", label, "-o", "name").splitlines()) == 1
    assert psql(f"SELECT count(*) FROM pg_database WHERE datname = '{environment}-db'") == "1"
    assert run(environment, "present") == 0


def test_killed_changes() -> None:
    for_each_environment(resize)


def resize(environment: str) -> None:
    run_killed(environment, "present", "medium")
    run(environment, "present", "medium")
    assert psql(f"SELECT datconnlimit FROM pg_database WHERE datname = '{environment}-db'") == MEDIUM
    assert run(environment, "present", "medium") == 0


def test_killed_deletions() -> None:
    for_each_environment(delete)


def delete(environment: str) -> None:
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
