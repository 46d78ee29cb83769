# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields of whatever is at a path in Vault: whether one is as wanted, and which of them nobody may see.

Vault has no dry run, and gives a field back in a type of its own. So what is wanted is read as Vault reads it into that
type, and then compared. What Vault does not give back can not be compared, and is never shown.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..redact import HIDDEN, HIDDEN_NEW
from .values import as_list

# How the fields are called that Vault takes and does not give back, in all its engines.
_SECRET = re.compile(
    r"(.*_)?(pass|password|passwd|passphrase|passcode|password_hash|bindpass|secret|secret_id|secret_key|private_key"
    r"|tls_key|api_key|integration_key|token|jwt|otp|pin|seed|plaintext|ciphertext|credentials?|pem_bundle"
    r"|settings_file_base64)|key"
)
_SECRET_IN_URL = re.compile(r"://[^/\s@]*:[^/\s@{}]+@|[?&](secret|token|password)=")
# Vault hides a password in the URL of a connection, and gives the rest back.
_MASKED = re.compile(r":(\*+|xxxxx)@")

# Fields that Vault gives back by another name.
_TOLD_AS = {"root_rotation_statements": "root_credentials_rotate_statements", "enable": "enabled", "values": "value"}
# Settings of which Vault has more than were given; other mappings are compared as a whole.
_SETTINGS = re.compile(r"(.*_)?config")
# Vault puts its own before those that were given.
_OWN_HEADERS = re.compile(r"X-Vault-.*|Content-Type|X-Requested-With|Authorization")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]*)?)(ns|us|µs|ms|s|m|h|d)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400}
_TRUE, _FALSE = ("1", "t", "true"), ("0", "f", "false", "")


def is_secret(name: str, value: Any) -> bool:
    """Whether a field is one whose value nobody may see, by its name or because it is a URL with a password."""
    if str(value).lower() in (*_TRUE, *_FALSE):
        return False
    return bool(_SECRET.fullmatch(name) or (isinstance(value, str) and _SECRET_IN_URL.search(value)))


