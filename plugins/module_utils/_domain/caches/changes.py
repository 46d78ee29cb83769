# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changing a cache's parameters means to its pods, told before anything is written.

What can not be changed at all the platform's definition refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

IN_PLACE = "in place"
ROLLING = "rolling"

# The parameters of a claim as role cache calls them.
OPTIONS = {
    "replicas": "replicas",
    "memoryGB": "memory_gb",
    "persistenceGB": "persistence_gb",
    "evictionPolicy": "eviction_policy",
    "rotatePassword": "rotate_password",
}

# What a pod is started with.
_OF_A_POD = frozenset({"memoryGB", "evictionPolicy", "rotatePassword"})


@dataclass(frozen=True)
class Change:
    """One parameter of a cache that changes, how that is done, and what it means to those who use the cache."""

    cache: str
    parameter: str
    before: Any
    after: Any
    effect: str
    why: str = ""

    def fact(self) -> dict[str, Any]:
        """The change as an entry of the result's ``effects``."""
        option = OPTIONS.get(self.parameter, self.parameter)
        return {
            "name": self.cache,
            "option": option,
            "before": self.before,
            "after": self.after,
            "effect": self.effect,
            "what": f"{option} from {_spoken(self.before)} to {_spoken(self.after)}",
            "why": self.why,
        }


def changes(cache: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """How the parameters of a cache that exists differ."""
    names = [*OPTIONS, *sorted({*before, *after} - OPTIONS.keys())]
    differing = [name for name in names if before.get(name) != after.get(name)]
    # A word that is not given any more asks for nothing.
    asked = [name for name in differing if name != "rotatePassword" or after.get(name)]
    return [_change(cache, name, before, after) for name in asked]


def _change(cache: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    effect, why = IN_PLACE, ""
    if name in _OF_A_POD:
        effect, why = ROLLING, _meaning(name, after)
    elif name == "replicas" and int(after.get(name, 1)) < int(before.get(name, 1)):
        why = "the volumes of the pods that go are deleted with them"
    return Change(cache, name, before.get(name), after.get(name), effect, why)


def _meaning(name: str, after: Mapping[str, Any]) -> str:
    kept = "data stay on its volume" if after.get("persistenceGB") else "its data are lost"
    alone = f"its only pod is replaced, and meanwhile it can not be reached; {kept}"
    several = "pods are replaced one by one; while the primary is, nothing can be written"
    meaning = several if int(after.get("replicas", 1)) > 1 else alone
    return f"connections that were made with the old password end; {meaning}" if name == "rotatePassword" else meaning


def _spoken(value: Any) -> str:
    return "nothing" if value is None else str(value)
