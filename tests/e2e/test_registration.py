# SPDX-License-Identifier: GPL-3.0-or-later
"""Registrations on servers of their own: every major version of PostgreSQL, odd names, servers that go away.

What was done is asked of psql and of the vault command, which are not ours.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.postgresql.statements import LONGEST_STATEMENT
from tests.e2e.conftest import NewPostgreSQL, NewVault
from tests.e2e.postgresql_servers import installed
from tests.e2e.tasks import Result, refused, run
from tests.e2e.worlds import FIRST, World, new_world, quoted

PROGRAMS = installed()
# Whatever a name may have but a semicolon, doubled dollars and doubled braces, which Vault would misread.
ODD = """o'w"n%er \\ü/?{x}$@:"""
PASSWORDS = [
    *("'", '"', "\\", "%", "%41", "$HOME $$", " spaces ", ";--", "@/:?#&=+"),
    *("{{ password }}", "ü€漢🔑"),
]


@pytest.fixture(scope="module", params=sorted(PROGRAMS))
def world(request: pytest.FixtureRequest, new_vault: NewVault, new_postgresql: NewPostgreSQL) -> World:
    """One for every major version, with names that are hard to quote."""
    return new_world(new_vault, new_postgresql, PROGRAMS[request.param], ODD)


@pytest.fixture
def registered(world: World) -> Iterator[World]:
    """The same with its database registered, and in the end without."""
    result = run("vault_db_register", **world.options())
    assert not result.get("failed"), result
    yield world
    assert not run("vault_db_register", **world.options(state="absent")).get("failed")
    assert world.logins() == ""
    assert not world.knows("made/here/config/app")


def proved_roles(result: Result) -> list[str]:
    assert not result.get("failed"), result
    return [role["role"] for role in result["verified"]]


def test_there_is_a_second_major_version() -> None:
    if len(PROGRAMS) < 2:
        pytest.skip("only one major version of PostgreSQL is installed; Debian's postgresql-15 would be another")
    assert "15" in PROGRAMS


def test_the_whole_life_of_a_registration(world: World) -> None:
    options = world.options(rotate_root="once")
    assert proved_roles(run("vault_db_register", **options)) == ["readwrite", "readonly"]
    with pytest.raises(subprocess.CalledProcessError):
        world.postgresql.psql("SELECT 1", database=world.database, user="vault", password=FIRST)
    again = run("vault_db_register", **options)
    assert (again["changed"], again["verified"]) == (False, [])
    assert proved_roles(run("vault_db_register", **options, verify="always")) == ["readwrite", "readonly"]
    assert world.logins() == ""

    assert world.use_credential("made/here/creds/readwrite") == world.logins()
    assert run("vault_db_register", **options, state="absent")["changed"]
    assert world.logins() == ""
    owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'left_behind'"
    assert world.postgresql.psql(owner, database=world.database) == f"{ODD}-owner"
    assert not run("vault_db_register", **options, state="absent")["changed"]
    world.postgresql.psql(f"ALTER ROLE vault PASSWORD '{FIRST}'")


def test_any_password(registered: World) -> None:
    for position, password in enumerate([*PASSWORDS, FIRST]):
        literal = password.replace("'", "''")
        registered.postgresql.psql(f"ALTER ROLE vault PASSWORD '{literal}'")
        # A change makes Vault try its own password, which PostgreSQL refuses by now.
        changed = registered.options(password=password, max_open_connections=5 + position % 2)
        result = run("vault_db_register", **changed)
        assert proved_roles(result) == ["readwrite", "readonly"], password
        registered.vault.vault("write", "-force", "made/here/reset/app")


def test_statements_that_only_mention_the_login(world: World) -> None:
    """Placeholders in a comment are found, as they are by Vault; that they make no login is found by the proof."""
    role = {"name": "mentioned", "owner": f"{ODD}-owner", "creation_statements": ["SELECT 1 -- {{name}} {{password}}"]}
    options = world.options(mount_point="stored", roles=[role])
    result = run("vault_db_register", **options)
    assert (result["failed"], result["changed"]) == (True, True)
    assert "role mentioned is registered, but a fresh credential has not logged in" in result["msg"]
    assert run("vault_db_register", **options, state="absent")["changed"]
    assert not world.knows("stored/config/app")


