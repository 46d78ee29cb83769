# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.gates.nightly`: the long campaigns, one after the other, whatever becomes of the others."""

from __future__ import annotations

from tests.gates import bed
from tests.gates.schedule import Schedule, has_oldest_python, report, targets
from tests.gates.steps import entry

# Targets of the Makefile, each on a new test bed.
CAMPAIGNS = ("kills", "thousand", "matrix", "verbs", "cache-campaign", "clusters", "cluster-campaign")
CAMPAIGNS_OLDEST = ("integration-oldest",)


def main() -> int:
    """Run every campaign; returns 1 if one failed."""
    schedule = Schedule(persistent=True)
    with report(schedule):
        for campaign in (*CAMPAIGNS, *(CAMPAIGNS_OLDEST if has_oldest_python() else ())):
            with bed.alone(schedule):
                schedule.run(targets(campaign))
    return 0 if schedule.passed else 1


if __name__ == "__main__":
    entry(main)
