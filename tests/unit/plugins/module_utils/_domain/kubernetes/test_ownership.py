# SPDX-License-Identifier: GPL-3.0-or-later
"""Which live fields count: those wanted now, those applied earlier, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.ownership import desired_view, owned_view


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


def test_fields_of_another_manager_are_not_ours() -> None:
    desired = wanted({"a": 1})
    theirs = live({"a": 1, "b": 2}, {"f:b": {}}, manager="kubectl")
    assert owned_view(theirs, desired) == desired_view(desired)


def test_identity_is_not_part_of_the_comparison() -> None:
    assert desired_view({"apiVersion": "v1", "kind": "K", "metadata": {"name": "n", "labels": {"l": "1"}}}) == {
        "metadata": {"labels": {"l": "1"}}
    }
