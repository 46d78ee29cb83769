# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings in Vault: written when a field differs, and only then."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.redact import HIDDEN, HIDDEN_NEW, Redactor
from ansible_collections.pnow.infra.plugins.module_utils._domain.vault.ports import Engine
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request
from ansible_collections.pnow.infra.plugins.module_utils._runtime.vault.objects import reconcile_object
from tests.unit.plugins.scripted import ScriptedReporter
from tests.unit.plugins.scripted_vault import ScriptedVault

PATH = "auth/kubernetes/role/dev"
FIELDS = {"token_ttl": 3600, "bound_service_account_names": ["app"], "audience": ""}


def run(
    vault: ScriptedVault, *, check_mode: bool = False, reporter: ScriptedReporter | None = None, **options: Any
) -> Outcome:
    given = {"path": PATH, "fields": FIELDS, "state": "present", "update_secrets": False, **options}
    request = Request(given, check_mode, reporter or ScriptedReporter(), Redactor())
    return reconcile_object(request, vault)


def diff(outcome: Outcome) -> tuple[dict[str, Any], dict[str, Any]]:
    [action] = outcome.plan.actions
    return action.before, action.after


def test_what_differs_is_written_once() -> None:
    vault = ScriptedVault()
    assert run(vault, check_mode=True).plan.changed
    assert vault.writes == []
    assert run(vault).plan.actions[0].verb == "create"
    assert not run(vault).plan.changed
    assert vault.writes == [f"write {PATH}"]


def test_what_is_as_wanted_costs_one_request() -> None:
    vault = ScriptedVault()
    run(vault)
    vault.requests.clear()
    run(vault)
    assert vault.requests == [f"read {PATH}"]


@pytest.mark.parametrize(
    ("name", "live", "same"),
    [
        ("token_ttl", "1h", True),
        ("token_ttl", 60, False),
        ("bound_service_account_names", "app", True),
        ("bound_service_account_names", ["app", "other"], False),
        ("audience", None, True),
        ("others", "left alone", True),
    ],
)
def test_one_field(name: str, live: Any, same: bool) -> None:
    vault = ScriptedVault()
    vault.stored[PATH] = {**FIELDS, name: live}
    assert run(vault).plan.changed is not same
    assert not run(vault).plan.changed


def test_what_is_the_same_is_shown_in_vaults_words() -> None:
    vault = ScriptedVault()
    vault.stored[PATH] = {**FIELDS, "token_ttl": 3600, "audience": "other"}
    before, after = diff(run(vault, fields={**FIELDS, "token_ttl": "1h"}))
    assert {name for name in after if before[name] != after[name]} == {"audience"}


def test_what_is_null_is_left_alone() -> None:
    vault = ScriptedVault()
    run(vault, fields={"token_ttl": 60, "audience": None})
    assert vault.stored[PATH] == {"token_ttl": 60}


def test_what_is_not_wanted_is_deleted_once() -> None:
    vault = ScriptedVault()
    assert not run(vault, state="absent", fields={}).plan.changed
    run(vault)
    assert run(vault, state="absent", fields={}).plan.changed
    assert vault.stored == {}


def test_what_is_not_as_the_fields_say_is_not_deleted() -> None:
    vault, reporter = ScriptedVault(), ScriptedReporter()
    vault.stored[PATH] = {**FIELDS, "token_ttl": 60, "audience": "others"}
    outcome = run(vault, state="absent", reporter=reporter)
    assert not outcome.plan.changed
    assert outcome.facts["kept"] == ["token_ttl", "audience"]
    assert reporter.warnings == [f"{PATH} is kept: it has other values of token_ttl, audience"]
    assert run(vault, state="absent", fields={"token_ttl": "1m"}).plan.changed
    assert vault.stored == {}


@pytest.mark.parametrize("path", ["", "sys", "sys/../x", "sys/./x", "sys/ b/c", "sys/{{x}}", "sys/a%20b", "sys//x"])
def test_a_path_that_is_none(path: str) -> None:
    vault = ScriptedVault()
    with pytest.raises(InvalidOption, match=r"path is .*, which is no path in Vault"):
        run(vault, path=path)
    assert vault.requests == []


def test_a_name_with_spaces() -> None:
    vault = ScriptedVault()
    vault.engines["identity"] = Engine("identity", "identity")
    assert run(vault, path="identity/group/name/Team A", fields={}).plan.changed
    assert not run(vault, path="identity/group/name/Team A", fields={}).plan.changed


USER = "auth/userpass/users/jane"
SECRET = {"password": "c4nary", "token_ttl": 3600}


@pytest.fixture
def users() -> ScriptedVault:
    """Does not give a password back."""
    vault = ScriptedVault()
    vault.untold = {"password", "token_reviewer_jwt"}
    return vault


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_secret_is_written_on_creation_and_not_shown(users: ScriptedVault, check_mode: bool) -> None:
    before, after = diff(run(users, path=USER, fields=SECRET, check_mode=check_mode))
    assert (before, after) == ({}, {"password": HIDDEN_NEW, "token_ttl": 3600})


