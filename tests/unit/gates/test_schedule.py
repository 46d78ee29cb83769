# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates: lanes side by side, the first failure ends the rest unless all shall be tried, and nothing is left running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.gates import schedule
from tests.gates.paths import CHECKOUT
from tests.gates.schedule import FAILED, PASSED, Gate, Outcome, Schedule

# As `make test` runs gates: one that waits for ever, with a child in a session of its own that does so, too, and one
# beside it that fails when it is told to.
PROGRAM = """
import sys
from pathlib import Path
from tests.gates import schedule
from tests.gates.steps import entry

schedule.OUTPUT = Path(sys.argv[1], "output")
never, fail = (Path(sys.argv[1], name) for name in ("never", "fail"))
waits = f"setsid sh -c 'echo child $$; read line < {never}' & read line < {never}"
fails = f"read line < {fail}; exit 3"
ran = schedule.Schedule()

def main():
    with schedule.report(ran):
        ran.run(gates("waits", waits, "next", "true"), gates("fails", fails))

def gates(*words):
    return [schedule.Gate(name, ["sh", "-c", script]) for name, script in zip(words[::2], words[1::2])]

entry(main)
"""


@pytest.fixture(autouse=True)
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(schedule, "OUTPUT", tmp_path / "output")
    return tmp_path / "output"


def shell(name: str, script: str) -> Gate:
    return Gate(name, ["sh", "-c", script])


def test_a_lane_goes_on_until_a_gate_fails(capfd: pytest.CaptureFixture[str]) -> None:
    ran = Schedule()
    assert ran.run([shell("first", "echo said; echo complained >&2"), shell("second", "true")])
    assert not ran.run([shell("third", "exit 2"), shell("fourth", "true")])
    assert [(outcome.gate, outcome.result) for outcome in ran.outcomes] == [
        ("first", PASSED),
        ("second", PASSED),
        ("third", FAILED),
    ]
    lines = capfd.readouterr().out.splitlines()
    assert {"first | said", "first | complained", "==> third: failed after 0 s"} <= set(lines)


def test_a_report_ends_with_what_the_failed_gates_said_of_it(capfd: pytest.CaptureFixture[str]) -> None:
    ran = Schedule(persistent=True)
    with schedule.report(ran):
        ran.run([shell("fine", "echo fatal: not at all"), shell("told", "echo fatal: no server; seq 9; exit 2")])
        ran.run([shell("mute", "seq 9; exit 2")])
    told = capfd.readouterr().out.partition("GATE ")[2].splitlines()
    assert told[-8:-1] == ["told | fatal: no server", *(f"mute | {number}" for number in range(4, 10))]


def test_after_a_failure_nothing_is_begun() -> None:
    ran = Schedule()
    ran.run([shell("first", "false")])
    assert not ran.run([shell("second", "true")])
    assert [outcome.gate for outcome in ran.outcomes] == ["first"]


def test_all_are_tried_where_that_is_wanted() -> None:
    ran = Schedule(persistent=True)
    ran.run([shell("first", "false"), shell("second", "true")])
    ran.run([shell("third", "true")])
    assert [outcome.result for outcome in ran.outcomes] == [FAILED, PASSED, PASSED]
    assert not ran.passed


def test_what_a_gate_prints_is_kept(output: Path) -> None:
    Schedule().run([shell("first", "echo said; exit 1")])
    assert (output / "first.log").read_text() == "said\n"


def test_the_table_has_a_line_for_each_gate() -> None:
    ran = Schedule(outcomes=[Outcome("integration", PASSED, 421.4), Outcome("e2e", FAILED, 7.0)])
    assert ran.table().splitlines() == [
        "GATE         RESULT         TIME",
        "integration  passed    7 min 1 s",
        "e2e          failed          7 s",
    ]


@pytest.mark.parametrize(
    ("disturb", "status", "said"),
    [
        (lambda program, _: program.send_signal(signal.SIGTERM), 130, ["waits  stopped", "==> stopped after"]),
        (lambda program, _: os.killpg(program.pid, signal.SIGINT), 130, ["waits  stopped", "==> stopped after"]),
        (lambda _, fail: fail.write_text("\n"), 0, ["fails  failed", "waits  stopped", "==> failed after"]),
    ],
    ids=["SIGTERM", "Ctrl-C", "failure"],
)
def test_nothing_is_left_running(
    disturb: Callable[[subprocess.Popen[str], Path], object], status: int, said: list[str], tmp_path: Path
) -> None:
    for pipe in ("never", "fail"):
        os.mkfifo(tmp_path / pipe)
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert program.stdout is not None
    child = psutil.Process(next(int(found[1]) for line in program.stdout if (found := re.search(r"child (\d+)", line))))
    disturb(program, tmp_path / "fail")
    rest = program.stdout.read()
    assert program.wait() == status, rest
    assert all(each in rest for each in said), rest
    assert re.search("^next ", rest, re.MULTILINE) is None
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
