# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of runs: bounded, inert, and read again whatever somebody has written between them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.runs.lease import identity
from ansible_collections.pnow.infra.plugins.module_utils._domain.runs.record import (
    MOST_CHANGES,
    MOST_RUNS,
    Record,
    event,
    history,
    planned,
    runs_in,
    short,
    vanished,
)

RUN = Record("0d4c", "dev", "provision", "jane", "laptop", "2026-01-01T00:00:00.000000Z", 12.3)
# What an API server stores in one object.
LIMIT = 1_048_576


def test_a_history_has_the_last_runs() -> None:
    runs = [{"run": str(number)} for number in range(MOST_RUNS + 5)]
    manifest = history("dev", runs)
    assert (manifest["metadata"]["name"], manifest["metadata"]["namespace"]) == ("history-dev", "pnow-infra")
    assert runs_in(manifest) == runs[5:]


def test_the_largest_history_fits_into_an_object() -> None:
    long = short(["ü" * 5000] * 100)
    runs = [replace(RUN, message="ü" * 300, plan=long, changes=long).fact()] * MOST_RUNS
    assert len(json.dumps(history("dev", runs))) < LIMIT * 0.95


@pytest.mark.parametrize("data", [None, {}, {"runs": ""}, {"runs": 'nothing\n[1]\n{}\n{"run": 1}\n'}, {"other": "{}"}])
def test_what_is_no_run_is_left_out(data: Any) -> None:
    assert runs_in({"data": data}) == []


def test_an_event_says_it_in_a_sentence() -> None:
    failed = replace(RUN, result="failed", message="Claims: the server said\nno", changes=("Claims: create Claim dev",))
    found = event(failed, 0.0)
    assert (found["type"], found["reason"]) == ("Warning", "ProvisionFailed")
    assert found["involvedObject"]["namespace"] == found["metadata"]["namespace"] == "dev"
    assert found["message"] == (
        "provision by jane on laptop failed after 12 s, Claims: the server said no, changed 1: Claims: create Claim dev"
    )
    assert (event(RUN, 0.0)["type"], event(RUN, 0.0)["reason"]) == ("Normal", "ProvisionSucceeded")
    assert event(RUN, 0.0)["message"] == "provision by jane on laptop succeeded after 12 s, changed nothing"


def test_of_many_changes_some_are_kept() -> None:
    assert short(["a", "b\nc"]) == ["a", "b c"]
    many = short(str(number) for number in range(MOST_CHANGES + 3))
    assert len(many) == MOST_CHANGES + 1
    assert many[-1] == "and 3 more"


def test_a_plan_is_kept_without_values() -> None:
    plan = [
        {
            "action": "change",
            "capability": "database",
            "instance": "dev-database",
            "effect": "in place",
            "after": {"x": 1},
        },
        {"action": "nothing", "capability": "cluster", "instance": "dev-cluster"},
        {"action": "create", "capability": "cache", "instance": "dev-redis", "effect": None},
    ]
    assert planned(plan) == ["change database dev-database (in place)", "create cache dev-redis"]


@pytest.mark.parametrize(
    ("holder", "user", "machine", "verb", "run"),
    [
        (identity("jane on call", "laptop", "delete", "0d4c"), "jane on call", "laptop", "delete", "0d4c"),
        ("a freeze until Monday", "a freeze until Monday", "?", "?", "?"),
    ],
)
def test_who_has_vanished_is_told_from_the_lease(holder: str, user: str, machine: str, verb: str, run: str) -> None:
    found = vanished("dev", holder, "then")
    assert (found.user, found.machine, found.verb, found.run) == (user, machine, verb, run)
    assert (found.result, found.began, found.environment) == ("vanished", "then", "dev")
