# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for whoever is at work on an environment."""

from __future__ import annotations

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Held, Lost
from ansible_collections.pnow.infra.plugins.module_utils._domain.runs.lease import Lease, held, lease_ref, released
from ansible_collections.pnow.infra.plugins.module_utils._runtime.runs.beginning import await_free
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, ScriptedReporter

JANE = "jane on laptop, playbook delete, run 0d4c"
JOE = "joe on desk, playbook resize, run 99"


class World:
    """A Lease that its holder renews every ten seconds until it is gone."""

    def __init__(self, clock: ScriptedClock, reporter: ScriptedReporter) -> None:
        self.clock = clock
        self.reporter = reporter
        self.api = ScriptedKubernetes(clock)
        self.needed = True

    def put(self, holder: str, ttl: int = 30) -> None:
        now = self.clock.now
        self.api.swap(held("dev", holder, ttl, since=0, now=now), self.version)

    @property
    def version(self) -> str:
        live = self.api.objects.get(lease_ref("dev"))
        return live["metadata"]["resourceVersion"] if live else ""

    def renewed_until(self, moment: float, holder: str = JANE) -> None:
        self.put(holder)
        for number in range(10, int(moment) + 1, 10):
            self.clock.once_at(number, lambda: self.put(holder))

    def wait(self, patience: float = 300.0) -> Lease:
        return await_free("dev", patience, self.api, self.clock, reporter=self.reporter, needed=lambda: self.needed)


@pytest.fixture
def world(clock: ScriptedClock, reporter: ScriptedReporter) -> World:
    return World(clock, reporter)


def test_a_free_environment_is_looked_at_once(world: World) -> None:
    assert world.wait() == Lease()
    assert world.api.requests == ["get Lease pnow-infra/environment-dev"]
    world.api.swap(released("dev"), "")
    assert world.wait() == Lease(version="1")
    assert world.reporter.lines == []


def test_a_holder_that_ends_is_waited_for_and_named(world: World) -> None:
    world.renewed_until(100)
    world.clock.once_at(105, lambda: world.put(JOE))
    world.clock.once_at(120, lambda: world.api.swap(released("dev"), world.version))
    lease = world.wait()
    assert lease.holder == ""
    assert world.clock.now == 120
    assert world.reporter.lines == [
        f"environment dev is worked on by {who} since 1970-01-01T00:00:00.000000Z; waiting, 5m00s at most"
        for who in (JANE, JOE)
    ]


def test_patience_ends_with_a_sentence(world: World) -> None:
    world.renewed_until(100)
    with pytest.raises(Held) as caught:
        world.wait(patience=45)
    assert world.clock.now == 45
    assert str(caught.value) == (
        f"environment dev is worked on by {JANE} since 1970-01-01T00:00:00.000000Z, also after 45s; wait until it is "
        "done, or raise environment_run_wait_timeout; a run that is no more counts as gone 30s after its last sign"
    )


def test_who_has_no_patience_does_not_wait(world: World) -> None:
    world.put(JANE)
    with pytest.raises(Held, match=r"jane on laptop, playbook delete, run 0d4c since [^,]*; wait until"):
        world.wait(patience=0)
    assert world.clock.now == 0


def test_a_holder_that_is_gone_is_seen_by_time(world: World) -> None:
    world.renewed_until(50)
    lease = world.wait()
    assert lease.holder == JANE
    assert 80 <= world.clock.now <= 82
    assert world.reporter.lines[-1] == f"{JANE}, does not renew its Lease of environment dev any more: it is gone"


def test_a_task_that_nobody_needs_does_not_wait(world: World) -> None:
    world.put(JANE)
    world.needed = False
    with pytest.raises(Lost, match="ansible-playbook has ended"):
        world.wait()
    assert world.clock.now == 0
