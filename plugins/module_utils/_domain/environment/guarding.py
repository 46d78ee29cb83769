# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps an environment from being deleted, restored, replaced or made smaller by a hurried hand.

An extra variable wins over everything that Ansible knows, so it decides nothing here: what counts is what the inventory
itself says, and what the cluster remembers of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..errors import InfraError, InvalidOption
from ..kubernetes.manifest import Manifest, being_deleted

# Of the namespace: that its environment is protected, and the run that has taken the protection away.
PROTECTED = "pnow.infra/protected"
LIFTED = "pnow.infra/unprotected-by"

# Verbs that take something away, and the one that may take the protection away.
DESTRUCTIVE = ("delete", "restore")
LIFTING = "provision"

# Without a word in the inventory.
PROTECTED_NAMES = ("preprod", "production")

# What is not deleted in one run without saying how many: more than one, and more than one of these two.
MOST_AT_ONCE = 3
MOST_OF_ALL = Fraction(1, 5)


class Protected(InfraError):
    """Something was to be taken away from a protected environment."""


@dataclass(frozen=True)
class Stated:
    """What the inventory says of a host when nobody else is heard, and what was on the command line beside it."""

    environment: str
    protected: bool | None
    sources: Sequence[str]
    extra: Sequence[str]


@dataclass(frozen=True)
class Recorded:
    """What the cluster remembers: the namespace, if there is one, and the Usages that were made for the environment."""

    namespace: Manifest | None
    usages: Sequence[Manifest] = ()

    @property
    def protected(self) -> bool:
        return self._annotations.get(PROTECTED) == "true" or bool(self.usages)

    @property
    def lifted_by(self) -> str:
        return str(self._annotations.get(LIFTED, ""))

    @property
    def _annotations(self) -> dict[str, Any]:
        if self.namespace is None or being_deleted(self.namespace):
            return {}
        return self.namespace["metadata"].get("annotations") or {}


def wants_protection(environment: str, stated: Stated) -> bool:
    """Whether the environment is to be protected. What another environment's inventory says does not count for it."""
    if stated.protected is None or stated.environment != environment:
        return environment in PROTECTED_NAMES
    return stated.protected


def require_heard(extra: Iterable[str], results: Iterable[str]) -> None:
    """Raises InvalidOption for what is not taken from a command line: protection, and what a run itself finds out."""
    if "environment_protected" in extra:
        raise InvalidOption(
            "environment_protected is on the command line, where it does not count",
            next_step="write it into the inventory of the environment and run provision; nothing was changed",
        )
    forged = sorted(name for name in extra if name.startswith("__") or name in results)
    if forged:
        raise InvalidOption(
            f"{', '.join(forged)} on the command line would stand for what this run is to find out itself",
            next_step="leave it out; nothing was changed",
        )


def require_unprotected(environment: str, verb: str, stated: Stated, recorded: Recorded, run: str) -> None:
    """Raises Protected when the environment is, by its inventory or by what the cluster remembers."""
    way = (
        f"write environment_protected: false into its inventory, run provision, and then {verb} in a run of its own; "
        "nothing was changed"
    )
    if recorded.protected:
        raise Protected(f"environment {environment} is protected, as its last provision recorded", next_step=way)
    if wants_protection(environment, stated):
        raise Protected(f"environment {environment} is protected by its inventory", next_step=way)
    if recorded.lifted_by == run:
        raise Protected(
            f"environment {environment} was protected until this very run",
            next_step=f"look whether it is the one you mean, and {verb} it in a run of its own; nothing was changed",
        )


def require_liftable(environment: str, stated: Stated) -> None:
    """Raises Protected unless one inventory alone, and that of this environment, takes the protection away."""
    if len(stated.sources) > 1:
        raise Protected(
            f"environment {environment} is protected, and more than one inventory has it: {', '.join(stated.sources)}",
            next_step="give only the one that is meant; nothing was changed",
        )


def require_number(going: int, known: int, said: int) -> None:
    """Raises InvalidOption when many environments go at once and nobody has said how many."""
    many = going > MOST_AT_ONCE or Fraction(going, max(known, 1)) > MOST_OF_ALL
    if going > 1 and many and going != said:
        number = f", and confirm_environments is {said}" if said else ""
        raise InvalidOption(
            f"{going} of the {known} environments in the inventory would be deleted in this run{number}",
            next_step=f"if they are all meant, run again with -e confirm_environments={going}; nothing was changed",
        )


def marks(recorded: Recorded, *, protected: bool, run: str) -> dict[str, str]:
    """What the namespace is to say of its protection."""
    if protected:
        return {PROTECTED: "true"}
    lifted = run if recorded.protected else recorded.lifted_by
    return {LIFTED: lifted} if lifted else {}
