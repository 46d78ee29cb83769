# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a connection and its roles are: noted before they are created, and never touched when they are others'."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Forbidden, InUse, InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.vault.ports import Engine
from tests.unit.plugins.registrations import CONFIG, READONLY, ROLE, ROLES, Run
from tests.unit.plugins.scripted_vault import Killed

PATH = "secret/database/dev"
DATA = "secret/data/database/dev"
METADATA = "secret/metadata/database/dev"
CREATED = "pnow_infra_created_1"
RECORDED = {"vault_path": PATH, "verify": "changed"}


@pytest.fixture(params=[2, 1])
def run(request: pytest.FixtureRequest) -> Run:
    run = Run()
    run.vault.engines["secret"] = Engine("kv", "secret", 0, request.param)
    return run


@pytest.fixture
def recorded(run: Run) -> Run:
    run(**RECORDED)
    return run


def notes(run: Run) -> dict[str, str]:
    """Where they are depends on the version of the engine."""
    found: dict[str, str] = (
        run.vault.stored[PATH] if PATH in run.vault.stored else run.vault.stored[DATA]["metadata"]["custom_metadata"]
    )
    return found


def forget_creations(run: Run) -> None:
    """As a registration was written down before creations were."""
    del notes(run)[CREATED]


def test_what_is_created_is_noted_before_it_is(run: Run) -> None:
    run.vault.dies_before = 1
    with pytest.raises(Killed):
        run(**RECORDED)
    run.vault.dies_before = None
    noted = run.vault.stored.get(PATH) or run.vault.stored[METADATA]["custom_metadata"]
    assert noted[CREATED].split() == sorted([CONFIG, *ROLES])
    assert not any(path.startswith("database/") for path in run.vault.stored)


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("foreign", [CONFIG, ROLES[1]])
def test_what_others_have_created_is_refused_before_anything_is_written(
    run: Run, foreign: str, check_mode: bool
) -> None:
    run.vault.stored[foreign] = theirs = {"db_name": "postgres-dev", "allowed_roles": ["*"]}
    with pytest.raises(
        InvalidOption,
        match=f"there is {foreign}, which by the record at {PATH} was not created .*; use other names, or set adopt",
    ):
        run(check_mode=check_mode, **RECORDED)
    assert run.vault.writes == []
    assert run.vault.stored == {foreign: theirs}


def test_what_others_have_created_is_ours_once_it_was_adopted(run: Run) -> None:
    run.vault.stored[CONFIG] = {"db_name": "x", "allowed_roles": ["*"]}
    checked = run(**RECORDED, adopt=True, check_mode=True)
    assert checked.plan.diff[0]["after"] == {"created": [CONFIG]}
    assert run(**RECORDED, adopt=True).plan.diff == checked.plan.diff
    assert not run(**RECORDED).plan.changed
    assert CONFIG in notes(run)[CREATED]
    run(**RECORDED, state="absent")
    assert run.vault.stored == {}


def test_adoption_of_what_is_as_wanted_is_a_change_once(recorded: Run) -> None:
    recorded.vault.stored = {path: data for path, data in recorded.vault.stored.items() if "secret" not in path}
    with pytest.raises(InvalidOption, match=f"there is {CONFIG} and {ROLES[0]} and {ROLES[1]}, which by the record"):
        recorded(**RECORDED)
    adopted = recorded(**RECORDED, adopt=True)
    assert adopted.plan.diff[0]["after"] == {"created": sorted([CONFIG, *ROLES])}
    assert not recorded(**RECORDED, adopt=True).plan.changed
    assert not recorded(**RECORDED).plan.changed


def test_without_a_record_nobody_knows(run: Run) -> None:
    """And a second run must change nothing."""
    run.vault.stored[CONFIG] = {"allowed_roles": ["*"]}
    assert run().plan.changed
    assert not run().plan.changed
    assert len(run(state="absent").plan.actions) == 5


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_connection_of_others_is_kept(recorded: Run, check_mode: bool) -> None:
    """Ours was deleted, and somebody made another of its name; the record names our roles only."""
    noted = notes(recorded)
    noted[CREATED] = noted[CREATED].replace(CONFIG, "")
    outcome = recorded(**RECORDED, state="absent", check_mode=check_mode)
    assert outcome.facts["kept"] == [CONFIG]
    assert recorded.reporter.warnings[-1].startswith(f"{CONFIG} is kept: by the record at vault_path it was not")
    assert CONFIG in recorded.vault.stored
    assert (ROLES[0] in recorded.vault.stored) is check_mode


