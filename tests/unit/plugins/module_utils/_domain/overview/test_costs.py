# SPDX-License-Identifier: GPL-3.0-or-later
"""What claims ask for, and what that costs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.overview.costs import (
    Prices,
    Requested,
    gib,
    prices_from,
    requested_by,
)
from tests.unit.plugins.environments import PRICES, cluster


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("8Gi", 8),
        ("512Mi", Decimal("0.5")),
        ("1Ti", 1024),
        ("1073741824", 1),
        ("8 Gi", None),
        ("Gi", None),
        (None, None),
    ],
)
def test_quantities(quantity: Any, expected: Any) -> None:
    assert gib(quantity) == expected


@pytest.mark.parametrize(
    ("capability", "parameters", "expected"),
    [
        ("database", {"storageGB": 20, "enableBackup": True}, (None, None, 40)),
        ("database", {"storageGB": 20, "enableBackup": False}, (None, None, 20)),
        ("cache", {"replicas": 3, "memoryGB": 2, "persistenceGB": 10}, (None, 6, 30)),
        ("cluster", cluster("dev-cluster", nodes=3, workers=2)["parameters"], (28, 56, 550)),
        ("cluster", {"workerNodes": 2, "workerCPU": "4", "workerMemory": "8Gi", "workerStorage": "1Ti"}, (8, 16, None)),
        ("cluster", {"workerNodes": 2, "workerCPU": "many", "workerMemory": []}, (None, None, None)),
        ("something", {"storageGB": 20}, (None, None, None)),
    ],
)
def test_what_is_requested(capability: str, parameters: dict[str, Any], expected: tuple[Any, Any, Any]) -> None:
    assert requested_by(capability, parameters).values() == expected


def test_a_price_has_its_parts() -> None:
    requested = Requested(Decimal(2), Decimal(4), Decimal(100))
    assert prices_from(PRICES).of(requested, "database", "small") == 2 * 18 + 4 * 4 + 10 + 15
    assert prices_from(PRICES).of(requested, "cluster", "") == 2 * 18 + 4 * 4 + 10
    assert prices_from(PRICES).unit == "EUR/month"
    assert prices_from({}) == Prices()
    assert prices_from({}).of(requested, "database", "small") is None


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"gold": 3}, "prices have gold; give a table of cpu"),
        ([3], "prices have no table"),
        ({"cpu": "much"}, "the price cpu is 'much', which is no amount"),
        ({"cpu": -1}, "the price cpu is -1"),
        ({"sizes": {"database": {"small": "inf"}}}, "the price sizes.database.small is 'inf'"),
    ],
)
def test_a_table_that_is_none(table: Any, says: str) -> None:
    with pytest.raises(InvalidOption, match=says):
        prices_from(table)
