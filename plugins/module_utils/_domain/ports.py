# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine asks of the outside world; implemented by the real clients and by the scripted ones of the tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Time that tests can turn."""

    def monotonic(self) -> float:
        """Seconds that only ever increase."""

    def boot_time(self) -> float:
        """Seconds that only ever increase, also while this machine sleeps."""

    def wall_time(self) -> float:
        """Seconds of the epoch, as far as this machine knows."""

    def sleep(self, seconds: float) -> None: ...


# Asked before each write that a server is to keep. Raises Held or Lost when another run may be writing.
Permit = Callable[[], None]


def unasked() -> None:
    """The permit of a task that belongs to no run of a verb: nobody is asked."""


class Reporter(Protocol):
    """Where progress goes, a line at a time."""

    def line(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...
