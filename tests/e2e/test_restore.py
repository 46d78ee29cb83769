# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbook restore, on a bed whose pods run: what was lost is back, and what can not be restored stays as it was."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator

import pytest

ENVIRONMENT = "staging"
DATABASE = f"{ENVIRONMENT}-db"
KUBECTL = ("kubectl", "-n", "crossplane-system")
CONTENT = "SELECT count(*), md5(string_agg(orders::text, ',' ORDER BY id)) FROM orders"


def given(**variables: object) -> tuple[str, str]:
    return "--extra-vars", json.dumps(variables)


def playbook(verb: str, *arguments: str, environment: str = ENVIRONMENT) -> subprocess.CompletedProcess[str]:
    command = ["ansible-playbook", f"pnow.infra.{verb}", "--inventory", f"inventories/{environment}", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=900)


def done(verb: str, *arguments: str) -> str:
    found = playbook(verb, *arguments)
    assert found.returncode == 0, found.stdout
    return found.stdout


def refused(*arguments: str, environment: str = ENVIRONMENT) -> str:
    """What a restore says that must fail."""
    found = playbook("restore", *arguments, environment=environment)
    assert found.returncode == 2, found.stdout
    assert "Traceback" not in found.stdout
    return " ".join(found.stdout.split())


def psql(*statements: str) -> str:
    commands = [part for statement in statements for part in ("--command", statement)]
    command = ["psql", "-XAtq", "--set=ON_ERROR_STOP=1", f"--dbname={DATABASE}", *commands]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=100).stdout.strip()


def kubectl(*arguments: str) -> str:
    return subprocess.run([*KUBECTL, *arguments], stdout=subprocess.PIPE, text=True, check=True, timeout=400).stdout


def dump() -> str:
    """Has the schedule's own Job make a dump now; its name."""
    kubectl("create", "job", "dump-now", f"--from=cronjob/{ENVIRONMENT}-backup")
    kubectl("wait", "job/dump-now", "--for=condition=Complete", "--timeout=300s")
    kubectl("delete", "job", "dump-now", "--wait")
    said = done("restore", *given(restore_list=True))
    return re.findall(rf"{DATABASE}-[0-9TZ]+\.dump", said)[0]


@pytest.fixture(scope="module", autouse=True)
def dumped() -> Iterator[str]:
    done("provision", *given(database_enable_backup=True))
    owner = f'SET ROLE "{ENVIRONMENT}-user"'
    psql(owner, "CREATE TABLE orders (id integer PRIMARY KEY, what text)")
    psql(owner, "INSERT INTO orders SELECT n, 'thing ' || n FROM generate_series(1, 1000) AS n")
    yield dump()
    done("delete", *given(confirm=ENVIRONMENT))
    kubectl("delete", "persistentvolumeclaim", f"{ENVIRONMENT}-backup")


@pytest.fixture(autouse=True)
def _no_job_is_left() -> Iterator[None]:
    yield
    assert kubectl("get", "jobs", "-l", "app.kubernetes.io/component=restore", "-o", "name") == ""


def test_rows_are_back_after_a_table_was_dropped(dumped: str) -> None:
    original = psql(CONTENT)
    psql("DROP TABLE orders")
    said = done("restore", *given(database_restore_check="SELECT count(*) = 1000 FROM orders"))
    assert psql(CONTENT) == original
    assert psql("SELECT tableowner FROM pg_tables WHERE tablename = 'orders'") == f"{ENVIRONMENT}-user"
    assert "public.orders: not there before, 1000 now, as in the dump" in said
    assert "database_restore_check says true" in said
    assert f"{DATABASE} is as it was in {dumped}" in said
    assert re.search(rf"{ENVIRONMENT} .*changed=1 ", said)


def test_check_mode_and_a_list_change_nothing() -> None:
    psql("DELETE FROM orders WHERE id > 900")
    assert "changed=0" in done("restore", "--check")
    assert "changed=0" in done("restore", *given(restore_list=True))
    assert psql("SELECT count(*) FROM orders") == "900"


def test_a_check_that_fails_keeps_all_as_it_was() -> None:
    before = psql(CONTENT)
    said = refused(*given(database_restore_check="SELECT count(*) = 7 FROM orders"))
    assert "was not restored: nothing was changed: the check says false and not true." in said
    assert psql(CONTENT) == before


def test_a_dump_that_is_not_there(dumped: str) -> None:
    assert f"there is no dump nonsense.dump; there are {dumped}." in refused(*given(restore_dump="nonsense.dump"))


def test_a_database_that_is_not_there() -> None:
    said = refused(*given(restore_instance=f"{ENVIRONMENT}-orders"))
    assert f"{ENVIRONMENT}-orders-database has no backups (it does not exist)" in said


def test_sessions_are_in_the_way_unless_told() -> None:
    session = subprocess.Popen(
        ["psql", "-XAtq", f"--dbname={DATABASE}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert session.stdin
    assert session.stdout
    try:
        print("SELECT 'in';", file=session.stdin, flush=True)
        assert session.stdout.readline() == "in\n"
        said = refused()
        assert f"sessions are open in {DATABASE}: " in said
        assert "restore_despite_sessions=true goes on all the same." in said
        done("restore", *given(restore_despite_sessions=True))
    finally:
        session.communicate()
    assert psql("SELECT count(*) FROM orders") == "1000"


def test_a_protected_environment_is_refused_however_one_asks() -> None:
    for variables in ({}, {"environment_protected": False}):
        assert "protected" in refused(*given(**variables), environment="production")
