# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands run one after the other, each announced, timed, and ended with us."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from tests.gates.paths import CHECKOUT


def entry(main: Callable[[], int | None]) -> NoReturn:
    """Run `main` as a program: SIGTERM ends it the way Ctrl-C does, what it started first, without a traceback."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)


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
    """Run a command and return its exit status; when we are interrupted, it is asked to end first."""
    with subprocess.Popen(command, cwd=folder, env=environment) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            raise


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
