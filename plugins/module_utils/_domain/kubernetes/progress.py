# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many objects in few words: some by name, the rest by number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .manifest import ObjectRef
from .readiness import Readiness

# As many are named in a sentence.
NAMED = 3

# As many lines are said about single objects before those about more objects than that are counted.
FOLLOWED = 10


def some(names: Sequence[object], most: int = NAMED) -> str:
    """``a, b, c and 45 others``."""
    shown, others = ", ".join(str(name) for name in names[:most]), len(names) - most
    return f"{shown} and {others} other{'s' if others > 1 else ''}" if others > 0 else shown


def tally(verdicts: Mapping[ObjectRef, Readiness], goal: str = "ready") -> str:
    """How far all are, the most common states first: ``31 of 50 ready; 19 Synced=False: Role pr-28-reader ...``."""
    states: dict[str, list[ObjectRef]] = defaultdict(list)
    for ref, verdict in verdicts.items():
        if not verdict.ready:
            states[str(replace(verdict, subject=None))].append(verdict.subject or ref)
    common = sorted(states.items(), key=lambda entry: -len(entry[1]))
    others = sum(len(refs) for _state, refs in common[NAMED:])
    reached = len(verdicts) - sum(map(len, states.values()))
    counted = [f"{len(refs)} {state}: {refs[0]}{' ...' if refs[1:] else ''}" for state, refs in common[:NAMED]]
    return "; ".join([f"{reached} of {len(verdicts)} {goal}", *counted, *([f"{others} others"] if others else [])])
