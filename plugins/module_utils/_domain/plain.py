# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as JSON has them.

YAML and Jinja make more of them: dates, sets, bytes, numbers that are none. A server has no word for these, and what
would come out of a conversion is seldom what was written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from datetime import date, time
from typing import Any

from .errors import InvalidOption


def plain(value: Any, path: str = "") -> Any:
    """The value, made of nothing but what JSON has. Raises InvalidOption naming the path of what it has not."""
    if isinstance(value, Mapping):
        return {name: plain(item, f"{path}.{name}" if path else name) for name, item in _named(value, path)}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        return [plain(item, f"{path}[{position}]") for position, item in enumerate(value)]
    if value is None or isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise _no_json(value, path)


def _named(value: Mapping[Any, Any], path: str) -> list[tuple[str, Any]]:
    """The items of a mapping; a key that YAML read as a number or a boolean is named as JSON names it."""
    return [(key if isinstance(key, str) else _name(key, path), item) for key, item in value.items()]


def _name(key: Any, path: str) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    if isinstance(key, int):
        return str(key)
    raise InvalidOption(f"{path} has the key {key}, which is not text", next_step="quote it")


def _no_json(value: Any, path: str) -> InvalidOption:
    if isinstance(value, (date, time)):  # a datetime is a date
        return InvalidOption(f"{path} is {value}, which YAML reads as a date and not as text", next_step="quote it")
    if isinstance(value, float):
        return InvalidOption(f"{path} is {value}, which is no number", next_step="correct it, or quote it to mean text")
    if isinstance(value, Set):
        return InvalidOption(f"{path} is a set, which has no order", next_step="make it a list")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return InvalidOption(f"{path} is a row of bytes and not text", next_step="decode it")
    return InvalidOption(
        f"{path} is of type {type(value).__name__}, which no server understands",
        next_step="give text, a number, a boolean, a list or a mapping",
    )
