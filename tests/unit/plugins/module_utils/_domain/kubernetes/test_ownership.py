# SPDX-License-Identifier: GPL-3.0-or-later
"""Which live fields count: those wanted now, those applied earlier, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.ownership import (
    as_wanted,
    desired_view,
    owned_view,
    would_change,
)


def live(spec: dict[str, Any], applied: dict[str, Any] | None = None, manager: str = "pnow.infra") -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "n", "uid": "u", "resourceVersion": "7"}
    if applied is not None:
        fields = {"f:spec": applied}
        metadata["managedFields"] = [{"manager": manager, "operation": "Apply", "fieldsV1": fields}]
    return {"apiVersion": "v1", "kind": "K", "metadata": metadata, "spec": spec, "status": {"x": 1}}


def wanted(spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "K", "metadata": {"name": "n"}, "spec": spec}


@pytest.mark.parametrize(
    ("case", "live_spec", "applied", "desired_spec", "equal"),
    [
        ("as wanted", {"a": 1}, {"f:a": {}}, {"a": 1}, True),
        ("a server's default beside it", {"a": 1, "b": 2}, {"f:a": {}}, {"a": 1}, True),
        ("another value", {"a": 2}, {"f:a": {}}, {"a": 1}, False),
        ("another value that somebody else set", {"a": 2}, {}, {"a": 1}, False),
        ("missing", {}, {}, {"a": 1}, False),
        ("applied earlier, not wanted any more", {"a": 1, "b": 2}, {"f:a": {}, "f:b": {}}, {"a": 1}, False),
        ("the same values, never applied by us", {"a": {"x": 1}}, None, {"a": {"x": 1}}, True),
        ("atomic list, another item", {"a": [1, 2]}, {"f:a": {}}, {"a": [1]}, False),
        ("atomic list, a field gone", {"a": [{"x": 1, "y": 2}]}, {"f:a": {}}, {"a": [{"x": 1}]}, False),
        ("atomic map, a key gone", {"a": {"x": 1, "y": 2}}, {"f:a": {}}, {"a": {"x": 1}}, False),
        ("an empty map wanted, others fill it", {"a": {"x": 1}}, {"f:a": {}}, {"a": {}}, True),
        ("an empty map wanted, never applied", {"a": {"x": 1}}, None, {"a": {}}, True),
        (
            "keyed list, a default in our item and a stranger's item",
            {"a": [{"name": "x", "v": 1, "d": 0}, {"name": "z"}]},
            {"f:a": {'k:{"name":"x"}': {".": {}, "f:name": {}, "f:v": {}}}},
            {"a": [{"name": "x", "v": 1}]},
            True,
        ),
        (
            "keyed list, our item not wanted any more",
            {"a": [{"name": "x"}, {"name": "y"}]},
            {"f:a": {'k:{"name":"x"}': {"f:name": {}}, 'k:{"name":"y"}': {"f:name": {}}}},
            {"a": [{"name": "x"}]},
            False,
        ),
        ("set, a stranger's value", {"a": ["x", "z"]}, {"f:a": {'v:"x"': {}}}, {"a": ["x"]}, True),
        (
            "set, our value not wanted any more",
            {"a": ["x", "y"]},
            {"f:a": {'v:"x"': {}, 'v:"y"': {}}},
            {"a": ["x"]},
            False,
        ),
    ],
)
def test_owned_fields_decide(
    case: str, live_spec: dict[str, Any], applied: dict[str, Any] | None, desired_spec: dict[str, Any], equal: bool
) -> None:
    desired = wanted(desired_spec)
    assert (owned_view(live(live_spec, applied), desired) == desired_view(desired)) is equal, case


@pytest.mark.parametrize(
    ("case", "stored", "answered", "changes"),
    [
        ("the same", {"a": "1Gi"}, {"a": "1Gi"}, False),
        ("our field", {"a": "1Gi"}, {"a": "2Gi"}, True),
        ("nothing but a field of others", {"a": "1Gi", "b": 1}, {"a": "1Gi", "b": 2}, False),
        ("a boolean for a number", {"a": 1}, {"a": True}, True),
    ],
)
def test_what_the_server_would_store_decides(
    case: str, stored: dict[str, Any], answered: dict[str, Any], changes: bool
) -> None:
    answer = live(answered, {"f:a": {}})
    answer["metadata"] |= {"resourceVersion": "8", "generation": 9}
    answer["status"] = {"x": 2}
    assert would_change(live(stored, {"f:a": {}}), answer, wanted({"a": "1024Mi"})) is changes, case


def test_a_field_that_others_keep_as_it_is_is_no_change() -> None:
    shared = live({"a": 1, "b": 2}, {"f:a": {}, "f:b": {}})
    assert not as_wanted(shared, wanted({"a": 1}))
    assert not would_change(shared, live({"a": 1, "b": 2}, {"f:a": {}}), wanted({"a": 1}))
    assert would_change(shared, live({"a": 1}, {"f:a": {}}), wanted({"a": 1}))


def test_true_is_not_one() -> None:
    assert as_wanted(live({"a": 1}, {"f:a": {}}), wanted({"a": 1}))
    assert not as_wanted(live({"a": 1}, {"f:a": {}}), wanted({"a": True}))


def test_fields_of_another_manager_are_not_ours() -> None:
    desired = wanted({"a": 1})
    theirs = live({"a": 1, "b": 2}, {"f:b": {}}, manager="kubectl")
    assert owned_view(theirs, desired) == desired_view(desired)


def test_identity_is_not_part_of_the_comparison() -> None:
    assert desired_view({"apiVersion": "v1", "kind": "K", "metadata": {"name": "n", "labels": {"l": "1"}}}) == {
        "metadata": {"labels": {"l": "1"}}
    }