def test_what_was_kept_ends_with_adopt(recorded: Run) -> None:
    for path in [path for path in recorded.vault.stored if path.startswith("secret/")]:
        del recorded.vault.stored[path]
    assert recorded(**RECORDED, state="absent").facts["kept"] == [*ROLES, CONFIG]
    assert recorded.vault.writes == []
    outcome = recorded(**RECORDED, state="absent", adopt=True)
    assert outcome.facts["kept"] == []
    assert recorded.vault.stored == {}


def test_a_role_of_others_holds_the_connection(recorded: Run) -> None:
    noted = notes(recorded)
    noted[CREATED] = noted[CREATED].replace(ROLES[1], "")
    with pytest.raises(
        InUse, match=f"is still used by {ROLES[1]}; end them first, or .*, with adopt if others created it"
    ):
        recorded(**RECORDED, state="absent")
    assert recorded.vault.writes == []
    recorded(**RECORDED, state="absent", adopt=True)
    assert recorded.vault.stored == {}


def test_roles_that_are_not_named_any_more_end_by_the_record(recorded: Run) -> None:
    recorded(**RECORDED, roles=[ROLE])
    assert ROLES[1] in recorded.vault.stored
    recorded(**RECORDED, roles=[], state="absent")
    assert recorded.vault.stored == {}


def test_a_role_that_is_noted_and_gone_needs_no_right(recorded: Run) -> None:
    recorded(**RECORDED, roles=[ROLE])
    del recorded.vault.stored[ROLES[1]]
    for request in (f"read {ROLES[1]}", "revoke database/creds/dev-readonly"):
        recorded.vault.refuses[request] = Forbidden("not allowed")
    recorded(**RECORDED, roles=[], state="absent")
    assert recorded.vault.stored == {}


def test_purging_ends_what_is_ours(recorded: Run) -> None:
    recorded.vault.stored["database/roles/theirs"] = {"db_name": "postgres-dev"}
    recorded(**RECORDED, roles=[ROLE], purge_roles=True)
    assert [path for path in recorded.vault.stored if "roles" in path] == [ROLES[0], "database/roles/theirs"]
    assert notes(recorded)[CREATED].split() == [CONFIG, ROLES[0]]
    recorded(**RECORDED, roles=[ROLE], purge_roles=True, adopt=True)
    assert "database/roles/theirs" not in recorded.vault.stored
    assert not recorded(**RECORDED, roles=[ROLE], purge_roles=True).plan.changed


@pytest.mark.parametrize("verify", ["changed", "never"])
def test_a_registration_that_is_older_than_such_notes_is_ours(run: Run, verify: str) -> None:
    """With verify never, it has left nothing but its facts."""
    run(**{**RECORDED, "verify": verify})
    forget_creations(run)
    if verify == "never":
        for name in [name for name in notes(run) if name.startswith("pnow_infra_")]:
            del notes(run)[name]
    assert not run(**{**RECORDED, "verify": verify}).plan.changed
    run(**{**RECORDED, "verify": verify}, roles=[ROLE])
    assert notes(run)[CREATED].split() == [CONFIG, *sorted(ROLES)], "the role that is not named any more, too"
    assert notes(run)[CREATED].count(CONFIG) == 1
    run(**RECORDED, state="absent", roles=[])
    assert run.vault.stored == {}


def test_a_registration_that_is_older_ends(recorded: Run) -> None:
    forget_creations(recorded)
    recorded(**RECORDED, state="absent", roles=[])
    assert recorded.vault.stored == {}


def test_facts_of_another_connection_stay(recorded: Run) -> None:
    kept = dict(recorded.vault.stored)
    outcome = recorded(**RECORDED, state="absent", name="postgres-other", roles=[])
    assert not outcome.plan.changed
    assert recorded.vault.stored == kept


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("reached", range(17))
def test_killed_anywhere_the_next_run_knows_what_is_ours(run: Run, reached: int, state: str) -> None:
    options: dict[str, Any] = {**RECORDED, "rotate_root": "once", "roles": [ROLE, READONLY]}
    run.vault.dies_before = reached
    with suppress(Killed):
        run(**options)
    run.vault.dies_before = None
    run(**options, state=state)
    assert not run(**options, state=state).plan.changed
    assert (run.vault.stored == {}) is (state == "absent")


@pytest.mark.parametrize("reached", range(7))
def test_a_removal_killed_anywhere_is_finished_by_the_next(recorded: Run, reached: int) -> None:
    recorded.vault.dies_before = reached
    with suppress(Killed):
        recorded(**RECORDED, state="absent", roles=[])
    recorded.vault.dies_before = None
    recorded(**RECORDED, state="absent", roles=[])
    assert recorded.vault.stored == {}
    assert not recorded(**RECORDED, state="absent").plan.changed
