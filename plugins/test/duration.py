# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test ``duration``: what the modules of this collection take for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._domain.errors import InvalidOption
from ..module_utils._domain.units import seconds


def is_duration(value: Any, most: Any = None) -> bool:
    """Whether a value is a duration, and no longer than another; 0 there is no limit."""
    try:
        length, limit = seconds(value, "value"), seconds(most or 0, "most")
    except InvalidOption:
        return False
    return not 0 < limit < length


class TestModule:
    """The test, by its name."""

    __test__ = False  # nothing for pytest

    def tests(self) -> dict[str, Callable[..., bool]]:
        return {"duration": is_duration}
