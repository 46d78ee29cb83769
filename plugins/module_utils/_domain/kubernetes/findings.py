# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server finds wrong with an object, field by field, in words for whoever typed them.

The server is the judge. Nothing here decides: it reads the sentence, looks up the value that was meant and, where the
schema is known, the name or the values that are allowed there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ..errors import Rejected
from ..text import inert
from .manifest import ObjectRef

Schema = Mapping[str, Any]

_UNKNOWN = "field not declared in schema"
# How server-side apply begins what does not fit the schema: one finding in the line, or several in lines of their own.
_TYPED = "failed to create typed patch object"
_TYPED_FINDING = re.compile(r"^\s*\.(.+?): (.*)$", re.MULTILINE)
_STRICT = re.compile(r'unknown field "([^"]+)"')
_STEP = re.compile(r"\.?([^.\[\]]+)|\[([^\]]*)\]")
_EXPECTED = re.compile(r"^expected ([a-z]+)")
# What the server says of a value, and what that means.
_READINGS = (
    (re.compile(r"must be of type (\S+): "), "which is not of type {}"),
    (re.compile(r"should match '(.*)'$"), "which does not match {}"),
    (re.compile(r"should be greater than or equal to (\S+)$"), "the least allowed is {}"),
    (re.compile(r"should be less than or equal to (\S+)$"), "the most allowed is {}"),
)
_SUPPORTED = re.compile(r"^Unsupported value: .*: supported values: (.*)$")
_NO_FIELD = "<nil>"
_GO = re.compile(r"&value\.valueUnstructured\{Value:(.*?)\}")
_MISSING = object()


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the path of the field, and what the server says of it."""

    field: str
    message: str


class Invalid(Rejected):
    """The API server found the object itself wrong, whatever else there is in the cluster."""

    def __init__(self, ref: ObjectRef, findings: Sequence[Finding]) -> None:
        told = "; ".join(explained(finding, {}) for finding in findings)
        super().__init__(f"the API server refuses {ref}: {told}", next_step="correct what it names")
        self.ref = ref
        self.findings = tuple(findings)


def findings_in(message: str, causes: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """What a refusal finds wrong, each once; empty when it is not about the object itself."""
    if _TYPED in message:
        _head, _colon, rest = message.partition("): ")
        found = [Finding(field, said.strip()) for field, said in _TYPED_FINDING.findall(rest)]
    else:
        found = [Finding(str(cause["field"]), str(cause.get("message"))) for cause in causes if cause.get("field")]
        found += [Finding(field, _UNKNOWN) for field in _STRICT.findall(message)]
    # What is said of no field is said of one, too, as a rule.
    named = [finding for finding in found if finding.field != _NO_FIELD]
    return list(dict.fromkeys(named or found))


def explained(finding: Finding, manifest: Mapping[str, Any], schema: Schema | None = None, inside: str = "") -> str:
    """A sentence about a field of ``manifest``, which has that ``schema``; what is ``inside`` of it goes unsaid."""
    path = finding.field
    name = path.removeprefix(inside)
    if _UNKNOWN in finding.message:
        return f"{name} is not known{_hint(path, schema)}"
    if finding.message == "Required value":
        return f"{name} is missing"
    value = _value_at(manifest, path)
    meaning = "" if value is _MISSING else _meaning(finding.message, path, schema)
    if meaning:
        return f"{name} is {_shown(value)}, {meaning}"
    said = _GO.sub(r"\1", finding.message).replace(f"{path} in body ", "")
    return inert(said.removeprefix('Invalid value: "": ') if path == _NO_FIELD else f"{name}: {said}")


def _shown(value: Any) -> str:
    return inert(repr(value) if isinstance(value, str) else json.dumps(value), 100)


def _meaning(message: str, path: str, schema: Schema | None) -> str:
    """What is wrong with a value; empty when the server's own words have to do."""
    if said := _SUPPORTED.search(message):
        return f"allowed are {said.group(1).replace(chr(34), '')}"
    if said := _EXPECTED.search(message):  # it says "numeric" of an integer, and "map" of an object
        return f"which is not of type {(_at(schema, path) or {}).get('type') or said.group(1)}"
    for pattern, meaning in _READINGS:
        if said := pattern.search(message):
            return meaning.format(said.group(1))
    return ""


def _hint(path: str, schema: Schema | None) -> str:
    """Which name may have been meant: the closest one, or all that are known there."""
    parent, _dot, name = path.rpartition(".")
    known = (_at(schema, parent) or {}).get("properties") or {}
    closest = get_close_matches(name, known, n=1)
    if closest:
        return f", did you mean {closest[0]}?"
    return f", known are {', '.join(known)}" if known else ""


def _at(schema: Schema | None, path: str) -> Schema | None:
    """The part of a schema that is about a field; None when it can not be told."""
    for step in _steps(path):
        if schema is None:
            break
        others = schema.get("additionalProperties")
        inner = (schema.get("properties") or {}).get(step, others) if isinstance(step, str) else schema.get("items")
        schema = inner if isinstance(inner, Mapping) else None
    return schema


def _value_at(manifest: Any, path: str) -> Any:
    value = manifest
    for step in _steps(path):
        try:
            value = value[step]
        except (LookupError, TypeError):
            return _MISSING
    return value


def _steps(path: str) -> Iterator[str | int | None]:
    """The names and positions of a path such as ``spec.pools[0].size``; None for an item that is known by its keys."""
    for step in _STEP.finditer(path):
        name, position = step.groups()
        yield name or (int(position) if position.isdecimal() else None)
