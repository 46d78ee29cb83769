# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims from options, and what stands behind a claim."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.crossplane.claim import (
    Style,
    claim_from,
    composite_name,
    composite_ref,
    lagging,
    not_kept,
    require_place,
    resource_refs,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import ObjectRef
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.ports import Served

OPTIONS: dict[str, Any] = {
    "api_version": "database.example.org/v1alpha1",
    "kind": "PostgreSQLInstance",
    "name": "dev-database",
    "namespace": "dev",
}


def test_a_minimal_claim_asks_for_foreground_deletion_and_nothing_else() -> None:
    manifest = claim_from(OPTIONS, 0).manifest(Style.CLAIM)
    assert manifest["spec"] == {"compositeDeletePolicy": "Foreground"}
    assert manifest["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "pnow.infra"}


def test_a_full_claim() -> None:
    options = {
        **OPTIONS,
        "parameters": {"size": "small"},
        "composition_selector": {"x": "y"},
        "connection_secret": "postgres-connection",
    }
    assert claim_from(options, 0).manifest(Style.CLAIM)["spec"] == {
        "compositeDeletePolicy": "Foreground",
        "parameters": {"size": "small"},
        "compositionSelector": {"matchLabels": {"x": "y"}},
        "writeConnectionSecretToRef": {"name": "postgres-connection"},
    }


FULL = {
    **OPTIONS,
    "parameters": {"size": "small"},
    "composition_selector": {"x": "y"},
    "composition_ref": "c",
    "composition_revision_selector": {"channel": "stable"},
    "composition_revision_ref": "c-1",
    "composition_update_policy": "Manual",
    "connection_secret": "postgres-connection",
}
MACHINERY = {
    "compositionSelector": {"matchLabels": {"x": "y"}},
    "compositionRef": {"name": "c"},
    "compositionRevisionSelector": {"matchLabels": {"channel": "stable"}},
    "compositionRevisionRef": {"name": "c-1"},
    "compositionUpdatePolicy": "Manual",
}


@pytest.mark.parametrize(
    ("style", "machinery"),
    [
        (Style.CLAIM, {**MACHINERY, "compositeDeletePolicy": "Foreground"}),
        (Style.NAMESPACED, {"crossplane": MACHINERY}),
        (Style.CLUSTER, {"crossplane": MACHINERY}),
    ],
)
def test_the_same_options_in_every_style(style: Style, machinery: dict[str, Any]) -> None:
    assert claim_from(FULL, 0).manifest(style)["spec"] == {
        "parameters": {"size": "small"},
        "writeConnectionSecretToRef": {"name": "postgres-connection"},
        **machinery,
    }


def test_a_minimal_composite_asks_for_nothing() -> None:
    options = {key: value for key, value in OPTIONS.items() if key != "namespace"}
    manifest = claim_from(options, 0).manifest(Style.CLUSTER)
    assert manifest["spec"] == {}
    assert "namespace" not in manifest["metadata"]


def test_a_revision_that_crossplane_would_replace_is_refused() -> None:
    with pytest.raises(InvalidOption, match="set composition_update_policy to Manual"):
        claim_from({**FULL, "composition_update_policy": None}, 0)


@pytest.mark.parametrize(
    ("served", "style"),
    [
        (Served("claims", namespaced=True, categories=("claim",)), Style.CLAIM),
        (Served("xrs", namespaced=True, categories=("composite",)), Style.NAMESPACED),
        (Served("xrs", namespaced=False, categories=("composite",)), Style.CLUSTER),
    ],
)
def test_discovery_tells_the_style(served: Served, style: Style) -> None:
    assert Style.of(served) is style


@pytest.mark.parametrize(
    ("style", "namespace", "says"),
    [
        (Style.CLAIM, "", "K x has no namespace, which a claim needs; add namespace"),
        (Style.NAMESPACED, "", "K x has no namespace, which a namespaced composite needs; add namespace"),
        (Style.CLUSTER, "dev", "K dev/x is in no namespace, its kind is cluster-scoped; leave namespace out, "),
    ],
)
def test_a_namespace_is_given_where_there_is_one(style: Style, namespace: str, says: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        require_place(ObjectRef("g/v1", "K", "x", namespace), style)
    assert str(caught.value).startswith(says)
    require_place(ObjectRef("g/v1", "K", "x", "" if namespace else "dev"), style)


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


def test_what_a_namespaced_composite_is_composed_of_is_in_its_namespace() -> None:
    metadata = {"namespace": "dev", "name": "x"}
    entry = {"apiVersion": "g/v1", "kind": "Role", "name": "r"}
    assert resource_refs({"metadata": metadata, "spec": {"crossplane": {"resourceRefs": [entry]}}}) == [
        ObjectRef("g/v1", "Role", "r", "dev")
    ]


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ({"resourceRef": {"apiVersion": "g/v1", "kind": "X", "name": "x"}}, "x"),
        ({"crossplane": {}}, "itself"),
        ({}, ""),
    ],
)
def test_the_composite_that_stands_for_it(spec: dict[str, Any], name: str) -> None:
    assert composite_name({"metadata": {"name": "itself"}, "spec": spec}) == name


