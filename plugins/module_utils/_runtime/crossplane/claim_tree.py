# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands behind a claim on the API server: its composite, if it is not one, and the managed resources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar

from ..._domain.crossplane.claim import composite_ref, lagging, resource_refs
from ..._domain.crossplane.definition import (
    CLAIM_NAME_LABEL,
    CLAIM_NAMESPACE_LABEL,
    XRD_API_VERSION,
    XRD_KIND,
    Definition,
    definition_of,
)
from ..._domain.crossplane.readiness import CROSSPLANE_CATEGORIES, CROSSPLANE_RULE, Node, Standing
from ..._domain.crossplane.real_object import hindrance, kept_by, last_seen, same_object
from ..._domain.errors import Forbidden, InfraError, NotServed, Rejected
from ..._domain.kubernetes.blockers import MOST_BLOCKERS, Blocker, blocker, deepest_first
from ..._domain.kubernetes.description import described_object
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
from ..._domain.kubernetes.readiness import Phase, Readiness, Rule, rule_for
from ..kubernetes.applying import LIST_FROM

# The label that Crossplane gives to a composite and to all that it is composed of: the composite's name.
COMPOSITE_LABEL = "crossplane.io/composite"

# How many composites one LIST selects: with more of the longest names a URL would be too long for some proxy.
SELECTED = 100

# How many questions about what blocks are asked at a time.
LANES = 4

Read: TypeAlias = "Manifest | NotServed | None"
Answer = TypeVar("Answer")


def look(api: Kubernetes, claims: Mapping[ObjectRef, Manifest | None]) -> dict[ObjectRef, Standing]:
    """The claims, each with everything behind it: its composite, if it is not one, then the managed resources.

    All of one kind are read together, so that it costs about as many requests as there are kinds, however many claims.
    """
    bound = {ref: composite for ref, claim in claims.items() if (composite := composite_ref(claim or {}))}
    composites = _read(api, {composite: composite.name for composite in bound.values()})
    tops = {ref: composites[bound[ref]] if ref in bound else claim for ref, claim in claims.items()}
    leaves = _read(api, {leaf: _label(top) for top in tops.values() for leaf in _composed(top)})
    standings = {}
    for ref, claim in claims.items():
        nodes = [_composite(bound[ref], tops[ref], claim or {})] if ref in bound else []
        nodes += [_node(api, leaf, leaves[leaf], len(nodes) + 1) for leaf in _composed(tops[ref])]
        standings[ref] = Standing(claim, nodes)
    return standings


def _composed(composite: Read) -> list[ObjectRef]:
    return resource_refs(composite) if isinstance(composite, dict) else []


def _label(composite: Read) -> str:
    """A composite that another one is composed of has that one's label, and so has what it is composed of itself."""
    metadata = composite["metadata"] if isinstance(composite, dict) else {}
    return str((metadata.get("labels") or {}).get(COMPOSITE_LABEL) or metadata.get("name", ""))


def _read(api: Kubernetes, wanted: Mapping[ObjectRef, str]) -> dict[ObjectRef, Read]:
    """The objects, each given with its label: one GET each, or one LIST for three and more of a kind."""
    kinds: dict[tuple[str, str], list[ObjectRef]] = defaultdict(list)
    for ref in wanted:
        kinds[ref.api_version, ref.kind].append(ref)
    found: dict[ObjectRef, Read] = {}
    for members in kinds.values():
        try:
            listed = _selected(api, members, wanted) if len(members) >= LIST_FROM else {}
            # Crossplane names an object before it makes it, and labels a composite when it has found its composition.
            found |= {ref: listed.get(ref) or api.get(ref) for ref in members}
        except NotServed as error:
            found |= dict.fromkeys(members, error)
    return found


def _selected(
    api: Kubernetes, members: Sequence[ObjectRef], labels: Mapping[ObjectRef, str]
) -> dict[ObjectRef, Manifest]:
    """Those of the objects, all of one kind, that their labels find; none for whoever may not list."""
    first, namespaces = members[0], {ref.namespace for ref in members}
    namespace = first.namespace if len(namespaces) == 1 else ""
    values = sorted({labels[ref] for ref in members})
    found: dict[ObjectRef, Manifest] = {}
    try:
        for start in range(0, len(values), SELECTED):
            selector = f"{COMPOSITE_LABEL} in ({','.join(values[start : start + SELECTED])})"
            found |= {
                ref_of(item): item for item in api.list_objects(first.api_version, first.kind, namespace, selector)
            }
    except Forbidden:
        return {}
    return found


