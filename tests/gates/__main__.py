# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.gates`: every gate, the cheap ones first, on a test bed of its own that is gone afterwards."""

from __future__ import annotations

from tests.gates import bed
from tests.gates.schedule import Gate, Schedule, has_oldest_python, report, targets
from tests.gates.steps import entry

# Lanes of targets of the Makefile. What needs no servers comes first, and fails fast.
CHEAP = ("lint", "unit", "build"), ("sanity",)
CHEAP_OLDEST = "unit-oldest", "sanity-oldest"
# Needs a few built programs, and no test bed.
BUILT = ("compositions",)
START = Gate("test bed", bed.command("up"), bed.named(bed.NAME))
# The first lane has the test bed to itself; the second starts servers, and then test beds, of its own.
SERVED = ("integration", "molecule", "e2e"), ("servers", "caches")


def main() -> int:
    """Run the gates; the first that fails ends the run, with exit status 1."""
    schedule = Schedule()
    with report(schedule):
        first, second = CHEAP
        cheap = targets(*first), targets(*second, *(CHEAP_OLDEST if has_oldest_python() else ()))
        if schedule.run(*cheap) and schedule.run(targets(*BUILT)):
            with bed.alone(schedule):
                if schedule.run([START]):
                    schedule.run(*(targets(*lane) for lane in SERVED))
    return 0 if schedule.passed else 1


if __name__ == "__main__":
    entry(main)
