# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of module ``manifests``: any Kubernetes objects, applied in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from ..._domain.errors import Failed, InvalidOption, NotServed, TimedOut
from ..._domain.kubernetes.blockers import Blocker, blocker, blocker_facts, summary
from ..._domain.kubernetes.creation import Kept, genuine, is_marked, is_ours, marked, why_foreign
from ..._domain.kubernetes.entries import manifests_from
from ..._domain.kubernetes.manifest import Manifest, ObjectRef, being_deleted, ref_of, uid
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.kubernetes.readiness import Phase, Readiness, assess_by_kind
from ..._domain.kubernetes.secrets import secrets_in
from ..._domain.plan import Plan
from ..._domain.ports import Clock
from ..._domain.redact import Redactor
from ..._domain.units import seconds
from ..kubernetes.applying import apply_all, observe, observe_served, plan_apply, plan_delete
from ..kubernetes.waiting import Deadline, Waited, await_all
from ..task import Outcome, Request
from .protection import require_unused
from .removing import await_departures, await_gone, delete_all, occupied, require_deletable


def reconcile_manifests(request: Request, api: Kubernetes, clock: Clock) -> Outcome:
    """Applies, or deletes in reverse order, the objects of option ``manifests`` and waits for them."""
    desired = manifests_from(request.options["manifests"])
    deadline = Deadline.after(clock, seconds(request.options["wait_timeout"], "wait_timeout"))
    api = api.bounded_by(deadline.moment)
    for manifest in desired:
        _tell(request.redactor, manifest)
    if request.options["state"] == "absent":
        return _absent(request, api, desired[::-1], deadline)
    return _present(request, api, desired, deadline)


def _present(request: Request, api: Kubernetes, wanted: Sequence[Manifest], deadline: Deadline) -> Outcome:
    refs = [ref_of(manifest) for manifest in wanted]
    found = _observed(request, api, refs, deadline)
    _require_places(api, refs)
    observed = {ref: genuine(live) for ref, live in found.items()}
    adopt = request.options["adopt"]
    desired = [marked(manifest, observed[ref_of(manifest)], adopt=adopt) for manifest in wanted]
    applies = plan_apply(request, api, desired, observed)
    plan = Plan(tuple(applies))
    if request.check_mode:
        return Outcome(plan, {"objects": [_told(ref_of(manifest), is_marked(manifest)) for manifest in desired]})
    applied = apply_all(api, applies, request.reporter, force=request.options["force_conflicts"])
    live = {**observed, **applied}
    unready = [ref for ref, manifest in live.items() if not _assess_by_kind(manifest).ready]
    if request.options["wait"] and unready:
        _await_ready(request, api, unready, deadline, changed=plan.changed)
    return Outcome(plan, {"objects": [_told(ref, is_ours(manifest)) for ref, manifest in live.items()]})


def _observed(
    request: Request, api: Kubernetes, refs: Sequence[ObjectRef], deadline: Deadline
) -> dict[ObjectRef, Manifest | None]:
    """The live objects once none of them is on its way out; in check mode as if it were so."""
    if request.check_mode:
        return _as_if_gone(observe(api, refs, unserved_is_absent=True))
    observed = observe_served(api, refs, deadline.clock)
    if await_departures(api, observed, deadline, request.reporter):
        observed = observe_served(api, refs, deadline.clock)
    return observed


def _as_if_gone(observed: Mapping[ObjectRef, Manifest | None]) -> dict[ObjectRef, Manifest | None]:
    """The same when what is in a namespace that is on its way out has gone with it."""
    leaving = {ref.name for ref, live in observed.items() if live and _is_namespace(ref) and being_deleted(live)}
    return {ref: None if ref.namespace in leaving else live for ref, live in observed.items()}


