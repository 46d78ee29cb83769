# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a registration: facts, proof and rotation; a killed run is finished by the next one."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import (
    Failed,
    Forbidden,
    InvalidOption,
    Unreachable,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.vault.ports import Engine
from tests.unit.plugins.registrations import CONFIG, ROLE, ROLES, Run
from tests.unit.plugins.scripted_vault import Killed

PATH = "secret/database/dev"
DATA = "secret/data/database/dev"
METADATA = "secret/metadata/database/dev"
ROTATION = "database/rotate-root/postgres-dev"
FACTS = {
    "endpoint": "db.example.org",
    "port": "5432",
    "database": "dev-db",
    "sslmode": "verify-full",
    "mount_point": "database",
    "connection": "postgres-dev",
    "roles": "dev-readwrite,dev-readonly",
}
ONCE = {"vault_path": PATH, "verify": "changed", "rotate_root": "once"}
LOST = "lost-by-vault"


@pytest.fixture
def run() -> Run:
    return Run()


@pytest.fixture
def rotated(run: Run) -> Run:
    run(**ONCE)
    return run


def notes(run: Run) -> dict[str, str]:
    found: dict[str, str] = run.vault.stored[DATA]["metadata"]["custom_metadata"]
    return found


def test_facts_are_found_at_the_path(run: Run) -> None:
    run(vault_path=PATH)
    assert run.vault.stored[DATA]["data"] == FACTS


def test_a_second_run_reads_the_facts_once_and_writes_nothing(rotated: Run) -> None:
    outcome = rotated(**ONCE)
    assert not outcome.plan.changed
    assert rotated.vault.requests == [
        "engine secret/database/dev",
        f"read {DATA}",
        *(f"read {p}" for p in [CONFIG, *ROLES]),
    ]


def test_ten_more_runs_send_no_password(rotated: Run) -> None:
    for number in range(10):
        rotated(**ONCE, max_open_connections=5 + number)
        assert rotated.vault.passwords == []
        assert f"write {ROTATION}" not in rotated.vault.writes


def test_what_others_keep_there_stays(run: Run) -> None:
    run.vault.stored[DATA] = {
        "data": {"owner": "team"},
        "metadata": {"version": 7, "custom_metadata": {"team": "payments"}},
    }
    run(**ONCE)
    assert run.vault.stored[DATA]["data"] == {"owner": "team", **FACTS}
    assert notes(run)["team"] == "payments"
    run(state="absent", vault_path=PATH)
    assert run.vault.stored[DATA]["data"] == {"owner": "team"}
    assert notes(run) == {"team": "payments"}
    assert not run(state="absent", vault_path=PATH).plan.changed


def test_facts_and_record_end_last(rotated: Run) -> None:
    rotated(state="absent", vault_path=PATH)
    assert rotated.vault.writes[-2:] == [f"delete {CONFIG}", f"delete {METADATA}"]
    assert rotated.vault.stored == {}


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_changed_by_hand_is_repaired(rotated: Run, name: str) -> None:
    rotated.vault.stored[DATA]["data"][name] = "by hand"
    [shown] = rotated(**{**ONCE, "verify": "changed"}).plan.diff
    assert (shown["before_header"], shown["before"][name], shown["after"][name]) == (DATA, "by hand", FACTS[name])
    assert rotated.vault.stored[DATA]["data"] == FACTS


def test_a_proof_that_failed_is_due_until_it_succeeds(run: Run) -> None:
    options = {"vault_path": PATH, "verify": "changed"}
    run.vault.server.refuses = Unreachable("no route to host")
    with pytest.raises(Failed, match="no route to host"):
        run(**options)
    with pytest.raises(Failed, match="no route to host"):
        run(**options)
    run.vault.server.refuses = None
    assert run(check_mode=True, **options).plan.changed
    outcome = run(**options)
    assert outcome.plan.changed
    assert len(outcome.facts["verified"]) == 2
    assert not run(**options).plan.changed


def test_a_change_that_was_not_proved_is_proved_later(run: Run) -> None:
    run(vault_path=PATH, verify="changed")
    [_before, record] = run(vault_path=PATH, verify="never", roles=[ROLE]).plan.diff[-2:]
    assert (record["before_header"], record["after"]) == (METADATA, {})
    assert len(run(vault_path=PATH, verify="changed", roles=[ROLE]).facts["verified"]) == 1


def test_a_rotation_is_proved_once(run: Run) -> None:
    run(vault_path=PATH, verify="changed")
    assert len(run(**ONCE).facts["verified"]) == 2
    assert not run(**ONCE).plan.changed


def test_a_repair_is_proved_once(rotated: Run) -> None:
    rotated.vault.stored[ROLES[0]]["max_ttl"] = 1
    assert len(rotated(**ONCE).plan.actions) == 1
    assert not rotated(**ONCE).plan.changed


