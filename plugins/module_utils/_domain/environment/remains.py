# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be looked for once an environment, or an instance of it, was deleted, and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..kubernetes.manifest import ObjectRef

GONE, LEFT, KEPT, UNKNOWN = "gone", "left", "kept", "unknown"

# The servers on which things are.
KUBERNETES, VAULT, POSTGRESQL = "Kubernetes", "Vault", "PostgreSQL"


@dataclass(frozen=True)
class Thing:
    """Something on a server. ``why`` it may stay, if it may; ``place`` is what finds it again."""

    server: str
    kind: str
    name: str
    place: Mapping[str, str]
    why: str = ""
    state: str = ""

    def fact(self) -> dict[str, Any]:
        return asdict(self)

    def found(self, there: bool) -> Thing:
        """The same, looked at again."""
        if not there:
            return replace(self, state=GONE, why="")
        return replace(self, state=KEPT if self.why else LEFT)

    def unseen(self, why: str) -> Thing:
        """The same, where it could not be looked at."""
        return replace(self, state=UNKNOWN, why=why)

    def __str__(self) -> str:
        return f"{self.kind} {self.name} in {self.server}"


def thing(fact: Mapping[str, Any]) -> Thing:
    """A thing as an earlier task has told it."""
    return Thing(fact["server"], fact["kind"], fact["name"], fact["place"], fact["why"])


def object_thing(ref: ObjectRef, why: str = "") -> Thing:
    """An object of the cluster."""
    place = {"api_version": ref.api_version, "kind": ref.kind, "name": ref.name, "namespace": ref.namespace}
    return Thing(KUBERNETES, ref.kind, "/".join(filter(None, (ref.namespace, ref.name))), place, why)


def once(things: Sequence[Thing]) -> list[Thing]:
    """Each thing once, as it was told first."""
    return list({(item.server, item.kind, item.name): item for item in reversed(things)}.values())[::-1]


def left(things: Sequence[Thing]) -> list[Thing]:
    """What should have gone."""
    return [item for item in things if item.state == LEFT]
