# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Crossplane's packages, without which no managed resource is looked after."""

from __future__ import annotations

from ..._domain.crossplane.packages import Package
from ..._domain.errors import Forbidden, NotServed
from ..._domain.kubernetes.blockers import blocker
from ..._domain.kubernetes.manifest import Manifest, ref_of
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.kubernetes.readiness import assess, rule_for

API_VERSION = "pkg.crossplane.io/v1"
KINDS = ("Provider", "Function", "Configuration")
PACKAGE_LABEL = "pkg.crossplane.io/package"


def unhealthy_packages(api: Kubernetes) -> list[Package]:
    """The packages that are not installed or not healthy; who may not list them finds none."""
    packages = [each for kind in KINDS for each in _listed(api, kind)]
    unhealthy = [found for each in packages if (found := blocker(ref_of(each), each, assess(each, rule_for(each)), 0))]
    revisions = _listed(api, "ProviderRevision") if unhealthy else []
    return [Package(each, _groups(each.ref.name, revisions)) for each in unhealthy]


def _groups(package: str, revisions: list[Manifest]) -> frozenset[str]:
    """The API groups of a provider: what it has installed are definitions called PLURAL.GROUP."""
    own = [each for each in revisions if (each["metadata"].get("labels") or {}).get(PACKAGE_LABEL) == package]
    installed = [item for each in own for item in (each.get("status") or {}).get("objectRefs") or []]
    return frozenset(str(item.get("name", "")).partition(".")[2] for item in installed)


def _listed(api: Kubernetes, kind: str) -> list[Manifest]:
    try:
        return api.list_objects(API_VERSION, kind)
    except (Forbidden, NotServed):
        return []