def secrets_in(fields: Mapping[str, Any]) -> Iterator[str]:
    """The texts that nobody may see, at any depth."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from secrets_in(value)
        elif value and is_secret(name, value):
            yield from (str(item) for item in (value if isinstance(value, list) else [value]))


def told(live: Mapping[str, Any], path: str) -> dict[str, Any]:
    """What Vault gives back, each field by the name under which it is written; a URL in which it masks is not."""
    found = {**live}
    if path.startswith("sys/config/auditing/"):
        found |= next(iter(live.values()), {})
    if isinstance(live.get("connection_details"), dict):
        details = live["connection_details"].items()
        found = {**{name: value for name, value in details if not _MASKED.search(str(value))}, **live}
    return found | {name: found[other] for name, other in _TOLD_AS.items() if other in found and name not in found}


def is_empty(value: Any) -> bool:
    """Whether a field with this value is as good as none: Vault leaves many out that are not set."""
    return value is None or value is False or value in ("", 0, "0", "false") or value == [] or value == {}


def is_same(name: str, wanted: Any, live: Any) -> bool:
    """Whether a live field is what was wanted, read as Vault reads it."""
    if live is None:
        return is_empty(wanted)
    # True is a number, too, so booleans come first.
    for kind, compare in _COMPARISONS:
        if isinstance(live, kind):
            return compare(name, wanted, live)
    return _is_same_text(wanted, str(live))


def _is_same_bool(_name: str, wanted: Any, live: Any) -> bool:
    return _as_bool(wanted) is live


def _is_same_number(_name: str, wanted: Any, live: Any) -> bool:
    return bool(_as_number(wanted) == live)


def _as_bool(wanted: Any) -> bool | None:
    text = str(wanted).lower()
    return True if text in _TRUE else False if text in _FALSE else None


def _as_number(wanted: Any) -> float | None:
    """A count, or a duration in whole seconds; None for what is neither."""
    text = str(wanted).strip()
    try:
        return float(text or 0)
    except ValueError:
        length = _seconds(text)
        return None if length is None else int(length)


def _seconds(text: str) -> float | None:
    parts = _DURATION.findall(text.removeprefix("-"))
    if not parts or "".join(number + unit for number, unit in parts) != text.removeprefix("-"):
        return None
    length = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return -length if text.startswith("-") else length


def _items(wanted: Any) -> list[Any]:
    """A list, which may be given as one text with commas."""
    if isinstance(wanted, str):
        return [item.strip() for item in wanted.split(",") if item.strip()]
    return list(wanted) if isinstance(wanted, (list, tuple)) else as_list(wanted if wanted is None else str(wanted))


def _is_same_list(name: str, given: Any, live: Any) -> bool:
    wanted = _items(given)
    if name == "allowed_headers":
        live = [item for item in live if item in wanted or not _OWN_HEADERS.fullmatch(str(item))]
    # Names of policies have no case.
    fold = name.endswith("policies")
    ordered, found = ([_comparable(item, fold=fold) for item in items] for items in (wanted, live))
    if ordered == found:
        return True
    # Vault sorts some of them; of statements the order is what they mean.
    return not name.endswith("statements") and _sorted(ordered) == found


def _sorted(items: list[Any]) -> list[Any]:
    return sorted(set(items)) if all(isinstance(item, str) for item in items) else items


def _comparable(item: Any, *, fold: bool) -> Any:
    """A text, in which an address is written in one way: Vault gives 10.0.0.1/32 back without its length."""
    if isinstance(item, (dict, list)):
        return item
    try:
        return str(ipaddress.ip_interface(str(item)))
    except ValueError:
        return str(item).lower() if fold else str(item)


def _as_mapping(wanted: Any) -> Any:
    """A mapping, which may be given as JSON, or as one text like ``a=b,c=d``."""
    if not isinstance(wanted, str):
        return wanted
    try:
        return json.loads(wanted)
    except ValueError:
        return dict(part.split("=", 1) for part in wanted.split(",") if "=" in part)


def _is_same_mapping(name: str, given: Any, live: Any) -> bool:
    if name == "data":
        # All that a key-value secret has is the user's own.
        return bool(given == live)
    wanted = _as_mapping(given)
    if not isinstance(wanted, Mapping):
        return is_empty(wanted) and not live
    if not _SETTINGS.fullmatch(name) and set(wanted) != set(live):
        return False
    return all(is_same(key, value, live.get(key)) for key, value in wanted.items())


def _is_same_text(wanted: Any, live: str) -> bool:
    if isinstance(wanted, bool):
        return str(wanted).lower() == live.lower()
    text = "" if wanted is None else ",".join(map(str, wanted)) if isinstance(wanted, list) else str(wanted)
    if text == live:
        return True
    length = _seconds(live)
    if length is not None:
        return _as_number(text) == int(length)
    return "," in text and not re.search(r"\s", text) and ",".join(_sorted(_items(text))) == live


_COMPARISONS: list[tuple[Any, Callable[[str, Any, Any], bool]]] = [
    (bool, _is_same_bool),
    ((int, float), _is_same_number),
    (list, _is_same_list),
    (Mapping, _is_same_mapping),
]


def shown(fields: Mapping[str, Any], live: Mapping[str, Any] | None = None, *, hide: bool = False) -> dict[str, Any]:
    """Fields as they may be shown, all hidden with ``hide``; ``live`` are those with which a hidden one is compared."""
    return {name: _shown(name, value, (live or {}).get(name), hide=hide) for name, value in fields.items()}


def _shown(name: str, value: Any, live: Any, *, hide: bool) -> Any:
    if isinstance(value, Mapping):
        return shown(value, live if isinstance(live, Mapping) else None, hide=hide)
    if not (hide or is_secret(name, value)):
        return value
    same = value == live if hide else live is not None and is_same(name, value, live)
    return HIDDEN if same else HIDDEN_NEW
