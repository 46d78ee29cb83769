# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fields of a live object are ours.

A field is ours when we want it now, or when we applied it earlier: the API server records the latter per field manager
in ``metadata.managedFields`` ("FieldsV1", https://kubernetes.io/docs/reference/using-api/server-side-apply/).
Everything else, a server's defaults and other controllers' fields, is not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .manifest import FIELD_MANAGER, Manifest

# What the API server and the controllers keep beside what was asked for; an apply that changes nothing else is none.
_BOOKKEEPING = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")

_IDENTITY = ("apiVersion", "kind")
_NOT_ASKED_FOR = ("name", "namespace", *_BOOKKEEPING)


def desired_view(desired: Manifest) -> dict[str, Any]:
    """What we want of an object, without what merely says which object it is, and what only the server can set."""
    view = {key: value for key, value in desired.items() if key not in _IDENTITY}
    metadata = {key: value for key, value in desired.get("metadata", {}).items() if key not in _NOT_ASKED_FOR}
    return _with_metadata(view, metadata)


def owned_view(live: Manifest, desired: Manifest) -> dict[str, Any]:
    """The live values of the fields that are ours; equal to ``desired_view(desired)`` when nothing is to be done."""
    view = _project(live, desired, applied_fields(live))
    return desired_view(view)


def as_wanted(live: Manifest, desired: Manifest) -> bool:
    """Whether an object is as wanted for all that can be told here; where it is not, the API server has to be asked."""
    return _same_json(owned_view(live, desired), desired_view(desired))


def would_change(live: Manifest, answer: Manifest, desired: Manifest) -> bool:
    """Whether applying ``desired`` changes anything, judged by what the API server would store, ``answer``."""
    if _same_json(_kept(live), _kept(answer)):
        return False
    return not _same_json(owned_view(live, desired), owned_view(answer, desired))


def _kept(manifest: Manifest) -> dict[str, Any]:
    """An object without bookkeeping, and without its status, which others change at any moment."""
    metadata = {key: value for key, value in manifest.get("metadata", {}).items() if key not in _BOOKKEEPING}
    return {key: value for key, value in {**manifest, "metadata": metadata}.items() if key != "status"}


def _same_json(one: Any, other: Any) -> bool:
    """Equality in which ``true`` is not 1, as it is to Python."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _with_metadata(view: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in view.items() if key != "metadata"}
    return {"metadata": metadata, **rest} if metadata else rest


def applied_fields(live: Manifest) -> dict[str, Any] | None:
    """The fields that we applied, as the API server records them (FieldsV1); None when we never applied any."""
    for entry in live.get("metadata", {}).get("managedFields") or []:
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource"):
            return dict(entry.get("fieldsV1") or {})
    return None


def _project(live: Any, desired: Any, applied: dict[str, Any] | None) -> Any:
    """The part of ``live`` that is ours; ``applied`` is None for what we never applied, empty for an atomic field."""
    if applied is not None and not _nested(applied):
        return {} if desired == {} and isinstance(live, dict) else live
    if isinstance(live, dict) and (applied or isinstance(desired, dict)):
        return _project_object(live, desired if isinstance(desired, dict) else {}, applied or {})
    if isinstance(live, list) and applied:
        return _project_list(live, desired if isinstance(desired, list) else [], applied)
    return live


def _nested(applied: dict[str, Any]) -> bool:
    return any(key != "." for key in applied)


def _project_object(live: dict[str, Any], desired: dict[str, Any], applied: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _project(value, desired.get(key), applied.get(f"f:{key}"))
        for key, value in live.items()
        if key in desired or f"f:{key}" in applied
    }


def _project_list(live: list[Any], desired: list[Any], applied: dict[str, Any]) -> list[Any]:
    """A list whose items are owned one by one: by their keys (``k:``) or, in a set, by their values (``v:``)."""
    values = [json.loads(key[2:]) for key in applied if key.startswith("v:")]
    if values:
        return [item for item in live if item in desired or item in values]
    keyed = [(json.loads(key[2:]), fields) for key, fields in applied.items() if key.startswith("k:")]
    key_names = keyed[0][0].keys() if keyed else ()
    projected = []
    for item in live:
        wanted = next((other for other in desired if _same(item, other, key_names)), None)
        fields = next((fields for key, fields in keyed if _same(item, key, key_names)), None)
        if wanted is not None or fields is not None:
            projected.append(_project(item, wanted, fields))
    return projected


def _same(item: Any, other: Any, key_names: Iterable[str]) -> bool:
    return all(item.get(name) == other.get(name) for name in key_names)
