# SPDX-License-Identifier: GPL-3.0-or-later
"""Many claims in one task: what that costs, and how much is said about it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Forbidden, TimedOut, Unreachable
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.claims import reconcile_claims
from tests.unit.plugins.claims import CLAIM, COMPOSITE, OPTIONS, ROLE, nothing, put, server, several
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, ScriptedReporter, request


def test_many_claims_as_wanted_cost_a_list_of_each_kind(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, *several(100))
    options = [{**OPTIONS, "name": f"{CLAIM.name}-{number}"} for number in range(100)]
    outcome = reconcile_claims(request(reporter, claims=options), api, clock)
    assert not outcome.plan.changed
    assert [fact["name"] for fact in outcome.facts["claims"]] == [entry["name"] for entry in options]
    assert [asked.split(" in ")[0] for asked in api.requests] == [
        f"list {CLAIM.kind} dev/",
        f"list {COMPOSITE.kind} crossplane.io/composite",
        f"list {ROLE.kind} crossplane.io/composite",
    ]


def test_what_a_list_does_not_show_is_asked_for(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    """A composite without its composition has no labels yet, and who may read objects may not list them."""
    api = server(clock, *several(3))
    api.refuses[f"list {ROLE.kind}"] = Forbidden("may not list")
    options = [{**OPTIONS, "name": f"{CLAIM.name}-{number}"} for number in range(3)]
    facts = reconcile_claims(request(reporter, claims=options), api, clock).facts
    assert all(fact["ready"] for fact in facts["claims"])
    assert len([asked for asked in api.requests if asked.startswith(f"get {ROLE.kind}")]) == 3


def wanted(count: int) -> list[dict[str, Any]]:
    return [{**OPTIONS, "name": f"{CLAIM.name}-{number}"} for number in range(count)]


def creating(count: int) -> list[Manifest]:
    """As many claims whose last managed resource is not made yet."""
    made = several(count)
    for manifest in made:
        ready = "True" if manifest["kind"] == ROLE.kind else "False"
        manifest["status"]["conditions"][1] |= {"status": ready, "reason": "Creating"}
    made[-1]["status"]["conditions"][1]["status"] = "False"
    return made


def test_a_failure_of_many_names_some_and_counts_the_rest(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, script=[put(*creating(48))])
    with pytest.raises(TimedOut) as caught:
        reconcile_claims(request(reporter, claims=wanted(48)), api, clock)
    assert str(caught.value).startswith(
        f"{CLAIM}-0, {CLAIM}-1, {CLAIM}-2 and 45 others not ready after 1m00s of 1m00s "
        f"(0 of 48 ready; 48 Ready=False Creating: {COMPOSITE}-0 ...): {ROLE}-47 Ready=False Creating "
    )
    assert "(and 96 more of which 24 are in blockers)" in str(caught.value)
    assert len(str(caught.value)) < 800
    assert len(caught.value.facts["blockers"]) == 25


def test_progress_of_many_is_counted_after_the_first_changes(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    half = put(*several(25), *creating(50)[75:])
    api = server(clock, script=[half, *[nothing] * 20, put(*several(50))])
    reconcile_claims(request(reporter, claims=wanted(50)), api, clock)
    assert reporter.lines[9:11] == [f"create {CLAIM}-9", "and 40 more"]
    told = [line for line in reporter.lines if line.startswith("[")]
    assert len([line for line in told if f"{CLAIM}-" in line.partition("] ")[2].partition(" ready;")[0]]) == 10
    counted = [line.partition("] ")[2] for line in told[10:]]
    assert counted[0].startswith("25 of 50 ready; 25 Ready=False Creating: ")
    assert counted[-1] == "50 of 50 ready"
    assert len(counted) < 10


def test_ten_objects_have_a_line_for_every_change(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, script=[put(*several(10))])
    reconcile_claims(request(reporter, claims=wanted(10)), api, clock)
    assert len([line for line in reporter.lines if line.endswith(": ready")]) == 10


def test_a_busy_server_is_not_called_silent(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    """It could be heard all the time, and has no more than no time to tell what is behind fifty claims."""

    def stalls(api: ScriptedKubernetes) -> None:
        clock.now = 60
        api.refuses["get"] = api.refuses["list"] = Unreachable("the Kubernetes API was not asked any more")

    api = server(clock, script=[put(*creating(50)), *[nothing] * 5, stalls])
    api.busy = "the Kubernetes API is under strain: 9 of 12 answers took more than 1 s"
    with pytest.raises(TimedOut) as caught:
        reconcile_claims(request(reporter, claims=wanted(50)), api, clock)
    assert "(0 of 50 ready; " in str(caught.value)
    assert "what is behind them could not be read any more: the Kubernetes API was not asked" in str(caught.value)
    assert "9 of 12 answers took more than 1 s" in str(caught.value)
    assert "Reachable=False" not in str(caught.value)
    assert clock.now + 10 == api.bounds[-1]


def test_a_long_wait_may_look_longer_for_what_blocks(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, script=[put(*creating(1))])
    with pytest.raises(TimedOut):
        reconcile_claims(request(reporter, claims=wanted(1), wait_timeout="10m"), api, clock)
    assert api.bounds[-1] == clock.now + 60
