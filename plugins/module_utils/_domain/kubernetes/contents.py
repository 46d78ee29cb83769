# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody else has put into a namespace, with which it would go."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..text import inert
from .creation import is_ours
from .manifest import Manifest, ObjectRef, being_deleted, ref_of, uid

# So many are named, the others counted.
MOST_NAMED = 5

# What a cluster puts into every namespace by itself, or says about what is there: by API group, kind and name, which is
# empty for any.
_OF_THE_CLUSTER = frozenset(
    {
        ("", "ConfigMap", "kube-root-ca.crt"),
        ("", "ServiceAccount", "default"),
        ("", "Event", ""),
        ("events.k8s.io", "Event", ""),
    }
)
# Clusters before Kubernetes 1.24 made a Secret with a token for every account, which says whose it is.
_ACCOUNT_ANNOTATION = "kubernetes.io/service-account.name"


@dataclass(frozen=True)
class Contents:
    """Everything in a namespace, metadata only, and why some of it, if any, could not be listed."""

    objects: Sequence[Manifest]
    unknown: Sequence[str] = ()


def owners_elsewhere(objects: Sequence[Manifest]) -> dict[str, ObjectRef]:
    """By uid the owners that were not found in the namespace: cluster-scoped, or gone."""
    present = {uid(item) for item in objects}
    return {
        str(owner["uid"]): ObjectRef(
            str(owner["apiVersion"]), str(owner["kind"]), str(owner["name"]), ref_of(item).namespace
        )
        for item in objects
        for owner in _owners(item)
        if owner["uid"] not in present
    }


def foreign(objects: Sequence[Manifest], gone: Collection[str], going: Collection[str]) -> list[ObjectRef]:
    """What neither we, nor the cluster by itself, have put there.

    ``gone`` are the uids of owners that exist no longer, ``going`` those of objects that are deleted, too. What has an
    owner goes with it, or stays because of it, so the owner alone is named.
    """
    services = {ref_of(item).name for item in objects if item["kind"] == "Service"}
    present = {uid(item) for item in objects}
    return [
        ref_of(item)
        for item in objects
        if not (being_deleted(item) or uid(item) in going or is_ours(item) or _of_the_cluster(item, services))
        and not _follows(item, {*present, *gone})
    ]


def why_occupied(contents: Contents, others: Sequence[ObjectRef]) -> str:
    """Why a namespace with these contents is not deleted; empty when nothing speaks against it."""
    if others:
        number = "an object" if len(others) == 1 else f"{len(others)} objects"
        return (
            f"it holds {number} that this collection did not create, {_some(others)}; delete what is not needed first"
        )
    if contents.unknown:
        return f"what it holds can not be known: {_some(contents.unknown)}; list it and delete the namespace yourself"
    return ""


def _follows(item: Manifest, known: Collection[str]) -> bool:
    owners = _owners(item)
    return bool(owners) and all(owner["uid"] in known for owner in owners)


def _owners(item: Manifest) -> list[dict[str, Any]]:
    return item["metadata"].get("ownerReferences") or []


def _of_the_cluster(item: Manifest, services: Collection[str]) -> bool:
    ref = ref_of(item)
    group = ref.api_version.rpartition("/")[0]
    if {(group, ref.kind, ref.name), (group, ref.kind, "")} & _OF_THE_CLUSTER:
        return True
    if (group, ref.kind) == ("", "Endpoints"):
        return ref.name in services
    annotations: Mapping[str, str] = item["metadata"].get("annotations") or {}
    return (group, ref.kind) == ("", "Secret") and annotations.get(_ACCOUNT_ANNOTATION) == "default"


def _some(found: Sequence[object]) -> str:
    named = ", ".join(inert(item, 300) for item in found[:MOST_NAMED])
    others = len(found) - MOST_NAMED
    return f"{named} and {others} more" if others > 0 else named
