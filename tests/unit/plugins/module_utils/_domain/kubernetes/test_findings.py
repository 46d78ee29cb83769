# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server's findings, as Kubernetes 1.36 words them, told to whoever typed the values."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.findings import (
    Finding,
    Invalid,
    explained,
    findings_in,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import ObjectRef

TYPED = "failed to create typed patch object (default/t; ex.org/v1, Kind=Thing): "
UNCHECKED = {"field": "<nil>", "message": "Invalid value: null: some validation rules were not checked"}


@pytest.mark.parametrize(
    ("message", "causes", "found"),
    [
        (f"{TYPED}.spec.i: expected string, got bool", [], [("spec.i", "expected string, got bool")]),
        (
            f"{TYPED}errors:\n  .spec.i: expected string, got bool\n  .spec.ss: field not declared in schema",
            [],
            [("spec.i", "expected string, got bool"), ("spec.ss", "field not declared in schema")],
        ),
        (
            f'{TYPED}.spec.keyed: element 0: an element that omits all key fields ["name"]',
            [],
            [("spec.keyed", 'element 0: an element that omits all key fields ["name"]')],
        ),
        (
            f'{TYPED}.spec.list[name="a b"].size: field not declared in schema',
            [],
            [('spec.list[name="a b"].size', "field not declared in schema")],
        ),
        ("is invalid", [{"field": "spec.s", "message": "m"}, UNCHECKED], [("spec.s", "m")]),
        ("is invalid", [UNCHECKED], [("<nil>", UNCHECKED["message"])]),
        ("is invalid", [{"field": "metadata.labels", "message": "bad"}] * 4, [("metadata.labels", "bad")]),
        (
            'strict decoding error: unknown field "spec.a", unknown field "spec.b"',
            [],
            [("spec.a", "field not declared in schema"), ("spec.b", "field not declared in schema")],
        ),
        ("pods is forbidden: ValidatingAdmissionPolicy 'p' denied request: no", [{"message": "no"}], []),
        ("the server could not find the requested resource", [], []),
    ],
)
def test_findings_are_read_out_of_a_refusal(
    message: str, causes: list[dict[str, Any]], found: list[tuple[str, str]]
) -> None:
    assert findings_in(message, causes) == [Finding(*each) for each in found]


SCHEMA: dict[str, Any] = {
    "properties": {
        "spec": {
            "properties": {
                "size": {"type": "string"},
                "count": {"type": "integer"},
                "tags": {"additionalProperties": {"type": "string"}},
                "pools": {"items": {"properties": {"name": {}, "nodes": {"type": "integer"}}}},
            }
        }
    }
}
MANIFEST: dict[str, Any] = {
    "spec": {"size": "tiny", "count": "x", "none": None, "tags": {"a": 1}, "pools": [{"nodes": True, "nam": 1}]}
}
CELEBRATED = "Invalid value: 3: can not shrink"


@pytest.mark.parametrize(
    ("field", "message", "says"),
    [
        (
            "spec.size",
            'Unsupported value: "tiny": supported values: "small", "big"',
            "is 'tiny', allowed are small, big",
        ),
        ("spec.size", "Invalid value: \"tiny\": spec.size in body should match '^[a-b]+$'", "does not match ^[a-b]+$"),
        ("spec.count", "expected numeric (int or float), got string", "is 'x', which is not of type integer"),
        (
            "spec.none",
            'Invalid value: "null": spec.none in body must be of type string: "null"',
            "null, which is not of",
        ),
        (
            "spec.count",
            "Invalid value: 0: spec.count in body should be greater than or equal to 1",
            "the least allowed is 1",
        ),
        (
            "spec.count",
            "Invalid value: 9: spec.count in body should be less than or equal to 5",
            "the most allowed is 5",
        ),
        (
            "spec.tags.a",
            "expected string, got &value.valueUnstructured{Value:1}",
            "spec.tags.a is 1, which is not of type",
        ),
        (
            "spec.pools[0].nodes",
            "expected numeric (int or float), got bool",
            "spec.pools[0].nodes is true, which is not",
        ),
        ("spec.pools[0].nam", "field not declared in schema", "spec.pools[0].nam is not known, did you mean name?"),
        ('spec.pools[k="v"].nam', "field not declared in schema", 'spec.pools[k="v"].nam is not known, did you mean'),
        ("spec.zzz", "field not declared in schema", "spec.zzz is not known, known are size, count, tags, pools"),
        ("metadata.zzz", "field not declared in schema", "metadata.zzz is not known"),
        ("spec.missing", "Required value", "spec.missing is missing"),
        ("spec.count", CELEBRATED, f"spec.count: {CELEBRATED}"),
        ("spec.gone", "expected string, got &value.valueUnstructured{Value:1}", "spec.gone: expected string, got 1"),
        (
            "spec.gone",
            "Invalid value: 1: spec.gone in body should be odd",
            "spec.gone: Invalid value: 1: should be odd",
        ),
        ("<nil>", 'Invalid value: "": "spec.neither" must not validate the schema (not)', '"spec.neither" must not'),
        (
            "spec.size",
            'Invalid value: "tiny": spec.size in body must be of type date-time: "tiny"',
            "of type date-time",
        ),
        ("spec.count", "a\x1b[31mb\nc", "spec.count: ab c"),
    ],
)
def test_a_finding_becomes_a_sentence(field: str, message: str, says: str) -> None:
    assert says in explained(Finding(field, message), MANIFEST, SCHEMA)


def test_what_goes_without_saying_is_left_out() -> None:
    finding = Finding("spec.parameters.size", "Required value")
    assert explained(finding, {}, inside="spec.") == "parameters.size is missing"


def test_a_refusal_names_the_object_and_all_that_is_wrong() -> None:
    error = Invalid(ObjectRef("v1", "Pod", "a", "n"), [Finding("spec.a", "Required value"), Finding("spec.b", "odd")])
    assert str(error) == "the API server refuses Pod n/a: spec.a is missing; spec.b: odd; correct what it names"