def test_a_repair_that_was_not_proved_is_proved_later(run: Run) -> None:
    options = {"vault_path": PATH, "verify": "changed"}
    run(**options)
    run.vault.stored[ROLES[0]]["max_ttl"] = 1
    run.vault.dies_before = 3
    with pytest.raises(Killed):
        run(**options)
    run.vault.dies_before = None
    assert run(**options).plan.diff[0]["before_header"] == METADATA


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("reached", range(17))
def test_a_first_registration_killed_anywhere_is_finished_by_the_next(run: Run, reached: int, version: int) -> None:
    run.vault.engines["secret"] = Engine("kv", "secret", 0, version)
    run.vault.dies_before = reached
    try:
        run(**ONCE)
    except Killed:
        run.vault.dies_before = None
        run(**ONCE)
    assert run.vault.password == run.vault.server.root_password != "first-password"
    assert not run(**ONCE).plan.changed


def test_seventeen_is_enough(run: Run) -> None:
    run(**ONCE)
    assert len(run.vault.writes) <= 17


@pytest.mark.parametrize("reached", range(8))
def test_a_password_replaced_and_killed_anywhere_is_rotated_in_the_end(rotated: Run, reached: int) -> None:
    """Somebody has set another password in PostgreSQL, and it is given."""
    given = {**ONCE, "password": "new-password", "host": "new.example.org"}
    rotated.vault.server.root_password = "new-password"
    rotated.vault.dies_before = reached
    try:
        rotated(**given)
    except Killed:
        rotated.vault.dies_before = None
        rotated(**given)
    assert rotated.vault.password == rotated.vault.server.root_password != "new-password"
    assert not rotated(**given).plan.changed


def test_a_connection_that_was_deleted_is_rotated_again(rotated: Run) -> None:
    del rotated.vault.stored[CONFIG]
    rotated.vault.server.root_password = "first-password"
    rotated(**ONCE)
    assert rotated.vault.passwords == ["first-password"]
    assert f"write {ROTATION}" in rotated.vault.writes


def test_a_rotated_password_that_is_gone_with_its_connection_is_explained(rotated: Run) -> None:
    del rotated.vault.stored[CONFIG]
    with pytest.raises(
        Failed, match=r"Vault can not log in to .*; if Vault had rotated the password, the collection's docs"
    ):
        rotated(**ONCE)
    assert CONFIG not in rotated.vault.stored


def test_two_refused_passwords_are_explained(rotated: Run) -> None:
    rotated.vault.server.root_password = "known to somebody else"
    with pytest.raises(Failed, match=r'refuses both .* and the one given; set one there \(ALTER ROLE "dev-vault"'):
        rotated(**ONCE, host="new.example.org")
    assert rotated.vault.passwords == []


def test_in_doubt_it_asks(rotated: Run) -> None:
    rotated.vault.password = LOST
    rotated.vault.server.refuses = Unreachable("no route to host")
    with pytest.raises(
        Failed, match=f"no route to host; run where .*; or, if you know .*, vault delete {CONFIG} and run"
    ):
        rotated(**ONCE, host="new.example.org")
    assert rotated.vault.passwords == []


def test_a_rotation_that_finds_its_password_refused_starts_from_the_given_one(run: Run) -> None:
    run(vault_path=PATH)
    run.vault.password = LOST
    run(**ONCE)
    assert run.vault.passwords == ["first-password"]
    assert run.vault.password == run.vault.server.root_password != "first-password"


def test_another_refusal_of_the_rotation_is_passed_on(run: Run) -> None:
    run.vault.refuses[f"write {ROTATION}"] = Forbidden("not allowed")
    with pytest.raises(Forbidden) as caught:
        run(**ONCE)
    assert caught.value.facts["changed"] is True
    assert notes(run)["pnow_infra_root_password"] == "rotating"


def test_another_login_is_rotated_for_itself(rotated: Run) -> None:
    rotated.vault.server.root_password = "other-password"
    rotated(**ONCE, username="other-vault", password="other-password")
    assert f"write {ROTATION}" in rotated.vault.writes


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rotate_root": "once"}, "vault_path is missing, and rotate_root once needs it"),
        ({**ONCE, "tls_certificate": "c", "tls_private_key": "k"}, "which Vault can not do together"),
    ],
)
def test_a_rotation_that_can_not_be_is_refused_before_any_request(run: Run, change: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidOption, match=why):
        run(**change)
    assert run.vault.requests == []


def test_check_mode_says_what_would_be_done(run: Run) -> None:
    checked = run(check_mode=True, **ONCE)
    assert run.vault.writes == []
    assert checked.plan.diff == run(**ONCE).plan.diff
    assert [shown["before_header"] for shown in checked.plan.diff] == [CONFIG, *ROLES, DATA, ROTATION, METADATA]


def test_roles_not_listed_are_kept_unless_purged(run: Run) -> None:
    run()
    run(roles=[ROLE])
    assert ROLES[1] in run.vault.stored
    run.vault.stored["database/roles/foreign"] = {"db_name": "other"}
    run(roles=[ROLE], purge_roles=True)
    assert run.vault.writes == ["revoke database/creds/dev-readonly", f"delete {ROLES[1]}"]
    assert "database/roles/foreign" in run.vault.stored
    assert not run(roles=[ROLE], purge_roles=True).plan.changed
