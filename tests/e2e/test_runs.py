# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on an environment: two at once, killed, cancelled, put to sleep; and what is remembered of them.

Leases, records and what was written are read with kubectl; processes and files with psutil and by looking.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.servers import ask, bootstrap, psql
from tests.testbed.readiness import NotReady, wait_until

ENVIRONMENT = "pr-9500"
NAMESPACE = "runs"
PLAYBOOK = Path(__file__).with_name("run.yml")
QUIETLY = (sys.executable, "-m", "tests.quiet")
PATIENCE = 240.0
RECORDS = ("--namespace", "pnow-infra")
LEASE = ("lease", f"environment-{ENVIRONMENT}", *RECORDS)
HISTORY = ("configmap", f"history-{ENVIRONMENT}", *RECORDS)
INVENTORY = {
    "environments": {
        "hosts": {
            ENVIRONMENT: {
                "ansible_connection": "local",
                "ansible_python_interpreter": "{{ ansible_playbook_python }}",
                "database_enable_backup": False,
                "namespace_name": NAMESPACE,
            }
        }
    }
}
# Enough for a renewal on a busy machine, and short enough to be waited for.
TTL = 9


class Run:
    """An ansible-playbook that goes on beside the test, all processes and files of which can be found."""

    def __init__(self, folder: Path, playbook: str, inventory: Path, **variables: object) -> None:
        self.writer = uuid.uuid4().hex
        self.private = folder / f"private-{self.writer}"
        self._output = folder / f"output-{self.writer}"
        command = ["ansible-playbook", playbook, f"--inventory={inventory}"]
        command += ["--extra-vars", json.dumps({"writer": self.writer, **variables})]
        environment = {**os.environ, "PNOW_RUN": self.writer, "ANSIBLE_LOCAL_TEMP": str(self.private)}
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def said(self) -> str:
        """What it has said, on one line."""
        return " ".join(self.output.split())

    def await_words(self, words: str) -> None:
        def heard() -> None:
            if words not in self.said:
                raise NotReady(self.output)

        wait_until(heard, PATIENCE)

    def end(self) -> int:
        return self.process.wait(PATIENCE)

    def succeeds(self) -> str:
        assert self.end() == 0, self.output
        return self.said

    def fails(self) -> str:
        assert self.end() == 2, self.output
        assert "Traceback" not in self.output
        return self.said

    def send(self, number: signal.Signals) -> None:
        """Tells ansible-playbook alone."""
        self.process.send_signal(number)

    def send_all(self, number: signal.Signals) -> None:
        """Tells every process of the run, also those that are nobody's child."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("PNOW_RUN") == self.writer and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def leaves_nothing(self) -> None:
        def gone() -> None:
            if left := [*self.processes(), *self.private.rglob("*")]:
                raise NotReady(str(left))

        wait_until(gone, PATIENCE)


Start = Callable[..., Run]


@pytest.fixture(scope="module", autouse=True)
def _platform() -> Iterator[None]:
    bootstrap()
    ask("kubectl", "create", "namespace", NAMESPACE)
    yield
    ask("kubectl", "delete", "namespace", NAMESPACE, "--timeout=60s")


@pytest.fixture(autouse=True)
def _nobody() -> Iterator[None]:
    """Each test has an environment that nobody has been at work on."""
    yield
    ask("kubectl", "delete", "--ignore-not-found", *LEASE)
    ask("kubectl", "delete", "--ignore-not-found", *HISTORY)
    ask("kubectl", "delete", "configmap", "--namespace", NAMESPACE, "--ignore-not-found", "first", "second")


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.yml"
    path.write_text(json.dumps(INVENTORY))
    return path


@pytest.fixture
def start(tmp_path: Path, inventory: Path) -> Iterator[Start]:
    runs: list[Run] = []

    def started(playbook: str = str(PLAYBOOK), **variables: object) -> Run:
        runs.append(Run(tmp_path, playbook, inventory, **variables))
        return runs[-1]

    yield started
    for run in runs:
        run.send_all(signal.SIGKILL)
        run.process.wait()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """Makes gates, before which a run waits until they are opened."""
    gates: list[Path] = []

    def made() -> Path:
        path = tmp_path / f"gate-{len(gates)}"
        os.mkfifo(path)
        gates.append(path)
        return path

    yield made
    for path in gates:
        with suppress(OSError):  # nobody waits there
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


def open_gate(path: Path) -> None:
    """Lets through whoever waits there, or is about to."""

    def opened() -> None:
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            raise NotReady(str(error)) from error

    wait_until(opened, PATIENCE)


def lease() -> dict[str, Any]:
    found = ask("kubectl", "get", *LEASE, "--ignore-not-found", "--output=json")
    spec: dict[str, Any] = json.loads(found)["spec"] if found else {}
    return spec


def holder() -> str:
    return str(lease().get("holderIdentity", ""))


def await_holder(held: bool) -> str:
    def judged() -> None:
        if bool(holder()) != held:
            raise NotReady(str(lease()))

    wait_until(judged, PATIENCE)
    return holder()


def await_waiting(path: Path) -> None:
    """Until a run stands before a gate: only then somebody reads it."""

    def waits() -> None:
        readers = [
            process for process in psutil.process_iter(["cmdline"]) if str(path) in (process.info["cmdline"] or [])
        ]
        if not any(process.name() == "cat" for process in readers):
            raise NotReady(f"nobody waits before {path}")

    wait_until(waits, PATIENCE)


def history() -> list[dict[str, Any]]:
    found = ask("kubectl", "get", *HISTORY, "--ignore-not-found", "--output=json")
    lines = json.loads(found)["data"]["runs"].splitlines() if found else []
    return [json.loads(line) for line in lines]


def results() -> list[str]:
    return [run["result"] for run in history()]


def writer(name: str) -> str:
    """The run that has written an object; empty when none has."""
    path = "--output=jsonpath={.data.by}"
    return ask("kubectl", "get", "configmap", name, "--namespace", NAMESPACE, "--ignore-not-found", path)


def test_the_second_waits_for_the_first(start: Start, gate: Callable[[], Path]) -> None:
    between = gate()
    first = start(between=str(between))
    await_waiting(between)
    who = holder()
    assert re.fullmatch(r"testbed-admin on \S+, playbook try, run [0-9a-f]{12}", who)
    second = start(verb="again")
    second.await_words(
        f"environment {ENVIRONMENT} is worked on by {who} since {lease()['acquireTime']}; waiting, 5m00s"
    )
    assert writer("first") == first.writer
    open_gate(between)
    first.succeeds()
    second.succeeds()
    assert [(run["verb"], run["result"], len(run["changes"])) for run in history()] == [
        ("try", "succeeded", 2),
        ("again", "succeeded", 2),
    ]
    assert (writer("first"), writer("second")) == (second.writer, second.writer)
    first.leaves_nothing()
    second.leaves_nothing()


def test_the_second_stops_when_its_patience_ends(start: Start, gate: Callable[[], Path]) -> None:
    between = gate()
    first = start(between=str(between))
    await_waiting(between)
    refused = start(environment_run_wait_timeout="0")
    assert f"{ENVIRONMENT} is worked on by {holder()} since" in refused.fails()
    assert "wait until it is done, or raise environment_run_wait_timeout" in refused.said
    assert writer("first") == first.writer
    refused.leaves_nothing()
    open_gate(between)
    first.succeeds()
    assert results() == ["succeeded"]


def test_who_was_there_since_a_run_looked_stops_it(start: Start, gate: Callable[[], Path]) -> None:
    before = gate()
    late = start(before=str(before))
    await_waiting(before)
    early = start()
    early.succeeds()
    open_gate(before)
    assert (
        f"another run was at work on environment {ENVIRONMENT} since this run looked at it; nothing was" in late.fails()
    )
    assert writer("first") == early.writer
    assert results() == ["succeeded"]
    late.leaves_nothing()


def test_two_that_begin_at_once_do_not_mix(start: Start) -> None:
    runs = [start(), start(), start()]
    ended = [run.end() for run in runs]
    done = [run.writer for run, status in zip(runs, ended, strict=True) if status == 0]
    assert done, runs[0].output
    assert writer("first") == writer("second")
    assert writer("first") in done
    assert results() == ["succeeded"] * len(done)


def test_killed_it_frees_the_environment_at_once(start: Start, gate: Callable[[], Path]) -> None:
    between = gate()
    killed = start(between=str(between))
    await_waiting(between)
    killed.send(signal.SIGKILL)
    killed.process.wait()
    # A task that is not of the collection: nothing is known of it, so it is not waited for.
    await_holder(False)
    start().succeeds()
    assert [(run["result"], run["message"]) for run in history()] == [
        ("stopped", "it did not come to its end"),
        ("succeeded", ""),
    ]
    open_gate(between)
    killed.leaves_nothing()


def test_a_task_that_a_killed_run_leaves_behind_can_not_write(
    start: Start, gate: Callable[[], Path], tmp_path: Path
) -> None:
    asked = gate()
    orphaned = start(second_kubeconfig=str(hesitating_kubeconfig(tmp_path, asked)))
    await_waiting(asked)
    orphaned.send(signal.SIGKILL)
    orphaned.process.wait()
    open_gate(asked)
    orphaned.leaves_nothing()
    assert (writer("first"), writer("second")) == (orphaned.writer, "")
    assert holder() == ""
    assert results() == ["stopped"]


def hesitating_kubeconfig(folder: Path, gate: Path) -> Path:
    """The test bed's, whose user is asked for a credential first, and waits before a gate."""
    plugin = folder / "hesitate"
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "t"}}
    plugin.write_text(f"#!/bin/sh\ncat {gate}\necho '{json.dumps(credential)}'\n")
    plugin.chmod(0o700)
    config = json.loads(ask("kubectl", "config", "view", "--raw", "--output=json"))
    for user in config["users"]:
        user["user"]["exec"] = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(plugin),
            "interactiveMode": "Never",
        }
    path = folder / "hesitating.json"
    path.write_text(json.dumps(config))
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_cancelled_it_frees_the_environment(start: Start, gate: Callable[[], Path], number: signal.Signals) -> None:
    between = gate()
    cancelled = start(between=str(between))
    await_waiting(between)
    cancelled.send(number)
    assert cancelled.end() != 0
    await_holder(False)
    cancelled.leaves_nothing()
    assert results() == ["stopped"]
    start().succeeds()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_cancelled_while_it_waits_it_leaves_nothing(
    start: Start, gate: Callable[[], Path], number: signal.Signals
) -> None:
    between = gate()
    first = start(between=str(between))
    await_waiting(between)
    waiting = start()
    waiting.await_words("is worked on by")
    waiting.send(number)
    assert waiting.end() != 0

    def gone() -> None:
        if left := waiting.processes():
            raise NotReady(str(left))

    wait_until(gone, PATIENCE)
    assert [path for path in waiting.private.rglob("*") if "pnow" in path.name] == []
    open_gate(between)
    first.succeeds()
    assert results() == ["succeeded"]


