# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usages of Crossplane that keep an environment's claims and namespace from everybody, kubectl included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..crossplane.usage import ENVIRONMENT
from ..kubernetes.manifest import FIELD_MANAGER, Manifest

REASON = "environment_protected is true in the inventory of environment {}"

# Crossplane 2 has a kind for what is in a namespace and one for what is in none; Crossplane 1 knows only the latter.
NEW = "protection.crossplane.io/v1beta1"
OLD = "apiextensions.crossplane.io/v1beta1"


def usages(environment: str, claims: Iterable[Mapping[str, Any]], served: Sequence[str]) -> list[Manifest]:
    """One Usage per claim, and one of the namespace, of the API versions that are served.

    Crossplane 1 can keep no claim. It keeps the composite, once there is one: a claim that is deleted stays with it.
    """
    if NEW in served:
        kept = [_usage("Usage", environment, claim, claim["name"]) for claim in claims]
        return [_usage("ClusterUsage", environment, _namespace(environment), environment), *kept]
    if OLD in served:
        composites = [_composite(claim) for claim in claims if claim.get("composite")]
        return [_usage("", environment, item, item["name"]) for item in (_namespace(environment), *composites)]
    return []


def _namespace(environment: str) -> dict[str, str]:
    return {"api_version": "v1", "kind": "Namespace", "name": environment}


def _composite(claim: Mapping[str, Any]) -> dict[str, str]:
    return {"api_version": claim["api_version"], "kind": f"X{claim['kind']}", "name": claim["composite"]}


def _usage(kind: str, environment: str, of: Mapping[str, Any], name: str) -> Manifest:
    metadata = {
        "name": f"protected-{name}",
        "labels": {"app.kubernetes.io/managed-by": FIELD_MANAGER, ENVIRONMENT: environment},
    }
    if kind == "Usage":
        metadata["namespace"] = environment
    return {
        "apiVersion": NEW if kind else OLD,
        "kind": kind or "Usage",
        "metadata": metadata,
        "spec": {
            "of": {"apiVersion": of["api_version"], "kind": of["kind"], "resourceRef": {"name": of["name"]}},
            "reason": REASON.format(environment),
        },
    }
