# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment variables of a container, resolved as a kubelet resolves them."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Object = Mapping[str, Any]
Read = Callable[[str, str], Awaitable[Object | None]]
"""Reads a ConfigMap or a Secret of the pod's namespace, by resource and name."""

CONFIG_MAPS, SECRETS = "configmaps", "secrets"
REFERENCE = re.compile(r"\$(?:\$|\(([-._a-zA-Z0-9]+)\))")
# In the units of resource fields, those of a quantity as the API has them.
UNITS = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "k": 10**3, "M": 10**6, "G": 10**9}
QUANTITY = re.compile(r"([0-9.]+)(m|[KMGT]i|[kMGT]|)")


class Unresolved(Exception):
    """What a container needs is not there; the text is what a kubelet says."""


async def resolve(pod: Object, container: Object, base: Mapping[str, str], read: Read) -> dict[str, str]:
    """All variables of a container; `base` are those that come first, and may be overridden. Raises Unresolved."""
    found = dict(base)
    for source in container.get("envFrom", []):
        found |= await _all_of(source, read)
    for entry in container.get("env", []):
        if "valueFrom" in entry:
            value = await _value(pod, container, entry["valueFrom"], read)
            if value is not None:
                found[entry["name"]] = value
        else:
            found[entry["name"]] = expand(entry.get("value", ""), found)
    return found


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by what is known, and leave what is not; `$$` is a dollar."""

    def replaced(match: re.Match[str]) -> str:
        name = match.group(1)
        return "$" if name is None else values.get(name, match.group())

    return REFERENCE.sub(replaced, text)


def contents(resource: str, found: Object) -> dict[str, bytes]:
    """What a ConfigMap or a Secret holds."""
    if resource == SECRETS:
        return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    texts = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    return texts | {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}


async def existing(resource: str, name: str, optional: bool, read: Read) -> dict[str, bytes] | None:
    """What a ConfigMap or a Secret holds, None if it need not exist and does not; raises Unresolved."""
    found = await read(resource, name)
    if found is not None:
        return contents(resource, found)
    if optional:
        return None
    raise Unresolved(f'{resource.removesuffix("s")} "{name}" not found')


def field(pod: Object, path: str) -> str:
    """What a field of the pod says, as for a downward API."""
    if match := re.fullmatch(r"metadata\.(labels|annotations)(?:\['(.+)'\])?", path):
        values: Mapping[str, str] = pod["metadata"].get(match.group(1)) or {}
        if match.group(2) is not None:
            return values.get(match.group(2), "")
        return "\n".join(f'{key}="{value}"' for key, value in sorted(values.items()))
    found: Any = pod
    for word in path.split("."):
        found = found.get(word, "") if isinstance(found, Mapping) else ""
    if path == "status.podIPs":
        return ",".join(each["ip"] for each in found)
    return str(found)


def resource(container: Object, wanted: Object) -> str:
    """What a container asks for or may have, in whole units of the divisor."""
    kind, _dot, name = wanted["resource"].partition(".")
    asked = (container.get("resources") or {}).get(kind) or {}
    divisor = _number(str(wanted.get("divisor") or "1")) or 1
    return str(-(-_number(asked.get(name, "0")) // divisor).__floor__())


async def _all_of(source: Object, read: Read) -> dict[str, str]:
    for key, kind in (("configMapRef", CONFIG_MAPS), ("secretRef", SECRETS)):
        if key in source:
            held = await existing(kind, source[key]["name"], source[key].get("optional", False), read) or {}
            return {source.get("prefix", "") + name: value.decode() for name, value in held.items()}
    return {}


async def _value(pod: Object, container: Object, source: Object, read: Read) -> str | None:
    if "fieldRef" in source:
        return field(pod, source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        return resource(container, source["resourceFieldRef"])
    for key, kind in (("configMapKeyRef", CONFIG_MAPS), ("secretKeyRef", SECRETS)):
        if key in source:
            return await _key(kind, source[key], read)
    raise Unresolved(f"this node can not resolve {', '.join(source)}")


async def _key(kind: str, reference: Object, read: Read) -> str | None:
    optional = reference.get("optional", False)
    held = await existing(kind, reference["name"], optional, read)
    if held is not None and reference["key"] in held:
        return held[reference["key"]].decode()
    if optional:
        return None
    raise Unresolved(
        f"couldn't find key {reference['key']} in {'Secret' if kind == SECRETS else 'ConfigMap'} {reference['name']}"
    )


def _number(quantity: str) -> float:
    match = QUANTITY.fullmatch(quantity)
    if not match:
        return 0
    number, unit = match.groups()
    return float(number) / 1000 if unit == "m" else float(number) * UNITS.get(unit, 1)
