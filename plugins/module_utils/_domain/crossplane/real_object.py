# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The object of any kind that provider-kubernetes keeps for a managed resource of kind Object."""

from __future__ import annotations

from ..kubernetes.manifest import Condition, Manifest, ObjectRef, being_deleted, conditions, ref_of, uid

# Cluster-scoped, and namespaced as in Crossplane 2.
GROUPS = frozenset({"kubernetes.crossplane.io", "kubernetes.m.crossplane.io"})

# By these an object of almost any kind says that it does not work.
_TELLING = ("Ready", "Available")


def kept_by(managed: Manifest) -> ObjectRef | None:
    """Where the real object of an Object is; None for a managed resource of any other kind."""
    if managed.get("kind") != "Object" or str(managed.get("apiVersion", "")).rpartition("/")[0] not in GROUPS:
        return None
    wanted = managed.get("spec", {}).get("forProvider", {}).get("manifest") or {}
    metadata = {"name": managed["metadata"]["name"], **(wanted.get("metadata") or {})}
    return ref_of({**wanted, "metadata": metadata})


def last_seen(managed: Manifest) -> Manifest | None:
    """The real object as its provider last saw it, if it ever did."""
    return ((managed.get("status") or {}).get("atProvider") or {}).get("manifest") or None


def same_object(one: Manifest | None, other: Manifest | None) -> bool:
    """Whether both are the same object, at whatever time."""
    return one is not None and other is not None and uid(one) == uid(other)


def hindrance(real: Manifest) -> Condition | None:
    """What a real object says is wrong with it, if anything."""
    if being_deleted(real):
        return Condition("Deleting", "True", since=str(real["metadata"]["deletionTimestamp"]))
    current = conditions(real)
    return next((current[name] for name in _TELLING if name in current and current[name].status != "True"), None)
