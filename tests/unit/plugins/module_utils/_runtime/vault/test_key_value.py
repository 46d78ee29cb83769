# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret in both versions of the key-value engine: values, notes, and what others keep there."""

from __future__ import annotations

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.vault.ports import Engine
from ansible_collections.pnow.infra.plugins.module_utils._runtime.vault.key_value import open_secret
from tests.unit.plugins.scripted_vault import ScriptedVault

NOTE = {"pnow_infra_proved": "f1n9er"}


@pytest.fixture(params=[1, 2])
def vault(request: pytest.FixtureRequest) -> ScriptedVault:
    vault = ScriptedVault()
    vault.engines["secret"] = Engine("kv", "secret", 0, request.param)
    return vault


def test_what_was_written_is_read_again(vault: ScriptedVault) -> None:
    secret = open_secret(vault, "/secret/database/dev/")
    assert (secret.values, secret.notes) == ({}, {})
    secret.write_values({"port": "5432"})
    secret.write_notes(NOTE)
    secret.write_values({"port": "6432"})
    again = open_secret(vault, "secret/database/dev")
    assert (again.values, again.notes) == ({"port": "6432"}, NOTE) == (secret.values, secret.notes)


def test_notes_may_come_first(vault: ScriptedVault) -> None:
    open_secret(vault, "secret/database/dev").write_notes(NOTE)
    again = open_secret(vault, "secret/database/dev")
    assert (again.values, again.notes) == ({}, NOTE)
    again.write_values({"port": "5432"})
    assert open_secret(vault, "secret/database/dev").notes == NOTE


def test_nothing_is_left_of_a_removed_secret(vault: ScriptedVault) -> None:
    secret = open_secret(vault, "secret/database/dev")
    secret.write_values({"port": "5432"})
    secret.write_notes(NOTE)
    secret.remove()
    assert vault.stored == {}


def test_a_deleted_version_keeps_its_notes() -> None:
    vault = ScriptedVault()
    vault.stored["secret/data/x/y"] = {"data": None, "metadata": {"version": 3, "custom_metadata": NOTE}}
    secret = open_secret(vault, "secret/x/y")
    assert (secret.values, secret.notes) == ({}, NOTE)
    secret.write_values({"port": "5432"})
    assert vault.stored["secret/data/x/y"]["metadata"]["version"] == 4


@pytest.mark.parametrize("path", ["secret", "", "/", "a b/c", "secret/../x", "secret//x", "secret/./x", "{{x}}/y"])
def test_a_path_that_names_no_secret(vault: ScriptedVault, path: str) -> None:
    with pytest.raises(InvalidOption, match=r"vault_path is .*, which is no path of a secret"):
        open_secret(vault, path)
    assert vault.requests == []


@pytest.mark.parametrize("path", ["database/config", "secret/team"])
def test_a_path_outside_a_key_value_engine(vault: ScriptedVault, path: str) -> None:
    vault.engines["secret"] = Engine("kv", "secret/team", 0, 2)
    with pytest.raises(InvalidOption, match="is a secrets engine of type"):
        open_secret(vault, path)


@pytest.mark.parametrize("kind", ["data", "metadata"])
def test_a_path_of_the_api(kind: str) -> None:
    """Of a versioned engine, whose API has the values and the notes under paths of their own."""
    vault = ScriptedVault()
    with pytest.raises(
        InvalidOption, match=f"is 'secret/{kind}/x/y', a path of Vault's API; write it as .*: secret/x/y$"
    ):
        open_secret(vault, f"secret/{kind}/x/y")
    vault.engines["secret"] = Engine("kv", "secret", 0, 1)
    assert open_secret(vault, f"secret/{kind}/x/y").values_path == f"secret/{kind}/x/y"
