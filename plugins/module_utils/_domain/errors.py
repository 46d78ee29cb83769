# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of the collection, one tree.

Every error is one plain sentence: what happened, where, and what to do next. It may carry facts (the last observation)
that become keys of the failed result. Only a door (a module's ``main`` or an action's
``run``) turns an error into a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class InfraError(Exception):
    """Anything the user or the servers can cause.

    ``message`` says what and where, ``next_step`` what to do about it; ``facts`` are added to the failed result.
    """

    def __init__(self, message: str, *, next_step: str = "", facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.facts: dict[str, Any] = dict(facts or {})

    def __str__(self) -> str:
        return f"{self.message}; {self.next_step}" if self.next_step else self.message


class InvalidOption(InfraError):
    """An option has a value that can not be meant."""


class MissingLibrary(InfraError):
    """A Python library that a client needs is not installed where the task runs."""


class Unreachable(InfraError):
    """A server did not answer: refused, reset, timed out, or answered 5xx until the attempts were used up."""


class Unauthorized(InfraError):
    """A server does not know the caller: the credential is missing, wrong or expired."""


class Forbidden(InfraError):
    """A server knows the caller and refuses one verb on one object."""


class NotServed(InfraError):
    """The API server does not serve a kind: its definition is missing or not established."""


class NotMounted(InvalidOption):
    """Nothing is mounted in Vault where a path would be, as far as the token may see."""


class NamespaceMissing(InfraError):
    """An object was to be written into a namespace that does not exist."""


class Rejected(InfraError):
    """A server found the request invalid."""


class OtherVersion(InfraError):
    """An object was written in another version of its API, which does not know a field that is applied now."""


class DryRunRefused(InfraError):
    """A server can not say what a write would do without doing it."""


class InUse(InfraError):
    """An object may not be deleted, because somebody has said that it is in use."""


class FieldConflict(InfraError):
    """Another field manager owns a field with another value."""


class Failed(InfraError):
    """An object reached a state that waiting can not mend."""


class TimedOut(InfraError):
    """The deadline passed before the awaited state was reached."""


class Held(InfraError):
    """Another run is at work on the same environment."""


class Lost(InfraError):
    """A run can not show any more that nobody else is at work on its environment, so it may not write."""
