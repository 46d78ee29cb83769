# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usages of Crossplane: what keeps an object from being deleted, and on whose behalf."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..kubernetes.manifest import Manifest, ObjectRef, being_deleted, ref_of
from ..text import inert

# Crossplane 2's kinds, then that of Crossplane 1.
KINDS = (
    ("protection.crossplane.io/v1beta1", "ClusterUsage"),
    ("protection.crossplane.io/v1beta1", "Usage"),
    ("apiextensions.crossplane.io/v1beta1", "Usage"),
)
LABEL = "crossplane.io/in-use"

# Of a Usage that protects an environment: which one.
ENVIRONMENT = "pnow.infra/environment"


def is_protected(manifest: Manifest) -> bool:
    """Whether Crossplane would refuse to let anybody delete the object, because of some Usage."""
    return (manifest["metadata"].get("labels") or {}).get(LABEL) == "true" and not being_deleted(manifest)


def protects(usage: Manifest, ref: ObjectRef) -> bool:
    """Whether a Usage is of that object, found as Crossplane finds it: by group, and by namespace if it has one."""
    used = usage["spec"].get("of") or {}
    namespace = (used.get("resourceRef") or {}).get("namespace") or usage["metadata"].get("namespace")
    return _names(used, ref) and namespace in (None, ref.namespace)


def ends_with(usage: Manifest, going: Collection[ObjectRef]) -> bool:
    """Whether a Usage, or the object on whose behalf it is, goes in the course of a deletion of these objects."""
    user = usage["spec"].get("by") or {}
    return ref_of(usage) in going or any(_names(user, ref) for ref in going)


def is_protection(usage: Manifest) -> bool:
    """Whether it was made because the inventory of an environment says that it is protected."""
    return ENVIRONMENT in (usage["metadata"].get("labels") or {})


def spoken(usage: Manifest, ref: ObjectRef) -> str:
    """Why the object may not be deleted: ``Role x is in use by App y (Usage dev/keep)``."""
    user = usage["spec"].get("by") or {}
    by = f" by {user.get('kind')} {(user.get('resourceRef') or {}).get('name')}" if user else ""
    reason = usage["spec"].get("reason")
    why = f", reason: {inert(reason, 200)}" if reason else ""
    return f"{ref} is in use{by} ({ref_of(usage)}){why}"


def _names(reference: dict[str, Any], ref: ObjectRef) -> bool:
    group = str(reference.get("apiVersion", "")).rpartition("/")[0]
    name = (reference.get("resourceRef") or {}).get("name")
    return (group, reference.get("kind"), name) == (ref.api_version.rpartition("/")[0], ref.kind, ref.name)
