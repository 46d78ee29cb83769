# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Job of a restore runs, on a server of its own: there is the old database or the new one, and never half."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.conftest import NewPostgreSQL
from tests.e2e.postgresql_servers import PostgreSQLServer, installed
from tests.testbed.bed import CHECKOUT

SCRIPT = CHECKOUT / "roles" / "database" / "files" / "restore.sh"
PASSWORD = "owner-password"
DATA = (
    "CREATE TABLE orders (id integer PRIMARY KEY, what text)",
    r"INSERT INTO orders SELECT n, E'\\complete\n\\.\nCOPY public.x FROM stdin;' || n FROM generate_series(1, 1000) n",
    'CREATE TABLE "odd "" (name)\' $x$" (id integer)',
    'INSERT INTO "odd "" (name)\' $x$" VALUES (1), (2)',
    "CREATE TABLE nothing ()",
    "CREATE TABLE empty (id integer)",
    "CREATE TABLE parent (id integer)",
    "CREATE TABLE child () INHERITS (parent)",
    "INSERT INTO child VALUES (1)",
    "INSERT INTO nothing DEFAULT VALUES",
)
CONTENT = "SELECT count(*), md5(string_agg(orders::text, ',' ORDER BY id)) FROM orders"


@dataclass
class World:
    """A database ``app-db`` of ``app-user``, with a folder for its dumps."""

    server: PostgreSQLServer
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def psql(self, *statements: str) -> str:
        return self.server.psql(*statements, database="app-db", user="app-user", password=PASSWORD)

    def dump(self, day: int) -> Path:
        path = self.folder / f"app-db-202601{day:02d}T020000Z.dump"
        self._run("pg_dump", "--format=custom", f"--file={path}")
        return path

    def script(self, **variables: str) -> subprocess.CompletedProcess[str]:
        given = {"MODE": "restore", "DUMP": "", "VAULT_ROLE": "app-vault", "LOCK_TIMEOUT": "1s", "CHECK": ""}
        given |= {"DESPITE_SESSIONS": "false", "BACKUPS": str(self.folder), **variables}
        return self._run("sh", "-euc", SCRIPT.read_text(), check=False, **given)

    def restored(self, **variables: str) -> list[str]:
        done = self.script(**variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    def refused(self, **variables: str) -> str:
        """The sentence of a restore that must not have changed anything."""
        before = self.psql(CONTENT)
        done = self.script(**variables)
        assert done.returncode == 1, done.stdout + done.stderr
        assert self.psql(CONTENT) == before
        (line,) = done.stdout.splitlines()
        assert line.startswith("refused ")
        return line.removeprefix("refused ")

    def _run(self, *command: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        login = {"PGHOST": "[127.0.0.1]" if variables else "127.0.0.1", "PGPORT": str(self.server.port)}
        login |= {"PGUSER": "app-user", "PGPASSWORD": PASSWORD, "PGDATABASE": "app-db"}
        environment = {"PATH": os.environ["PATH"], **login, **variables}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=check, timeout=200)


@pytest.fixture(scope="module")
def server(new_postgresql: NewPostgreSQL) -> PostgreSQLServer:
    psql = shutil.which("psql")
    assert psql
    return new_postgresql(Path(psql).resolve().parent if psql else next(iter(installed().values())))


@pytest.fixture
def world(server: PostgreSQLServer, tmp_path: Path) -> Iterator[World]:
    server.psql(f"CREATE ROLE \"app-user\" LOGIN PASSWORD '{PASSWORD}'", "CREATE ROLE \"app-vault\" LOGIN PASSWORD 'v'")
    server.psql('CREATE DATABASE "app-db" OWNER "app-user"', 'REVOKE ALL ON DATABASE "app-db" FROM PUBLIC')
    server.psql('GRANT CONNECT ON DATABASE "app-db" TO "app-vault"')
    found = World(server, tmp_path)
    found.psql(*DATA)
    yield found
    server.psql('DROP DATABASE "app-db" WITH (FORCE)', 'DROP ROLE "app-user"', 'DROP ROLE "app-vault"')


def test_a_dropped_table_is_back(world: World) -> None:
    original = world.psql(CONTENT)
    world.dump(1)
    world.psql(
        "DROP TABLE orders", "DELETE FROM empty", "INSERT INTO child VALUES (2)", "CREATE TABLE newer (id integer)"
    )
    assert world.restored(CHECK="SELECT count(*) = 1000 FROM orders") == [
        'table public."odd "" (name)\' $x$" 2 2',
        "table public.child 2 1",
        "table public.empty 0 0",
        "table public.nothing 1 1",
        "table public.orders - 1000",
        "table public.parent 0 0",
        "check true",
        "restored app-db-20260101T020000Z.dump",
    ]
    assert world.psql(CONTENT) == original
    assert world.psql("SELECT tableowner FROM pg_tables WHERE tablename = 'orders'") == "app-user"
    # What the dump does not know of is left alone.
    assert world.psql("SELECT count(*) FROM newer") == "0"


def test_which_dumps_there_are(world: World) -> None:
    assert world.restored(MODE="list") == []
    first, second = world.dump(1), world.dump(2)
    (world.folder / "app-db-20260103T020000Z.dump.unfinished").touch()
    (world.folder / "other-db-20260104T020000Z.dump").touch()
    assert world.restored(MODE="list") == [f"dump {each.name} {each.stat().st_size}" for each in (second, first)]


def test_an_older_dump(world: World) -> None:
    older = world.dump(1)
    world.psql("INSERT INTO orders VALUES (1001, 'x')")
    newer = world.dump(2)
    assert world.restored(DUMP=older.name)[-1] == f"restored {older.name}"
    assert world.psql("SELECT count(*) FROM orders") == "1000"
    assert world.restored()[-1] == f"restored {newer.name}"
    assert world.psql("SELECT count(*) FROM orders") == "1001"


def test_a_dump_that_is_not_there(world: World) -> None:
    assert world.refused() == "there is no dump of app-db yet"
    name = world.dump(1).name
    for wrong in ("app-db-20250101T020000Z.dump", "../app-db.dump", "$(id)", "-x", "*"):
        assert world.refused(DUMP=wrong) == f"there is no dump {wrong}; there are {name} "


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.99])
def test_a_dump_that_is_broken(world: World, kept: float) -> None:
    dump = world.dump(1)
    content = dump.read_bytes()
    dump.write_bytes(content[: int(len(content) * kept)])
    assert world.refused() == f"nothing was changed: dump {dump.name} can not be read to its end"


