# SPDX-License-Identifier: GPL-3.0-or-later
"""Which object an Object keeps, and what that says is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.crossplane.real_object import (
    hindrance,
    kept_by,
    last_seen,
    same_object,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import (
    Condition,
    Manifest,
    ObjectRef,
)

CLAIM = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"namespace": "platform", "name": "backup"}}


def managed(
    manifest: Manifest, api_version: str = "kubernetes.crossplane.io/v1alpha2", kind: str = "Object"
) -> Manifest:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "dev-backup"},
        "spec": {"forProvider": {"manifest": manifest}},
    }


def real(**extra: Any) -> Manifest:
    return {**CLAIM, "metadata": {**CLAIM["metadata"], "uid": "u"}, **extra}


@pytest.mark.parametrize("api_version", ["kubernetes.crossplane.io/v1alpha2", "kubernetes.m.crossplane.io/v1alpha1"])
def test_an_object_keeps_what_its_manifest_names(api_version: str) -> None:
    assert kept_by(managed(CLAIM, api_version)) == ObjectRef("v1", "PersistentVolumeClaim", "backup", "platform")


def test_without_a_name_it_has_that_of_the_object() -> None:
    assert kept_by(managed({"apiVersion": "v1", "kind": "Namespace"})) == ObjectRef("v1", "Namespace", "dev-backup")


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [("kubernetes.crossplane.io/v1alpha2", "ProviderConfig"), ("database.example.org/v1alpha1", "Object")],
)
def test_other_kinds_keep_nothing(api_version: str, kind: str) -> None:
    assert kept_by(managed(CLAIM, api_version, kind)) is None


@pytest.mark.parametrize("status", [{}, {"status": None}, {"status": {"atProvider": {}}}])
def test_what_was_never_seen(status: Manifest) -> None:
    assert last_seen({**managed(CLAIM), **status}) is None


def test_what_was_seen() -> None:
    assert last_seen({**managed(CLAIM), "status": {"atProvider": {"manifest": real()}}}) == real()


def test_an_object_of_the_same_name_may_be_another() -> None:
    other = real(metadata={"uid": "v"})
    assert same_object(real(), real(status={"phase": "Bound"}))
    assert not same_object(real(), other)
    assert not same_object(None, None)


@pytest.mark.parametrize(
    ("case", "manifest", "expected"),
    [
        ("nothing wrong", real(status={"phase": "Bound"}), None),
        (
            "a condition that is good to be False",
            real(status={"conditions": [{"type": "Paused", "status": "False"}]}),
            None,
        ),
        (
            "not available",
            real(status={"conditions": [{"type": "Available", "status": "False", "reason": "MinimumReplicas"}]}),
            Condition("Available", "False", "MinimumReplicas"),
        ),
        (
            "being deleted",
            real(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
            Condition("Deleting", "True", since="2026-01-01T00:00:00Z"),
        ),
    ],
)
def test_what_is_wrong_with_it(case: str, manifest: Manifest, expected: Condition | None) -> None:
    assert hindrance(manifest) == expected, case
