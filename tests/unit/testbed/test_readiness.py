# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting: it ends with success, with the end of time, or as soon as there is nothing left to wait for."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tests.testbed import readiness
from tests.testbed.readiness import NotReady, wait_until


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Time that passes only while somebody sleeps."""
    fake = SimpleNamespace(now=0.0)
    fake.monotonic = lambda: fake.now
    fake.sleep = lambda seconds: setattr(fake, "now", fake.now + seconds)
    monkeypatch.setattr(readiness, "time", fake)
    return fake


def ready_at(clock: SimpleNamespace, seconds: float) -> Callable[[], str]:
    def attempt() -> str:
        if clock.now < seconds:
            raise NotReady(f"only {clock.now:.0f} s old")
        return "served"

    return attempt


def test_what_is_ready_is_not_waited_for(clock: SimpleNamespace) -> None:
    assert wait_until(ready_at(clock, 0), 10) == "served"
    assert clock.now == 0


def test_it_is_noticed_soon(clock: SimpleNamespace) -> None:
    assert wait_until(ready_at(clock, 5), 10) == "served"
    assert clock.now == pytest.approx(5, abs=0.2)


def test_in_the_end_the_last_reason_is_told(clock: SimpleNamespace) -> None:
    with pytest.raises(NotReady, match="only 10 s old"):
        wait_until(ready_at(clock, 11), 10)


def test_a_wait_without_hope_ends_at_once(clock: SimpleNamespace) -> None:
    def died() -> None:
        raise RuntimeError("exited")

    with pytest.raises(RuntimeError, match="exited"):
        wait_until(ready_at(clock, 5), 10, while_waiting=died)
    assert clock.now == 0
