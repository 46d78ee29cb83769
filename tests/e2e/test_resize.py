# SPDX-License-Identifier: GPL-3.0-or-later
"""A resize changes sizes and nothing else, says before and after, and ends when PostgreSQL has them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.servers import ask, bootstrap, psql

ENVIRONMENT = "uat"
QUIETLY = (sys.executable, "-m", "tests.quiet")
SETTINGS = f"SELECT datconnlimit FROM pg_database WHERE datname = '{ENVIRONMENT}-db'"
ROLE = f"SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = '\"{ENVIRONMENT}-user\"'::regrole ORDER BY 1"


def command(verb: str, **variables: object) -> list[str]:
    given = {"database_enable_backup": False, "database_size": "small", "database_storage_gb": 20, **variables}
    inventory = f"--inventory=inventories/{ENVIRONMENT}"
    return ["ansible-playbook", f"pnow.infra.{verb}", inventory, f"--extra-vars={json.dumps(given)}"]


def refused(**variables: object) -> str:
    """The message of a resize that must fail, and must not have written anything."""
    asked = [*QUIETLY, *command("resize", **variables)]
    done = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False, timeout=200)
    assert done.returncode == 2, done.stdout
    assert "0 writes seen" in done.stdout, done.stdout
    return " ".join(done.stdout.split())


@pytest.fixture(scope="module", autouse=True)
def uat() -> Iterator[None]:
    bootstrap()
    ask(*command("provision"))
    yield
    ask(*command("delete", confirm=ENVIRONMENT))


def test_what_is_no_resize_is_refused() -> None:
    assert "enableBackup from False to True is no matter of size; provision changes it" in refused(
        database_size="large", database_enable_backup=True
    )
    said = refused(database_instances=[{}, {"app_name": "orders"}])
    assert f"there is no PostgreSQLInstance {ENVIRONMENT}/{ENVIRONMENT}-orders-database that could be resized" in said
    assert "The storage budget cannot shrink" in refused(database_storage_gb=19)


def test_it_ends_when_postgresql_has_it() -> None:
    for size, connections, settings in (
        ("large", "100", ["statement_timeout=1h", "work_mem=64MB"]),
        ("medium", "50", ["statement_timeout=15min", "work_mem=16MB"]),
    ):
        said = ask(*command("resize", database_size=size, database_storage_gb=30))
        assert (psql(SETTINGS), psql(ROLE).splitlines()) == (connections, settings)
        assert re.search(rf"change +in place +size \w+ -> {size}", said)
    assert re.search(r"changed=0 ", ask(*QUIETLY, *command("resize", database_size="medium", database_storage_gb=30)))
