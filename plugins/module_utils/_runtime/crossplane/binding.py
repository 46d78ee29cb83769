# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A claim that has a composite already may ask for another composition, and not get it."""

from __future__ import annotations

from ..._domain.crossplane.binding import Bound, asked_anew, require_movable
from ..._domain.crossplane.claim import Claim, composite_ref
from ..._domain.errors import Forbidden
from ..._domain.kubernetes.manifest import Manifest, ObjectRef
from ..._domain.kubernetes.ports import Kubernetes
from ..task import Request


def require_obeyed(request: Request, api: Kubernetes, claim: Claim, live: Manifest | None, wanted: Manifest) -> None:
    """Raises InvalidOption when Crossplane would not give the claim the composition that the manifest asks for.

    It costs requests only when what is asked for about compositions changes.
    """
    changed = asked_anew(live, wanted) if live else frozenset()
    if live is None or not changed:
        return
    try:
        bound_to = composite_ref(live)
        bound = Bound.by((api.get(bound_to) if bound_to else live) or {})
        if bound.composition:
            revision = _read(api, bound.revision_object) if claim.composition_revision_selector else None
            composition = _read(api, bound.composition_object) if claim.composition_selector else None
            require_movable(claim, changed, bound, composition, revision)
    except Forbidden as error:
        request.reporter.warn(f"whether {claim.ref} moves to another composition is not known: {error}")


def _read(api: Kubernetes, ref: ObjectRef) -> Manifest | None:
    return api.get(ref) if ref.name else None
