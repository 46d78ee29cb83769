# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes objects as the API server sends them, and what one needs to read from any of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]

FIELD_MANAGER = "pnow.infra"


@dataclass(frozen=True, order=True)
class ObjectRef:
    """Where an object lives. ``namespace`` is empty for a cluster-scoped one."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place}"


@dataclass(frozen=True)
class Condition:
    """One entry of ``status.conditions``; ``observed_generation`` is 0 where the server does not set it."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    since: str = ""
    observed_generation: int = 0


def ref_of(manifest: Manifest) -> ObjectRef:
    """Where the object lives."""
    metadata = manifest.get("metadata") or {}
    return ObjectRef(
        api_version=str(manifest.get("apiVersion", "")),
        kind=str(manifest.get("kind", "")),
        name=str(metadata.get("name", "")),
        namespace=str(metadata.get("namespace") or ""),
    )


def uid(manifest: Manifest) -> str:
    """What tells an object from a later one of the same name."""
    return str(manifest.get("metadata", {}).get("uid", ""))


def generation(manifest: Manifest) -> int:
    """The number of the present spec; 0 for kinds that do not count."""
    return int(manifest.get("metadata", {}).get("generation") or 0)


def being_deleted(manifest: Manifest) -> bool:
    """Whether deletion was requested and finalizers hold the object."""
    return bool(manifest.get("metadata", {}).get("deletionTimestamp"))


def finalizers(manifest: Manifest) -> list[str]:
    """Who wants to act before the object goes."""
    return [str(item) for item in manifest.get("metadata", {}).get("finalizers") or []]


def conditions(manifest: Manifest) -> dict[str, Condition]:
    """The conditions by type; anything malformed is left out, for a status is written by others."""
    return {condition.type: condition for condition in _conditions(manifest)}


def _conditions(manifest: Manifest) -> Iterator[Condition]:
    status = manifest.get("status")
    entries = status.get("conditions") if isinstance(status, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("type"):
            yield Condition(
                type=str(entry["type"]),
                status=str(entry.get("status", "Unknown")),
                reason=str(entry.get("reason") or ""),
                message=str(entry.get("message") or ""),
                since=str(entry.get("lastTransitionTime") or ""),
                observed_generation=int(entry.get("observedGeneration") or 0),
            )
