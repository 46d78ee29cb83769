# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values checked against the OpenAPI schema of a definition, in words for whoever typed them.

The API server checks again, and more (CEL rules, formats): this is for the sentence, not for the safety.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

Schema = Mapping[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


def problems(value: Any, schema: Schema, path: str) -> Iterator[str]:
    """What is wrong with ``value``, one sentence each; ``path`` is what the value is called in them."""
    wrong = _wrong_type(value, schema, path)
    if wrong:
        yield wrong
        return
    yield from _wrong_value(value, schema, path)
    if isinstance(value, dict):
        yield from _object_problems(value, schema, path)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from problems(item, schema.get("items") or {}, f"{path}[{position}]")


def _wrong_type(value: Any, schema: Schema, path: str) -> str:
    wanted = schema.get("type")
    if wanted not in _TYPES or (value is None and schema.get("nullable")):
        return ""
    # To Python a bool is an int; to the API server it is not.
    fits = isinstance(value, _TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))
    return "" if fits else f"{path} is {value!r}, which is not of type {wanted}"


def _wrong_value(value: Any, schema: Schema, path: str) -> Iterator[str]:
    allowed = schema.get("enum")
    if allowed and value not in allowed:
        yield f"{path} is {value!r}, allowed are {', '.join(map(str, allowed))}"
    if isinstance(value, str):
        yield from _wrong_text(value, schema, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _out_of_range(value, schema, path)


def _wrong_text(value: str, schema: Schema, path: str) -> Iterator[str]:
    pattern = schema.get("pattern")
    if pattern and not _matches(pattern, value):
        yield f"{path} is {value!r}, which does not match {pattern}"
    if len(value) > schema.get("maxLength", len(value)):
        yield f"{path} has {len(value)} characters, allowed are {schema['maxLength']}"
    if len(value) < schema.get("minLength", 0):
        yield f"{path} has {len(value)} characters, at least {schema['minLength']} are needed"


def _matches(pattern: str, value: str) -> bool:
    """Whether RE2's ``pattern`` is found; one that Python does not know is left to the API server."""
    try:
        return re.search(pattern, value) is not None
    except re.error:
        return True


def _out_of_range(value: float, schema: Schema, path: str) -> Iterator[str]:
    if value < schema.get("minimum", value):
        yield f"{path} is {value}, the least allowed is {schema['minimum']}"
    if value > schema.get("maximum", value):
        yield f"{path} is {value}, the most allowed is {schema['maximum']}"


def _object_problems(value: dict[str, Any], schema: Schema, path: str) -> Iterator[str]:
    known: Mapping[str, Schema] = schema.get("properties") or {}
    for name in schema.get("required") or []:
        if name not in value:
            yield f"{path}.{name} is missing"
    others = schema.get("additionalProperties")
    open_ended = bool(others) or schema.get("x-kubernetes-preserve-unknown-fields") or not known
    for name, item in value.items():
        if name in known:
            yield from problems(item, known[name], f"{path}.{name}")
        elif not open_ended:
            yield _unknown(name, known, path)
        elif isinstance(others, dict):
            yield from problems(item, others, f"{path}.{name}")


def _unknown(name: str, known: Mapping[str, Schema], path: str) -> str:
    closest = get_close_matches(name, known, n=1)
    hint = f"did you mean {closest[0]}?" if closest else f"known are {', '.join(known)}"
    return f"{path}.{name} is not known, {hint}"
