# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What test ``duration`` takes for a duration."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.test.duration import TestModule as Plugin

is_duration = Plugin().tests()["duration"]


@pytest.mark.parametrize("value", [0, 300, "300", "90s", "5m", "1h30m", "168h"])
def test_a_duration(value: Any) -> None:
    assert is_duration(value)


@pytest.mark.parametrize("value", ["5min", "-1", -1, "", "m5", None, [], 1.5, True])
def test_no_duration(value: Any) -> None:
    assert not is_duration(value)


@pytest.mark.parametrize(
    ("value", "most", "expected"),
    [("1h", "24h", True), ("24h", 86400, True), ("48h", "24h", False), ("48h", 0, True), ("48h", "a day", False)],
)
def test_a_limit(value: Any, most: Any, expected: bool) -> None:
    assert is_duration(value, most=most) is expected
