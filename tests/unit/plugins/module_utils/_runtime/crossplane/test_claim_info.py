# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading claims: by name and by kind, with what blocks them and what is behind them."""

from __future__ import annotations

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Forbidden
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.claim_info import describe_claims
from tests.unit.plugins.claims import (
    CLAIM,
    COMPOSITE,
    GOOD,
    GROUP,
    NAME,
    ROLE,
    claim,
    composite,
    put,
    role,
    server,
)
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, ScriptedReporter, request


def test_info_describes_and_blames(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(
        clock, claim(Synced="True", Ready="False"), composite(Synced="True"), role(Synced="False: why")
    )
    outcome = describe_claims(request(reporter, claims=[NAME], wait=False), api, clock)
    described = outcome.facts["claims"][0]
    assert (described["exists"], described["ready"], described["synced"]) == (True, False, True)
    assert described["blockers"][0]["message"] == "why"


def test_info_of_a_claim_that_does_not_exist(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    outcome = describe_claims(request(reporter, claims=[NAME], wait=False), server(clock), clock)
    assert outcome.facts["claims"][0] | {"exists": False, "ready": False, "blockers": []} == outcome.facts["claims"][0]


def test_info_awaits_when_asked(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    ready = put(claim(**GOOD), composite(**GOOD), role(**GOOD))
    api = server(clock, script=[ready])
    assert describe_claims(request(reporter, claims=[NAME]), api, clock).facts["claims"][0]["ready"]
    api.objects.clear()
    checked = describe_claims(request(reporter, check_mode=True, claims=[NAME]), api, clock)
    assert not checked.facts["claims"][0]["exists"]


def test_info_lists_by_kind(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    options = {
        "claims": None,
        "api_version": GROUP,
        "kind": CLAIM.kind,
        "namespace": "dev",
        "label_selectors": ["a=b", "c"],
    }
    api = server(clock, claim(**GOOD), composite(**GOOD), role(**GOOD))
    outcome = describe_claims(request(reporter, wait=False, **options), api, clock)
    assert [item["name"] for item in outcome.facts["claims"]] == ["dev-database"]
    assert api.requests == ["list PostgreSQLInstance dev/a=b,c", f"get {COMPOSITE}", f"get {ROLE}"]


def test_info_of_fields_directly_under_spec(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    staging = {**claim(**GOOD), "spec": {"environment": "staging", "replicas": 0}}
    listed = {"claims": None, "api_version": GROUP, "kind": CLAIM.kind, "namespace": None, "label_selectors": []}
    wanted = request(reporter, wait=False, **listed, environment="staging")
    (told,) = describe_claims(wanted, server(clock, staging), clock).facts["claims"]
    assert (told["parameters"], told["spec"]) == ({}, {"environment": "staging", "replicas": 0})


def test_info_lists_by_environment(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    dev, staging = claim(**GOOD), claim(**GOOD)
    staging["metadata"]["name"] = "staging-database"
    staging["spec"]["parameters"] = {"environment": "staging"}
    options = {
        "claims": None,
        "api_version": GROUP,
        "kind": CLAIM.kind,
        "namespace": None,
        "label_selectors": [],
        "environment": "staging",
    }
    outcome = describe_claims(request(reporter, wait=False, **options), server(clock, dev, staging), clock)
    assert [item["name"] for item in outcome.facts["claims"]] == ["staging-database"]


def test_info_draws_the_tree(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    clock.now = 3600
    leaf = role(Synced="False: why")
    leaf["metadata"]["creationTimestamp"] = "1970-01-01T00:00:00Z"
    leaf["status"]["conditions"][0]["lastTransitionTime"] = "1970-01-01T00:59:55Z"
    api = ScriptedKubernetes(clock, claim(Synced="True", Ready="False"), composite(**GOOD), leaf)
    described = describe_claims(request(reporter, claims=[NAME], wait=False, tree=True), api, clock).facts["claims"][0]
    assert [(node["depth"], node["kind"], node["ready"]) for node in described["tree"]] == [
        (0, CLAIM.kind, False),
        (1, COMPOSITE.kind, True),
        (2, ROLE.kind, False),
    ]
    found = described["tree"][2]
    assert (found["age"], found["finalizers"], found["events"]) == (
        "1h00m",
        ["example.org/hold"],
        ["Told: about dev-user"],
    )
    assert found["conditions"] == [
        {
            "type": "Synced",
            "status": "False",
            "reason": "Scripted",
            "message": "why",
            "since": "1970-01-01T00:59:55Z",
            "age": "5s",
        }
    ]


def test_the_tree_of_a_claim_that_does_not_exist(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    described = describe_claims(request(reporter, claims=[NAME], wait=False, tree=True), server(clock), clock)
    assert [(node["name"], node["exists"]) for node in described.facts["claims"][0]["tree"]] == [(CLAIM.name, False)]


def test_a_tree_without_the_right_to_see_events(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, claim(**GOOD), composite(**GOOD), role(**GOOD))
    api.refuses["events"] = Forbidden("may not list events", next_step="ask")
    described = describe_claims(request(reporter, claims=[NAME], wait=False, tree=True), api, clock)
    assert [node["events"] for node in described.facts["claims"][0]["tree"]] == [[], [], []]
