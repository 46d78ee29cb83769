# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL servers of a test's own, of every major version that is installed: the test bed's, and Debian's."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from tests.testbed import ports
from tests.testbed.postgresql import UNPRIVILEGED, as_unprivileged
from tests.testbed.readiness import NotReady, wait_until

SUPERUSER = "postgres"
PASSWORD = "superuser-password"
PATIENCE = 60.0


def installed() -> dict[str, Path]:
    """The folder of PostgreSQL's programs by major version."""
    psql = shutil.which("psql")
    beds = [Path(psql).resolve().parent] if psql else []
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin")), *beds]
    return {_major(folder): folder for folder in folders if (folder / "initdb").exists()}


def _major(folder: Path) -> str:
    said = subprocess.run([folder / "postgres", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return said.split()[2].partition(".")[0]


class PostgreSQLServer:
    """One server on loopback, with its data in a folder."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._data = folder / "data"
        self._log = folder / "log"
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None
        self.port = ports.assign(["postgresql"], {}, ())["postgresql"]

    def initialise(self) -> None:
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            account = pwd.getpwnam(UNPRIVILEGED)
            os.chown(self._data, account.pw_uid, account.pw_gid)
        password = self._data.with_name("password")
        password.write_text(PASSWORD)
        options = (f"--username={SUPERUSER}", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8")
        self._run("initdb", f"--pgdata={self._data}", "--no-locale", "--no-sync", *options)

    def start(self) -> None:
        """Starts the server, and waits until it lets somebody log in."""
        settings = ("-k", "", "-h", "127.0.0.1,::1", "-p", str(self.port), "-c", "fsync=off")
        command = as_unprivileged([str(self._programs / "postgres"), "-D", str(self._data), *settings])
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd="/", stdout=log, stderr=log)
        wait_until(self._answers, PATIENCE)

    def stop(self) -> None:
        """Ends the server with all its sessions."""
        if self._process:
            # SIGINT is PostgreSQL's fast shutdown; a killed one would leave its shared memory behind.
            self._process.send_signal(2)
            self._process.wait(PATIENCE)

    def psql(
        self, *statements: str, database: str = "postgres", user: str = SUPERUSER, password: str = PASSWORD
    ) -> str:
        """What psql answers to statements."""
        commands = [part for statement in statements for part in ("--command", statement)]
        login = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": user, "PGPASSWORD": password}
        return subprocess.run(
            ["psql", "--no-psqlrc", "-At", "--set=ON_ERROR_STOP=1", *commands],
            env={"PATH": os.environ["PATH"], **login, "PGDATABASE": database},
            check=True,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        ).stdout.strip()

    def _answers(self) -> None:
        try:
            self.psql("SELECT 1")
        except subprocess.CalledProcessError as error:
            raise NotReady(str(error.stderr)) from error

    def _run(self, program: str, *arguments: str) -> None:
        command = as_unprivileged([str(self._programs / program), *arguments])
        subprocess.run(command, cwd="/", check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
