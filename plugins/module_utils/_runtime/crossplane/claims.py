# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of module ``xrd_claim``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..._domain.crossplane.claim import (
    Claim,
    Style,
    claim_from,
    claim_ref,
    composite_name,
    composite_ref,
    connection_secret_name,
    not_kept,
    require_place,
    user_fields,
)
from ..._domain.crossplane.definition import XRD_API_VERSION, XRD_KIND, definition_of
from ..._domain.crossplane.packages import explained
from ..._domain.crossplane.readiness import Standing
from ..._domain.errors import (
    Failed,
    FieldConflict,
    Forbidden,
    InfraError,
    InvalidOption,
    NotServed,
    TimedOut,
    Unreachable,
)
from ..._domain.kubernetes.blockers import Blocker, blocker, blocker_facts, deepest_first, summary
from ..._domain.kubernetes.creation import NOT_OURS, Kept, genuine, is_marked, is_ours, marked
from ..._domain.kubernetes.entries import require_texts
from ..._domain.kubernetes.findings import Invalid
from ..._domain.kubernetes.gitops import require_free
from ..._domain.kubernetes.manifest import Condition, Manifest, ObjectRef, being_deleted, conditions, ref_of
from ..._domain.kubernetes.ownership import as_wanted
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.kubernetes.progress import NAMED, some, tally
from ..._domain.kubernetes.readiness import Phase, Readiness
from ..._domain.plan import Plan
from ..._domain.ports import Clock
from ..._domain.units import seconds
from ..kubernetes.applying import Apply, apply_all, observe, observe_served, plan_apply, plan_delete
from ..kubernetes.waiting import Deadline, Waited, await_all
from ..task import Outcome, Request
from .binding import require_obeyed
from .claim_tree import SELECTED, abandoned, blockers_of, look, readable_definitions, trees
from .packages import unhealthy_packages
from .particulars import PLAIN, Particulars
from .protection import require_unused
from .removing import await_departures, await_gone, delete_all, require_deletable

# The options whose values are texts.
_TEXTS = ("labels", "annotations", "composition_selector", "composition_revision_selector")


def reconcile_claims(request: Request, api: Kubernetes, clock: Clock, particulars: Particulars = PLAIN) -> Outcome:
    """Brings the claims of option ``claims`` to the wanted state, all of them within one deadline."""
    claims = claims_from(request.options["claims"])
    deadline = Deadline.after(clock, seconds(request.options["wait_timeout"], "wait_timeout"))
    api = api.bounded_by(deadline.moment)
    if request.options["state"] == "absent":
        return _absent(request, api, [claim.ref for claim in claims], deadline, particulars)
    return _present(request, api, claims, deadline, particulars)


