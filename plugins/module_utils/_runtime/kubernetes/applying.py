# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests on the API server: observe, plan, write what differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._domain.errors import InfraError, NotServed, OtherVersion
from ..._domain.kubernetes.creation import is_ours, unmarked
from ..._domain.kubernetes.manifest import Manifest, ObjectRef, being_deleted, ref_of, uid
from ..._domain.kubernetes.ownership import as_wanted, desired_view, owned_view, would_change
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.kubernetes.progress import FOLLOWED
from ..._domain.kubernetes.versions import said_again
from ..._domain.plan import Action
from ..._domain.ports import Clock, Reporter
from ..._domain.redact import HIDDEN, HIDDEN_NEW
from ..task import Request
from .asking import Judge

# From this many objects of one kind and namespace on, one LIST is cheaper than a GET each.
LIST_FROM = 3

# How long discovery may lag behind a definition, and how often it is asked meanwhile, in seconds.
DISCOVERY_LAG = 5.0
DISCOVERY_PAUSE = 0.5


@dataclass(frozen=True, kw_only=True)
class Apply(Action):
    """A server-side apply of ``manifest``; ``stored`` is what the server says it will make of it, if it could tell."""

    manifest: Manifest
    stored: Manifest | None = None


@dataclass(frozen=True, kw_only=True)
class Delete(Action):
    """The deletion of the object that has this uid."""

    ref: ObjectRef
    uid: str


def observe(
    api: Kubernetes, refs: Iterable[ObjectRef], *, unserved_is_absent: bool = False
) -> dict[ObjectRef, Manifest | None]:
    """The live objects; None for one that does not exist.

    Raises NotServed, unless a kind that is not served yet counts as having no objects (check mode: an earlier task
    would have installed it).
    """
    groups: dict[tuple[str, str, str], list[ObjectRef]] = defaultdict(list)
    for ref in refs:
        groups[ref.api_version, ref.kind, ref.namespace].append(ref)
    observed: dict[ObjectRef, Manifest | None] = {}
    for members in groups.values():
        try:
            observed |= _observe_group(api, members)
        except NotServed:
            if not unserved_is_absent:
                raise
            observed |= dict.fromkeys(members)
    return observed


def observe_served(api: Kubernetes, refs: Sequence[ObjectRef], clock: Clock) -> dict[ObjectRef, Manifest | None]:
    """The live objects, of kinds that may have been installed a moment ago.

    The API server serves a definition before all of its discovery lists it, so a kind is missing only if it stays so.
    Raises NotServed.
    """
    started = clock.monotonic()
    while True:
        try:
            return observe(api, refs)
        except NotServed:
            if clock.monotonic() - started >= DISCOVERY_LAG:
                raise
        clock.sleep(DISCOVERY_PAUSE)


def _observe_group(api: Kubernetes, refs: Sequence[ObjectRef]) -> dict[ObjectRef, Manifest | None]:
    if len(refs) < LIST_FROM:
        return {ref: api.get(ref) for ref in refs}
    first = refs[0]
    found = {ref_of(item): item for item in api.list_objects(first.api_version, first.kind, first.namespace)}
    return {ref: found.get(ref) for ref in refs}


def plan_apply(
    request: Request, api: Kubernetes, desired: Iterable[Manifest], observed: Mapping[ObjectRef, Manifest | None]
) -> list[Apply]:
    """The applies that are needed, in the order of ``desired``, each as the API server itself says what it would do.

    An object on its way out counts as gone. Raises what the API server refuses.
    """
    judge = Judge(request, api)
    applies: list[Apply] = []
    for manifest in desired:
        live = observed[ref_of(manifest)]
        leaving = live is not None and being_deleted(live)
        if live is not None and not leaving and as_wanted(live, manifest):
            continue
        # Of an object that takes the place of another one the server could only speak as of a change.
        answer = None if leaving else judge.answer(manifest, [item.manifest for item in applies])
        before = None if leaving else live
        if before is None or answer is None or would_change(before, answer, manifest):
            applies.append(_apply(manifest, before, answer))
    return applies


def _apply(manifest: Manifest, live: Manifest | None, answer: Manifest | None) -> Apply:
    before = owned_view(live, manifest) if live is not None else {}
    after = owned_view(answer, manifest) if answer is not None else desired_view(manifest)
    ref = ref_of(manifest)
    shown = _without_secrets(ref.kind, before, after)
    verb = "create" if live is None else "patch"
    return Apply(verb, str(ref), before=shown[0], after=shown[1], manifest=manifest, stored=answer)


def apply_all(
    api: Kubernetes, applies: Sequence[Apply], reporter: Reporter, *, force: bool
) -> dict[ObjectRef, Manifest]:
    """Makes the applies in order. An error says in its facts whether anything was written before it."""
    applied: dict[ObjectRef, Manifest] = {}
    for number, item in enumerate(applies):
        if number < FOLLOWED:
            reporter.line(f"{item.verb} {item.target}")
        elif number == FOLLOWED:
            reporter.line(f"and {len(applies) - FOLLOWED} more")
        try:
            applied[ref_of(item.manifest)] = _write(api, item, reporter, force=force)
        except InfraError as error:
            error.facts["changed"] = bool(applied)
            raise
    return applied


def _write(api: Kubernetes, item: Apply, reporter: Reporter, *, force: bool) -> Manifest:
    """Creates the object, or changes it. What was to be created and exists by now is somebody else's, so not marked."""
    if item.verb != "create":
        return _changed(api, item.manifest, force=force)
    while (created := api.create(item.manifest)) is None:
        live = api.get(ref_of(item.manifest))
        if is_ours(live):  # by another run, or by a request of this one whose answer was lost
            return api.apply(item.manifest, force=force)
        if live is not None:
            reporter.line(f"{item.target} was created by somebody else a moment ago")
            return api.apply(unmarked(item.manifest), force=force)
    return created


def _changed(api: Kubernetes, manifest: Manifest, *, force: bool) -> Manifest:
    """Changes the object, also when what was applied before is remembered in another version of its API."""
    try:
        return api.apply(manifest, force=force)
    except OtherVersion:
        live = api.get(ref_of(manifest))
        if live is None:
            raise
    api.apply(said_again(live), force=force)
    return api.apply(manifest, force=force)


def plan_delete(refs: Iterable[ObjectRef], observed: Mapping[ObjectRef, Manifest | None]) -> list[Delete]:
    """The deletions that are needed: not of what is gone, nor of what is on its way out."""
    live = {ref: manifest for ref in refs if (manifest := observed[ref]) is not None}
    return [
        Delete("delete", str(ref), before={"state": "present"}, after={"state": "absent"}, ref=ref, uid=uid(manifest))
        for ref, manifest in live.items()
        if not being_deleted(manifest)
    ]


def _without_secrets(kind: str, before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A Secret's diff says which keys differ, and never a value."""
    if kind != "Secret":
        return before, after
    old, new = before.get("data") or {}, after.get("data") or {}
    hidden_before = dict.fromkeys(old, HIDDEN)
    hidden_after = {key: HIDDEN if old.get(key) == new[key] else HIDDEN_NEW for key in new}
    return (
        {**before, "data": hidden_before} if old else before,
        {**after, "data": hidden_after} if new else after,
    )
