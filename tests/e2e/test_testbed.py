# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed itself: any program may die, a second bed may run beside it, and nothing is left of one that is down."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.servers import bed
from tests.testbed.programs import programs_with

STATE = Path(os.environ["PNOW_TESTBED_STATE"])
BESIDE = "beside"


def states(name: str = os.environ["PNOW_TESTBED"]) -> dict[str, str]:
    rows = [line.split() for line in bed("status", name=name).splitlines()[1:]]
    return {row[0]: row[1] for row in rows}


def processes_of(state: Path) -> list[psutil.Process]:
    """Every program of a bed is told its folder, on the command line or in the environment."""
    return [process for process in psutil.process_iter() if _knows(process, f"{state}")]


def _knows(process: psutil.Process, folder: str) -> bool:
    try:
        told = [*process.cmdline(), *process.environ().values()]
    except psutil.Error:
        return False
    return any(word == folder or f"{folder}/" in word for word in told)


@pytest.mark.parametrize("program", [program.name for program in programs_with(())])
def test_up_heals_a_killed_program(program: str) -> None:
    bed("kill", program)
    assert states()[program] != "running"
    bed("up")
    assert set(states().values()) == {"running"}
    subprocess.run(["kubectl", "get", "namespaces"], check=True, stdout=subprocess.DEVNULL, timeout=60)


@pytest.fixture(scope="module")
def beside() -> Iterator[Path]:
    bed("up", name=BESIDE)
    yield STATE.parent / BESIDE
    bed("down", name=BESIDE)


def test_two_beds_run_side_by_side(beside: Path) -> None:
    assert processes_of(beside)
    assert set(states().values()) == {"running"}
    assert states(BESIDE)["kube-apiserver"] == "running"


def test_nothing_is_left_of_a_bed_that_is_down(beside: Path) -> None:
    bed("down", name=BESIDE)
    assert processes_of(beside) == []
    assert not beside.exists()
    assert set(states().values()) == {"running"}
