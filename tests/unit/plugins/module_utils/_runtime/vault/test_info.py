# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to know of a registration, and what a token may not see of it."""

from __future__ import annotations

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Forbidden, InvalidOption, Unauthorized
from ansible_collections.pnow.infra.plugins.module_utils._domain.vault.ports import Engine, StuckLease
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request
from ansible_collections.pnow.infra.plugins.module_utils._runtime.vault.info import describe_registration
from tests.unit.plugins.registrations import ROLES, Run

LEASES = "sys/leases/lookup/database/creds/dev-readwrite"


@pytest.fixture
def registered() -> Run:
    run = Run()
    run()
    run.vault.requests.clear()
    return run


def described(run: Run, **changed: str | None) -> Outcome:
    options = {"name": "postgres-dev", "mount_point": "database", "vault_path": None, **changed}
    return describe_registration(Request(options, False, run.reporter, run.redactor), run.vault)


def test_a_registration_is_described(registered: Run) -> None:
    registered.vault.stored[f"{LEASES}/x1"] = {}
    registered.vault.stored[f"{LEASES}/x2"] = {}
    registered.vault.stuck = [StuckLease("database/creds/dev-readonly/x3", "owns objects")]
    outcome = described(registered)
    assert not outcome.plan.changed
    assert outcome.facts["connection"]["username"] == "dev-vault"
    readonly, readwrite = sorted(outcome.facts["roles"], key=lambda role: str(role["name"]))
    assert (readwrite["leases"], readwrite["irrevocable_leases"], readwrite["max_ttl"]) == (2, [], 86400)
    assert readonly["irrevocable_leases"] == [{"lease_id": "database/creds/dev-readonly/x3", "error": "owns objects"}]
    assert registered.vault.writes == []


def test_no_registration_is_described_too(registered: Run) -> None:
    registered.vault.stored.clear()
    assert described(registered).facts == {"connection": {}, "roles": []}


def test_a_role_that_is_named_and_missing(registered: Run) -> None:
    del registered.vault.stored[ROLES[0]]
    found = {role["name"]: role["exists"] for role in described(registered).facts["roles"]}
    assert found == {"dev-readonly": True, "dev-readwrite": False}


def test_what_the_token_may_not_see_is_a_warning(registered: Run) -> None:
    registered.vault.refuses[f"list {LEASES}"] = Forbidden("not allowed to list", next_step="grant list and sudo")
    readwrite = next(role for role in described(registered).facts["roles"] if role["name"] == "dev-readwrite")
    assert readwrite["leases"] is None
    assert registered.reporter.warnings == ["not allowed to list; grant list and sudo"]


def test_another_refusal_is_passed_on(registered: Run) -> None:
    registered.vault.refuses[f"list {LEASES}"] = Unauthorized("the token has expired")
    with pytest.raises(Unauthorized):
        described(registered)


def test_where_a_secret_is(registered: Run) -> None:
    registered.vault.engines["teams"] = Engine("kv", "teams/kv", 0, 2)
    facts = described(registered, name=None, vault_path="/teams/kv/database/dev/").facts
    assert facts["secret"] == {"mount_point": "teams/kv", "path": "database/dev", "version": 2}
    assert facts["connection"] == {}
    assert registered.vault.requests == ["engine teams/kv/database/dev"]


def test_no_database_can_be_in_another_engine(registered: Run) -> None:
    registered.vault.stored.clear()
    registered.vault.engines["database"] = Engine("kv", "database")
    with pytest.raises(InvalidOption, match="where a secrets engine of type kv is mounted"):
        described(registered)
