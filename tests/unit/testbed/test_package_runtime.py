# SPDX-License-Identifier: GPL-3.0-or-later
"""The package runtime's view of a revision: what is reported, what it changes, and when a program may start."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testbed.package_runtime import HEALTHY, INACTIVE, TLS_SECRET, Report, is_established, unhealthy

NOW = "2026-01-02T03:04:05Z"
EARLIER = "2025-12-31T23:59:59Z"


def revision(*conditions: dict[str, str], **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "provider-sql-1"}, "status": {"conditions": list(conditions), **status}}


def condition(kind: str, status: str, reason: str = "Reason", message: str = "") -> dict[str, str]:
    optional = {"message": message} if message else {}
    return {"type": kind, "status": status, "reason": reason, "lastTransitionTime": EARLIER, **optional}


def test_a_new_revision_reports_nothing() -> None:
    assert Report.in_status_of({"metadata": {"name": "new"}}) == Report(None, None, None)


@pytest.mark.parametrize("health", [HEALTHY, INACTIVE, unhealthy("provider-sql is not running: killed")])
@pytest.mark.parametrize("endpoint", [None, "127.0.0.1:20001"])
def test_what_is_applied_reads_back_as_itself(health: Any, endpoint: str | None) -> None:
    report = Report(TLS_SECRET, endpoint, health)
    applied = {"status": report.as_status(revision(), NOW)}

    assert Report.in_status_of(applied) == report


def test_only_what_is_ours_is_applied() -> None:
    report = Report(TLS_SECRET, None, HEALTHY)
    status = report.as_status(revision(condition("RevisionHealthy", "True")), NOW)

    assert status.keys() == {"tlsServerSecretName", "conditions"}
    assert [each["type"] for each in status["conditions"]] == ["RuntimeHealthy"]


@pytest.mark.parametrize(("before", "time"), [("True", EARLIER), ("False", NOW)])
def test_the_time_of_a_condition_is_that_of_its_last_change(before: str, time: str) -> None:
    current = revision(condition("RuntimeHealthy", before))
    (applied,) = Report(TLS_SECRET, None, HEALTHY).as_status(current, NOW)["conditions"]

    assert applied["lastTransitionTime"] == time


@pytest.mark.parametrize(
    ("conditions", "started"),
    [
        ([], False),
        ([condition("RuntimeHealthy", "Unknown")], False),
        ([condition("RuntimeHealthy", "True")], True),
        ([condition("RuntimeHealthy", "False")], True),
    ],
)
def test_a_program_is_started_once_per_activation(conditions: list[dict[str, str]], started: bool) -> None:
    assert Report.in_status_of(revision(*conditions)).was_started is started


DEFINES = [
    {"kind": "CustomResourceDefinition", "name": "providerconfigs.sql"},
    {"kind": "ManagedResourceDefinition", "name": "roles.sql"},
    {"kind": "MutatingWebhookConfiguration", "name": "webhook"},
]


@pytest.mark.parametrize(
    ("healthy", "served", "established"),
    [
        ("True", {"providerconfigs.sql", "roles.sql"}, True),
        ("True", {"providerconfigs.sql"}, False),
        ("False", {"providerconfigs.sql", "roles.sql"}, False),
    ],
)
def test_a_revision_is_established_when_all_it_defines_is_served(
    healthy: str, served: set[str], established: bool
) -> None:
    current = revision(condition("RevisionHealthy", healthy), objectRefs=DEFINES)
    assert is_established(current, served) is established


def test_a_new_revision_is_not_established() -> None:
    assert not is_established(revision(), set())
