# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands behind a claim on the API server: its composite, if it is not one, and the managed resources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..._domain.crossplane.claim import composite_ref, lags_behind, resource_refs
from ..._domain.crossplane.definition import (
    CLAIM_NAME_LABEL,
    CLAIM_NAMESPACE_LABEL,
    XRD_API_VERSION,
    XRD_KIND,
    Definition,
    definition_of,
)
from ..._domain.crossplane.readiness import CROSSPLANE_CATEGORIES, CROSSPLANE_RULE
from ..._domain.crossplane.real_object import hindrance, kept_by, last_seen, same_object
from ..._domain.errors import Forbidden, InfraError, NotServed, Rejected
from ..._domain.kubernetes.blockers import Blocker, blocker, deepest_first
from ..._domain.kubernetes.manifest import (
    Condition,
    Manifest,
    ObjectRef,
    being_deleted,
    finalizers,
    generation,
    ref_of,
    uid,
)
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.kubernetes.readiness import Phase, Readiness, Rule, assess, rule_for


@dataclass(frozen=True)
class Node:
    """One object of the tree; ``manifest`` is None when it is named but does not exist, ``unserved`` why it can not."""

    ref: ObjectRef
    manifest: Manifest | None
    depth: int
    rule: Rule | None = CROSSPLANE_RULE
    unserved: str = ""

    @property
    def readiness(self) -> Readiness:
        if self.unserved:
            return Readiness(Phase.PROGRESSING, Condition("Synced", "Unknown", "NotServed", self.unserved))
        return assess(self.manifest, self.rule)


def behind(api: Kubernetes, root: Manifest) -> Iterator[Node]:
    """A claim's composite, then the managed resources, read as the caller asks for them."""
    bound = composite_ref(root)
    if bound is None:
        yield from _composed(api, root, depth=1)
        return
    composite = api.get(bound)
    yield Node(bound, composite, depth=1)
    if composite is not None:
        yield from _composed(api, composite, depth=2)


def _composed(api: Kubernetes, composite: Manifest, depth: int) -> Iterator[Node]:
    for ref in resource_refs(composite):
        try:
            manifest = api.get(ref)
            yield Node(ref, manifest, depth, _rule(api, ref, manifest))
        except NotServed as error:
            yield Node(ref, None, depth, unserved=error.message)


def _rule(api: Kubernetes, ref: ObjectRef, manifest: Manifest | None) -> Rule | None:
    """Composites may be composed of anything: a Secret, for one, has no conditions."""
    ours = CROSSPLANE_CATEGORIES.intersection(api.served(ref.api_version, ref.kind).categories)
    return CROSSPLANE_RULE if ours else rule_for(manifest or {})


def trees(api: Kubernetes, roots: Sequence[Manifest]) -> dict[ObjectRef, Manifest]:
    """Claims, or composites, and everything behind them that exists; the roots first, leaves last."""
    found = {ref_of(root): root for root in roots}
    for root in roots:
        found |= {node.ref: node.manifest for node in behind(api, root) if node.manifest is not None}
    return found


def readable_definitions(api: Kubernetes) -> list[Manifest]:
    """The platform's definitions; none for whoever may not read them."""
    try:
        return api.list_objects(XRD_API_VERSION, XRD_KIND)
    except (Forbidden, NotServed):
        return []


def abandoned(
    api: Kubernetes, claims: Mapping[ObjectRef, Manifest | None], definitions: Sequence[Manifest]
) -> dict[ObjectRef, Manifest]:
    """Composites that were made for these claims and that none of them is bound to.

    A claim with Crossplane's default deletion policy is gone before its composite is, and one that was replaced has two
    composites. They are found by the labels that Crossplane sets, if the definitions offer such claims.
    """
    bound = {composite_ref(claim) for claim in claims.values() if claim is not None}
    found: dict[ObjectRef, Manifest] = {}
    for (definition, namespace), names in _offered(claims, definitions).items():
        labels = f"{CLAIM_NAMESPACE_LABEL}={namespace}"
        for composite in api.list_objects(definition.composite_api_version, definition.composite_kind, labels=labels):
            claimed_by = composite["metadata"].get("labels", {}).get(CLAIM_NAME_LABEL)
            if claimed_by in names and ref_of(composite) not in bound:
                found[ref_of(composite)] = composite
    return found


