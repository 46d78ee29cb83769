# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of a cache means to its pods."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.caches.changes import changes

BEFORE = {"replicas": 1, "memoryGB": 1, "persistenceGB": 8, "evictionPolicy": "allkeys-lru", "engine": "valkey"}


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ({}, []),
        ({"replicas": 3}, [("replicas from 1 to 3", "in place", "")]),
        ({"persistenceGB": 20}, [("persistence_gb from 8 to 20", "in place", "")]),
        ({"memoryGB": 2}, [("memory_gb from 1 to 2", "rolling", "its only pod is replaced")]),
        (
            {"memoryGB": 2, "replicas": 3},
            [("replicas from 1 to 3", "in place", ""), ("memory_gb", "rolling", "one by")],
        ),
        ({"rotatePassword": "a"}, [("rotate_password from nothing to a", "rolling", "old password end")]),
        (
            {"evictionPolicy": "noeviction", "persistenceGB": 0},
            [("persistence", "in place", ""), ("ev", "rolling", "lost")],
        ),
    ],
)
def test_a_change_says_how_it_is_made(after: dict[str, Any], told: list[tuple[str, str, str]]) -> None:
    found = [change.fact() for change in changes("dev-redis", BEFORE, {**BEFORE, **after})]
    assert len(found) == len(told)
    for fact, (what, effect, why) in zip(found, told, strict=True):
        assert fact["name"] == "dev-redis"
        assert fact["what"].startswith(what)
        assert fact["effect"] == effect
        assert why in fact["why"]


def test_fewer_pods_take_their_volumes_along() -> None:
    [change] = changes("dev-redis", {**BEFORE, "replicas": 3}, BEFORE)
    assert "volumes" in change.why


def test_a_word_that_is_not_given_any_more_asks_for_nothing() -> None:
    assert changes("dev-redis", {**BEFORE, "rotatePassword": "a"}, BEFORE) == []