def test_a_secret_is_not_compared(users: ScriptedVault) -> None:
    run(users, path=USER, fields=SECRET)
    assert not run(users, path=USER, fields={**SECRET, "password": "other"}).plan.changed
    assert diff(run(users, path=USER, fields={**SECRET, "token_ttl": 60})) == ({"token_ttl": 3600}, {"token_ttl": 60})
    assert users.sent[USER] == [SECRET, {"token_ttl": 60}]


def test_a_secret_is_written_when_asked(users: ScriptedVault) -> None:
    run(users, path=USER, fields=SECRET)
    for _round in range(2):
        outcome = run(users, path=USER, fields=SECRET, update_secrets=True)
        assert diff(outcome)[1] == {"password": HIDDEN_NEW, "token_ttl": 3600}
    assert not run(users, path=USER, fields={"token_ttl": 3600}, update_secrets=True).plan.changed


def test_a_secret_is_part_of_every_write_that_would_reset_it(users: ScriptedVault) -> None:
    users.engines["auth"] = Engine("kubernetes", "auth/kubernetes")
    path, fields = "auth/kubernetes/config", {"kubernetes_host": "https://k", "token_reviewer_jwt": "c4nary"}
    run(users, path=path, fields=fields)
    assert not run(users, path=path, fields=fields).plan.changed
    run(users, path=path, fields={**fields, "kubernetes_host": "https://other"})
    assert users.sent[path][1]["token_reviewer_jwt"] == "c4nary"


@pytest.mark.parametrize("has_one", [True, False])
def test_a_secret_that_vault_says_it_lacks_is_written(users: ScriptedVault, has_one: bool) -> None:
    users.engines["auth"] = Engine("kubernetes", "auth/kubernetes")
    path, fields = "auth/kubernetes/config", {"kubernetes_host": "https://k", "token_reviewer_jwt": "c4nary"}
    users.write(path, {"kubernetes_host": "https://k", "token_reviewer_jwt_set": has_one})
    assert run(users, path=path, fields=fields).plan.changed is not has_one


def test_a_field_that_vault_does_not_tell_is_said() -> None:
    vault, reporter = ScriptedVault(), ScriptedReporter()
    vault.untold = {"token_polices"}
    run(vault, fields={"token_polices": ["x"]}, reporter=reporter)
    [warning] = reporter.warnings
    assert warning.startswith(f"Vault does not tell token_polices of {PATH}, so every run writes it again; correct its")


def test_values_of_a_secret_are_not_shown() -> None:
    vault = ScriptedVault()
    path, fields = "secret/data/app", {"data": {"user": "c4nary", "port": 1}}
    assert diff(run(vault, path=path, fields=fields)) == ({}, {"data": {"user": HIDDEN_NEW, "port": HIDDEN_NEW}})
    assert not run(vault, path=path, fields=fields).plan.changed
    before, after = diff(run(vault, path=path, fields={"data": {"user": "c4nary", "port": "1"}}))
    assert (before, after) == (
        {"data": {"user": HIDDEN, "port": HIDDEN}},
        {"data": {"user": HIDDEN, "port": HIDDEN_NEW}},
    )
    assert [sent["options"] for sent in vault.sent[path]] == [{"cas": 0}, {"cas": 1}]


def test_a_secret_that_was_deleted_is_not_there() -> None:
    vault = ScriptedVault()
    vault.stored["secret/data/app"] = {"data": None, "metadata": {"version": 3, "custom_metadata": None}}
    assert not run(vault, path="secret/data/app", fields={}, state="absent").plan.changed
    assert run(vault, path="secret/data/app", fields={"data": {"a": "b"}}).plan.changed
    assert vault.sent["secret/data/app"][0]["options"] == {"cas": 3}


@pytest.mark.parametrize("check_mode", [True, False])
def test_an_engine_that_is_mounted_is_changed_elsewhere(check_mode: bool) -> None:
    vault = ScriptedVault()
    vault.engines["sys"] = Engine("system", "sys")
    vault.stored["sys/mounts/x"] = {"type": "kv", "description": "old"}
    with pytest.raises(InvalidOption, match=r"other values of description, .*; give what can be .* sys/mounts/x/tune"):
        run(vault, path="sys/mounts/x", fields={"type": "kv", "description": "new"}, check_mode=check_mode)
    assert vault.writes == []
    assert not run(vault, path="sys/mounts/x", fields={"type": "kv"}).plan.changed


@pytest.mark.parametrize("value", [date(2026, 1, 1), float("nan"), {"a", "b"}])
def test_what_json_does_not_have_is_named(value: Any) -> None:
    vault = ScriptedVault()
    with pytest.raises(InvalidOption, match=r"^fields\.nested\.since is "):
        run(vault, fields={"nested": {"since": value}})
    assert vault.requests == []