def _composite(ref: ObjectRef, read: Read, claim: Manifest) -> Node:
    if isinstance(read, NotServed):
        return Node(ref, None, 1, unserved=read.message)
    return Node(ref, read, 1, lagging=lagging(read, claim) if read else ())


def _node(api: Kubernetes, ref: ObjectRef, read: Read, depth: int) -> Node:
    if isinstance(read, NotServed):
        return Node(ref, None, depth, unserved=read.message)
    return Node(ref, read, depth, _rule(api, ref, read))


def _rule(api: Kubernetes, ref: ObjectRef, manifest: Manifest | None) -> Rule | None:
    """Composites may be composed of anything: a Secret, for one, has no conditions."""
    ours = CROSSPLANE_CATEGORIES.intersection(api.served(ref.api_version, ref.kind).categories)
    return CROSSPLANE_RULE if ours else rule_for(manifest or {})


def described_tree(
    api: Kubernetes, ref: ObjectRef, standing: Standing, now: float, *, events_of_ready: bool = True
) -> list[dict[str, Any]]:
    """A claim and what is behind it as entries of a result, from above; ``now`` is what ages are counted to."""
    return [
        described_object(
            node.ref,
            node.manifest,
            node.readiness,
            depth=node.depth,
            now=now,
            events=events_of(api, node.ref, node.manifest) if events_of_ready or not node.readiness.ready else [],
        )
        for node in (Node(ref, standing.claim, depth=0), *standing.behind)
    ]


def trees(api: Kubernetes, roots: Sequence[Manifest]) -> dict[ObjectRef, Manifest]:
    """Claims, or composites, and everything behind them that exists; the roots first, leaves last."""
    found = {ref_of(root): root for root in roots}
    for standing in look(api, found).values():
        found |= {node.ref: node.manifest for node in standing.behind if node.manifest is not None}
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

    A claim that is not ready only says that it waits: a thorough look asks what for.
    """

    def __init__(self, api: Kubernetes) -> None:
        self._api = api
        # By uid and generation. A claim changes a few more times once it is ready, and has many objects behind it.
        self._settled: set[tuple[str, int]] = set()

    def __call__(self, claim: Manifest | None, thorough: bool) -> Readiness:
        own = Standing(claim).verdict
        if claim is None or own.phase is Phase.FAILED or not (own.ready or thorough):
            return own
        version = (uid(claim), generation(claim))
        if own.ready and version in self._settled:
            return own
        ref = ref_of(claim)
        verdict = look(self._api, {ref: claim})[ref].verdict
        if verdict.ready:
            self._settled.add(version)
        return verdict


def blockers_of(api: Kubernetes, standings: Mapping[ObjectRef, Standing]) -> list[Blocker]:
    """Why claims are not ready, causes first; the first ones with their real objects and their newest events."""
    nodes = [
        node
        for ref, standing in standings.items()
        for node in (Node(ref, standing.claim, depth=0), *standing.behind)
        if not node.readiness.ready
    ]
    manifests = {node.ref: node.manifest for node in nodes}
    unready = (blocker(node.ref, node.manifest, node.readiness, _blamed_at(node)) for node in nodes)
    causes = deepest_first(item for item in unready if item)
    behind = _together(lambda item: real_blocker(api, manifests[item.ref], item.depth), causes[:MOST_BLOCKERS])
    real = [item for item, _manifest in behind if item]
    manifests |= {item.ref: manifest for item, manifest in behind if item}
    causes = deepest_first([*causes, *real])
    told = _together(
        lambda item: item.with_events(events_of(api, item.ref, manifests[item.ref])), causes[:MOST_BLOCKERS]
    )
    return [*told, *causes[MOST_BLOCKERS:]]


def _blamed_at(node: Node) -> int:
    """A composite that lags behind its claim follows from what the claim says, if that says something."""
    return -1 if node.lagging else node.depth


def _together(ask: Callable[[Blocker], Answer], about: Sequence[Blocker]) -> list[Answer]:
    """Answers about several objects, some at a time: a busy server is slow to answer each."""
    if len(about) < LANES:
        return [ask(item) for item in about]
    with ThreadPoolExecutor(max_workers=LANES) as lanes:
        return list(lanes.map(ask, about))


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
