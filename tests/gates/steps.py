# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands run one after the other, each announced, timed, and ended with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import psutil

from tests.gates.paths import CHECKOUT
from tests.testbed import processes

# For a test to take down what it has started; what is not gone then is ended.
GRACE_SECONDS = 30.0
# Names the programs above a process; what has left its family is found by it.
STARTED_BY = "PNOW_STARTED_BY"
# What a shell says of a program that Ctrl-C has ended.
INTERRUPTED = 130


class Terminated(KeyboardInterrupt):
    """We were asked to end by SIGTERM, which nobody but us has got; Ctrl-C reaches all that runs in a terminal."""


def entry(main: Callable[[], int | None]) -> NoReturn:
    """Run `main` as a program: SIGTERM ends it the way Ctrl-C does, what it started first, without a traceback."""
    # Said for both: a program that a script has started in the background ignores Ctrl-C, and all below it would.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def step(title: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a command from the checkout; a failing one ends this program with exit status 1.

    Without `environment` the command inherits ours.
    """
    started = time.monotonic()
    print(f"\n==> {title}", flush=True)
    status = run(command, environment)
    elapsed = duration(time.monotonic() - started)
    if status:
        sys.exit(f"==> {title}: failed after {elapsed}")
    print(f"==> {title}: ok, {elapsed}", flush=True)


def run(command: Sequence[str], environment: Mapping[str, str] | None = None, folder: Path = CHECKOUT) -> int:
    """Run a command and return its exit status; when we are interrupted, all that it has started ends first."""
    with subprocess.Popen(command, cwd=folder, env=as_ours(environment)) as process:
        try:
            return process.wait()
        except BaseException as reason:
            with undisturbed():
                end([process], told=was_told(reason))
            raise


def as_ours(environment: Mapping[str, str] | None) -> dict[str, str]:
    """The environment of something that ends with us; None is our own."""
    given = os.environ if environment is None else environment
    return {**given, STARTED_BY: f"{given.get(STARTED_BY, '')}:{os.getpid()}"}


def was_told(reason: BaseException) -> bool:
    """Whether what ends us has reached what we run, too."""
    return isinstance(reason, KeyboardInterrupt) and not isinstance(reason, Terminated)


def end(commands: Sequence[subprocess.Popen[Any]], *, told: bool) -> None:
    """End all that we have started: asked as Ctrl-C asks, if they were not told so, and then forced."""
    family = [member for command in commands for member in _family(command.pid)]
    for member in () if told else family:
        with suppress(psutil.NoSuchProcess):
            member.send_signal(signal.SIGINT)
    patience = time.monotonic() + GRACE_SECONDS
    for command in commands:
        with suppress(subprocess.TimeoutExpired):
            command.wait(max(0, patience - time.monotonic()))
    processes.end([*family, *_strays()])


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let nobody interrupt us, or what we run, while we clean up."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _strays() -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _is_ours(process)]


def _is_ours(process: psutil.Process) -> bool:
    try:
        return str(os.getpid()) in process.environ().get(STARTED_BY, "").split(":")
    except psutil.Error:
        return False


def _family(pid: int) -> list[psutil.Process]:
    try:
        eldest = psutil.Process(pid)
        return [eldest, *eldest.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
