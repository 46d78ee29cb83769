# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of module ``manifests``: any Kubernetes objects, applied in order."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from ..._domain.errors import Failed, InvalidOption, TimedOut
from ..._domain.kubernetes.blockers import Blocker, blocker, summary
from ..._domain.kubernetes.manifest import Manifest, ObjectRef, ref_of
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.kubernetes.readiness import Phase, Readiness, assess, rule_for
from ..._domain.kubernetes.secrets import secrets_in
from ..._domain.plan import Plan
from ..._domain.ports import Clock
from ..._domain.redact import Redactor
from ..._domain.units import seconds
from ..kubernetes.applying import apply_all, observe, observe_served, plan_apply, plan_delete
from ..kubernetes.waiting import Deadline, Waited, await_all
from ..task import Outcome, Request
from .protection import require_unused
from .removing import await_gone, delete_all


def reconcile_manifests(request: Request, api: Kubernetes, clock: Clock) -> Outcome:
    """Applies, or deletes in reverse order, the objects of option ``manifests`` and waits for them."""
    desired = [_checked(entry, position) for position, entry in enumerate(request.options["manifests"])]
    deadline = Deadline.after(clock, seconds(request.options["wait_timeout"], "wait_timeout"))
    api = api.bounded_by(deadline.moment)
    for manifest in desired:
        _tell(request.redactor, manifest)
    if request.options["state"] == "absent":
        return _absent(request, api, desired[::-1], deadline)
    return _present(request, api, desired, deadline)


def _present(request: Request, api: Kubernetes, desired: Sequence[Manifest], deadline: Deadline) -> Outcome:
    refs = [ref_of(manifest) for manifest in desired]
    if request.check_mode:
        observed = observe(api, refs, unserved_is_absent=True)
    else:
        observed = observe_served(api, refs, deadline.clock)
    applies = plan_apply(desired, observed)
    plan = Plan(tuple(applies))
    facts = {"objects": [_fact(ref_of(manifest)) for manifest in desired]}
    if request.check_mode:
        return Outcome(plan, facts)
    applied = apply_all(api, applies, request.reporter, force=request.options["force_conflicts"])
    live = {**observed, **applied}
    unready = [ref for ref, manifest in live.items() if not _assess_by_kind(manifest).ready]
    if request.options["wait"] and unready:
        _await_ready(request, api, unready, deadline, changed=plan.changed)
    return Outcome(plan, facts)


def _absent(request: Request, api: Kubernetes, unwanted: Sequence[Manifest], deadline: Deadline) -> Outcome:
    refs = [ref_of(manifest) for manifest in unwanted]
    observed = observe(api, refs, unserved_is_absent=True)
    for manifest in unwanted:
        observed[ref_of(manifest)] = _ours(request, manifest, observed[ref_of(manifest)])
    existing = {ref: manifest for ref, manifest in observed.items() if manifest is not None}
    require_unused(api, existing)
    deletions = plan_delete(refs, observed)
    plan = Plan(tuple(deletions))
    facts = {"objects": [_fact(ref) for ref in refs]}
    if request.check_mode:
        return Outcome(plan, facts)
    delete_all(api, deletions)
    if request.options["wait"]:
        await_gone(api, existing, deadline, request.reporter, changed=plan.changed)
    return Outcome(plan, facts)


def _ours(request: Request, unwanted: Manifest, live: Manifest | None) -> Manifest | None:
    """The live object if it carries the labels of its manifest; one without them is somebody else's and left alone."""
    wanted = unwanted["metadata"].get("labels") or {}
    found = live["metadata"].get("labels") or {} if live else {}
    if live is not None and not wanted.items() <= found.items():
        request.reporter.warn(f"{ref_of(unwanted)} is left alone: it does not carry the labels of its manifest")
        return None
    return live


def _await_ready(
    request: Request, api: Kubernetes, refs: Sequence[ObjectRef], deadline: Deadline, *, changed: bool
) -> None:
    waited = await_all(api, dict.fromkeys(refs, _assess_by_kind), deadline, request.reporter)
    if not waited.pending:
        return
    blockers = _blockers(waited)
    facts = {"changed": changed, "blockers": [item.fact() for item in blockers]}
    if any(verdict.phase is Phase.FAILED for verdict in waited.verdicts.values()):
        raise Failed(f"can not become ready: {summary(blockers)}", next_step="mend it and run again", facts=facts)
    raise TimedOut(
        f"not ready after {deadline}: {summary(blockers)}",
        next_step="mend what it names, or raise wait_timeout",
        facts=facts,
    )


def _assess_by_kind(manifest: Manifest | None, _thorough: bool = False) -> Readiness:
    return assess(manifest, rule_for(manifest or {}))


def _blockers(waited: Waited) -> list[Blocker]:
    found = [blocker(ref, waited.manifests.get(ref), waited.verdicts[ref], depth=0) for ref in waited.pending]
    return [item for item in found if item is not None]


def _checked(entry: Mapping[str, Any], position: int) -> Manifest:
    """The manifest with ``stringData`` encoded, so that it can be compared with what the server returns."""
    manifest = dict(entry)
    for key in ("apiVersion", "kind"):
        if not isinstance(manifest.get(key), str) or not manifest[key]:
            raise InvalidOption(f"manifests[{position}] has no {key}", next_step=f"add {key}")
    if not isinstance(manifest.get("metadata"), dict) or not manifest["metadata"].get("name"):
        raise InvalidOption(f"manifests[{position}] ({manifest['kind']}) has no metadata.name", next_step="add it")
    plain = manifest.pop("stringData", None)
    if plain:
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
        manifest["data"] = {**(manifest.get("data") or {}), **encoded}
    return manifest


def _tell(redactor: Redactor, manifest: Manifest) -> None:
    ref = ref_of(manifest)
    redactor.keep(*astuple(ref), str(ref))
    for secret in secrets_in(manifest):
        redactor.remember(secret)


def _fact(ref: ObjectRef) -> dict[str, str]:
    return {"api_version": ref.api_version, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}
