# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as Vault answers them, in the form they were given in: it takes ``1h`` and says 3600, a text for a list.

And the paths where they are.
"""

from __future__ import annotations

import re
from typing import Any

from ..errors import InvalidOption
from ..units import seconds

_SEGMENT = re.compile(r"[\w.@-]+", re.ASCII)
# Of a group or an entity, any name that people have; but what is a wildcard, quoted already, or a template is none.
_NAMED = re.compile(r"[^\x00-\x1f\x7f\s/{}%\\](?:[^\x00-\x1f\x7f/{}%\\]*[^\x00-\x1f\x7f\s/{}%\\])?")


def normalised(value: Any, like: Any) -> Any:
    """A live value, comparable with a wanted one."""
    if isinstance(like, list):
        return as_list(value)
    if isinstance(like, int) and not isinstance(like, bool):
        return _as_number(value)
    return value if value is not None or not isinstance(like, str) else ""


def _as_number(value: Any) -> Any:
    """A count or a duration in seconds; whatever else somebody has put there is neither, and stays as it is."""
    try:
        return int(value or 0)
    except ValueError:
        pass
    try:
        return seconds(value, "duration")
    except InvalidOption:
        return value


def as_list(value: Any) -> list[str]:
    """What Vault may say as one text, as a list."""
    if isinstance(value, str):
        return [value] if value else []
    return [str(item) for item in value or []]


def is_path(path: str) -> bool:
    """Whether a text can only be read as one place: of dots alone, clients, proxies and Vault make another or none."""
    return all(_SEGMENT.fullmatch(part) and part != "." and ".." not in part for part in path.split("/"))


def is_named_path(path: str) -> bool:
    """As ``is_path``, with names as people give them to groups and entities, such as ``Team A``."""
    return all(_NAMED.fullmatch(part) and part != "." and ".." not in part for part in path.split("/"))
