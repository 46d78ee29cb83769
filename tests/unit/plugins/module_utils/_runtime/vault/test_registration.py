# SPDX-License-Identifier: GPL-3.0-or-later
"""Registration through the engine: exact writes, passwords sent only when they must be, proof, orderly removal."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import (
    Failed,
    Forbidden,
    InUse,
    InvalidOption,
    Rejected,
    Unreachable,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.vault.ports import Engine, StuckLease
from tests.unit.plugins.registrations import CONFIG, READONLY, ROLE, ROLES, SECRET, Run
from tests.unit.plugins.scripted_vault import REFUSED_LOGIN, WRONG_HOST

STATIC = "database/static-roles/other"


@pytest.fixture
def run() -> Run:
    return Run(SECRET)


@pytest.fixture
def registered(run: Run) -> Run:
    run()
    return run


def test_the_connection_is_written_before_its_roles(run: Run) -> None:
    outcome = run()
    assert outcome.plan.changed
    assert run.vault.writes == [f"write {path}" for path in [CONFIG, *ROLES]]
    assert run.vault.passwords == ["first-password"]
    assert outcome.facts["connection"]["sslmode"] == "verify-full"


def test_a_second_run_reads_each_object_once_and_writes_nothing(registered: Run) -> None:
    outcome = registered()
    assert not outcome.plan.changed
    assert registered.vault.requests == [f"read {path}" for path in [CONFIG, *ROLES]]


def test_check_mode_writes_nothing_and_tells_the_same(run: Run) -> None:
    checked = run(check_mode=True, verify="always")
    assert run.vault.writes == []
    assert checked.plan.diff == run().plan.diff
    assert "first-password" not in str(checked.plan.diff)


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        (CONFIG, "allowed_roles", ["*"]),
        (CONFIG, "plugin_name", "other-plugin"),
        (CONFIG, "verify_connection", False),
        *[
            (path, field, value)
            for path in ROLES
            for field, value in {
                "db_name": "other",
                "creation_statements": ["CREATE ROLE x"],
                "revocation_statements": [],
                "renew_statements": ["x"],
                "default_ttl": 60,
                "max_ttl": 0,
                "credential_type": "rsa_private_key",
            }.items()
        ],
    ],
)
def test_one_field_changed_by_hand_is_found_shown_and_repaired(
    registered: Run, path: str, field: str, value: Any
) -> None:
    before = registered.vault.read(path)
    registered.vault.stored[path][field] = value
    [shown] = registered().plan.diff
    assert shown["before_header"] == path
    assert {key for key in shown["after"] if shown["after"][key] != shown["before"][key]} == {field}
    assert registered.vault.writes == [f"write {path}"]
    assert registered.vault.read(path) == before


def test_a_url_changed_by_hand_is_repaired_without_sending_a_password(registered: Run) -> None:
    registered.vault.stored[CONFIG]["connection_details"]["connection_url"] = "postgresql://elsewhere"
    registered()
    assert registered.vault.writes == [f"write {CONFIG}"]
    assert registered.vault.passwords == []


def test_a_password_is_sent_again_only_when_vaults_own_is_refused(registered: Run) -> None:
    registered.vault.password = "lost"
    registered(host="new.example.org")
    assert registered.vault.writes == [f"write {CONFIG}"] * 2
    assert registered.vault.passwords == ["first-password"]


def test_a_rotated_password_is_kept_when_ours_is_stale(registered: Run) -> None:
    registered.vault.password = registered.vault.server.root_password = "rotated-by-hand"
    registered(host="new.example.org")
    assert registered.vault.passwords == []


def test_another_user_needs_its_password(registered: Run) -> None:
    registered.vault.server.root_password = "other-password"
    registered(username="other-vault", password="other-password")
    assert registered.vault.writes == [f"write {CONFIG}"]
    assert registered.vault.passwords == ["other-password"]


@pytest.mark.parametrize("failure", [REFUSED_LOGIN, WRONG_HOST])
def test_a_connection_that_fails_is_one_sentence(run: Run, failure: Rejected) -> None:
    run.vault.refuses[f"write {CONFIG}"] = failure
    with pytest.raises(Failed, match="can not log in to database dev-db at db"):
        run()
    assert run.vault.stored == {}


def test_another_refusal_is_passed_on(registered: Run) -> None:
    registered.vault.refuses[f"write {CONFIG}"] = Rejected("plugin not found")
    with pytest.raises(Rejected, match="plugin not found"):
        registered(host="new.example.org")


def test_a_failure_tells_what_had_been_changed(run: Run) -> None:
    run.vault.refuses[f"write {ROLES[0]}"] = Forbidden("not allowed")
    with pytest.raises(Forbidden) as caught:
        run()
    assert caught.value.facts["changed"] is True
    del run.vault.refuses[f"write {ROLES[0]}"]
    assert [item["before_header"] for item in run().plan.diff] == ROLES


def test_the_secret_supplies_what_no_option_gives_and_stays_secret(run: Run) -> None:
    nothing = dict.fromkeys(("host", "port", "username", "password"))
    run.vault.server.root_password = "secret-password"
    outcome = run(connection_secret={"namespace": "crossplane-system", "name": "vault-login"}, **nothing)
    assert outcome.facts["connection"]["host"] == "10.0.0.7"
    assert run.vault.passwords == ["secret-password"]
    assert run.redactor.text("secret-password") == "********"


def test_a_missing_secret_is_named(run: Run) -> None:
    with pytest.raises(InvalidOption, match="connection_secret is Secret crossplane-system/none, which does not exist"):
        run(connection_secret={"namespace": "crossplane-system", "name": "none"})


@pytest.mark.parametrize("check_mode", [False, True])
def test_another_engine_is_refused_before_anything_is_written(run: Run, check_mode: bool) -> None:
    run.vault.engines["database"] = Engine("kv", "database")
    with pytest.raises(InvalidOption, match="mount_point is 'database', where a secrets engine of type kv is mounted"):
        run(check_mode=check_mode)
    assert run.vault.writes == []


def test_an_engine_is_mounted_only_when_asked(run: Run) -> None:
    del run.vault.engines["database"]
    with pytest.raises(InvalidOption, match="no engine mounted at database/"):
        run()
    assert run(mount=True, check_mode=True).plan.actions[0].target == "sys/mounts/database"
    assert run(mount=True).plan.actions[0].after == {"type": "database"}
    assert run.vault.writes[:2] == ["write sys/mounts/database", f"write {CONFIG}"]
    assert not run(mount=True).plan.changed


def test_a_life_longer_than_the_mounts_is_told(run: Run) -> None:
    run(roles=[{**ROLE, "max_ttl": "1000h"}])
    [warning] = run.reporter.warnings
    assert warning.startswith("credentials of role dev-readwrite will not live for 1000h00m: Vault ends everything")


def test_a_life_of_no_given_length_is_told(run: Run) -> None:
    run(roles=[{**ROLE, "default_ttl": "0"}])
    assert run.reporter.warnings == [
        "role dev-readwrite has no default_ttl: its credentials live as long as database/ lets them"
    ]


@pytest.mark.parametrize(("verify", "proofs"), [("changed", [2, 0]), ("always", [2, 2]), ("never", [0, 0])])
def test_when_roles_are_proved(run: Run, verify: str, proofs: list[int]) -> None:
    assert [len(run(verify=verify).facts["verified"]) for _round in range(2)] == proofs


def test_what_is_proved(run: Run) -> None:
    writer, reader = run(verify="changed").facts["verified"]
    assert writer["proved"] == [
        "logged in",
        "created and filled a table",
        "made it for dev-user",
        "dropped the table",
        "been revoked",
        "lost its open session",
        "taken its role along",
        "lost the right to log in",
    ]
    assert reader["proved"][1:4] == [
        "read a table of dev-user",
        "been refused to write to it",
        "been refused a table of its own",
    ]
    assert run.vault.server.tables == {}
    assert run.vault.writes[-1] == "end child"


def test_a_reader_without_a_writer_is_proved_to_write_nothing(run: Run) -> None:
    [reader] = run(verify="always", roles=[READONLY]).facts["verified"]
    assert reader["proved"][:2] == ["logged in", "been refused a table of its own"]


PLACE = "SELECT format('%I.%I', nspname, relname)"
MAKES_TABLE = f"CREATE TABLE pnow_infra_proof_{sha256(b'v-dev-readonly').hexdigest()[:32]} ()"
REVOKE = "SELECT format(\n    'REVOKE"


def test_tables_that_a_killed_proof_has_left_are_dropped(run: Run) -> None:
    server = run.vault.server
    server.answers = {f"{PLACE}\n": [("public.pnow_infra_proof_gone",)]}
    run(verify="always")
    assert "v-dev-readwrite: DROP TABLE IF EXISTS public.pnow_infra_proof_gone" in server.statements


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({f"{PLACE}, pg_": [("public.t", "v-dev-readwrite")]}, "not made it for dev-user: the table belongs to v-"),
        ({"SELECT written": Forbidden("denied")}, "dev-readonly .* has not read a table of dev-user: denied"),
        ({"SELECT written": []}, "has not read a table of dev-user: it saw 0 rows of 1"),
        ({"INSERT INTO public": []}, "has not been refused to write to it: PostgreSQL allowed it"),
        ({MAKES_TABLE: []}, "not been refused a table of its own: PostgreSQL allowed it; mend what it names"),
        (
            {MAKES_TABLE: [], REVOKE: [("REVOKE x",), ("REVOKE y",)]},
            "PostgreSQL allowed it, which the schema's owner mends in database dev-db with REVOKE x; REVOKE y; mend",
        ),
        ({"CREATE TABLE": Forbidden("no schema")}, "created and filled a table: no schema; mend"),
        (
            {"CREATE TABLE": Forbidden("no schema"), "SELECT CASE": [("GRANT x",)]},
            "table: no schema, which the schema's owner mends in database dev-db with GRANT x; mend",
        ),
    ],
)
def test_a_broken_promise_is_named(run: Run, answers: dict[str, Any], why: str) -> None:
    run.vault.server.answers = answers
    with pytest.raises(Failed, match=why) as caught:
        run(verify="changed")
    assert caught.value.facts["changed"] is True
    assert run.vault.server.tables == {}


def test_a_credential_that_outlives_its_lease_is_named(run: Run) -> None:
    run.vault.server.mortal = {"v-dev-readonly"}
    with pytest.raises(Failed, match="has not lost its open session: the session is still alive"):
        run(verify="always")


def test_a_role_that_outlives_its_lease_is_named(run: Run) -> None:
    run.vault.server.undropped = {"v-dev-readwrite"}
    with pytest.raises(Failed, match="has not taken its role along: role v-dev-readwrite is still there"):
        run(verify="always")


def test_a_server_out_of_reach_is_named_with_the_step(run: Run) -> None:
    run.vault.server.refuses = Unreachable("no route to host")
    with pytest.raises(Failed, match=r"dev-readwrite is registered, but .* not logged in: no route to host; mend"):
        run(verify="always")


def test_removal_ends_credentials_then_roles_then_the_connection(registered: Run) -> None:
    outcome = registered(state="absent")
    assert registered.vault.writes == [
        "revoke database/creds/dev-readwrite",
        "revoke database/creds/dev-readonly",
        f"delete {ROLES[0]}",
        f"delete {ROLES[1]}",
        f"delete {CONFIG}",
    ]
    assert len(outcome.plan.actions) == 5
    again = registered(state="absent")
    assert not again.plan.changed
    assert registered.vault.writes == []


def test_removal_in_check_mode_writes_nothing(registered: Run) -> None:
    assert len(registered(state="absent", check_mode=True).plan.actions) == 5
    assert registered.vault.writes == []


@pytest.mark.parametrize("reached", range(5))
def test_removal_resumes_where_it_was_stopped(registered: Run, reached: int) -> None:
    steps = [f"revoke database/creds/{name}" for name in ("dev-readwrite", "dev-readonly")]
    steps += [f"delete {path}" for path in [*ROLES, CONFIG]]
    registered.vault.refuses[steps[reached]] = Forbidden("not allowed")
    with pytest.raises(Forbidden) as caught:
        registered(state="absent")
    assert caught.value.facts["changed"] is (reached > 0)
    registered.vault.refuses.clear()
    registered(state="absent")
    assert registered.vault.stored == {}


def test_credentials_that_can_not_be_revoked_are_listed_and_not_forced(registered: Run) -> None:
    lease = StuckLease("database/creds/dev-readwrite/x1", "role owns objects")
    registered.vault.stuck = [lease, StuckLease("database/creds/other/x2", "not ours")]
    registered.vault.refuses["revoke database/creds/dev-readwrite"] = Failed("failed to revoke: role owns objects")
    with pytest.raises(Failed, match="role owns objects; mend what it names and run again; no credential") as caught:
        registered(state="absent")
    assert caught.value.facts["irrevocable_leases"] == [{"lease_id": lease.lease_id, "error": lease.error}]
    assert [request for request in registered.vault.writes if request.startswith("delete")] == []
    registered.vault.refuses["read sys/leases"] = Forbidden("not allowed")
    with pytest.raises(Failed) as caught:
        registered(state="absent")
    assert caught.value.facts["irrevocable_leases"] == []


def test_credentials_of_a_role_that_is_gone_are_ended_too(registered: Run) -> None:
    del registered.vault.stored[ROLES[0]]
    registered(state="absent")
    assert "revoke database/creds/dev-readwrite" in registered.vault.writes


def test_a_role_of_another_connection_is_not_touched(registered: Run) -> None:
    registered.vault.stored[ROLES[0]]["db_name"] = "other"
    with pytest.raises(InvalidOption, match="role dev-readwrite belongs to connection other and not to postgres-dev"):
        registered(state="absent")
    registered(state="absent", roles=[READONLY])
    assert list(registered.vault.stored) == [ROLES[0]]


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("path", [STATIC, "database/roles/team/other", "database/roles/other"])
def test_a_connection_that_others_use_is_kept(registered: Run, path: str, check_mode: bool) -> None:
    registered.vault.stored[path] = {"db_name": "postgres-dev"}
    registered.vault.stored["database/roles/foreign"] = {"db_name": "another"}
    with pytest.raises(InUse, match=f"connection {CONFIG} is still used by {path}; end them first"):
        registered(state="absent", check_mode=check_mode)
    assert registered.vault.writes == []
    del registered.vault.stored[path]
    registered(state="absent")
    assert list(registered.vault.stored) == ["database/roles/foreign"]


def test_a_role_that_is_not_named_is_of_somebody_who_uses_the_connection(registered: Run) -> None:
    with pytest.raises(InUse, match=f"still used by {ROLES[1]}; end them first, or name in roles what is to end with"):
        registered(state="absent", roles=[ROLE])
    assert registered.vault.writes == []


def test_who_may_not_list_looks_for_what_the_connection_names(registered: Run) -> None:
    """The token of an operator, who has rights on the roles of one environment only."""
    unlisted = Forbidden("not allowed to list database/static-roles", next_step="grant list")
    registered.vault.refuses = {"list database/roles": unlisted, "list database/static-roles": unlisted}
    registered.vault.stored[CONFIG]["allowed_roles"] = ["dev-readonly", "dev-readwrite", "other"]
    registered.vault.stored[STATIC] = {"db_name": "postgres-dev"}
    with pytest.raises(InUse, match=f"still used by {STATIC}"):
        registered(state="absent")
    del registered.vault.stored[STATIC]
    assert registered(state="absent").plan.changed
    assert registered.vault.stored == {}
    assert len(set(registered.reporter.warnings)) == 1
    assert registered.reporter.warnings[0] == (
        f"not allowed to list database/static-roles, so only the roles that {CONFIG} names are looked for there; "
        "grant list"
    )


@pytest.mark.parametrize("allowed", ["*", "dev-*"])
def test_who_may_not_list_what_a_pattern_admits_may_not_delete(registered: Run, allowed: str) -> None:
    registered.vault.refuses["list database/roles"] = Forbidden("not allowed to list database/roles")
    registered.vault.stored[CONFIG]["allowed_roles"] = [allowed]
    with pytest.raises(Forbidden, match="not allowed to list database/roles"):
        registered(state="absent")
    assert registered.vault.writes == []


@pytest.mark.parametrize(("allowed", "decides"), [("pr-*", True), ("dev-*", False)])
def test_a_role_that_may_not_be_read_counts_if_the_connection_admits_it(
    registered: Run, allowed: str, decides: bool
) -> None:
    registered.vault.stored["database/roles/pr-1"] = {"db_name": "another"}
    registered.vault.refuses["read database/roles/pr-1"] = Forbidden("not allowed to read database/roles/pr-1")
    registered.vault.stored[CONFIG]["allowed_roles"] = [allowed]
    if decides:
        with pytest.raises(Forbidden, match="not allowed to read database/roles/pr-1"):
            registered(state="absent")
    else:
        assert registered(state="absent").plan.changed
    assert (CONFIG in registered.vault.stored) is decides


def test_a_life_that_the_mount_does_not_allow_is_refused_before_anything_is_written(run: Run) -> None:
    for check_mode in (True, False):
        with pytest.raises(
            InvalidOption, match=r"default_ttl of role dev-readwrite is 800h00m, and Vault ends everyth"
        ):
            run(check_mode=check_mode, roles=[{**ROLE, "default_ttl": "800h", "max_ttl": "900h"}])
    assert run.vault.writes == []


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_database_can_not_be_absent_from_another_engine(run: Run, state: str) -> None:
    run.vault.engines["database"] = Engine("kv", "database")
    with pytest.raises(InvalidOption, match="mount_point is 'database', where a secrets engine of type kv is mounted"):
        run(state=state)


def test_what_another_engine_says_is_not_passed_on(run: Run) -> None:
    run.vault.engines["database"] = Engine("kv", "database", 0, 2)
    run.vault.refuses[f"read {CONFIG}"] = Rejected("Invalid path for a versioned K/V secrets engine")
    with pytest.raises(InvalidOption, match="where a secrets engine of type kv is mounted"):
        run()