def _offered(refs: Iterable[ObjectRef], definitions: Sequence[Manifest]) -> dict[tuple[Definition, str], set[str]]:
    offered: dict[tuple[Definition, str], set[str]] = defaultdict(set)
    try:
        for ref in refs:
            definition = definition_of(ref, definitions)
            if definition.claimed:
                offered[definition, ref.namespace].add(ref.name)
    except NotServed:
        return {}
    return offered


class Settling:
    """Judges claims, each together with everything behind it.

    Crossplane reports a changed claim ready as long as its composite was: so the composite must carry the claim's
    parameters, and it and every managed resource must be ready for their own present generation. A claim that is not
    ready only says that it waits: a thorough look asks what for.
    """

    def __init__(self, api: Kubernetes) -> None:
        self._api = api
        # By uid and generation. A claim changes a few more times once it is ready, and has many objects behind it.
        self._settled: set[tuple[str, int]] = set()

    def __call__(self, claim: Manifest | None, thorough: bool) -> Readiness:
        verdict = assess(claim, CROSSPLANE_RULE)
        if claim is None or verdict.phase is Phase.FAILED or not (verdict.ready or thorough):
            return verdict
        version = (uid(claim), generation(claim))
        if verdict.ready and version in self._settled:
            return verdict
        unready = [(node, below) for node in behind(self._api, claim) if not (below := _standing(node, claim)).ready]
        if not unready:
            if verdict.ready:
                self._settled.add(version)
            return verdict
        # What can not be mended first, then the deepest object, then the one that says something.
        node, below = min(
            unready, key=lambda pair: (pair[1].phase is not Phase.FAILED, -pair[0].depth, not _speaks(pair[1]))
        )
        return Readiness(below.phase, below.condition, node.ref)


def _standing(node: Node, claim: Manifest) -> Readiness:
    if node.ref == composite_ref(claim) and node.manifest is not None and lags_behind(node.manifest, claim):
        return Readiness(Phase.PROGRESSING, Condition("Synced", "Unknown", "ClaimNotSynced"))
    return node.readiness


def _speaks(readiness: Readiness) -> bool:
    return bool(readiness.condition and readiness.condition.message)


def blockers_of(api: Kubernetes, ref: ObjectRef, claim: Manifest | None, verdict: Readiness) -> list[Blocker]:
    """Why a claim is not ready, causes first, each with its newest events."""
    own = assess(claim, CROSSPLANE_RULE) if verdict.subject else verdict
    found = [blocker(ref, claim, own, depth=0)]
    nodes = {ref: claim}
    if claim is not None:
        for node in behind(api, claim):
            nodes[node.ref] = node.manifest
            unready = blocker(node.ref, node.manifest, node.readiness, node.depth)
            real, manifest = real_blocker(api, node.manifest if unready else None, node.depth)
            found += [unready, real]
            if real:
                nodes[real.ref] = manifest
    causes = deepest_first(entry for entry in found if entry)
    return [item.with_events(events_of(api, item.ref, nodes[item.ref])) for item in causes]


def real_blocker(api: Kubernetes, managed: Manifest | None, depth: int) -> tuple[Blocker | None, Manifest | None]:
    """What is wrong with the object that an unready Object at this depth keeps, and that object.

    One that does not exist, or can not be read, follows from what the Object says, so it is named after it.
    """
    ref = kept_by(managed) if managed else None
    if ref is None or managed is None:
        return None, None
    try:
        real = _real(api, ref, managed)
    except (Forbidden, NotServed, Rejected) as error:
        return Blocker(ref, Condition("Exists", "Unknown", message=error.message), depth - 1), None
    if real is None:
        return Blocker(ref, Condition("Exists", "False"), depth - 1), None
    wrong = hindrance(real)
    held = tuple(finalizers(real)) if being_deleted(real) else ()
    return Blocker(ref, wrong, depth + 1, held) if wrong else None, real


def _real(api: Kubernetes, ref: ObjectRef, managed: Manifest) -> Manifest | None:
    """The object as it is now. One that is in another cluster is not to be read here, but its provider has seen it."""
    live, seen = api.get(ref), last_seen(managed)
    return live if seen is None or same_object(live, seen) else seen


def events_of(api: Kubernetes, ref: ObjectRef, manifest: Manifest | None) -> list[Manifest]:
    """The events about an object. They only add to a story: a caller who may not read them still gets the rest."""
    if manifest is None:
        return []
    try:
        return api.events(ref, uid(manifest))
    except InfraError:
        return []
