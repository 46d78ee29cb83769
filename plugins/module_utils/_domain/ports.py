# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine asks of the outside world; implemented by the real clients and by the scripted ones of the tests."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Time that tests can turn."""

    def monotonic(self) -> float:
        """Seconds that only ever increase."""

    def wall_time(self) -> float:
        """Seconds of the epoch, as far as this machine knows."""

    def sleep(self, seconds: float) -> None: ...


class Reporter(Protocol):
    """Where progress goes, a line at a time."""

    def line(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...
