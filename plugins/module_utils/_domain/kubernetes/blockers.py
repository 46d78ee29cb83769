# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which object keeps others from becoming ready or from going away, and what it says about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..text import inert
from .manifest import Condition, Manifest, ObjectRef, finalizers
from .readiness import Phase, Readiness

MOST_EVENTS = 5

# A result names as many blockers, and counts the rest: who has that many does not read further.
MOST_BLOCKERS = 25


@dataclass(frozen=True)
class Blocker:
    """An object that is not as it should be.

    ``depth`` is its distance from the claim: the deepest is the cause. Waiting can not mend a ``terminal`` one.
    """

    ref: ObjectRef
    condition: Condition
    depth: int = 0
    finalizers: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    terminal: bool = False

    def with_events(self, events: Iterable[Manifest]) -> Blocker:
        return replace(self, events=tuple(spoken_event(event) for event in newest_first(events)[:MOST_EVENTS]))

    def __str__(self) -> str:
        state = f"{self.ref} {self.condition.type}={self.condition.status}"
        reason = f"{state} {self.condition.reason}".rstrip()
        message = inert(self.condition.message, 400)
        held = f", held by {', '.join(self.finalizers)}" if self.finalizers else ""
        return f"{reason}: {message}{held}" if message else f"{reason}{held}"

    def fact(self) -> dict[str, Any]:
        """The blocker as an entry of the result's ``blockers``."""
        return {
            "api_version": self.ref.api_version,
            "kind": self.ref.kind,
            "namespace": self.ref.namespace,
            "name": self.ref.name,
            "condition": f"{self.condition.type}={self.condition.status}",
            "reason": inert(self.condition.reason),
            "message": inert(self.condition.message),
            "since": inert(self.condition.since),
            "finalizers": list(self.finalizers),
            "events": list(self.events),
        }


def blocker(ref: ObjectRef, manifest: Manifest | None, readiness: Readiness, depth: int) -> Blocker | None:
    """The blocker that an unready object is; None for a ready one."""
    if readiness.ready:
        return None
    condition = readiness.condition or Condition("Ready", "Unknown")
    held = tuple(finalizers(manifest)) if manifest and condition.type == "Deleting" else ()
    return Blocker(ref, condition, depth, held, terminal=readiness.phase is Phase.FAILED)


def deepest_first(blockers: Iterable[Blocker]) -> list[Blocker]:
    """Causes before consequences: what ended the wait, then leaves; a claim only ever says that it waits."""
    return sorted(blockers, key=lambda item: (not item.terminal, -item.depth, not item.condition.message, item.ref))


def newest_first(events: Iterable[Manifest]) -> list[Manifest]:
    """The events in the order in which a person wants them."""
    return sorted(events, key=_when, reverse=True)


def spoken_event(event: Manifest) -> str:
    """An event in one line: reason, message, and how often it happened."""
    count = int(event.get("count") or 1)
    times = f" (x{count})" if count > 1 else ""
    return inert(f"{event.get('reason', '')}: {event.get('message', '')}{times}", 300)


def summary(blockers: Sequence[Blocker]) -> str:
    """The first cause in words, and how many others there are."""
    if not blockers:
        return "no object says why"
    others = len(blockers) - 1
    where = "in blockers" if others < MOST_BLOCKERS else f"of which {MOST_BLOCKERS - 1} are in blockers"
    return f"{blockers[0]}" + (f" (and {others} more {where})" if others else "")


def blocker_facts(blockers: Sequence[Blocker]) -> list[dict[str, Any]]:
    """The first of them as they stand in a result."""
    return [item.fact() for item in blockers[:MOST_BLOCKERS]]


def _when(event: Manifest) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")
