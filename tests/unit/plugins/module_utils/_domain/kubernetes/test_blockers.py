# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes first, inert, with the newest events."""

from __future__ import annotations

from ansible_collections.pnow.infra.plugins.module_utils._domain.crossplane.packages import Package, explained
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.blockers import (
    MOST_EVENTS,
    Blocker,
    deepest_first,
    summary,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Condition, ObjectRef

CLAIM = Blocker(ObjectRef("d/v1", "PostgreSQLInstance", "db", "dev"), Condition("Ready", "False", "Waiting"), 0)
ROLE = Blocker(
    ObjectRef("p/v1", "Role", "db-user"), Condition("Synced", "False", "ReconcileError", "\x1b[31mno\nroute"), 2
)


def test_the_deepest_object_is_the_cause() -> None:
    assert deepest_first([CLAIM, ROLE]) == [ROLE, CLAIM]
    assert summary([ROLE, CLAIM]) == "Role db-user Synced=False ReconcileError: no route (and 1 more in blockers)"


def test_nothing_to_blame_is_said() -> None:
    assert summary([]) == "no object says why"


def test_a_fact_is_inert() -> None:
    assert ROLE.fact()["message"] == "no route"


def test_what_holds_a_deletion_is_said() -> None:
    held = Blocker(ROLE.ref, Condition("Deleting", "True"), 2, finalizers=("example.org/keep",))
    assert str(held) == "Role db-user Deleting=True, held by example.org/keep"


def test_only_the_newest_events_are_kept() -> None:
    events = [
        {"reason": f"R{n}", "message": "m", "count": n, "lastTimestamp": f"2026-01-01T00:00:0{n}Z", "metadata": {}}
        for n in range(1, 9)
    ]
    kept = ROLE.with_events(events).events
    assert len(kept) == MOST_EVENTS
    assert kept[0] == "R8: m (x8)"


PROVIDER = Package(
    Blocker(
        ObjectRef("pkg.crossplane.io/v1", "Provider", "provider-sql"),
        Condition("Healthy", "False", "Unhealthy", "is gone"),
    ),
    frozenset({"p"}),
)
OTHER = Package(Blocker(ObjectRef("pkg.crossplane.io/v1", "Provider", "other"), Condition("Installed", "False")))


def test_a_package_explains_only_what_does_not_explain_itself() -> None:
    unseen = Blocker(ROLE.ref, Condition("Synced", "Unknown", "ObservedGenerationIsOld", "not looked at yet"), 2)
    assert explained([ROLE, CLAIM], [OTHER, PROVIDER]) == [ROLE, CLAIM, OTHER.blocker, PROVIDER.blocker]
    assert explained([unseen, CLAIM], [OTHER, PROVIDER]) == [PROVIDER.blocker, unseen, CLAIM, OTHER.blocker]
    assert explained([CLAIM], [PROVIDER]) == [CLAIM, PROVIDER.blocker]
