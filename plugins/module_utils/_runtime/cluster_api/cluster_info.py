# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of module ``kubevirt_cluster_info``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._domain.cluster_api.claim import KIND, api_version
from ..._domain.cluster_api.conditions import telling_conditions
from ..._domain.cluster_api.versions import Supported, next_versions, parsed, supported_by
from ..._domain.crossplane.packages import Package, explained
from ..._domain.crossplane.readiness import Standing
from ..._domain.kubernetes.blockers import deepest_first
from ..._domain.kubernetes.description import described_conditions
from ..._domain.kubernetes.manifest import Manifest, ObjectRef, ref_of
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.plan import Plan
from ..._domain.ports import Clock
from ..._domain.units import seconds
from ..crossplane.claim_tree import blockers_of
from ..crossplane.claims import await_ready, claim_fact, claims_from, standings
from ..crossplane.packages import unhealthy_packages
from ..kubernetes.applying import observe
from ..kubernetes.waiting import Deadline
from ..task import Outcome, Request
from .looking import blockers_behind, installed_version, state_behind
from .settling import ClusterParticulars, parameters, verdict_of


def describe_clusters(request: Request, api: Kubernetes, clock: Clock) -> Outcome:
    """Reads one cluster or all of them, down to the machines; awaits them first if asked to, not in check mode."""
    options = request.options
    deadline = Deadline.after(clock, seconds(options["wait_timeout"], "wait_timeout"))
    api = api.bounded_by(deadline.moment)
    claims = _claims(request, api)
    if options["wait"] and not request.check_mode:
        claims |= await_ready(request, api, list(claims), deadline, ClusterParticulars(), changed=False)
    supported = supported_by(installed_version(api))
    packages = unhealthy_packages(api)
    found = [
        _described(api, ref, standing, clock.wall_time(), supported=supported, packages=packages)
        for ref, standing in standings(request, api, claims).items()
    ]
    return Outcome(Plan(), {"clusters": found, "cluster_api": _installed(supported)})


def _claims(request: Request, api: Kubernetes) -> dict[ObjectRef, Manifest | None]:
    options = request.options
    group, namespace = api_version(options["api_domain"]), options["namespace"] or ""
    if options["name"] is None:
        listed = {ref_of(claim): claim for claim in api.scan(group, KIND, namespace)}
        wanted = options["environment"]
        return {ref: claim for ref, claim in listed.items() if wanted in (None, parameters(claim).get("environment"))}
    entry = {"api_version": group, "kind": KIND, "name": options["name"], "namespace": namespace}
    ref = claims_from([entry])[0].ref
    return observe(api, [ref], unserved_is_absent=request.check_mode)


def _described(
    api: Kubernetes,
    ref: ObjectRef,
    standing: Standing,
    now: float,
    *,
    supported: Supported | None,
    packages: Sequence[Package],
) -> dict[str, Any]:
    state = state_behind(api, standing)
    verdict = verdict_of(standing, state)
    blockers = []
    if standing.claim is not None and not verdict.ready:
        behind = blockers_behind(api, state) if state else []
        blockers = explained(deepest_first([*blockers_of(api, {ref: standing}), *behind]), packages)
    cluster = state.cluster if state else None
    fact = state.fact() if state else {}
    ready = verdict.ready and not fact.get("paused", False)
    conditions = list(telling_conditions(cluster or {}).values())
    return {
        **claim_fact(ref, standing.claim, blockers, ready=ready),
        **fact,
        "progress": state.told if state else "",
        "conditions": described_conditions(standing.claim, now),
        "cluster_conditions": [
            {"type": each.type, "status": each.status, "reason": each.reason} for each in conditions
        ],
        "upgrades": _upgrades(fact.get("kubernetes_version", ""), supported),
    }


def _upgrades(current: str, supported: Supported | None) -> list[str]:
    """The minor versions that the cluster may be brought to, as far as the installed Cluster API runs them."""
    version = parsed(current)
    if version is None:
        return []
    lines = next_versions(version)
    return [line for line in lines if supported is None or (parsed(f"{line}.0") or version) in supported]


def _installed(supported: Supported | None) -> dict[str, str]:
    if supported is None:
        return {}
    return {"version": str(supported.core), "first": f"v1.{supported.first}", "last": f"v1.{supported.last}"}
