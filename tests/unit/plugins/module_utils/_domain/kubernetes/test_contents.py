# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a namespace: objects of somebody else's, and not what the cluster itself or an owner put there."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.contents import (
    Contents,
    foreign,
    owners_elsewhere,
    why_occupied,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest, ObjectRef
from tests.unit.plugins.scripted import ours


def thing(kind: str, name: str, api_version: str = "v1", **metadata: Any) -> Manifest:
    metadata = {"name": name, "namespace": "dev", "uid": f"uid-{name}", **metadata}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def owned(by: str, kind: str = "ReplicaSet", name: str = "web-1") -> Manifest:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": by, "uid": f"uid-{by}"}
    return thing(kind, name, "apps/v1", ownerReferences=[owner])


WEB = thing("Deployment", "web", "apps/v1")
SERVICE = thing("Service", "web")


@pytest.mark.parametrize(
    "item",
    [
        thing("ConfigMap", "kube-root-ca.crt"),
        thing("ServiceAccount", "default"),
        thing("Secret", "default-token-x", annotations={"kubernetes.io/service-account.name": "default"}),
        thing("Event", "anything"),
        thing("Event", "anything", "events.k8s.io/v1"),
        thing("ConfigMap", "leaving", deletionTimestamp="2026-01-01T00:00:00Z"),
        ours(thing("ConfigMap", "ours")),
    ],
    ids=lambda item: item["metadata"]["name"],
)
def test_what_does_not_keep_a_namespace(item: Manifest) -> None:
    assert foreign([item], gone=(), going=()) == []


@pytest.mark.parametrize(
    "item",
    [
        thing("ConfigMap", "settings"),
        thing("ConfigMap", "default"),
        thing("Secret", "kube-root-ca.crt"),
        thing("Secret", "robot-token-x", annotations={"kubernetes.io/service-account.name": "robot"}),
        thing("Event", "anything", "example.org/v1"),
        thing("Endpoints", "web"),
        thing("ConfigMap", "copied", annotations={"pnow.infra/created": "true"}),
    ],
    ids=lambda item: f"{item['kind']} {item['metadata']['name']}",
)
def test_what_does(item: Manifest) -> None:
    assert [ref.name for ref in foreign([item], gone=(), going=())] == [item["metadata"]["name"]]


def test_what_is_deleted_too_keeps_nothing() -> None:
    assert foreign([WEB], gone=(), going={"uid-web"}) == []


def test_endpoints_belong_to_their_service() -> None:
    endpoints = thing("Endpoints", "web", uid="uid-endpoints")
    assert [ref.kind for ref in foreign([endpoints, SERVICE], gone=(), going=())] == ["Service"]


def test_an_owner_stands_for_what_it_owns() -> None:
    assert [ref.kind for ref in foreign([WEB, owned("web")], gone=(), going=())] == ["Deployment"]
    assert foreign([ours(WEB), owned("web")], gone=(), going=()) == []


def test_an_owner_that_is_not_there_is_looked_for() -> None:
    (elsewhere,) = owners_elsewhere([owned("web"), WEB, owned("db", name="db-1")]).items()
    assert elsewhere == ("uid-db", ObjectRef("apps/v1", "Deployment", "db", "dev"))
    assert [ref.name for ref in foreign([owned("db", name="db-1")], gone=(), going=())] == ["db-1"]
    assert foreign([owned("db", name="db-1")], gone={"uid-db"}, going=()) == []


def test_of_two_owners_both_must_be_known() -> None:
    both = owned("web")
    both["metadata"]["ownerReferences"] += owned("db")["metadata"]["ownerReferences"]
    assert [ref.kind for ref in foreign([ours(WEB), both], gone=(), going=())] == ["ReplicaSet"]
    assert foreign([ours(WEB), both], gone={"uid-db"}, going=()) == []


@pytest.mark.parametrize(
    ("number", "unknown", "says"),
    [
        (0, (), ""),
        (
            1,
            (),
            "it holds an object that this collection did not create, ConfigMap dev/c0; delete what is not needed first",
        ),
        (2, (), "it holds 2 objects that this collection did not create, ConfigMap dev/c0, ConfigMap dev/c1;"),
        (12, (), "ConfigMap dev/c4 and 7 more;"),
        (0, ("jane may not list secrets",), "what it holds can not be known: jane may not list secrets; list it"),
        (1, ("jane may not list secrets",), "it holds an object"),
    ],
)
def test_why_a_namespace_is_kept_is_one_sentence(number: int, unknown: tuple[str, ...], says: str) -> None:
    others = [ObjectRef("v1", "ConfigMap", f"c{position}", "dev") for position in range(number)]
    why = why_occupied(Contents([], unknown), others)
    assert says in why
    assert bool(why) is bool(says)
