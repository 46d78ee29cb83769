# SPDX-License-Identifier: GPL-3.0-or-later
"""Something happens after each write of a first registration: the next run ends in what works and is proved."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.e2e.conftest import NewPostgreSQL, NewVault
from tests.e2e.interrupting_proxy import interrupting_proxy
from tests.e2e.postgresql_servers import installed
from tests.e2e.tasks import finish, run, start
from tests.e2e.worlds import FIRST, World, new_world
from tests.testbed.readiness import NotReady, wait_until

LONGEST = 40
# What is written under the proof's own token, or makes it.
PROOF = ("auth/token/create", "stored/creds/", "sys/leases/revoke")


@pytest.fixture(scope="module")
def world(new_vault: NewVault, new_postgresql: NewPostgreSQL) -> World:
    """With a key-value engine of either version."""
    world = new_world(new_vault, new_postgresql, installed()["16"], "app")
    world.vault.vault("secrets", "enable", "-path=versioned", "-version=2", "kv")

    def serves() -> None:
        if not world.knows("versioned/config"):
            raise NotReady("version 2 of the key-value engine serves a moment after it was mounted")

    wait_until(serves, 30)
    return world


def killed_after(last: int, world: World, options: dict[str, Any]) -> str:
    """The write after which the module was killed; empty when it ended by itself before."""
    process = start("vault_db_register")
    with interrupting_proxy(world.vault.url, last, lambda _token: process.kill()) as proxy:
        result = finish(process, **{**options, "url": proxy.url})
    assert (result is None) == bool(proxy.interrupted)
    assert not (result or {}).get("failed"), result
    return proxy.interrupted


@pytest.mark.parametrize("engine", ["secret", "versioned"])
def test_the_next_run_goes_on_from_every_write(world: World, engine: str) -> None:
    options = world.options(mount_point="stored", rotate_root="once", vault_path=f"{engine}/database/app")
    kills: list[str] = []
    for last in range(1, LONGEST):
        write = killed_after(last, world, options)
        if write:
            kills.append(write)
            finish_what_was_begun(world, options, write)
        forget(world, options)
        if not write:
            break
    assert sum("rotate-root" in write for write in kills) == 1
    assert sum(engine in write for write in kills) >= 3
    assert sum("creds" in write for write in kills) == 2
    assert 12 <= len(kills) < LONGEST - 1


def forget(world: World, options: dict[str, Any]) -> None:
    """Back to the beginning."""
    assert not run("vault_db_register", **{**options, "state": "absent", "rotate_root": "never"}).get("failed")
    assert world.logins() == ""
    world.postgresql.psql(f"ALTER ROLE vault PASSWORD '{FIRST}'")


def finish_what_was_begun(world: World, options: dict[str, Any], write: str) -> None:
    finished = run("vault_db_register", **options)
    assert not finished.get("failed"), (write, finished)
    assert len(finished["verified"]) == 2 or not finished["changed"], write
    assert not run("vault_db_register", **options)["changed"], write
    with pytest.raises(subprocess.CalledProcessError):
        world.postgresql.psql("SELECT 1", database="app", user="vault", password=FIRST)
    world.use_credential("stored/creds/readwrite")


def test_its_token_is_revoked_after_every_write(world: World) -> None:
    """A login is repeated. Of the proof, which has a token of its own, the end is said, and the next run proves."""
    options = world.options(mount_point="stored", rotate_root="once")
    tokens = {**options, **world.approle()}
    failures: list[str] = []
    for last in range(1, LONGEST):
        with interrupting_proxy(world.vault.url, last, world.vault.revoke) as proxy:
            result = run("vault_db_register", **{**tokens, "url": proxy.url})
        if result.get("failed"):
            failures.append(proxy.interrupted)
            assert "is registered, but a fresh credential has not " in result["msg"]
            assert len(run("vault_db_register", **tokens)["verified"]) == 2
        assert not run("vault_db_register", **tokens)["changed"]
        forget(world, options)
        if not proxy.interrupted:
            break
    assert 12 < last < LONGEST - 1
    assert failures
    assert all(path.split("/v1/")[1].startswith(PROOF) for path in failures), failures
