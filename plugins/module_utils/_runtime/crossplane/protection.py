# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that are in use are not deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..._domain.crossplane.usage import KINDS, ends_with, is_protected, is_protection, protects, spoken
from ..._domain.errors import Forbidden, InUse, NotServed
from ..._domain.kubernetes.manifest import Manifest, ObjectRef, ref_of
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.kubernetes.progress import some


def require_unused(api: Kubernetes, going: Mapping[ObjectRef, Manifest]) -> None:
    """Raises InUse if a Usage keeps one of the objects that are to go, so that nothing is deleted by half.

    A Usage that goes with them, as one by which a composition orders a deletion, keeps nothing. Who may not read
    Usages is refused by Crossplane's webhook.
    """
    protected = [ref for ref, manifest in going.items() if is_protected(manifest)]
    if not protected:
        return
    usages = [usage for usage in _usages(api) if not ends_with(usage, going)]
    found = [(ref, usage) for ref in protected for usage in usages if protects(usage, ref)]
    if found:
        names = sorted({str(ref_of(usage)) for _ref, usage in found})
        way = f"remove {some(names)} first"
        if all(is_protection(usage) for _ref, usage in found):
            way = "write environment_protected: false into its inventory and run provision, in a run of its own, before"
        raise InUse(some([spoken(usage, ref) for ref, usage in found]), next_step=f"nothing was deleted; {way}")


def _usages(api: Kubernetes) -> Iterable[Manifest]:
    for api_version, kind in KINDS:
        try:
            yield from api.list_objects(api_version, kind)
        except (Forbidden, NotServed):
            continue
