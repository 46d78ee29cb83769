# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How busy a server has shown itself: how long it took to answer, and what had to be asked again."""

from __future__ import annotations

from collections import Counter

# An answer that takes longer, in seconds, is slow; a server that gives one in so many is busy.
SLOW = 1.0
RARE = 20


class Strain:
    """Told of every attempt of a task."""

    def __init__(self) -> None:
        self._attempts = 0
        self._slow = 0
        self._slowest = 0.0
        self._repeated: Counter[str] = Counter()

    def took(self, seconds: float) -> None:
        """An attempt has ended after so long, whatever became of it."""
        self._attempts += 1
        self._slow += seconds > SLOW
        self._slowest = max(self._slowest, seconds)

    def repeated(self, failure: str) -> None:
        """An attempt failed in a way that is worth another one."""
        self._repeated[failure] += 1

    def __str__(self) -> str:
        """In words; empty as long as the server answers as usual."""
        again = self._repeated.total()
        if max(self._slow, again) * RARE < max(self._attempts, 1):
            return ""
        slow = f"{self._slow} of {self._attempts} answers took more than {SLOW:g} s, the slowest {self._slowest:.1f} s"
        causes = ", ".join(f"{name} ({count} x)" for name, count in self._repeated.most_common(3))
        told = [slow if self._slow else "", f"it was asked again after {causes}" if again else ""]
        return ", ".join(filter(None, told))
