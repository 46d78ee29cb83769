# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.gates.matrix`: an environment in each style of the platform API, on each version of Crossplane.

Each has a test bed of its own, on which tests/e2e/test_styles.py runs; the last lines are a table of how that went.
"""

from __future__ import annotations

import sys
import time

from tests.gates import bed
from tests.gates.steps import duration, entry, run

COMBINATIONS = (("2.3", "claims"), ("2.3", "namespaced"), ("1.20", "claims"))
TEST = (sys.executable, "-m", "pytest", "--verbose", "tests/e2e/test_styles.py")
ROW = "{:<12} {:<12} {:<8} {}"


def main() -> int:
    """Run every combination, whatever becomes of the others; returns 1 if one failed."""
    rows = [(*combination, *_timed(*combination)) for combination in COMBINATIONS]
    print(f"\n{ROW.format('CROSSPLANE', 'STYLE', 'RESULT', 'TIME')}")
    for row in rows:
        print(ROW.format(*row))
    return 0 if all(result == "passed" for _version, _style, result, _time in rows) else 1


def _timed(version: str, style: str) -> tuple[str, str]:
    print(f"\n==> Crossplane {version}, style {style}", flush=True)
    started = time.monotonic()
    result = "passed" if _passes(version, style) else "failed"
    return result, duration(time.monotonic() - started)


def _passes(version: str, style: str) -> bool:
    ours = bed.named(bed.MATRIX)
    try:
        # What an interrupted run has left may be another version's.
        if run(bed.command("down"), ours) or run(bed.command("up", "--crossplane", version), ours):
            return False
        return run(TEST, {**bed.environment(bed.MATRIX), "PNOW_STYLE": style}) == 0
    finally:
        run(bed.command("down"), ours)


if __name__ == "__main__":
    entry(main)
