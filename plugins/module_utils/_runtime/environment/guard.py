# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of module ``environment_guard``."""

from __future__ import annotations

from typing import Any

from ..._domain.crossplane.usage import ENVIRONMENT, KINDS
from ..._domain.environment.guarding import (
    DESTRUCTIVE,
    LIFTING,
    Recorded,
    Stated,
    marks,
    require_heard,
    require_liftable,
    require_number,
    require_unprotected,
    wants_protection,
)
from ..._domain.errors import Forbidden, NotServed
from ..._domain.kubernetes.creation import is_ours
from ..._domain.kubernetes.manifest import Manifest, ObjectRef, being_deleted
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.plan import Plan
from ..task import Outcome, Request


def guard(request: Request, api: Kubernetes) -> Outcome:
    """Refuses what may not be done to the environment, and says what its namespace and Usages have to be."""
    options = request.options
    environment, verb, run = options["name"], options["verb"], options["run"]
    stated = _stated(options["stated"])
    require_heard(stated.extra, options["results"])
    if verb == "delete":
        require_number(options["going"], options["known"], options["said"])
    wanted = wants_protection(environment, stated)
    recorded, served = _recorded(api, environment, thorough=verb in DESTRUCTIVE or not wanted)
    if verb in DESTRUCTIVE:
        require_unprotected(environment, verb, stated, recorded, run)
    lifts = verb in (LIFTING, "plan") and recorded.protected and not wanted
    if lifts:
        require_liftable(environment, stated)
    protected = wanted or (recorded.protected and not lifts)
    return Outcome(
        Plan(),
        {
            "protected": protected,
            "guarded": recorded.protected or wanted,
            "annotations": marks(recorded, protected=protected, run=run),
            "owned": _is_free(recorded.namespace) or is_ours(recorded.namespace) or options["adopt"],
            "usages": [_named(usage) for usage in recorded.usages] if lifts else [],
            "usage_versions": served,
        },
    )


def _stated(found: dict[str, Any]) -> Stated:
    return Stated(found["environment"], found["protected"], found["sources"], found["extra"])


def _is_free(namespace: Manifest | None) -> bool:
    return namespace is None or being_deleted(namespace)


def _recorded(api: Kubernetes, environment: str, *, thorough: bool) -> tuple[Recorded, list[str]]:
    """What the cluster remembers, and which versions of Usages it serves; if they may be read."""
    namespace = api.get(ObjectRef("v1", "Namespace", environment))
    usages: list[Manifest] = []
    served: list[str] = []
    for api_version, kind in KINDS:
        try:
            api.served(api_version, kind)
            served.append(api_version)
            if thorough:
                usages += api.list_objects(api_version, kind, labels=f"{ENVIRONMENT}={environment}")
        except (Forbidden, NotServed):
            continue
    return Recorded(namespace, [usage for usage in usages if not being_deleted(usage)]), sorted(set(served))


def _named(usage: Manifest) -> Manifest:
    names = ("name", "namespace", "labels")
    metadata = {key: value for key, value in usage["metadata"].items() if key in names}
    return {"apiVersion": usage["apiVersion"], "kind": usage["kind"], "metadata": metadata}
