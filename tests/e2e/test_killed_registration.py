# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 after each write of a first registration with rotation: the next run ends in what works and is proved."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.e2e.conftest import NewPostgreSQL, NewVault
from tests.e2e.killing_proxy import killing_proxy
from tests.e2e.postgresql_servers import installed
from tests.e2e.tasks import finish, run, start
from tests.e2e.worlds import FIRST, World, new_world
from tests.testbed.readiness import NotReady, wait_until

LONGEST = 40


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


def killed_after(fatal: int, world: World, options: dict[str, Any]) -> str:
    """The write after which the module was killed; empty when it ended by itself before."""
    with killing_proxy(world.vault.url, fatal) as proxy:
        proxy.victim = start("vault_db_register")
        result = finish(proxy.victim, **{**options, "url": proxy.url})
    if result is None:
        return proxy.last_write
    assert not result.get("failed"), result
    return ""


@pytest.mark.parametrize("engine", ["secret", "versioned"])
def test_the_next_run_goes_on_from_every_write(world: World, engine: str) -> None:
    options = world.options(mount_point="stored", rotate_root="once", vault_path=f"{engine}/database/app")
    kills: list[str] = []
    for fatal in range(1, LONGEST):
        write = killed_after(fatal, world, options)
        if write:
            kills.append(write)
            finish_what_was_begun(world, options, write)
        assert not run("vault_db_register", **{**options, "state": "absent", "rotate_root": "never"}).get("failed")
        assert world.logins() == ""
        world.postgresql.psql(f"ALTER ROLE vault PASSWORD '{FIRST}'")
        if not write:
            break
    assert sum("rotate-root" in write for write in kills) == 1
    assert sum(engine in write for write in kills) >= 3
    assert sum("creds" in write for write in kills) == 2
    assert 12 <= len(kills) < LONGEST - 1


def finish_what_was_begun(world: World, options: dict[str, Any], write: str) -> None:
    finished = run("vault_db_register", **options)
    assert not finished.get("failed"), (write, finished)
    assert len(finished["verified"]) == 2 or not finished["changed"], write
    assert not run("vault_db_register", **options)["changed"], write
    with pytest.raises(subprocess.CalledProcessError):
        world.postgresql.psql("SELECT 1", database="app", user="vault", password=FIRST)
    world.use_credential("stored/creds/readwrite")
