# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done, as data.

A plan is computed from what is desired and what was observed, before anything is written; ``changed`` and the diff are
derived from it, so check mode and the real run can not disagree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Diff = dict[str, Any]


@dataclass(frozen=True)
class Action:
    """One write: ``verb`` on ``target`` that turns ``before`` into ``after`` (owned fields only, secrets removed)."""

    verb: str
    target: str
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    def diff(self) -> Diff:
        return {
            "before_header": self.target,
            "after_header": self.target,
            "before": self.before,
            "after": self.after,
        }


@dataclass(frozen=True)
class Plan:
    """The writes in the order in which they are made."""

    actions: tuple[Action, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.actions)

    @property
    def diff(self) -> list[Diff]:
        return [action.diff() for action in self.actions]