def test_put_to_sleep_for_too_long_it_writes_nothing_more(start: Start, gate: Callable[[], Path]) -> None:
    between = gate()
    sleeper = start(between=str(between), environment_lease_ttl=str(TTL))
    await_waiting(between)
    who = holder()
    sleeper.send_all(signal.SIGSTOP)
    successor = start()
    assert f"{who}, does not renew its Lease of environment {ENVIRONMENT} any more: it is gone" in successor.succeeds()
    sleeper.send_all(signal.SIGCONT)
    open_gate(between)
    assert f"this run did not renew the Lease of environment {ENVIRONMENT} in time and has lost it" in sleeper.fails()
    assert (writer("first"), writer("second")) == (successor.writer, successor.writer)
    sleeper.leaves_nothing()
    assert results() == ["vanished", "succeeded", "failed"]


def test_put_to_sleep_and_not_replaced_it_goes_on(start: Start, gate: Callable[[], Path]) -> None:
    between = gate()
    sleeper = start(between=str(between), environment_lease_ttl=str(TTL))
    await_waiting(between)
    renewed = lease()["renewTime"]
    sleeper.send_all(signal.SIGSTOP)
    # A run that only waits sees on its own clock that the time of the Lease is over, and then stops before it writes.
    before = gate()
    witness = start(before=str(before))
    await_waiting(before)
    assert lease()["renewTime"] == renewed
    witness.send_all(signal.SIGKILL)
    sleeper.send_all(signal.SIGCONT)
    open_gate(between)
    sleeper.succeeds()
    assert writer("second") == sleeper.writer


