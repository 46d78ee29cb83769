# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is particular to claims of caches: what changes mean, when they are ready, what blocks them, what goes too.

Claims of any other kind are what they are without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..._domain.caches.changes import Change, changes
from ..._domain.caches.pods import TRIES, failures
from ..._domain.crossplane.claim import user_fields
from ..._domain.crossplane.readiness import Standing
from ..._domain.kubernetes.blockers import Blocker
from ..._domain.kubernetes.manifest import Manifest, ObjectRef, being_deleted, ref_of, uid
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.kubernetes.readiness import Phase, Readiness
from ..._domain.ports import Clock
from ..crossplane.claim_tree import Settling, look
from ..crossplane.particulars import Particulars
from ..kubernetes.applying import Apply
from ..kubernetes.waiting import Judge
from .looking import blockers_behind, is_cache, members_of, releases_behind, unready_behind

# How long what may be mended in the meantime is waited for, in seconds: it is looked at again about each minute.
GRACE = 75.0


class CacheParticulars(Particulars):
    """``changes`` are those of the last plan that was approved."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def approve(
        self, _api: Kubernetes, applies: Sequence[Apply], observed: Mapping[ObjectRef, Manifest | None], /
    ) -> None:
        for item in applies:
            ref = ref_of(item.manifest)
            live = observed[ref]
            if is_cache(ref) and live is not None and not being_deleted(live):
                before = _parameters(live)
                after = _parameters(item.stored) if item.stored else {**before, **_parameters(item.manifest)}
                self.changes += changes(ref.name, before, after)

    def facts(self) -> Mapping[str, Any]:
        return {"effects": [change.fact() for change in self.changes]}

    def judge(self, api: Kubernetes, clock: Clock, /) -> Judge:
        return CacheSettling(api, clock)

    def verdict(self, api: Kubernetes, standing: Standing, /) -> Readiness:
        verdict = standing.verdict
        if not verdict.ready or standing.claim is None or not is_cache(ref_of(standing.claim)):
            return verdict
        # What its providers have seen is as old as their last look, which may be minutes.
        return unready_behind(api, standing) or verdict

    def blockers(self, api: Kubernetes, standings: Mapping[ObjectRef, Standing], /) -> list[Blocker]:
        return [
            blocker
            for ref, standing in standings.items()
            if is_cache(ref)
            for blocker in blockers_behind(api, standing)
        ]

    def leaving_too(self, api: Kubernetes, everything: Mapping[ObjectRef, Manifest], /) -> Mapping[ObjectRef, Manifest]:
        """Pods, what runs them, and volumes: gone means that nothing is left of what was in them."""
        return members_of(api, everything.values()) if any(is_cache(ref) for ref in everything) else {}


class CacheSettling:
    """Judges a cache together with its pods; what waiting does not mend ends it once it was tried in this very wait."""

    def __init__(self, api: Kubernetes, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._others = Settling(api)
        self._failures: dict[str, int] = {}
        self._since: dict[tuple[str, ObjectRef], float] = {}

    def __call__(self, claim: Manifest | None, thorough: bool) -> Readiness:
        if claim is None or not is_cache(ref_of(claim)):
            return self._others(claim, thorough)
        own = Standing(claim).verdict
        if own.phase is Phase.FAILED or not (own.ready or thorough):
            return own
        ref = ref_of(claim)
        standing = look(self._api, {ref: claim})[ref]
        verdict = CacheParticulars().verdict(self._api, standing)
        if verdict.ready:
            return verdict
        if verdict.phase is Phase.FAILED:
            return verdict
        return self._final(uid(claim), standing) or verdict

    def _final(self, claim: str, standing: Standing) -> Readiness | None:
        """What can not be waited for any longer."""
        blockers = blockers_behind(self._api, standing)
        terminal = [item for item in blockers if item.terminal]
        for item in terminal:
            key = (claim, item.ref)
            if self._clock.monotonic() - self._since.setdefault(key, self._clock.monotonic()) >= GRACE:
                return Readiness(Phase.FAILED, item.condition, item.ref)
        for key in [key for key in self._since if key[0] == claim and key[1] not in {item.ref for item in terminal}]:
            del self._since[key]
        return self._given_up(standing, blockers)

    def _given_up(self, standing: Standing, blockers: Sequence[Blocker]) -> Readiness | None:
        """A release that has failed too often, the last time in this wait."""
        for release in releases_behind(standing):
            count, before = failures(release), self._failures.setdefault(uid(release), failures(release))
            if count >= TRIES and count > before:
                ref = ref_of(release)
                said = next((item for item in blockers if item.ref == ref), None)
                return Readiness(Phase.FAILED, said.condition if said else None, ref)
            self._failures[uid(release)] = min(count, before)
        return None


def _parameters(claim: Manifest | None) -> Mapping[str, Any]:
    return user_fields(claim or {}).get("parameters") or {}
