# SPDX-License-Identifier: GPL-3.0-or-later
"""Values against a schema: one sentence for each thing that is wrong, in the user's words."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.schema import problems

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["environment"],
    "properties": {
        "environment": {"type": "string", "pattern": "^(dev|pr-[1-9][0-9]*)$", "maxLength": 13},
        "size": {"type": "string", "enum": ["small", "large"]},
        "storageGB": {"type": "integer", "minimum": 1, "maximum": 10},
        "enableBackup": {"type": "boolean"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "tags": {"type": "array", "items": {"type": "string", "minLength": 2}},
        "extra": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "odd": {"type": "string", "pattern": r"\p{Greek}"},
        "maybe": {"type": "string", "nullable": True},
    },
}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({}, []),
        ({"size": "small", "storageGB": 10, "enableBackup": False, "labels": {"a": "b"}, "tags": ["ab"]}, []),
        ({"extra": {"anything": 1}, "odd": "ω", "maybe": None}, []),
        ({"sise": "small"}, ["parameters.sise is not known, did you mean size?"]),
        ({"environment": "prod"}, ["parameters.environment is 'prod', which does not match ^(dev|pr-[1-9][0-9]*)$"]),
        ({"environment": None}, ["parameters.environment is None, which is not of type string"]),
        ({"size": "tiny"}, ["parameters.size is 'tiny', allowed are small, large"]),
        ({"storageGB": 0}, ["parameters.storageGB is 0, the least allowed is 1"]),
        ({"storageGB": 11}, ["parameters.storageGB is 11, the most allowed is 10"]),
        ({"storageGB": "5"}, ["parameters.storageGB is '5', which is not of type integer"]),
        ({"storageGB": True}, ["parameters.storageGB is True, which is not of type integer"]),
        ({"enableBackup": 1}, ["parameters.enableBackup is 1, which is not of type boolean"]),
        ({"labels": {"a": 1}}, ["parameters.labels.a is 1, which is not of type string"]),
        ({"tags": ["ab", "c"]}, ["parameters.tags[1] has 1 characters, at least 2 are needed"]),
        ({"size": "tiny", "storageGB": 0}, ["size is 'tiny'", "storageGB is 0"]),
    ],
)
def test_every_problem_is_one_sentence(value: dict[str, Any], says: list[str]) -> None:
    found = list(problems({"environment": "dev", **value}, SCHEMA, "parameters"))
    assert len(found) == len(says)
    for sentence, expected in zip(found, says, strict=True):
        assert expected in sentence


def test_what_is_missing_is_named() -> None:
    assert list(problems({}, SCHEMA, "parameters")) == ["parameters.environment is missing"]


def test_what_resembles_nothing_gets_the_known_ones() -> None:
    (sentence,) = problems({"environment": "dev", "zzz": 1}, SCHEMA, "parameters")
    assert sentence.startswith("parameters.zzz is not known, known are environment, size, ")
