# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of a parameter does to what there is, and whether it makes it smaller: one table for all kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from ..units import quantity

# The lightest first.
EFFECTS = ("in place", "rolling", "replace", "impossible")


@dataclass(frozen=True)
class Rule:
    """A parameter that says how large something is, what its growth and its decline do; ``words``, smallest first."""

    grows: str = "in place"
    shrinks: str = "in place"
    words: Sequence[str] = ()


# By the parameter's name, which is one word in a claim and another in an option. What is not here is no size.
RULES: Mapping[str, Rule] = {
    "size": Rule(words=("small", "medium", "large")),
    "storageGB": Rule(shrinks="impossible"),
    "memoryGB": Rule(grows="rolling", shrinks="rolling"),
    "replicas": Rule(),
    "persistenceGB": Rule(shrinks="impossible"),
    "control_plane_nodes": Rule(),
    "control_plane_cpu": Rule(grows="rolling", shrinks="rolling"),
    "control_plane_memory": Rule(grows="rolling", shrinks="rolling"),
    "control_plane_storage": Rule(grows="rolling", shrinks="replace"),
    "worker_nodes": Rule(),
    "worker_cpu": Rule(grows="rolling", shrinks="rolling"),
    "worker_memory": Rule(grows="rolling", shrinks="rolling"),
    "worker_storage": Rule(grows="rolling", shrinks="replace"),
}

# No sizes, and yet pods are replaced one by one.
ROLLING = frozenset({"evictionPolicy", "rotatePassword"})


@dataclass(frozen=True)
class Change:
    """One parameter that differs."""

    parameter: str
    before: Any
    after: Any
    effect: str
    size: bool
    shrinks: bool

    def fact(self) -> dict[str, Any]:
        return asdict(self)


def change(parameter: str, before: Any, after: Any, effect: str = "") -> Change:
    """What the change of a parameter does, unless somebody who knows more has said it."""
    rule = RULES.get(parameter)
    old, new = _amount(before, rule), _amount(after, rule)
    shrinks = rule is not None and old is not None and new is not None and new < old
    told = (rule.shrinks if shrinks else rule.grows) if rule else "rolling" if parameter in ROLLING else "in place"
    return Change(parameter, before, after, effect or told, rule is not None, shrinks)


def heaviest(changes: Sequence[Mapping[str, Any]]) -> str:
    """The effect that decides what happens; empty where nothing changes."""
    return max((item["effect"] for item in changes), key=EFFECTS.index, default="")


def _amount(value: Any, rule: Rule | None) -> Decimal | int | None:
    if rule and value in rule.words:
        return rule.words.index(value)
    return quantity(value)
