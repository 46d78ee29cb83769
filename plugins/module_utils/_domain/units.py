# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations, moments and quantities as people, and servers, write them."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from .errors import InvalidOption

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"([0-9]+)([smhd])")
_FACTORS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000**power) for power, unit in enumerate("kMGTP", 1)},
    **{f"{unit}i": Decimal(1024**power) for power, unit in enumerate("KMGTP", 1)},
}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)")


def seconds(value: str | int, option: str) -> int:
    """A duration in whole seconds: ``300``, ``"300"``, ``"5m"``, ``"1h30m"``, ``"168h"``.

    Raises InvalidOption naming ``option``. Zero is a duration, a negative one is not.
    """
    text = str(value).strip()
    if text.isascii() and text.isdigit():
        return int(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise InvalidOption(
            f"{option} is {text!r}, which is not a duration", next_step="write seconds or a form like 90s, 5m, 1h30m"
        )
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)


def quantity(value: Any) -> Decimal | None:
    """A quantity of Kubernetes' as a number: ``8Gi``, ``500M``, ``250m``, ``2``; None when it is none.

    For comparisons and sums; what a server takes for a quantity, it decides.
    """
    found = _QUANTITY.fullmatch(str(value))
    if not found or found[2] not in _FACTORS:
        return None
    return Decimal(found[1]) * _FACTORS[found[2]]


def spoken(duration: float) -> str:
    """A duration for a progress line: ``8s``, ``2m05s``, ``1h00m``."""
    whole = int(duration)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m"


def age(since: str, now: float) -> str:
    """How long ago a server's moment (RFC 3339) was at ``now``, in seconds of the epoch: ``2m05s``, ``3d04h``.

    Empty when it is no such moment. A server whose clock is ahead of ours has moments that are yet to come: they count
    as now.
    """
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        return ""
    if not moment.tzinfo:
        return ""
    passed = max(0.0, now - moment.timestamp())
    days, rest = divmod(int(passed), 86400)
    return spoken(passed) if days < 2 else f"{days}d{rest // 3600:02d}h"
