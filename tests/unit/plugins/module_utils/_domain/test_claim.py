# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims from options, and what stands behind a claim."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.claim import (
    claim_from,
    composite_ref,
    lags_behind,
    resource_refs,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.manifest import ObjectRef

OPTIONS: dict[str, Any] = {
    "api_version": "database.example.org/v1alpha1",
    "kind": "PostgreSQLInstance",
    "name": "dev-database",
    "namespace": "dev",
}


def test_a_minimal_claim_asks_for_foreground_deletion_and_nothing_else() -> None:
    manifest = claim_from(OPTIONS, 0).manifest()
    assert manifest["spec"] == {"compositeDeletePolicy": "Foreground"}
    assert manifest["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "pnow.infra"}


def test_a_full_claim() -> None:
    options = {
        **OPTIONS,
        "parameters": {"size": "small"},
        "composition_selector": {"x": "y"},
        "connection_secret": "postgres-connection",
    }
    assert claim_from(options, 0).manifest()["spec"] == {
        "compositeDeletePolicy": "Foreground",
        "parameters": {"size": "small"},
        "compositionSelector": {"matchLabels": {"x": "y"}},
        "writeConnectionSecretToRef": {"name": "postgres-connection"},
    }


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("name", ""),
        ("name", "x" * 64),
        ("name", "-dev"),
        ("name", "Dev"),
        ("name", "dev_db"),
        ("name", "../dev"),
        ("name", "dev\n"),
        ("name", "größe"),
        ("namespace", "dev.x"),
        ("namespace", ""),
        ("api_version", "v1"),
        ("api_version", "database.example.org/"),
    ],
)
def test_what_can_not_be_a_name_is_refused_with_its_place(option: str, value: str) -> None:
    with pytest.raises(InvalidOption, match=rf"^claims\[3\]\.{option} is .*; "):
        claim_from({**OPTIONS, option: value}, 3)


def test_references_of_both_composite_styles() -> None:
    entry = {"apiVersion": "g/v1", "kind": "Role", "name": "r"}
    expected = [ObjectRef("g/v1", "Role", "r")]
    assert resource_refs({"spec": {"resourceRefs": [entry]}}) == expected
    assert resource_refs({"spec": {"crossplane": {"resourceRefs": [entry]}}}) == expected
    assert resource_refs({"spec": {"resourceRefs": [{"kind": "unnamed yet"}]}}) == []


def test_a_claim_that_is_not_bound_has_no_composite() -> None:
    assert composite_ref({"spec": {}}) is None
    assert composite_ref({"spec": {"resourceRef": {"apiVersion": "g/v1", "kind": "X", "name": "x"}}}) == ObjectRef(
        "g/v1", "X", "x"
    )


def test_a_composite_with_other_parameters_lags_behind() -> None:
    claim = {"spec": {"parameters": {"size": "medium"}}}
    assert lags_behind({"spec": {"parameters": {"size": "small"}}}, claim)
    assert not lags_behind({"spec": {"parameters": {"size": "medium"}}}, claim)
