# SPDX-License-Identifier: GPL-3.0-or-later
"""The Lease on behalf of a run: when it is taken, how long it counts, how it is lost, what is left of the run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import (
    Forbidden,
    InvalidOption,
    NamespaceMissing,
    Unreachable,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import ObjectRef
from ansible_collections.pnow.infra.plugins.module_utils._domain.runs.lease import (
    Lease,
    held,
    lease_of,
    lease_ref,
    released,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.runs.record import history_ref, runs_in
from ansible_collections.pnow.infra.plugins.module_utils._runtime.runs.holding import Holding, Run
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes

OURS = "jane on laptop, playbook provision, run 0d4c"
JOE = "joe on desk, playbook delete, run 99"
ASK = {"what": "may write", "task": "Claims"}
TTL = 60


class Notes:
    """Implements ``ports.Log`` in memory."""

    def __init__(self) -> None:
        self.wanted = False
        self.lines: list[str] = []

    def append(self, line: str) -> None:
        if self.wanted:
            self.lines.append(line)


class World:
    def __init__(self, clock: ScriptedClock) -> None:
        self.clock = clock
        self.api = ScriptedKubernetes(clock)
        self.notes = Notes()
        self.opened = 0

    def holding(self, found: Lease | None = None) -> Holding:
        run = Run("0d4c", "dev", "provision", "laptop", self.clock.now, TTL)
        return Holding(run, found or self.lease(), self.open_api, self.clock, self.notes)

    def open_api(self) -> ScriptedKubernetes:
        self.opened += 1
        return self.api

    def lease(self) -> Lease:
        return lease_of(self.api.objects.get(lease_ref("dev")))

    def joe_takes_it(self) -> None:
        self.api.swap(held("dev", JOE, TTL, since=0, now=0), self.lease().version)

    def nobody_has_it(self) -> None:
        self.api.swap(released("dev"), self.lease().version)

    def history(self) -> list[dict[str, Any]]:
        return runs_in(self.api.objects.get(history_ref("dev")))

    def passes(self, seconds: float) -> None:
        self.clock.now += seconds


@pytest.fixture
def world(clock: ScriptedClock) -> World:
    return World(clock)


def done(*changes: str, failed: str = "", task: str = "Claims") -> dict[str, Any]:
    return {"what": "done", "task": task, "changes": list(changes), "failed": failed}


FINISH = {"what": "finish", "task": "End", "plan": []}


def test_a_run_that_writes_nothing_asks_nobody(world: World) -> None:
    holding = world.holding(Lease())
    assert holding.pause() is None
    assert holding.answer(done()) == {}
    assert holding.answer(FINISH) == {"warnings": [], "record": {}}
    assert holding.finished
    assert world.opened == 0


def test_the_first_write_takes_the_lease(world: World) -> None:
    holding = world.holding()
    assert holding.answer(ASK) == {"until": 45.0}
    assert world.lease().holder == OURS
    assert holding.pause() == 20.0
    world.passes(30)
    requests = len(world.api.requests)
    assert holding.answer(ASK) == {"until": 45.0}
    assert len(world.api.requests) == requests


def test_a_lease_that_was_released_or_has_expired_is_taken(world: World) -> None:
    world.nobody_has_it()
    assert "until" in world.holding().answer(ASK)
    world.joe_takes_it()
    holding = world.holding()
    assert "until" in holding.answer(ASK)
    assert world.lease().holder == OURS
    holding.answer(FINISH)
    assert [(run["user"], run["result"]) for run in world.history()] == [("joe", "vanished"), ("jane", "succeeded")]


@pytest.mark.parametrize("after", ["began", "ended"])
def test_who_was_there_since_the_run_looked_keeps_it_from_writing(world: World, after: str) -> None:
    world.nobody_has_it()
    holding = world.holding()
    world.joe_takes_it()
    if after == "ended":
        world.nobody_has_it()
    refused = holding.answer(ASK)
    who = f"{JOE} since 1970-01-01T00:00:00.000000Z has been at work" if after == "began" else "another run was at work"
    assert refused["refused"] == f"{who} on environment dev since this run looked at it"
    assert refused["next_step"] == "nothing was changed by this one; run it again"
    assert refused["held"]
    assert holding.answer(ASK) == refused
    assert world.history() == []
    assert holding.answer(FINISH)["record"] == {}


def test_the_first_lease_of_an_environment_may_be_somebody_elses(world: World) -> None:
    holding = world.holding()
    world.joe_takes_it()
    assert JOE in holding.answer(ASK)["refused"]


def test_an_answer_that_was_lost_is_no_other_run(world: World) -> None:
    holding = world.holding(Lease(version="another"))
    world.api.swap(held("dev", OURS, TTL, since=0, now=0), "")
    assert holding.answer(ASK) == {"until": 45.0}


def test_it_is_renewed_in_time(world: World) -> None:
    holding = world.holding()
    holding.answer(ASK)
    for _time in range(10):
        world.passes(20)
        assert holding.pause() == 0
        holding.renew()
        assert holding.pause() == 20.0
    assert holding.answer(ASK) == {"until": world.clock.now + 45.0}


def test_a_server_that_is_away_is_asked_again(world: World) -> None:
    holding = world.holding()
    holding.answer(ASK)
    world.passes(20)
    world.api.refuses["swap"] = Unreachable("away", next_step="wait")
    holding.renew()
    assert holding.pause() == 5.0
    assert holding.answer(ASK) == {"until": 45.0}
    world.passes(25)
    assert holding.answer(ASK) == {"refused": "away", "next_step": "wait", "held": False}
    world.api.refuses.clear()
    assert holding.answer(ASK) == {"until": world.clock.now + 45.0}


def test_a_run_that_slept_and_was_not_replaced_goes_on(world: World) -> None:
    holding = world.holding()
    holding.answer(ASK)
    world.passes(3600)
    assert holding.answer(ASK) == {"until": world.clock.now + 45.0}


@pytest.mark.parametrize("ended", [False, True])
def test_a_run_that_slept_and_was_replaced_writes_nothing_more(world: World, ended: bool) -> None:
    holding = world.holding()
    holding.answer(ASK)
    world.passes(3600)
    world.joe_takes_it()
    if ended:
        world.nobody_has_it()
    refused = holding.answer(ASK)
    who = "another run had it meanwhile" if ended else f"{JOE} since 1970-01-01T00:00:00.000000Z has it"
    assert refused["refused"] == f"this run did not renew the Lease of environment dev in time and has lost it: {who}"
    assert not refused["held"]
    world.passes(3600)
    assert holding.answer(ASK) == refused
    assert holding.pause() is None
    holding.answer(done(failed=refused["refused"]))
    holding.close()
    assert world.lease().holder == ("" if ended else JOE)
    assert [run["result"] for run in world.history()] == ["failed"]


def test_what_a_run_leaves(world: World) -> None:
    world.api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dev"}})
    holding = world.holding()
    holding.answer(ASK)
    holding.answer(done("create Claim dev/dev-database"))
    holding.answer(done("create database/config/dev", "create database/roles/dev", task="Credentials"))
    world.passes(30.04)
    plan = [{"action": "create", "capability": "database", "instance": "dev-database"}]
    left = holding.answer({**FINISH, "plan": plan})
    assert left["warnings"] == []
    assert world.history() == [left["record"]]
    assert left["record"] == {
        "run": "0d4c",
        "environment": "dev",
        "verb": "provision",
        "user": "jane",
        "machine": "laptop",
        "began": "1970-01-01T00:00:00.000000Z",
        "seconds": 30.0,
        "result": "succeeded",
        "message": "",
        "plan": ["create database dev-database"],
        "changes": [
            "Claims: create Claim dev/dev-database",
            "Credentials: create database/config/dev, create database/roles/dev",
        ],
    }
    assert world.lease().holder == ""
    assert ObjectRef("v1", "Event", "run-0d4c", "dev") in world.api.objects


@pytest.mark.parametrize(
    ("last", "result", "message"),
    [
        (done(failed="no such size"), "failed", "Claims: no such size"),
        (done("create Claim dev"), "stopped", "it did not come to its end"),
        (ASK, "stopped", "in task Claims"),
    ],
)
def test_what_a_run_leaves_that_does_not_come_to_its_end(
    world: World, last: dict[str, Any], result: str, message: str
) -> None:
    holding = world.holding()
    holding.answer(ASK)
    holding.answer(last)
    holding.orphaned()
    assert holding.answer(ASK)["refused"] == "the ansible-playbook of provision on environment dev has ended"
    holding.left(last)
    holding.close()
    assert [(run["result"], run["message"]) for run in world.history()] == [(result, message)]
    assert world.lease().holder == ""


def test_a_history_that_somebody_writes_meanwhile_loses_nothing(world: World) -> None:
    world.holding(Lease()).answer(ASK)
    first = world.holding(Lease())
    first.answer(ASK)
    first.answer(FINISH)
    second = world.holding()
    second.answer(ASK)
    second.answer(FINISH)
    assert len(world.history()) == 2


def test_what_can_not_be_left_is_a_warning(world: World) -> None:
    holding = world.holding()
    holding.answer(ASK)
    world.api.refuses["swap ConfigMap"] = Forbidden("jane may not patch configmaps", next_step="grant it")
    world.api.refuses["apply Event"] = NamespaceMissing("no namespace")
    assert holding.answer(FINISH)["warnings"] == ["jane may not patch configmaps; grant it"]
    assert world.lease().holder == ""


def test_a_cluster_that_was_not_prepared(world: World) -> None:
    world.api.refuses["swap"] = NamespaceMissing("Lease can not be written, its namespace does not exist")
    refused = world.holding().answer(ASK)
    assert refused["refused"] == "Lease can not be written, its namespace does not exist"
    assert refused["next_step"] == "run playbook pnow.infra.bootstrap, which makes namespace pnow-infra"


def test_a_cluster_that_does_not_say_who_one_is(world: World) -> None:
    world.api.refuses["ask who"] = Forbidden("no")
    world.holding().answer(ASK)
    assert world.lease().holder.startswith("somebody on laptop")


def test_every_run_is_noted_in_a_file(world: World) -> None:
    world.notes.wanted = True
    world.holding().answer(FINISH)
    refused = world.holding(Lease(version="old"))
    world.joe_takes_it()
    refused.answer(done(failed=refused.answer(ASK)["refused"]))
    refused.close()
    noted = [json.loads(line) for line in world.notes.lines]
    assert [(line["user"], line["result"]) for line in noted] == [("jane", "succeeded"), ("jane", "failed")]


def test_a_file_that_is_gone_is_a_warning(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_line: str) -> None:
        raise InvalidOption("runs can not be noted", next_step="mend it")

    monkeypatch.setattr(world.notes, "append", refuse)
    assert world.holding().answer(FINISH)["warnings"] == ["runs can not be noted; mend it"]
