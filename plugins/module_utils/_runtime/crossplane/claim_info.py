# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of module ``xrd_claim_info``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

from ..._domain.crossplane.claim import user_fields
from ..._domain.crossplane.packages import Package, explained
from ..._domain.crossplane.readiness import Standing
from ..._domain.errors import NotServed
from ..._domain.kubernetes.blockers import Blocker, deepest_first
from ..._domain.kubernetes.description import described_conditions
from ..._domain.kubernetes.manifest import Manifest, ObjectRef, ref_of
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.plan import Plan
from ..._domain.ports import Clock
from ..._domain.units import seconds
from ..kubernetes.applying import observe
from ..kubernetes.waiting import Deadline
from ..task import Outcome, Request
from .claim_tree import SELECTED, blockers_of, described_tree
from .claims import await_ready, claim_fact, claims_from, require_places, standings
from .packages import unhealthy_packages
from .particulars import PLAIN, Particulars


def describe_claims(request: Request, api: Kubernetes, clock: Clock, particulars: Particulars = PLAIN) -> Outcome:
    """Reads the claims of option ``claims``, and behind each unready one what blocks it; first awaits them if asked to.

    In check mode nothing is awaited: what an earlier task would have requested will not come.
    """
    deadline = Deadline.after(clock, seconds(request.options["wait_timeout"], "wait_timeout"))
    api = api.bounded_by(deadline.moment)
    live = _named(request, api) if request.options["claims"] is not None else _selected(request, api)
    awaited = request.options["wait"] and not request.check_mode
    if awaited:
        live = await_ready(request, api, [ref for ref, _claim in live], deadline, particulars, changed=False).items()
    now, packages = clock.wall_time(), cache(lambda: unhealthy_packages(api))
    described = [
        _description(request, api, ref, standing, now, particulars=particulars, packages=packages)
        for page in _pages(live)
        for ref, standing in _standings(request, api, page, proved=awaited).items()
    ]
    return Outcome(Plan(), {"claims": described})


def _standings(
    request: Request, api: Kubernetes, page: Mapping[ObjectRef, Manifest | None], *, proved: bool
) -> Mapping[ObjectRef, Standing]:
    """How the claims stand; what is behind claims that have just been awaited is only looked at to be shown."""
    if proved and not request.options["tree"]:
        return {ref: Standing(claim) for ref, claim in page.items()}
    return standings(request, api, page)


def _pages(claims: Iterable[tuple[ObjectRef, Manifest | None]]) -> Iterator[dict[ObjectRef, Manifest | None]]:
    """As many claims as are looked behind together; no page is kept while the next one is read."""
    rest = iter(claims)
    while page := dict(islice(rest, SELECTED)):
        yield page
        page.clear()


def _named(request: Request, api: Kubernetes) -> Iterable[tuple[ObjectRef, Manifest | None]]:
    refs = [claim.ref for claim in claims_from(request.options["claims"])]
    observed = observe(api, refs, unserved_is_absent=request.check_mode)
    require_places(api, refs)
    return [(ref, observed[ref]) for ref in refs]


def _selected(request: Request, api: Kubernetes) -> Iterable[tuple[ObjectRef, Manifest | None]]:
    """The claims as they are read: a platform may have more of them than need to be in memory at once."""
    options = request.options
    labels = ",".join(options["label_selectors"])
    try:
        api.served(options["api_version"], options["kind"])
    except NotServed:
        if request.check_mode:
            return  # what an earlier task would have offered has no claims yet
        raise
    for claim in api.scan(options["api_version"], options["kind"], options["namespace"] or "", labels):
        if options["environment"] in (None, _environment(claim)):
            yield ref_of(claim), claim


def _environment(claim: Manifest) -> str:
    fields = user_fields(claim)
    return str({**fields, **(fields.get("parameters") or {})}.get("environment", ""))


def _description(
    request: Request,
    api: Kubernetes,
    ref: ObjectRef,
    standing: Standing,
    now: float,
    *,
    particulars: Particulars,
    packages: Callable[[], Sequence[Package]],
) -> dict[str, Any]:
    claim = standing.claim
    ready = particulars.verdict(api, standing).ready
    blockers = [] if claim is None or ready else _blockers(api, ref, standing, particulars, packages)
    fact = {**claim_fact(ref, claim, blockers, ready=ready), "conditions": described_conditions(claim, now)}
    return {**fact, "tree": described_tree(api, ref, standing, now)} if request.options["tree"] else fact


def _blockers(
    api: Kubernetes,
    ref: ObjectRef,
    standing: Standing,
    particulars: Particulars,
    packages: Callable[[], Sequence[Package]],
) -> list[Blocker]:
    found = [*blockers_of(api, {ref: standing}), *particulars.blockers(api, {ref: standing})]
    return explained(deepest_first(found), packages())