def _absent(request: Request, api: Kubernetes, unwanted: Sequence[Manifest], deadline: Deadline) -> Outcome:
    refs = [ref_of(manifest) for manifest in unwanted]
    observed = observe(api, refs, unserved_is_absent=True)
    _require_places(api, refs)
    going, kept = _divided(request, api, unwanted, observed)
    require_unused(api, going)
    deletions = plan_delete(going, going)
    require_deletable(api, deletions)
    plan = Plan(tuple(deletions))
    for entry in kept:
        request.reporter.warn(str(entry))
    facts = {"objects": [_fact(ref) for ref in refs], "kept": [entry.fact() for entry in kept]}
    if request.check_mode:
        return Outcome(plan, facts)
    delete_all(api, deletions)
    if request.options["wait"]:
        await_gone(api, going, deadline, request.reporter, changed=plan.changed)
    return Outcome(plan, facts)


def _require_places(api: Kubernetes, refs: Sequence[ObjectRef]) -> None:
    """Raises InvalidOption when one has no namespace where its kind needs one, or the other way round."""
    for ref in refs:
        try:
            namespaced = api.served(ref.api_version, ref.kind).namespaced
        except NotServed:  # an earlier task would have installed it
            continue
        if namespaced and not ref.namespace:
            raise InvalidOption(f"{ref} has no metadata.namespace, which a {ref.kind} needs", next_step="add it")
        if ref.namespace and not namespaced:
            raise InvalidOption(
                f"{ref} is in no namespace, its kind is cluster-scoped", next_step="leave metadata.namespace out"
            )


def _divided(
    request: Request, api: Kubernetes, unwanted: Sequence[Manifest], observed: Mapping[ObjectRef, Manifest | None]
) -> tuple[dict[ObjectRef, Manifest], list[Kept]]:
    """What exists and is to go, and what is left alone, because it, or what is in it, is somebody else's."""
    going: dict[ObjectRef, Manifest] = {}
    kept: list[Kept] = []
    for manifest in unwanted:
        ref, live = ref_of(manifest), observed[ref_of(manifest)]
        why = "" if live is None or request.options["adopt"] else why_foreign(manifest, live)
        if why:
            kept.append(Kept(ref, why))
        elif live is not None:
            going[ref] = live
    for ref in [ref for ref, live in going.items() if _is_namespace(ref) and not being_deleted(live)]:
        if why := occupied(api, ref.name, {uid(live) for live in going.values()}):
            kept.append(Kept(ref, why))
            del going[ref]
    return going, kept


def _await_ready(
    request: Request, api: Kubernetes, refs: Sequence[ObjectRef], deadline: Deadline, *, changed: bool
) -> None:
    waited = await_all(api, dict.fromkeys(refs, _assess_by_kind), deadline, request.reporter)
    if not waited.pending:
        return
    blockers = _blockers(waited)
    told = {"changed": changed, "blockers": blocker_facts(blockers)}
    if any(verdict.phase is Phase.FAILED for verdict in waited.verdicts.values()):
        raise Failed(f"can not become ready: {summary(blockers)}", next_step="mend it and run again", facts=told)
    raise TimedOut(
        f"not ready after {deadline}: {summary(blockers)}",
        next_step="mend what it names, or raise wait_timeout",
        facts=told,
    )


def _assess_by_kind(manifest: Manifest | None, _thorough: bool = False) -> Readiness:
    return assess_by_kind(manifest)


def _blockers(waited: Waited) -> list[Blocker]:
    found = [blocker(ref, waited.manifests.get(ref), waited.verdicts[ref], depth=0) for ref in waited.pending]
    return [item for item in found if item is not None]


def _tell(redactor: Redactor, manifest: Manifest) -> None:
    ref = ref_of(manifest)
    redactor.keep(*astuple(ref), str(ref))
    for secret in secrets_in(manifest):
        redactor.remember(secret)


def _is_namespace(ref: ObjectRef) -> bool:
    return (ref.api_version, ref.kind) == ("v1", "Namespace")


def _fact(ref: ObjectRef) -> dict[str, Any]:
    return {"api_version": ref.api_version, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def _told(ref: ObjectRef, created: bool) -> dict[str, Any]:
    return {**_fact(ref), "created": created}
