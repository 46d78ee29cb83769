# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding and ending the processes of a bed, also those that nobody supervises any more.

Every process of a bed inherits an environment variable that names the bed's state folder. It is not one of the
variables that users get: their shells must never be taken for a part of the bed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

MEMBER_VARIABLE = "PNOW_TESTBED_MEMBER_OF"
GRACE_SECONDS = 10.0
KILL_SECONDS = 10.0
POLL_SECONDS = 0.05


def members(state: Path) -> list[psutil.Process]:
    """Every running process of the bed in the folder `state`, with its descendants."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if _belongs(process, state):
            found[process.pid] = process
            # PostgreSQL's servers write their titles over their environment; their parent's is intact.
            found.update((child.pid, child) for child in _descendants(process))
    return list(found.values())


def end(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Terminate, then kill; returns what even that did not end."""
    for process in processes:
        _signal(process.terminate)
    alive = wait_until_gone(processes, GRACE_SECONDS)
    for process in alive:
        _signal(process.kill)
    return wait_until_gone(alive, KILL_SECONDS)


def wait_until_gone(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until the processes have ended; returns those that have not after `seconds`."""
    deadline = time.monotonic() + seconds
    while (alive := [process for process in processes if _lives(process)]) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return alive


def _lives(process: psutil.Process) -> bool:
    """Not a zombie, either: in a container whose first process does not reap, these stay for ever."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _belongs(process: psutil.Process, state: Path) -> bool:
    try:
        return process.environ().get(MEMBER_VARIABLE) == str(state)
    except psutil.AccessDenied:
        # PostgreSQL, which refuses to run as root; in a container, root may not be allowed to look into it.
        return os.geteuid() == 0 and _names_folder(process, state)
    except psutil.NoSuchProcess:
        return False


def _names_folder(process: psutil.Process, state: Path) -> bool:
    try:
        return any(argument.startswith(f"{state}/") for argument in process.cmdline())
    except psutil.Error:
        return False


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _signal(send: Callable[[], None]) -> None:
    with suppress(psutil.NoSuchProcess):
        send()
