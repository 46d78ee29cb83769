# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings in Vault: written when a field differs, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.redact import Redactor
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request
from ansible_collections.pnow.infra.plugins.module_utils._runtime.vault.objects import reconcile_object
from tests.unit.plugins.scripted import ScriptedReporter
from tests.unit.plugins.scripted_vault import ScriptedVault

PATH = "auth/kubernetes/role/dev"
FIELDS = {"token_ttl": 3600, "bound_service_account_names": ["app"], "audience": ""}


def run(vault: ScriptedVault, *, check_mode: bool = False, **options: Any) -> Outcome:
    given = {"path": PATH, "fields": FIELDS, "state": "present", **options}
    return reconcile_object(Request(given, check_mode, ScriptedReporter(), Redactor()), vault)


def test_what_differs_is_written_once() -> None:
    vault = ScriptedVault()
    assert run(vault, check_mode=True).plan.changed
    assert vault.writes == []
    assert run(vault).plan.actions[0].verb == "create"
    assert not run(vault).plan.changed
    assert vault.writes == [f"write {PATH}"]


@pytest.mark.parametrize(
    ("name", "told", "same"),
    [
        ("token_ttl", "1h", True),
        ("token_ttl", 60, False),
        ("bound_service_account_names", "app", True),
        ("bound_service_account_names", ["app", "other"], False),
        ("audience", None, True),
        ("others", "left alone", True),
    ],
)
def test_one_field(name: str, told: Any, same: bool) -> None:
    vault = ScriptedVault()
    vault.stored[PATH] = {**FIELDS, name: told}
    assert run(vault).plan.changed is not same
    assert not run(vault).plan.changed


def test_what_is_not_wanted_is_deleted_once() -> None:
    vault = ScriptedVault()
    assert not run(vault, state="absent").plan.changed
    run(vault)
    assert run(vault, state="absent").plan.changed
    assert vault.stored == {}


@pytest.mark.parametrize("path", ["", "sys", "sys/../x", "sys/./x", "a b/c", "sys/{{x}}"])
def test_a_path_that_is_none(path: str) -> None:
    vault = ScriptedVault()
    with pytest.raises(InvalidOption, match=r"path is .*, which is no path in Vault"):
        run(vault, path=path)
    assert vault.requests == []
