# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of a bed are found by what they inherited, and by nothing that a person's shell has."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests.testbed import processes


@contextmanager
def running(**environment: str) -> Iterator[psutil.Process]:
    """A process that waits for its standard input to end."""
    command = ["sh", "-c", "echo; read line"]
    ours = {**os.environ, **environment}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ours) as process:
        # For a moment after it was started, a process has no environment that others could read.
        assert process.stdout is not None
        process.stdout.readline()
        yield psutil.Process(process.pid)


def test_members_are_those_that_inherited_the_mark(tmp_path: Path) -> None:
    with (
        running(PNOW_TESTBED_MEMBER_OF=str(tmp_path)) as member,
        running(PNOW_TESTBED_MEMBER_OF=f"{tmp_path}-other"),
        running(PNOW_TESTBED_STATE=str(tmp_path)),
    ):
        assert processes.members(tmp_path) == [member]


def test_ended_processes_are_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "time", SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: os.sched_yield()))
    with running(PNOW_TESTBED_MEMBER_OF=str(tmp_path)):
        assert processes.end(processes.members(tmp_path)) == []
        assert processes.members(tmp_path) == []


def test_nothing_to_end_is_fine(tmp_path: Path) -> None:
    assert processes.end(processes.members(tmp_path)) == []
