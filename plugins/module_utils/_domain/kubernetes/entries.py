# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of option ``manifests``: what is wrong with them whatever the API server says, and what is meant."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import InvalidOption
from .manifest import Manifest, ref_of

# An API group and its version end up in the path of a URL, as they are written.
_API_VERSION = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/[a-z0-9]([-a-z0-9]*[a-z0-9])?)?")
# What a name can not be, in the server's own words: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
_NOT_IN_A_PATH = re.compile(r"\.|\.\.|.*[/%].*", re.DOTALL)
# The fields whose values are texts, by kind; of every object its labels and annotations.
_TEXTS = {"ConfigMap": ("data", "binaryData"), "Secret": ("data", "stringData")}


def manifests_from(entries: Sequence[Any]) -> list[Manifest]:
    """The objects of option ``manifests``. Raises InvalidOption for what can not be one, and for one named twice."""
    manifests = [_manifest(entry, f"manifests[{position}]") for position, entry in enumerate(entries)]
    places: dict[tuple[str, ...], int] = {}
    for position, manifest in enumerate(manifests):
        ref = ref_of(manifest)
        # Another version of the same API is another view of the same object.
        identity = (ref.api_version.rpartition("/")[0], ref.kind, ref.namespace, ref.name)
        first = places.setdefault(identity, position)
        if first != position:
            raise InvalidOption(
                f"manifests[{position}] is {ref} again, as manifests[{first}]", next_step="name it once"
            )
    return manifests


def require_texts(values: Any, path: str, *, shown: bool = True) -> None:
    """Raises InvalidOption when ``values`` is not a mapping of texts, as labels and annotations are."""
    if not isinstance(values, (Mapping, type(None))):
        raise InvalidOption(f"{path} is {_spoken(values, shown)} and not a mapping", next_step="correct it")
    for name, value in (values or {}).items():
        if not isinstance(value, (str, type(None))):
            raise InvalidOption(f"{path}.{name} is {_spoken(value, shown)} and not text", next_step="quote it")


def _manifest(entry: Any, where: str) -> Manifest:
    """One object, its Secret's ``stringData`` encoded, so that it can be compared with what the server returns."""
    manifest = _mapping(entry, where)
    for key in ("apiVersion", "kind"):
        _require_text(manifest, key, where)
    if not _API_VERSION.fullmatch(manifest["apiVersion"]):
        raise InvalidOption(
            f"{where}.apiVersion is {manifest['apiVersion']!r}, which names no version of an API",
            next_step="write VERSION or GROUP/VERSION, for example v1 or apps/v1",
        )
    _require_identity(manifest, where)
    for path, values in _texts(manifest):
        require_texts(values, f"{where}.{path}", shown=manifest["kind"] != "Secret")
    return _encoded(manifest, where) if manifest["kind"] == "Secret" else manifest


def _mapping(entry: Any, where: str) -> Manifest:
    if entry is None:
        raise InvalidOption(
            f"{where} is empty, as from_yaml_all reads a document with nothing in it",
            next_step="leave it out, for example with the filter select",
        )
    if not isinstance(entry, Mapping):
        raise InvalidOption(f"{where} is {_spoken(entry)} and not a mapping", next_step="read text with from_yaml")
    if str(entry.get("kind", "")).endswith("List") and isinstance(entry.get("items"), list):
        raise InvalidOption(f"{where} is a {entry['kind']}, which is no object of its own", next_step="give its items")
    return dict(entry)


def _require_identity(manifest: Manifest, where: str) -> None:
    place = f"{where} ({manifest['kind']})"
    metadata = manifest.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("name") in (None, ""):
        generated = isinstance(metadata, Mapping) and metadata.get("generateName")
        raise InvalidOption(
            f"{place} has no metadata.name",
            next_step="add it; generateName would make another one in every run" if generated else "add it",
        )
    for key in ("name", "namespace"):
        value = metadata.get(key)
        if value is None:
            continue
        _require_text(metadata, key, f"{where}.metadata")
        if _NOT_IN_A_PATH.fullmatch(value):
            raise InvalidOption(
                f"{where}.metadata.{key} is {value!r}, which can not be a name", next_step="use neither '/' nor '%'"
            )


def _require_text(values: Mapping[str, Any], key: str, where: str) -> None:
    value = values.get(key)
    if value is None or value == "":
        raise InvalidOption(f"{where} has no {key}", next_step=f"add {key}")
    if not isinstance(value, str):
        raise InvalidOption(f"{where}.{key} is {_spoken(value)} and not text", next_step="quote it")


def _texts(manifest: Manifest) -> Iterator[tuple[str, Any]]:
    """The fields of an object whose values are texts, by their paths."""
    for name in ("labels", "annotations"):
        yield f"metadata.{name}", manifest["metadata"].get(name)
    for name in _TEXTS.get(manifest["kind"], ()) if manifest["apiVersion"] == "v1" else ():
        yield name, manifest.get(name)


def _encoded(manifest: Manifest, where: str) -> Manifest:
    if manifest["apiVersion"] != "v1":  # some other Secret
        return manifest
    for name, value in (manifest.get("data") or {}).items():
        try:
            base64.b64decode(re.sub(r"[\r\n]", "", value or ""), validate=True)
        except (binascii.Error, ValueError):
            raise InvalidOption(f"{where}.data.{name} is not base64", next_step="use stringData for text") from None
    plain = {name: value or "" for name, value in (manifest.get("stringData") or {}).items()}
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in plain.items()}
    sent = {name: value for name, value in manifest.items() if name != "stringData"}
    return {**sent, "data": {**(manifest.get("data") or {}), **encoded}} if encoded else sent


def _spoken(value: Any, shown: bool = True) -> str:
    """What a value is, for somebody who meant text by it."""
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}" if shown else "a boolean"
    if isinstance(value, (int, float)):
        return f"the number {value}" if shown else "a number"
    return "text" if isinstance(value, str) else "a mapping" if isinstance(value, Mapping) else "a list"
