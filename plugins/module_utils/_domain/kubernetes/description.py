# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as a result describes them: for programs that compare, and for people who read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..text import inert
from ..units import age
from .blockers import MOST_EVENTS, newest_first, spoken_event
from .manifest import Manifest, ObjectRef, being_deleted, conditions, finalizers
from .readiness import Readiness


def described_conditions(manifest: Manifest | None, now: float) -> list[dict[str, str]]:
    """The conditions in the order of the object, each with its age at ``now`` (seconds of the epoch)."""
    return [
        {
            "type": inert(condition.type),
            "status": inert(condition.status),
            "reason": inert(condition.reason),
            "message": inert(condition.message),
            "since": inert(condition.since),
            "age": age(condition.since, now),
        }
        for condition in conditions(manifest or {}).values()
    ]


def described_object(
    ref: ObjectRef, manifest: Manifest | None, verdict: Readiness, *, depth: int, now: float, events: Iterable[Manifest]
) -> dict[str, Any]:
    """One object of a claim's tree; ``manifest`` is None when it is named but does not exist."""
    live = manifest or {}
    return {
        "depth": depth,
        "api_version": ref.api_version,
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
        "exists": manifest is not None,
        "ready": verdict.ready,
        "deleting": being_deleted(live),
        "age": age(live.get("metadata", {}).get("creationTimestamp", ""), now),
        "finalizers": finalizers(live),
        "conditions": described_conditions(manifest, now),
        "events": [spoken_event(event) for event in newest_first(events)[:MOST_EVENTS]],
    }