def claims_from(entries: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """The claims of option ``claims``. Raises InvalidOption, also when one is named twice."""
    for position, entry in enumerate(entries):
        for option in _TEXTS:
            require_texts(entry.get(option), f"claims[{position}].{option}")
    claims = [claim_from(entry, position) for position, entry in enumerate(entries)]
    places = {claim.ref: position for position, claim in reversed(list(enumerate(claims)))}
    for position, claim in enumerate(claims):
        if places[claim.ref] != position:
            raise InvalidOption(
                f"claims[{position}] is {claim.ref} again, as claims[{places[claim.ref]}]", next_step="name it once"
            )
    return claims


def require_places(api: Kubernetes, refs: Sequence[ObjectRef]) -> None:
    """Raises InvalidOption when one has no namespace where it needs one, or the other way round."""
    for ref in refs:
        require_place(ref, _style(api, ref))


def _style(api: Kubernetes, ref: ObjectRef) -> Style:
    """What the API server takes it for."""
    try:
        return Style.of(api.served(ref.api_version, ref.kind))
    except NotServed:  # nothing is known yet of what an earlier task would have installed
        return Style.CLAIM if ref.namespace else Style.CLUSTER


def _present(
    request: Request, api: Kubernetes, claims: Sequence[Claim], deadline: Deadline, particulars: Particulars
) -> Outcome:
    refs = [claim.ref for claim in claims]
    if request.check_mode:
        observed = observe(api, refs, unserved_is_absent=True)
    else:
        observed = observe_served(api, refs, deadline.clock)
    observed = {ref: genuine(live) for ref, live in observed.items()}
    adopt = request.options["adopt"]
    manifests = [claim.manifest(_style(api, claim.ref)) for claim in claims]
    desired = [marked(manifest, observed[ref_of(manifest)], adopt=adopt) for manifest in manifests]
    applies = _planned(request, api, desired, observed)
    plan = Plan(tuple(applies))
    _require_obeyed(request, api, claims, applies, observed)
    particulars.approve(api, applies, observed)
    told = particulars.facts()
    if request.check_mode:
        return Outcome(plan, {"claims": _facts(standings(request, api, {ref: observed[ref] for ref in refs})), **told})
    await_departures(api, observed, deadline, request.reporter)
    applied = apply_all(api, applies, request.reporter, force=request.options["force_conflicts"])
    live: Mapping[ObjectRef, Manifest | None] = {**observed, **applied}
    if not request.options["wait"]:
        return Outcome(plan, {"claims": _facts(standings(request, api, {ref: live[ref] for ref in refs})), **told})
    untouched = look(api, {ref: claim for ref, claim in observed.items() if ref not in applied})
    unready = [ref for ref in refs if ref in applied or not particulars.verdict(api, untouched[ref]).ready]
    live = {**live, **await_ready(request, api, unready, deadline, particulars, changed=plan.changed)}
    _require_kept(desired, applied, live)
    return Outcome(plan, {"claims": [claim_fact(ref, live[ref], ready=True) for ref in refs], **told})


def _require_obeyed(
    request: Request,
    api: Kubernetes,
    claims: Sequence[Claim],
    applies: Sequence[Apply],
    observed: Mapping[ObjectRef, Manifest | None],
) -> None:
    changing = {ref_of(item.manifest): item.manifest for item in applies}
    for claim in claims:
        if claim.ref in changing:
            require_obeyed(request, api, claim, observed[claim.ref], changing[claim.ref])


def _require_kept(
    desired: Sequence[Manifest], stored: Mapping[ObjectRef, Manifest], live: Mapping[ObjectRef, Manifest | None]
) -> None:
    """Raises Failed when a claim is ready for something else than was asked for.

    An API server drops what it can not store: fields that only a version of a definition has that is not referenceable.
    """
    for manifest in desired:
        ref = ref_of(manifest)
        fields = not_kept(manifest, stored.get(ref, {}), live[ref] or {})
        if fields:
            raise Failed(
                f"{ref} is ready, but {some(fields)} did not stay as it was asked for",
                next_step="look whether the referenceable version of its definition knows it, and who else writes it "
                "(kubectl get --show-managed-fields)",
                facts={"changed": bool(stored)},
            )


def standings(
    request: Request, api: Kubernetes, claims: Mapping[ObjectRef, Manifest | None]
) -> Mapping[ObjectRef, Standing]:
    """How claims stand that nobody waits for; who may not look behind them is told that they may say too much."""
    try:
        return look(api, claims)
    except Forbidden as error:
        request.reporter.warn(f"whether claims are ready is only known from what they say of themselves: {error}")
        return {ref: Standing(claim) for ref, claim in claims.items()}


def _facts(found: Mapping[ObjectRef, Standing]) -> list[dict[str, Any]]:
    return [claim_fact(ref, standing.claim, ready=standing.verdict.ready) for ref, standing in found.items()]


def _planned(
    request: Request, api: Kubernetes, desired: Sequence[Manifest], observed: Mapping[ObjectRef, Manifest | None]
) -> list[Apply]:
    """The applies that are needed. Raises everything that can be known to be wrong before the first write."""
    refs = [ref_of(manifest) for manifest in desired if not _is_as_wanted(observed[ref_of(manifest)], manifest)]
    definitions = _definitions(request, api) if refs else None
    if definitions is not None:
        for ref in refs:
            definition_of(ref, definitions).require_offered(ref)
    require_places(api, [ref_of(manifest) for manifest in desired])
    try:
        applies = plan_apply(request, api, desired, observed)
    except Invalid as error:
        raise _in_words(error, desired, definitions) from error
    except FieldConflict:
        _require_free(request, [observed[ref] for ref in refs])  # the better reason, and another way out
        raise
    changing = {ref: observed[ref] for ref in (ref_of(item.manifest) for item in applies)}
    _require_free(request, changing.values())
    if changing:
        _warn_of_doubles(request, api, changing, definitions or [])
    return applies


def _require_free(request: Request, changing: Iterable[Manifest | None]) -> None:
    if request.options["gitops_owned"] == "refuse":
        for live in filter(None, changing):
            require_free(live)


def _is_as_wanted(live: Manifest | None, manifest: Manifest) -> bool:
    return live is not None and as_wanted(live, manifest)


def _in_words(error: Invalid, desired: Sequence[Manifest], definitions: Sequence[Manifest] | None) -> InfraError:
    """What the API server refuses, in words that the definition has for it, if that can be read."""
    if definitions is None:
        return error
    manifest = next(manifest for manifest in desired if ref_of(manifest) == error.ref)
    return definition_of(error.ref, definitions).refusal(manifest, error.findings)


def _warn_of_doubles(
    request: Request,
    api: Kubernetes,
    claims: Mapping[ObjectRef, Manifest | None],
    definitions: Sequence[Manifest] | None = None,
) -> None:
    """Two composites of one claim are in each other's way: what one has made, the other can not make."""
    try:
        doubles = abandoned(api, claims, readable_definitions(api) if definitions is None else definitions)
    except InfraError:
        return  # whoever may not look, or can not, loses no more than the warning
    for ref, composite in doubles.items():
        claim = claim_ref(composite)
        if claim is not None and claim in claims and not being_deleted(composite):
            bound = composite_ref(claims[claim] or {}) or "none yet"
            request.reporter.warn(
                f"{ref} was made for {claim}, too, which is bound to {bound}; delete the composite that is not needed"
            )


def _definitions(request: Request, api: Kubernetes) -> list[Manifest] | None:
    """The platform's definitions; None when they can not be read, for the API server judges without them, too."""
    try:
        return api.list_objects(XRD_API_VERSION, XRD_KIND)
    except Forbidden:
        return None
    except NotServed:
        if request.check_mode:
            return None  # an earlier task of the play would have installed Crossplane
        raise


def await_ready(
    request: Request,
    api: Kubernetes,
    refs: Sequence[ObjectRef],
    deadline: Deadline,
    particulars: Particulars = PLAIN,
    *,
    changed: bool,
) -> Mapping[ObjectRef, Manifest | None]:
    """Waits until the claims and everything behind them are ready. Raises Failed or TimedOut saying what blocks."""
    judges = dict.fromkeys(refs, particulars.judge(api, deadline.clock))
    waited = await_all(api, judges, deadline, request.reporter)
    if waited.pending:
        api = api.bounded_by(deadline.last_moment)
        error = _not_ready(api, waited, deadline, particulars, changed=changed)
        if not changed:  # else it was said before the change
            _warn_of_doubles(request, api, {ref: waited.manifests.get(ref) for ref in waited.pending})
        raise error
    return waited.manifests


def _absent(
    request: Request, api: Kubernetes, refs: Sequence[ObjectRef], deadline: Deadline, particulars: Particulars
) -> Outcome:
    claims = observe(api, refs, unserved_is_absent=True)
    observed, kept = _divided(request, api, claims)
    require_places(api, refs)
    deletions = plan_delete(observed, observed)
    if request.options["gitops_owned"] == "refuse":
        for deletion in deletions:
            require_free(observed[deletion.ref] or {})
    everything = trees(api, [manifest for manifest in observed.values() if manifest is not None])
    require_unused(api, everything)
    everything = {**everything, **particulars.leaving_too(api, everything)}
    require_deletable(api, deletions)
    plan = Plan(tuple(deletions))
    for entry in kept:
        request.reporter.warn(str(entry))
    left = {entry.ref for entry in kept}
    facts = {
        "claims": _facts(standings(request, api, {ref: claims[ref] if ref in left else None for ref in refs})),
        "kept": [entry.fact() for entry in kept],
    }
    if request.check_mode:
        return Outcome(plan, facts)
    delete_all(api, deletions)
    if request.options["wait"]:
        await_gone(api, everything, deadline, request.reporter, changed=plan.changed)
    return Outcome(plan, facts)


def _divided(
    request: Request, api: Kubernetes, claims: Mapping[ObjectRef, Manifest | None]
) -> tuple[dict[ObjectRef, Manifest | None], list[Kept]]:
    """What is to go, abandoned composites of these claims included, and what is left alone as somebody else's.

    Crossplane copies annotations of a claim to its composite, which so tells of its claim when that is gone.
    """
    adopt = request.options["adopt"]
    mine = {ref: live for ref, live in claims.items() if adopt or live is None or is_ours(live)}
    composites = abandoned(api, mine, readable_definitions(api))
    ours = {ref: live for ref, live in composites.items() if adopt or is_marked(live)}
    going = {**mine, **ours}
    return going, [Kept(ref, NOT_OURS) for ref in {**claims, **composites} if ref not in going]


def _not_ready(
    api: Kubernetes, waited: Waited, deadline: Deadline, particulars: Particulars, *, changed: bool
) -> Failed | TimedOut:
    verdicts, blockers, unread = _causes(api, waited, particulars)
    told = {"changed": changed, "blockers": blocker_facts(blockers)}
    names = some(waited.pending)
    if any(verdict.phase is Phase.FAILED for verdict in waited.verdicts.values()):
        return Failed(f"{names} can not become ready: {summary(blockers)}", next_step="mend it, run again", facts=told)
    far = f" ({tally(verdicts)})" if len(verdicts) > NAMED else ""
    why = [f"{names} not ready after {deadline}{far}: {summary(blockers)}", unread, api.strain()]
    return TimedOut("; ".join(filter(None, why)), next_step="mend what it names, or raise wait_timeout", facts=told)


def _causes(
    api: Kubernetes, waited: Waited, particulars: Particulars
) -> tuple[Mapping[ObjectRef, Readiness], list[Blocker], str]:
    """How each claim stands, what blocks them, causes first, and why that could not be read, if so.

    A server that is too busy to tell what is behind many claims has shown a lot while they were awaited.
    """
    pending = {ref: waited.manifests.get(ref) for ref in waited.pending[:SELECTED]}
    try:
        found = look(api, pending)
        now = {ref: particulars.verdict(api, standing) for ref, standing in found.items()}
        blockers = deepest_first([*blockers_of(api, found), *particulars.blockers(api, found)])
        return {**waited.verdicts, **now}, explained(blockers, unhealthy_packages(api)), ""
    except Unreachable as error:
        seen = [blocker(waited.verdicts[ref].subject or ref, None, waited.verdicts[ref], depth=0) for ref in pending]
        blockers = deepest_first(item for item in seen if item)
        if waited.unheard:
            silent = Blocker(waited.pending[0], Condition("Reachable", "False", message=error.message))
            return waited.verdicts, [silent, *blockers], ""
        return waited.verdicts, blockers, f"what is behind them could not be read any more: {error.message}"


def claim_fact(
    ref: ObjectRef, live: Manifest | None, blockers: Sequence[Blocker] = (), *, ready: bool
) -> dict[str, Any]:
    """A claim as an entry of the result's ``claims``."""
    current = conditions(live or {})
    fields = user_fields(live or {})
    status = (live or {}).get("status") or {}
    return {
        "api_version": ref.api_version,
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
        "exists": live is not None,
        "created": is_ours(live),
        "ready": ready,
        "synced": "Synced" in current and current["Synced"].status == "True",
        "composite": composite_name(live or {}),
        "connection_secret": connection_secret_name(live or {}),
        "parameters": fields.pop("parameters", None) or {},
        "spec": fields,
        "status": {key: value for key, value in status.items() if key not in ("conditions", "connectionDetails")},
        "blockers": [item.fact() for item in blockers],
    }