def test_without_its_keeper_a_run_writes_nothing(start: Start, gate: Callable[[], Path]) -> None:
    between = gate()
    run = start(between=str(between), environment_lease_ttl=str(TTL))
    await_waiting(between)
    processes = run.processes()
    numbers = {process.pid for process in processes}
    (keeper,) = [process for process in processes if process.pid != run.process.pid and process.ppid() not in numbers]
    keeper.kill()
    keeper.wait()
    open_gate(between)
    assert "the process that keeps the Lease of this run does not answer, so another run may be at work" in run.fails()
    assert writer("second") == ""
    run.leaves_nothing()
    start().succeeds()


def test_a_run_of_more_than_a_lease_keeps_it(start: Start, gate: Callable[[], Path]) -> None:
    between = gate()
    long = start(between=str(between), environment_lease_ttl=str(TTL))
    await_waiting(between)
    waiting = start(environment_run_wait_timeout=str(3 * TTL))
    assert f"is worked on by {holder()}" in waiting.fails()
    assert f"also after {3 * TTL}s" in waiting.said
    open_gate(between)
    long.succeeds()


@pytest.mark.parametrize("year", ["2020", "2040"])
def test_a_holder_whose_clock_is_wrong_counts_as_long_as_any(start: Start, year: str) -> None:
    spec = {
        "holderIdentity": "jane on desk, playbook resize, run 77",
        "leaseDurationSeconds": TTL,
        "acquireTime": f"{year}-01-01T00:00:00.000000Z",
        "renewTime": f"{year}-01-01T00:00:00.000000Z",
    }
    manifest = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": LEASE[1], "namespace": "pnow-infra"},
        "spec": spec,
    }
    ask("kubectl", "create", "--filename=-", given=json.dumps(manifest))
    successor = start()
    said = successor.succeeds()
    assert f"is worked on by {spec['holderIdentity']} since {year}-01-01T00:00:00.000000Z; waiting" in said
    assert "does not renew its Lease" in said
    assert [(run["user"], run["machine"], run["verb"], run["result"]) for run in history()][:1] == [
        ("jane", "desk", "resize", "vanished")
    ]


