# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects are the collection's own: those that it created, and nothing else.

Ownership is given once, by the request that creates an object: it carries a mark. A mark counts only where the API
server records that we applied it, so a copy that somebody made of an exported manifest is not ours. What was met stays
foreign, whatever is changed on it, until somebody asks for its adoption.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidOption
from .manifest import Manifest, ObjectRef, being_deleted, ref_of
from .ownership import applied_fields

MARK = "pnow.infra/created"
_MARKED = {MARK: "true"}

NOT_OURS = "it was not created by this collection; set adopt to delete it all the same"


@dataclass(frozen=True)
class Kept:
    """An object that was to be deleted, and why it is left alone."""

    ref: ObjectRef
    why: str

    def __str__(self) -> str:
        return f"{self.ref} is left alone: {self.why}"

    def fact(self) -> dict[str, str]:
        """The object as an entry of the result's ``kept``."""
        return {
            "api_version": self.ref.api_version,
            "kind": self.ref.kind,
            "namespace": self.ref.namespace,
            "name": self.ref.name,
            "why": self.why,
        }


def is_ours(live: Manifest | None) -> bool:
    """Whether we created the object, or adopted it."""
    if live is None or not is_marked(live):
        return False
    annotations = (applied_fields(live) or {}).get("f:metadata", {}).get("f:annotations", {})
    return f"f:{MARK}" in annotations


def genuine(live: Manifest | None) -> Manifest | None:
    """The object without a mark that we did not apply, which so can be adopted like any other."""
    return live if live is None or is_ours(live) else unmarked(live)


def is_marked(manifest: Manifest) -> bool:
    """Whether it says that we created it: true of what is to be applied, while anybody can say so of an object."""
    return _annotations(manifest).get(MARK) == _MARKED[MARK]


def marked(desired: Manifest, live: Manifest | None, *, adopt: bool = False) -> Manifest:
    """What is to be applied: with the mark if that creates the object, or if it is ours already or shall become so.

    Raises InvalidOption when the manifest brings a mark of its own.
    """
    if MARK in _annotations(desired):
        raise InvalidOption(
            f"{ref_of(desired)} is given annotation {MARK}, which only the creation of an object gives",
            next_step="leave it out, or set adopt to make an existing object this collection's own",
        )
    exists = live is not None and not being_deleted(live)
    if exists and not adopt and not is_ours(live):
        return desired
    return _annotated(desired, {**_annotations(desired), **_MARKED})


def unmarked(manifest: Manifest) -> Manifest:
    """The same without the mark."""
    if MARK not in _annotations(manifest):
        return manifest
    return _annotated(manifest, {key: value for key, value in _annotations(manifest).items() if key != MARK})


def why_foreign(unwanted: Manifest, live: Manifest) -> str:
    """Why an object is not ours to delete; empty when it is. One that has lost its labels was given to somebody."""
    if not is_ours(live):
        return NOT_OURS
    wanted = unwanted["metadata"].get("labels") or {}
    found = live["metadata"].get("labels") or {}
    if not wanted.items() <= found.items():
        return "it does not carry the labels of its manifest; set adopt to delete it all the same"
    return ""


def _annotations(manifest: Manifest) -> dict[str, Any]:
    found = (manifest.get("metadata") or {}).get("annotations")
    return found if isinstance(found, dict) else {}


def _annotated(manifest: Manifest, annotations: Mapping[str, Any]) -> Manifest:
    rest = {key: value for key, value in manifest["metadata"].items() if key != "annotations"}
    return {**manifest, "metadata": {**rest, "annotations": dict(annotations)} if annotations else rest}
