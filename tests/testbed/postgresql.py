# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: its data directory, and the account it runs as."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from tests.testbed.bed import Bed
from tests.testbed.errors import TestbedError
from tests.testbed.readiness import NotReady

SUPERUSER = "postgres"
UNPRIVILEGED = "nobody"
# The server in the wheel is built without OpenSSL.
SSL_MODE = "disable"


def data_directory(bed: Bed) -> Path:
    return bed.state / "postgresql" / "data"


def as_unprivileged(command: list[str]) -> list[str]:
    """`command`, run as `nobody` if we are root, as PostgreSQL refuses root.

    The programs and the bed may lie below root's private home, so it keeps the capability to pass through, also when it
    asks by access(2): for that system call the kernel drops capabilities unless the secure bit is set.
    """
    if os.geteuid() != 0:
        return command
    if not shutil.which("setpriv"):
        raise TestbedError(
            f"PostgreSQL refuses to run as root, and running it as {UNPRIVILEGED} takes `setpriv`: "
            "install util-linux, or start the test bed as another user."
        )
    account = pwd.getpwnam(UNPRIVILEGED)
    return [
        "setpriv",
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--securebits=+no_setuid_fixup",
        "--",
        *command,
    ]


def initialise(bed: Bed, programs: Path) -> None:
    """Make the data directory, unless it is there; `programs` is the folder of PostgreSQL's own programs."""
    data = data_directory(bed)
    if data.exists():
        return
    unfinished = data.with_name("data.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700, parents=True)
    if os.geteuid() == 0:
        account = pwd.getpwnam(UNPRIVILEGED)
        os.chown(unfinished, account.pw_uid, account.pw_gid)
    password = bed.write("postgresql/password", bed.passwords["postgresql"] + "\n")
    command = [
        str(programs / "initdb"),
        f"--pgdata={unfinished}",
        f"--username={SUPERUSER}",
        f"--pwfile={password}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-locale",
        "--no-sync",
    ]
    result = subprocess.run(as_unprivileged(command), cwd="/", capture_output=True, text=True, check=False)
    password.unlink()
    if result.returncode != 0:
        raise TestbedError(f"initdb failed: {(result.stderr or result.stdout).strip()}")
    unfinished.rename(data)


def accepts_queries(bed: Bed, programs: Path) -> None:
    """Raises NotReady unless the superuser can log in and ask."""
    environment = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(bed.ports["postgresql"]),
        "PGUSER": SUPERUSER,
        "PGPASSWORD": bed.passwords["postgresql"],
        "PGCONNECT_TIMEOUT": "2",
    }
    query = [str(programs / "psql"), "--no-psqlrc", "--command=SELECT 1"]
    result = subprocess.run(query, cwd="/", env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise NotReady(result.stderr.strip())