def test_a_statement_as_long_as_vault_takes_one(world: World) -> None:
    login = "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE %s"
    group = quoted(f"{ODD}-owner")
    comment = "x" * (LONGEST_STATEMENT - 300)
    own = [f"/* {comment} */ {login % group}", f'ALTER ROLE "{{{{name}}}}" SET role TO {group}']
    role = {"name": "long", "owner": f"{ODD}-owner", "creation_statements": own}
    options = world.options(mount_point="stored", roles=[role])
    too_long = {**role, "creation_statements": [*own, "x" * LONGEST_STATEMENT + " {{name}}"]}
    said = refused("vault_db_register", **{**options, "roles": [too_long]})
    assert said.startswith("roles[0].creation_statements has a statement of more than")
    assert proved_roles(run("vault_db_register", **options)) == ["long"]
    assert not run("vault_db_register", **options)["changed"]
    assert run("vault_db_register", **options, state="absent")["changed"]
    assert world.logins() == ""


def test_a_password_that_vault_can_not_keep(world: World) -> None:
    password = "in a {{username}} template"
    said = refused("vault_db_register", **world.options(mount_point="stored", password=password))
    assert "password cannot contain the template variables" in said
    assert password not in said


def test_nothing_is_stored_while_postgresql_is_down(world: World) -> None:
    options = world.options(mount_point="stored")
    world.postgresql.stop()
    said = refused("vault_db_register", **options)
    assert f"Vault can not log in to database {ODD} at 127.0.0.1:" in said
    assert "so nothing was stored" in said
    assert not world.knows("stored/config/app")
    # What this collection creates is noted before it is.
    kept = json.loads(world.vault.vault("read", "-format=json", "secret/app"))["data"]
    assert all(name.startswith("pnow_infra_") for name in kept)
    world.postgresql.start()
    assert proved_roles(run("vault_db_register", **options)) == ["readwrite", "readonly"]
    assert run("vault_db_register", **options, state="absent")["changed"]


def test_nothing_is_stored_of_a_server_without_tls(world: World) -> None:
    said = refused("vault_db_register", **world.options(mount_point="stored", sslmode="require"))
    assert "so nothing was stored" in said
    assert "tls" in said.lower()
    assert not world.knows("stored/config/app")


@pytest.mark.parametrize("rotate_root", ["never", "once"])
def test_what_postgresql_kept_from_being_proved_is_proved_by_the_next_run(world: World, rotate_root: str) -> None:
    options = world.options(verify_connection=False, rotate_root=rotate_root)
    world.postgresql.stop()
    result = run("vault_db_register", **options)
    assert (result["failed"], result["changed"]) == (True, True)
    assert "connection refused" in result["msg"]
    assert FIRST not in json.dumps(result)
    world.postgresql.start()
    assert proved_roles(run("vault_db_register", **options)) == ["readwrite", "readonly"]
    assert not run("vault_db_register", **options)["changed"]
    assert run("vault_db_register", **options, state="absent")["changed"]
    assert world.logins() == ""
    world.postgresql.psql(f"ALTER ROLE vault PASSWORD '{FIRST}'")


def test_a_lease_that_vault_has_given_up(registered: World) -> None:
    """Vault needs ten minutes to give up; its storage is told here that it did, in its own words."""
    vault = registered.vault
    lease = vault.vault("read", "-field=lease_id", "made/here/creds/readwrite")
    entry = json.loads(vault.vault("read", "-field=value", f"sys/raw/sys/expire/id/{lease}"))
    stuck = json.dumps({**entry, "revokeErr": "role owns objects"})
    vault.vault("write", f"sys/raw/sys/expire/id/{lease}", f"value={stuck}")
    vault.vault("operator", "seal")
    vault.unseal()
    found = {"lease_id": lease, "error": "role owns objects"}
    info = run("vault_db_info", url=vault.url, token=vault.token, name="app", mount_point="made/here")
    assert [role["irrevocable_leases"] for role in info["roles"]] == [[], [found]]

    registered.postgresql.stop()
    result = run("vault_db_register", **registered.options(state="absent"))
    assert result["failed"]
    assert result["irrevocable_leases"] == [found]
    assert "no credential was forgotten" in result["msg"]
    assert registered.knows("made/here/config/app")
    registered.postgresql.start()
