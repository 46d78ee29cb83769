# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations and quantities as people write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.units import age, quantity, seconds, spoken


@pytest.mark.parametrize(
    ("text", "expected"),
    [(300, 300), ("300", 300), ("0", 0), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("168h", 604800), ("2d", 172800)],
)
def test_a_duration_in_seconds(text: str | int, expected: int) -> None:
    assert seconds(text, "wait_timeout") == expected


@pytest.mark.parametrize("text", ["", "-1", "5 m", "7 days", "1.5h", "m5", "5m!", "٣m", "1e3"])
def test_what_is_no_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidOption, match=r"wait_timeout is .* not a duration; write"):
        seconds(text, "wait_timeout")


@pytest.mark.parametrize(("duration", "expected"), [(0.4, "0s"), (59.9, "59s"), (125, "2m05s"), (3600, "1h00m")])
def test_spoken(duration: float, expected: str) -> None:
    assert spoken(duration) == expected


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("1970-01-01T00:00:00Z", "1h00m"),
        ("1970-01-01T01:59:50+01:00", "10s"),
        ("1969-12-28T21:00:00Z", "3d04h"),
        ("1970-01-01T02:00:00Z", "0s"),
        ("1970-01-01T00:00:00", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_the_age_of_a_moment(since: str, expected: str) -> None:
    assert age(since, now=3600) == expected


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("8Gi", 8 * 2**30),
        ("500M", 500_000_000),
        ("250m", Decimal("0.25")),
        ("1.5Ki", 1536),
        (2, 2),
        ("k", None),
        ("8GB", None),
        ("-1", None),
        (None, None),
    ],
)
def test_a_quantity_is_a_number(text: object, number: object) -> None:
    assert quantity(text) == number
