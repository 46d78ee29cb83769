# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.gates`: every gate, the cheap ones first, on a test bed of its own that is gone afterwards."""

from __future__ import annotations

import shutil
import subprocess
import time

from tests.gates import bed
from tests.gates.paths import CHECKOUT
from tests.gates.steps import duration, entry, run, step
from tests.testbed.bed import state_folder

# Targets of the Makefile, in an order that fails fast; those of the oldest ansible-core need its Python on the machine.
CHEAP = ("lint", "unit", "build", "sanity")
CHEAP_OLDEST = ("unit-oldest", "sanity-oldest")
BUILDS_PROGRAMS = ("compositions",)
ON_BED = ("integration", "e2e")
ON_BED_OLDEST = ("integration-oldest",)
OLDEST_PYTHON = "3.11"


def main() -> None:
    """Run every gate; the first that fails ends the run with exit status 1."""
    started = time.monotonic()
    oldest = _has_oldest_python()
    _make(*CHEAP, *(CHEAP_OLDEST if oldest else ()), *BUILDS_PROGRAMS)
    try:
        _testbed("start from no test bed", "down")
        _testbed("bring a test bed up", "up")
        _make(*ON_BED, *(ON_BED_OLDEST if oldest else ()))
    except BaseException:
        _keep_logs()
        raise
    finally:
        run(bed.command("down"), bed.named(bed.NAME))
    print(f"\n==> all gates passed in {duration(time.monotonic() - started)}")


def _has_oldest_python() -> bool:
    search = [str(CHECKOUT / "tests" / "gates" / "find-python.sh"), OLDEST_PYTHON]
    found = subprocess.run(search, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
    if not found:
        print(f"==> no Python {OLDEST_PYTHON} on this machine: the oldest ansible-core is left out")
    return found


def _make(*targets: str) -> None:
    for target in targets:
        step(f"make {target}", ["make", "--no-print-directory", target])


def _testbed(title: str, verb: str) -> None:
    step(title, bed.command(verb), bed.named(bed.NAME))


def _keep_logs() -> None:
    logs = state_folder(bed.NAME) / "logs"
    kept = CHECKOUT / "tests" / "output" / "testbed-logs"
    if logs.is_dir():
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(logs, kept)
        print(f"==> the test bed's logs are kept in {kept.relative_to(CHECKOUT)}")


if __name__ == "__main__":
    entry(main)