def test_a_cluster_that_was_not_prepared(start: Start) -> None:
    ask("kubectl", "delete", "namespace", "pnow-infra", "--timeout=60s")
    try:
        said = start().fails()
    finally:
        bootstrap()
    assert "its namespace does not exist; run playbook pnow.infra.bootstrap, which makes namespace pnow-infra" in said
    assert writer("first") == ""


def test_who_may_not_see_leases_is_told(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_IMPERSONATE_USER", "nobody")
    refused = start()
    monkeypatch.undo()
    assert "nobody may not get leases.coordination.k8s.io in namespace pnow-infra" in refused.fails()


def test_every_run_is_noted_in_a_file(start: Start, tmp_path: Path) -> None:
    notes = tmp_path / "runs.jsonl"
    run = start(environment_audit_file=str(notes))
    run.succeeds()
    again = start(environment_audit_file=str(notes), writer=run.writer)
    again.succeeds()
    assert notes.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in notes.read_text().splitlines()]
    assert [(line["user"], line["result"], len(line["changes"])) for line in lines] == [
        ("testbed-admin", "succeeded", 2),
        ("testbed-admin", "succeeded", 0),
    ]
    assert history() == lines[:1]


def play(verb: str, inventory: Path, *arguments: str) -> str:
    return ask("ansible-playbook", f"pnow.infra.{verb}", f"--inventory={inventory}", *arguments)


def test_provision_against_delete(start: Start, inventory: Path) -> None:
    """The verbs themselves: they do not mix, are remembered, and a second time write nothing."""
    confirmed = f"--extra-vars=confirm={ENVIRONMENT}"
    provision = start("pnow.infra.provision")
    await_holder(True)
    delete = start("pnow.infra.delete", confirm=ENVIRONMENT)
    delete.await_words(f"is worked on by {holder()}")
    provision.succeeds()
    delete.succeeds()
    assert [(run["verb"], run["result"]) for run in history()] == [("provision", "succeeded"), ("delete", "succeeded")]
    assert ask("kubectl", "get", "namespace", ENVIRONMENT, "--ignore-not-found") == ""
    assert psql(f"SELECT count(*) FROM pg_roles WHERE rolname LIKE '{ENVIRONMENT}-%'") == "0"

    play("provision", inventory)
    events = ("kubectl", "get", "events", "--namespace", ENVIRONMENT, "--output=json")
    told = [event for event in json.loads(ask(*events))["items"] if event["reason"] == "ProvisionSucceeded"]
    assert [event["involvedObject"]["kind"] for event in told] == ["Namespace"]
    assert f"provision by testbed-admin on {history()[-1]['machine']} succeeded after" in told[0]["message"]
    known = history()
    for verb, arguments in (("provision", ()), ("resize", ()), ("history", ())):
        command = ("ansible-playbook", f"pnow.infra.{verb}", f"--inventory={inventory}", *arguments)
        assert "0 writes seen" in ask(*QUIETLY, *command)
    assert history() == known

    table = play("history", inventory)
    rows = [line.split() for line in table.splitlines() if ENVIRONMENT in line and "testbed-admin" in line]
    assert [(row[2], row[3]) for row in rows] == [
        ("provision", "succeeded"),
        ("delete", "succeeded"),
        ("provision", "succeeded"),
    ]
    failed = start("pnow.infra.resize", database_size="medium", database_wait_timeout="0")
    failed.end()
    play("delete", inventory, confirmed)
    assert "0 writes seen" in ask(
        *QUIETLY, "ansible-playbook", "pnow.infra.delete", f"--inventory={inventory}", confirmed
    )


def test_a_run_that_fails_is_remembered(start: Start, inventory: Path, tmp_path: Path) -> None:
    config = json.loads(ask("kubectl", "config", "view", "--raw", "--output=json"))
    for cluster in config["clusters"]:
        cluster["cluster"]["server"] = "https://127.0.0.1:1"
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(config))
    failing = start(second_kubeconfig=str(broken))
    assert "https://127.0.0.1:1" in failing.fails()
    await_holder(False)
    (record,) = history()
    assert (record["result"], record["changes"]) == ("failed", [f"First: create ConfigMap {NAMESPACE}/first"])
    assert record["message"].startswith("Second: the Kubernetes API at https://127.0.0.1:1")
    assert re.search(r" failed +\d+ s +testbed-admin on \S+ +1 +Second: the Kubernetes API", play("history", inventory))
