# SPDX-License-Identifier: GPL-3.0-or-later
"""Test beds, through their command line.

`python -m tests.gates.bed COMMAND [ARGUMENT...]` brings up the gates' own and runs a command in its environment. With
$PNOW_TESTBED_WITH that is the one of the features named there, and with $PNOW_GATES_BED the one of that name, which
nobody else has to wait for.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.gates.paths import CHECKOUT
from tests.gates.schedule import PASSED, Schedule
from tests.gates.steps import entry, run, undisturbed
from tests.testbed.bed import CACHES, CLUSTERS, state_folder

# Never another: the gates delete what they provision.
NAME = "test"
# Those that tests start beside it, and one after the other with each version of Crossplane.
BESIDE, MATRIX = "beside", "matrix"
# For what would take too long on the first of them.
VERBS = "verbs"


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


@contextmanager
def alone(schedule: Schedule) -> Iterator[None]:
    """No test bed of the gates is up before or afterwards, whatever happens; if a gate fails, logs are kept."""
    _take_down(NAME, VERBS, CACHES, CLUSTERS, BESIDE, MATRIX)
    before = len(schedule.outcomes)
    try:
        yield
    finally:
        with undisturbed():
            failed = [outcome.gate for outcome in schedule.outcomes[before:] if outcome.result != PASSED]
            if failed:
                _keep_logs(failed[0])
            _take_down(NAME, VERBS, CACHES, CLUSTERS, BESIDE, MATRIX)


def _take_down(*names: str) -> None:
    for name in names:
        if state_folder(name).exists():
            run(command("down"), named(name))


def _keep_logs(gate: str) -> None:
    kept = CHECKOUT / "tests" / "output" / "testbed-logs" / gate
    shutil.rmtree(kept, ignore_errors=True)
    for name in (NAME, CLUSTERS):
        logs = state_folder(name) / "logs"
        if logs.is_dir():
            shutil.copytree(logs, kept / name)
            print(f"==> the logs of test bed {name} are kept in {(kept / name).relative_to(CHECKOUT)}", flush=True)


def main() -> int:
    """Run the command of our command line on the test bed of the gates; returns its exit status."""
    name = os.environ.get("PNOW_GATES_BED") or os.environ.get("PNOW_TESTBED_WITH") or NAME
    return run(command("up"), named(name)) or run(sys.argv[1:], environment(name))


if __name__ == "__main__":
    entry(main)
