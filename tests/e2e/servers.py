# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of the test bed, asked and disturbed by programs that are not ours."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# As long as a playbook may take on a machine that is busy with other things, in seconds.
PATIENCE = 1200
CLAIMS = "postgresqlinstances.database.yourdomain.com"
COMPOSITES = "xpostgresqlinstances.database.yourdomain.com"


def ask(*command: str, given: str = "") -> str:
    """What a command answers, ``given`` its input. Raises CalledProcessError, with what the command has said of it."""
    try:
        done = subprocess.run(command, input=given, check=True, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.CalledProcessError as error:
        error.add_note(error.stdout + error.stderr)
        raise
    return done.stdout.strip()


def psql(query: str) -> str:
    return ask("psql", "--dbname", "postgres", "-Atc", query)


def bed(verb: str, *arguments: str, name: str = os.environ["PNOW_TESTBED"]) -> str:
    command = [sys.executable, "-m", "tests.testbed", "--name", name, verb, *arguments]
    # Only "status" may fail: that is how it says that something does not run.
    return subprocess.run(command, check=verb != "status", stdout=subprocess.PIPE, text=True, timeout=300).stdout


def bootstrap() -> None:
    platform = ("--inventory=inventories/management", f"--extra-vars=@{os.environ['PNOW_TESTBED_VARS']}")
    ask("ansible-playbook", "pnow.infra.bootstrap", *platform)


def stopped(program: str, request: pytest.FixtureRequest) -> None:
    """Stops a program; it runs again when the test has ended, or before that by `bed("start", program)`."""
    request.addfinalizer(lambda: bed("up"))
    bed("stop", program)
