# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a Lease on behalf of a run, as its process and the run's tasks see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

# A line of JSON each, with a key ``what``, and ``task``, the name of the task that sends it.
Message = Mapping[str, Any]

MAY_WRITE, DONE, FINISH = "may write", "done", "finish"


class Keeper(Protocol):
    """Keeps a Lease and answers the tasks of its run."""

    def answer(self, message: Message) -> Message: ...

    def left(self, message: Message) -> None:
        """A task has gone away, and this was the last that it said."""

    def orphaned(self) -> None:
        """The run's ansible-playbook is gone, though its tasks may go on for a while: none may write any more."""

    def close(self) -> None:
        """Nobody is left who could write."""

    def pause(self) -> float | None:
        """Seconds until the Lease wants to be renewed, if ever."""

    def renew(self) -> None: ...

    @property
    def finished(self) -> bool:
        """Whether the run has said that it is at its end."""


class Log(Protocol):
    """Where a line about each run is added to, if anywhere."""

    @property
    def wanted(self) -> bool:
        """Whether there is such a place."""

    def append(self, line: str) -> None:
        """Raises InvalidOption when it can not be."""
