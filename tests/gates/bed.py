# SPDX-License-Identifier: GPL-3.0-or-later
"""Test beds, through their command line.

`python -m tests.gates.bed COMMAND [ARGUMENT...]` brings up the gates' own and runs a command in its environment.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from tests.gates.paths import CHECKOUT
from tests.gates.steps import entry, run

# Never another: the gates delete what they provision.
NAME = "test"


def command(*arguments: str) -> list[str]:
    """The command line of a verb of the test bed's program."""
    return [sys.executable, "-m", "tests.testbed", *arguments]


def named(name: str) -> dict[str, str]:
    """Our environment, with `name` as the test bed that is meant."""
    return {**os.environ, "PNOW_TESTBED": name}


def environment(name: str) -> dict[str, str]:
    """The environment in which a test bed that is up is used."""
    printed = subprocess.run(
        command("env"), cwd=CHECKOUT, env=named(name), stdout=subprocess.PIPE, text=True, check=False
    )
    if printed.returncode:
        sys.exit(printed.returncode)  # the program has said why
    words = shlex.split(printed.stdout)
    return {**os.environ, **dict(word.split("=", 1) for word in words if word != "export")}


def main() -> int:
    """Run the command of our command line on the test bed of the gates; returns its exit status."""
    return run(command("up"), named(NAME)) or run(sys.argv[1:], environment(NAME))


if __name__ == "__main__":
    entry(main)
