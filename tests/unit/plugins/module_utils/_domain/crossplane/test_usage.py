# SPDX-License-Identifier: GPL-3.0-or-later
"""Which object a Usage keeps from being deleted, and how it says why."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.crossplane.usage import (
    ends_with,
    is_protected,
    protects,
    spoken,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest, ObjectRef

DATABASE = ObjectRef("database.example.org/v1alpha1", "PostgreSQLInstance", "dev-database", "dev")
SHOP = {"apiVersion": "apps/v1", "kind": "Deployment", "resourceRef": {"name": "shop"}}


def usage(kind: str = "Usage", namespace: str = "dev", of: Manifest | None = None, **spec: Any) -> Manifest:
    reference = {"apiVersion": DATABASE.api_version, "kind": DATABASE.kind, "resourceRef": {"name": DATABASE.name}}
    return {
        "apiVersion": "protection.crossplane.io/v1beta1",
        "kind": kind,
        "metadata": {"name": "keep", **({"namespace": namespace} if namespace else {})},
        "spec": {"of": {**reference, **(of or {})}, **spec},
    }


@pytest.mark.parametrize(
    ("case", "found", "expected"),
    [
        ("in its namespace", usage(), True),
        ("in another namespace", usage(namespace="staging"), False),
        (
            "across namespaces",
            usage(namespace="staging", of={"resourceRef": {"name": "dev-database", "namespace": "dev"}}),
            True,
        ),
        ("of the cluster", usage("ClusterUsage", namespace=""), True),
        ("of another version", usage(of={"apiVersion": "database.example.org/v2"}), True),
        ("of another group", usage(of={"apiVersion": "cache.example.org/v1alpha1"}), False),
        ("of another kind", usage(of={"kind": "RedisInstance"}), False),
        ("of another name", usage(of={"resourceRef": {"name": "staging-database"}}), False),
        ("not resolved yet", usage(of={"resourceRef": None}), False),
    ],
)
def test_an_object_is_found_as_crossplane_finds_it(case: str, found: Manifest, expected: bool) -> None:
    assert protects(found, DATABASE) is expected, case


def test_only_a_label_that_says_so_protects() -> None:
    assert is_protected({"metadata": {"labels": {"crossplane.io/in-use": "true"}}})
    assert not is_protected({"metadata": {"labels": None}})
    leaving = {"labels": {"crossplane.io/in-use": "true"}, "deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert not is_protected({"metadata": leaving})


def test_a_usage_ends_with_itself_or_with_its_user() -> None:
    keep = usage(by=SHOP)
    assert ends_with(keep, [ObjectRef("protection.crossplane.io/v1beta1", "Usage", "keep", "dev")])
    assert ends_with(keep, [ObjectRef("apps/v1", "Deployment", "shop", "dev")])
    assert not ends_with(keep, [DATABASE])
    assert not ends_with(usage(reason="production"), [DATABASE])


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (usage(by=SHOP), "is in use by Deployment shop (Usage dev/keep)"),
        (usage(reason="audit\x1b[31m until May"), "is in use (Usage dev/keep), reason: audit until May"),
        (usage("ClusterUsage", "", by=SHOP, reason="r"), "is in use by Deployment shop (ClusterUsage keep), reason: r"),
    ],
)
def test_why(found: Manifest, says: str) -> None:
    assert spoken(found, DATABASE) == f"PostgreSQLInstance dev/dev-database {says}"
