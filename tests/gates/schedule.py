# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates run in lanes: those of a lane one after the other, lanes side by side; in the end a table says how it went.

What a gate prints appears at once, every line behind the gate's name, and stays in tests/output/gates.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from tests.gates import steps
from tests.gates.paths import CHECKOUT
from tests.gates.steps import duration

OUTPUT = CHECKOUT / "tests" / "output" / "gates"
# For the rest of what a gate has printed; longer only if it has left something running that prints to the same place.
DRAIN_SECONDS = 5.0
PASSED, FAILED, STOPPED = "passed", "failed", "stopped"
# Ctrl-C reaches a gate before we know of it.
INTERRUPTED = (-signal.SIGINT, steps.INTERRUPTED)
OLDEST_PYTHON = "3.11"
HEADING = ("GATE", "RESULT", "TIME")
# How pytest, Ansible and make begin the lines that say what went wrong, and how much of them a report repeats.
TELLING = ("FAILED ", "ERROR ", "fatal: ", "[ERROR]")
TOLD_LINES, TOLD_WIDTH = 6, 400


@dataclass(frozen=True)
class Gate:
    """A command that passes or fails; without `environment` it inherits ours."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Outcome:
    """How a gate went."""

    gate: str
    result: str
    seconds: float


def targets(*names: str) -> list[Gate]:
    """The gates that are targets of the Makefile."""
    return [Gate(name, ["make", "--no-print-directory", name]) for name in names]


def has_oldest_python() -> bool:
    """Whether gates with the oldest ansible-core can run; says so if not."""
    search = [str(CHECKOUT / "tests" / "gates" / "find-python.sh"), OLDEST_PYTHON]
    found = subprocess.run(search, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
    if not found:
        print(f"==> no Python {OLDEST_PYTHON} on this machine: the oldest ansible-core is left out")
    return found


@dataclass
class Schedule:
    """What has been run, and what of it runs now. Unless `persistent`, the first gate that fails stops all others."""

    persistent: bool = False
    outcomes: list[Outcome] = field(default_factory=list)
    _running: list[subprocess.Popen[str]] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def passed(self) -> bool:
        return all(outcome.result == PASSED for outcome in self.outcomes)

    def run(self, *lanes: Sequence[Gate]) -> bool:
        """Run lanes side by side; whether everything up to now has passed. Interrupted, it ends what runs."""
        with ThreadPoolExecutor(len(lanes)) as pool:
            try:
                for ending in [pool.submit(self._follow, lane) for lane in lanes]:
                    ending.result()
            except BaseException as reason:
                with steps.undisturbed():
                    self._stop(told=steps.was_told(reason))
                raise
        return self.passed

    def table(self) -> str:
        """A line for each gate that was begun."""
        rows = [(outcome.gate, outcome.result, duration(outcome.seconds)) for outcome in self.outcomes]
        width = max(len(row[0]) for row in [("GATE",), *rows])
        return "\n".join(f"{gate:<{width}}  {result:<8}{time:>11}" for gate, result, time in [HEADING, *rows])

    def causes(self) -> str:
        """What the gates that failed have said of it: their telling lines, or without any their last ones."""
        return "".join(
            f"{outcome.gate} | {line}\n"
            for outcome in self.outcomes
            if outcome.result == FAILED
            for line in _telling((OUTPUT / f"{outcome.gate}.log").read_text())
        )

    def _follow(self, lane: Sequence[Gate]) -> None:
        for gate in lane:
            if self._stopped.is_set():
                return
            started = time.monotonic()
            print(f"\n==> {gate.name}", flush=True)
            result = self._result(gate)
            outcome = Outcome(gate.name, result, time.monotonic() - started)
            print(f"\n==> {gate.name}: {result} after {duration(outcome.seconds)}", flush=True)
            self.outcomes.append(outcome)
            if result == STOPPED:
                return
            if result == FAILED and not self.persistent:
                self._stop(told=False)

    def _result(self, gate: Gate) -> str:
        OUTPUT.mkdir(parents=True, exist_ok=True)
        process = self._start(gate)
        if not process:
            return STOPPED
        reader = threading.Thread(target=_pass_on, args=(gate.name, process.stdout), daemon=True)
        reader.start()
        status = process.wait()
        reader.join(DRAIN_SECONDS)
        with self._lock:
            self._running.remove(process)
        if status in INTERRUPTED or (status and self._stopped.is_set()):
            return STOPPED
        return FAILED if status else PASSED

    def _start(self, gate: Gate) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._stopped.is_set():
                return None
            process = subprocess.Popen(
                gate.command,
                cwd=CHECKOUT,
                env=steps.as_ours(gate.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            self._running.append(process)
        return process

    def _stop(self, *, told: bool) -> None:
        with self._lock:
            self._stopped.set()
            running = list(self._running)
        steps.end(running, told=told)


@contextmanager
def report(schedule: Schedule) -> Iterator[None]:
    """Whatever happens, say in the end how it went."""
    started = time.monotonic()
    how = STOPPED
    try:
        yield
        how = PASSED if schedule.passed else FAILED
    finally:
        total = duration(time.monotonic() - started)
        print(f"\n{schedule.table()}\n\n{schedule.causes()}==> {how} after {total}", flush=True)


def _telling(log: str) -> list[str]:
    lines = log.splitlines()
    telling = [line for line in lines if line.startswith(TELLING)]
    return [line[:TOLD_WIDTH] for line in (telling or lines)[-TOLD_LINES:]]


def _pass_on(gate: str, printed: IO[str]) -> None:
    with (OUTPUT / f"{gate}.log").open("w") as log:
        for line in printed:
            log.write(line)
            log.flush()
            print(f"{gate} | {line}", end="", flush=True)
