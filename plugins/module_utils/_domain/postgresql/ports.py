# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine asks of PostgreSQL; for the real client and a scripted one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from .endpoint import Endpoint


class Session(Protocol):
    """A login session of PostgreSQL. A pooler may run each transaction in another one, so nothing lasts beyond it."""

    def query(
        self, statement: str, parameters: Sequence[object] = (), *, rolled_back: bool = False
    ) -> list[tuple[Any, ...]]:
        """The rows of a statement, none for one that returns none, in a transaction of its own.

        Raises Forbidden when the role lacks a privilege, Unreachable when the session has ended, else Rejected.
        """


class PostgreSQL(Protocol):
    """Any PostgreSQL server."""

    def login(self, endpoint: Endpoint, username: str, password: str) -> AbstractContextManager[Session]:
        """Raises Unauthorized when the server refuses the login, Unreachable when it can not be reached."""