def test_a_dump_with_noise_in_it(world: World) -> None:
    dump = world.dump(1)
    content = bytearray(dump.read_bytes())
    content[-200:-100] = bytes(100)
    dump.write_bytes(content)
    assert "nothing was changed" in world.refused()


def test_a_check_that_is_not_true(world: World) -> None:
    world.dump(1)
    world.psql("DELETE FROM orders WHERE id > 500")
    for check, says in {
        "SELECT count(*) = 5 FROM orders": "the check says false and not true",
        "SELECT what FROM orders WHERE false": "the check says nothing and not true",
        "SELECT 'it''s $x$ \"'": "invalid input syntax for type boolean",
        "SELECT nonsense FROM nowhere": 'relation "nowhere" does not exist',
    }.items():
        assert re.match(f"nothing was changed: {re.escape(says)}", world.refused(CHECK=check))
    assert world.psql("SELECT count(*) FROM orders") == "500"


def test_what_others_have_made_of_a_table_keeps_it(world: World) -> None:
    world.dump(1)
    world.psql("CREATE VIEW late AS SELECT * FROM orders")
    assert "cannot drop table public.orders because other objects depend on it" in world.refused()


def session(world: World, user: str, password: str, *statements: str) -> subprocess.Popen[str]:
    """Somebody who is in the database, and has done something there."""
    login = {"PGHOST": "127.0.0.1", "PGPORT": str(world.server.port), "PGUSER": user, "PGPASSWORD": password}
    process = subprocess.Popen(
        ["psql", "-XAtq", "--dbname=app-db"],
        env={"PATH": os.environ["PATH"], **login},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write("".join(f"{statement};\n" for statement in (*statements, "SELECT 'in'")))
    process.stdin.flush()
    while process.stdout.readline() != "in\n":
        assert process.poll() is None
    return process


def test_sessions_are_refused_unless_told(world: World) -> None:
    world.dump(1)
    world.psql("DELETE FROM orders")
    guest, vault = session(world, "app-user", PASSWORD), session(world, "app-vault", "v")
    try:
        assert world.refused() == "sessions are open in app-db: app-user (1)"
        assert world.restored(DESPITE_SESSIONS="true")[-1].startswith("restored ")
    finally:
        for process in (guest, vault):
            process.communicate()
    assert world.psql("SELECT count(*) FROM orders") == "1000"


def test_what_is_locked_is_not_waited_for_without_end(world: World) -> None:
    world.dump(1)
    guest = session(world, "app-user", PASSWORD, "BEGIN", "SELECT count(*) FROM orders")
    try:
        said = world.refused(DESPITE_SESSIONS="true")
    finally:
        guest.communicate()
    assert said == "nothing was changed: canceling statement due to lock timeout"


def test_kubernetes_leaves_the_script_as_it_is() -> None:
    """It takes two dollar signs for one, and a name in parentheses for a variable's value."""
    script = SCRIPT.read_text()
    assert "$$" not in script
    assert not re.search(r"\$\([A-Za-z_.][-A-Za-z0-9_.]*\)", script)
