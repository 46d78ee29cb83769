# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is particular to claims of clusters: which changes are possible, when they are ready, what goes with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..._domain.cluster_api.cluster import ClusterState, Progress
from ..._domain.cluster_api.resize import Change, changes, require_possible
from ..._domain.cluster_api.versions import parsed, require_supported, supported_by
from ..._domain.crossplane.claim import user_fields
from ..._domain.crossplane.readiness import Standing
from ..._domain.kubernetes.blockers import Blocker
from ..._domain.kubernetes.manifest import Manifest, ObjectRef, being_deleted, ref_of
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.kubernetes.readiness import Phase, Readiness
from ..._domain.ports import Clock
from ..crossplane.claim_tree import look
from ..crossplane.particulars import Particulars
from ..kubernetes.applying import Apply
from ..kubernetes.waiting import Judge
from .looking import blockers_behind, installed_version, kept_in, members_of, state_behind

# How long a cluster must have been as it should be, in seconds: while a member joins etcd its readiness comes and goes.
HOLD = 3.0

# How long a pause may take to end, in seconds: a change of the claim takes some objects to get to the Cluster.
PAUSE_GRACE = 30.0


class ClusterParticulars(Particulars):
    """``changes`` are those of the last plan that was approved."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def approve(
        self, api: Kubernetes, applies: Sequence[Apply], observed: Mapping[ObjectRef, Manifest | None], /
    ) -> None:
        for item in applies:
            live = observed[ref_of(item.manifest)]
            before = parameters(live)
            after = parameters(item.stored) if item.stored else {**before, **parameters(item.manifest)}
            self.judge_change(live, after)
            version = parsed(str(after.get("kubernetesVersion", "")))
            if version is not None and version != parsed(str(before.get("kubernetesVersion", ""))):
                require_supported(version, supported_by(installed_version(api)))

    def judge_change(self, live: Manifest | None, after: Mapping[str, Any]) -> None:
        """Raises Refused when the cluster there is can not become what the parameters say."""
        exists = live is not None and not being_deleted(live)
        self.changes = changes(parameters(live), after) if exists else []
        require_possible(self.changes)

    def judge(self, api: Kubernetes, clock: Clock, /) -> Judge:
        return ClusterSettling(api, clock)

    def verdict(self, api: Kubernetes, standing: Standing, /) -> Readiness:
        return verdict_of(standing, state_behind(api, standing))

    def blockers(self, api: Kubernetes, standings: Mapping[ObjectRef, Standing], /) -> list[Blocker]:
        states = (state_behind(api, standing) for standing in standings.values())
        return [blocker for state in states if state is not None for blocker in blockers_behind(api, state)]

    def leaving_too(self, api: Kubernetes, everything: Mapping[ObjectRef, Manifest], /) -> Mapping[ObjectRef, Manifest]:
        """The Cluster and what it has: gone means that its virtual machines are."""
        ref = kept_in(everything.values()).get("Cluster")
        return {**_existing(api, ref), **members_of(api, ref)} if ref else {}


class ClusterSettling:
    """Judges a claim together with its cluster, which must have stood still for a while before it counts as ready."""

    def __init__(self, api: Kubernetes, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._good_since: float | None = None
        self._paused_since: float | None = None

    def __call__(self, claim: Manifest | None, _thorough: bool) -> Readiness:
        own = Standing(claim).verdict
        if claim is None or own.phase is Phase.FAILED:
            return own
        ref = ref_of(claim)
        standing = look(self._api, {ref: claim})[ref]
        verdict = verdict_of(standing, state_behind(self._api, standing))
        now = self._clock.monotonic()
        if _is_pause(verdict):
            self._paused_since = now if self._paused_since is None else self._paused_since
            if now - self._paused_since >= PAUSE_GRACE:
                return Progress(Phase.FAILED, verdict.condition, verdict.subject, str(verdict))
        else:
            self._paused_since = None
        if not verdict.ready:
            self._good_since = None
            return verdict
        self._good_since = now if self._good_since is None else self._good_since
        if now - self._good_since < HOLD:
            return Progress(
                Phase.PROGRESSING, None, None, f"as it should be; looking whether it stays so for {HOLD:.0f}s"
            )
        return verdict


def parameters(claim: Manifest | None) -> Mapping[str, Any]:
    """What a claim of a cluster asks for."""
    return user_fields(claim or {}).get("parameters") or {}


def verdict_of(standing: Standing, state: ClusterState | None) -> Readiness:
    """How a claim and its cluster stand: what the machines say comes before what waits for them."""
    claimed = standing.verdict
    if claimed.phase is Phase.FAILED or standing.claim is None or state is None:
        return claimed
    wanted = parameters(standing.claim)
    verdict = state.verdict(wanted)
    return verdict if not verdict.ready or wanted.get("paused") else claimed


def _is_pause(verdict: Readiness) -> bool:
    return verdict.condition is not None and verdict.condition.type == "Paused"


def _existing(api: Kubernetes, ref: ObjectRef) -> dict[ObjectRef, Manifest]:
    live = api.get(ref)
    return {ref: live} if live else {}