def test_a_claim_that_is_not_bound_has_no_composite() -> None:
    assert composite_ref({"spec": {}}) is None
    assert composite_ref({"spec": {"resourceRef": {"apiVersion": "g/v1", "kind": "X", "name": "x"}}}) == ObjectRef(
        "g/v1", "X", "x"
    )


@pytest.mark.parametrize(
    ("composite", "fields"),
    [
        ({"parameters": {"size": "medium"}, "replicas": 2}, []),
        ({"parameters": {"size": "small"}, "replicas": 2}, ["parameters"]),
        ({"parameters": {"size": "medium"}, "replicas": 1}, ["replicas"]),
        ({"parameters": {"size": "medium"}}, ["replicas"]),
        ({"parameters": {"size": "medium"}, "replicas": 2, "image": "of before"}, ["image"]),
        (
            {"parameters": {"size": "medium"}, "replicas": 2, "claimRef": {}, "resourceRefs": [], "compositionRef": {}},
            [],
        ),
    ],
)
def test_a_composite_with_other_fields_lags_behind(composite: dict[str, Any], fields: list[str]) -> None:
    claim = {"spec": {"parameters": {"size": "medium"}, "replicas": 2, "resourceRef": {}, "compositeDeletePolicy": "F"}}
    assert lagging({"spec": composite}, claim) == fields


@pytest.mark.parametrize(
    ("claim", "composite", "fields"),
    [
        ({"compositionRef": {"name": "b"}}, {"compositionRef": {"name": "a"}}, ["compositionRef"]),
        ({"compositionRef": {"name": "a"}}, {"compositionRef": {"name": "a"}}, []),
        ({}, {"compositionRef": {"name": "a"}, "compositionUpdatePolicy": "Automatic"}, []),
        ({"parameters": {}}, {}, []),
    ],
)
def test_what_crossplane_passes_on_is_waited_for(
    claim: dict[str, Any], composite: dict[str, Any], fields: list[str]
) -> None:
    assert lagging({"spec": composite}, {"spec": claim}) == fields


def test_fields_directly_under_spec() -> None:
    """As they are, also what counts as nothing in Python."""
    options = {**OPTIONS, "spec": {"image": "nginx", "replicas": 0}, "parameters": {"size": "small"}}
    assert claim_from(options, 0).manifest(Style.NAMESPACED)["spec"] == {
        "image": "nginx",
        "replicas": 0,
        "parameters": {"size": "small"},
    }


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("parameters", "use option parameters instead"),
        ("compositionRef", "use option composition_ref instead"),
        ("writeConnectionSecretToRef", "use option connection_secret instead"),
        ("crossplane", "use option composition_selector and its siblings instead"),
        ("compositeDeletePolicy", "leave it out"),
    ],
)
def test_a_field_with_an_option_of_its_own_is_refused_in_spec(name: str, says: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        claim_from({**OPTIONS, "spec": {name: {}}}, 3)
    assert str(caught.value).startswith(f"claims[3].spec.{name} is ")
    assert str(caught.value).endswith(says)


@pytest.mark.parametrize(
    ("stored", "live", "fields"),
    [
        ({"motto": "new"}, {"parameters": {"size": "small"}, "motto": "new", "resourceRef": {}}, []),
        ({"motto": "NEW"}, {"parameters": {"size": "small"}, "motto": "NEW", "by": "default"}, []),
        ({"motto": "new"}, {"parameters": {"size": "small"}, "motto": "old"}, ["spec.motto"]),
        ({"motto": "new"}, {"parameters": {"size": "small"}}, ["spec.motto"]),
        ({}, {"parameters": {"size": "small"}}, ["spec.motto"]),
        ({}, {}, ["spec.motto", "spec.parameters.size"]),
    ],
)
def test_what_was_not_kept(stored: dict[str, Any], live: dict[str, Any], fields: list[str]) -> None:
    wanted = {"spec": {"parameters": {"size": "small", "pruned": None}, "motto": "new"}}
    assert not_kept(wanted, {"spec": stored}, {"spec": live}) == fields
