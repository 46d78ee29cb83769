# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletion that is proved: every object is followed by its uid until it is gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from ..._domain.crossplane.packages import explained
from ..._domain.errors import DryRunRefused, Forbidden, NotServed, TimedOut, Unreachable
from ..._domain.kubernetes.blockers import MOST_BLOCKERS, Blocker, blocker_facts, deepest_first, summary
from ..._domain.kubernetes.contents import foreign, owners_elsewhere, why_occupied
from ..._domain.kubernetes.manifest import Condition, Manifest, ObjectRef, being_deleted, conditions, finalizers, uid
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.kubernetes.progress import FOLLOWED, tally
from ..._domain.kubernetes.readiness import Phase, Readiness
from ..._domain.ports import Reporter
from ..kubernetes.applying import Delete
from ..kubernetes.waiting import Deadline, Judge, Waited, await_all
from .claim_tree import real_blocker
from .packages import unhealthy_packages

# The conditions that say why an object stays, and with which status: those of Crossplane and of Cluster API.
_TELLING = (("Synced", "False"), ("Deleting", "True"))


def require_deletable(api: Kubernetes, deletions: Sequence[Delete]) -> None:
    """Raises what the API server would say to one of the deletions, so that nothing is deleted by half.

    What can not be tried, because of a webhook that does more than judge, shows when it is done.
    """
    for deletion in deletions:
        with suppress(DryRunRefused):
            api.delete(deletion.ref, uid=deletion.uid, dry_run=True)


def delete_all(api: Kubernetes, deletions: Sequence[Delete]) -> None:
    """Requests the deletions in order."""
    for deletion in deletions:
        api.delete(deletion.ref, uid=deletion.uid)


def await_departures(
    api: Kubernetes, observed: Mapping[ObjectRef, Manifest | None], deadline: Deadline, reporter: Reporter
) -> bool:
    """Waits for objects that are being deleted: applied now they would go with the deletion under way.

    Whether there were any. Raises TimedOut.
    """
    leaving = {ref: live for ref, live in observed.items() if live is not None and being_deleted(live)}
    await_gone(api, leaving, deadline, reporter, changed=False)
    return bool(leaving)


def occupied(api: Kubernetes, namespace: str, going: Collection[str]) -> str:
    """Why a namespace can not go without taking somebody else's objects with it; empty when it can.

    ``going`` are the uids of what is deleted, too.
    """
    contents = api.contents(namespace)
    gone = {owner for owner, ref in owners_elsewhere(contents.objects).items() if _is_gone(api, ref, owner)}
    return why_occupied(contents, foreign(contents.objects, gone, going))


def _is_gone(api: Kubernetes, ref: ObjectRef, expected: str) -> bool:
    """Whether the object of that uid exists no longer; one that can not be looked at may exist."""
    try:
        live = api.get(ref)
    except (Forbidden, NotServed):
        return False
    return live is None or uid(live) != expected


def await_gone(
    api: Kubernetes, objects: Mapping[ObjectRef, Manifest], deadline: Deadline, reporter: Reporter, *, changed: bool
) -> None:
    """Waits until the very objects given (by uid) no longer exist. Raises TimedOut naming what is left and why."""
    judges = {ref: _gone(uid(manifest)) for ref, manifest in objects.items()}
    waited = await_all(api, judges, deadline, reporter, goal="gone")
    if not waited.pending:
        return
    depths = {ref: depth for depth, ref in enumerate(objects)}
    leftovers = [_leftover(ref, waited, depths[ref]) for ref in waited.pending]
    api = api.bounded_by(deadline.last_moment)
    leftovers, blockers = _causes(api, leftovers, waited)
    far = f" ({tally(waited.verdicts, 'gone')})" if len(objects) > FOLLOWED else ""
    raise TimedOut(
        "; ".join(filter(None, [f"not gone after {deadline}{far}: {summary(blockers)}", api.strain()])),
        next_step="mend what it names; the deletion goes on by itself and the next run joins it",
        facts={
            "changed": changed,
            "leftovers": blocker_facts(leftovers),
            "blockers": blocker_facts(blockers),
        },
    )


def _causes(api: Kubernetes, leftovers: Sequence[Blocker], waited: Waited) -> tuple[list[Blocker], list[Blocker]]:
    """What is left, the real objects of what is left included; and that with the packages that should have acted."""
    deepest = max(item.depth for item in leftovers)
    try:
        first = deepest_first(leftovers)[:MOST_BLOCKERS]
        real = [real_blocker(api, waited.manifests.get(item.ref), deepest)[0] for item in first]
        packages = unhealthy_packages(api)
    except Unreachable:
        real, packages = [], []
    known = {item.ref for item in leftovers}  # in its own place: what waits for others is not their cause
    leaving = [item for item in real if item and item.condition.type == "Deleting" and item.ref not in known]
    everything = deepest_first([*leftovers, *leaving])
    return everything, explained(everything, packages)


def _gone(expected: str) -> Judge:
    def judge(manifest: Manifest | None, _thorough: bool) -> Readiness:
        if manifest is None or uid(manifest) != expected:
            return Readiness(Phase.GONE)
        return Readiness(Phase.PROGRESSING, _present(manifest))

    return judge


def _present(manifest: Manifest) -> Condition:
    """Why the object is still there, of which a condition may tell more than that it is being deleted."""
    deleting = being_deleted(manifest)
    current = conditions(manifest)
    told = [current[name] for name, status in _TELLING if name in current and current[name].status == status]
    message = next((condition.message for condition in told), "")
    reason = told[0].reason if message else ""
    since = manifest["metadata"].get("deletionTimestamp", "")
    return Condition("Deleting", str(deleting), reason, message, since)


def _leftover(ref: ObjectRef, waited: Waited, depth: int) -> Blocker:
    manifest = waited.manifests.get(ref)
    condition = waited.verdicts[ref].condition or Condition("Deleting", "Unknown")
    if manifest and not being_deleted(manifest):
        depth = -1  # nobody asks it to go before others have gone
    return Blocker(ref, condition, depth, tuple(finalizers(manifest)) if manifest else ())
