# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves a composite to another composition, and what looks as if it did.

Crossplane selects once (internal/controller/apiextensions/composite, api.go): a selector is for composites that have
no composition yet. A reference is obeyed whenever it changes; but while the update policy is Manual, the revision that
a composite has is what counts, whichever composition it is of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidOption
from ..kubernetes.manifest import Manifest, ObjectRef
from ..kubernetes.ownership import owned_view
from .claim import Claim

API_VERSION = "apiextensions.crossplane.io/v1"

# The fields that decide about the composition, and about its revision.
_COMPOSITION = frozenset({"compositionRef", "compositionSelector"})
_REVISION = frozenset(
    {"compositionRef", "compositionRevisionRef", "compositionRevisionSelector", "compositionUpdatePolicy"}
)


@dataclass(frozen=True)
class Bound:
    """The composition and the revision that a composite has; empty for none yet."""

    composition: str
    revision: str

    @classmethod
    def by(cls, composite: Manifest) -> Bound:
        own = _own(composite)
        return cls(_name(own.get("compositionRef")), _name(own.get("compositionRevisionRef")))

    @property
    def composition_object(self) -> ObjectRef:
        return ObjectRef(API_VERSION, "Composition", self.composition)

    @property
    def revision_object(self) -> ObjectRef:
        return ObjectRef(API_VERSION, "CompositionRevision", self.revision)


def asked_anew(live: Manifest, wanted: Manifest) -> frozenset[str]:
    """The fields about compositions that applying the manifest would change."""
    before, after = _own(owned_view(live, wanted)), _own(wanted)
    return frozenset(name for name in _COMPOSITION | _REVISION if before.get(name) != after.get(name))


def require_movable(
    claim: Claim, changed: frozenset[str], bound: Bound, composition: Manifest | None, revision: Manifest | None
) -> None:
    """Raises InvalidOption when the composite would stay where it is; the objects are those that it has now."""
    if changed & _REVISION:
        _require_revision(claim, bound, revision)
    if changed & _COMPOSITION and not claim.composition_ref and not _selects(claim.composition_selector, composition):
        raise InvalidOption(
            f"{claim.ref} has composition {bound.composition}, which composition_selector does not select, "
            "and Crossplane selects only once",
            next_step="nothing was written; to move it set composition_ref to the one that it shall have and "
            "force_conflicts",
        )


def _require_revision(claim: Claim, bound: Bound, revision: Manifest | None) -> None:
    if claim.composition_update_policy != "Manual" or claim.composition_revision_ref not in ("", bound.revision):
        return
    if not bound.revision:
        return
    if claim.composition_ref not in ("", bound.composition):
        raise _stays(claim, bound, f"composition_revision_ref to a revision of {claim.composition_ref}")
    if not claim.composition_revision_ref and not _selects(claim.composition_revision_selector, revision):
        raise _stays(claim, bound, "composition_revision_ref to the revision that it shall have")


def _stays(claim: Claim, bound: Bound, moves: str) -> InvalidOption:
    return InvalidOption(
        f"{claim.ref} has revision {bound.revision} of composition {bound.composition}, and keeps it while "
        "composition_update_policy is Manual",
        next_step=f"nothing was written; to move it set {moves} and force_conflicts",
    )


def _selects(labels: Mapping[str, str], live: Manifest | None) -> bool:
    found = live["metadata"].get("labels") or {} if live else {}
    return labels.items() <= found.items()


def _own(manifest: Manifest) -> dict[str, Any]:
    """Crossplane's own part of the spec, in whichever style."""
    spec = manifest.get("spec") or {}
    return {**spec, **(spec.get("crossplane") or {})}


def _name(reference: Any) -> str:
    return str((reference or {}).get("name") or "")
