# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a request to the API server may take, and what is worth another attempt."""

from __future__ import annotations

import http.client
import random
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..._domain.kubernetes.manifest import Manifest

with suppress(ImportError):  # without it nobody connects, and is told so
    from urllib3 import exceptions as transport_errors


class Garbled(ValueError):
    """A successful answer that is not a JSON object: cut off on the way, or not from Kubernetes."""


@dataclass(frozen=True)
class Answer:
    """One answer of the API server; ``body`` is a ``v1.Status`` where Kubernetes itself refuses.

    ``trail`` names the attempts that failed before and with it.
    """

    status: int
    body: Manifest
    headers: Mapping[str, str] = field(default_factory=dict)
    trail: Sequence[str] = ()

    @property
    def message(self) -> str:
        return str(self.body.get("message") or f"HTTP status {self.status}")

    @property
    def details(self) -> dict[str, Any]:
        found = self.body.get("details")
        return found if isinstance(found, dict) else {}

    @property
    def other_uid(self) -> bool:
        """Whether it says that the object meant is gone, and another one has its name by now."""
        return self.status == 409 and "UID in" in self.message

    @property
    def wrong_object(self) -> bool:
        """Whether a 500 says no more than that the object sent does not fit its schema: so says server-side apply."""
        return self.status == 500 and "failed to create typed patch object" in self.message

    @property
    def causes(self) -> list[dict[str, Any]]:
        found = self.details.get("causes")
        return [cause for cause in found if isinstance(cause, dict)] if isinstance(found, list) else []

    @property
    def field_conflicts(self) -> list[dict[str, Any]]:
        return [cause for cause in self.causes if cause.get("reason") == "FieldManagerConflict"]


@dataclass(frozen=True)
class Failure:
    """A failed attempt that may succeed when made again.

    ``restarting`` when the server is likely to be back soon, ``wish`` the seconds that it asks to wait.
    """

    name: str
    restarting: bool = False
    wish: float = 0.0


@dataclass(frozen=True)
class Policy:
    """All times in seconds."""

    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    attempts: int = 5
    # About 25 seconds in all, enough for an API server to come back.
    attempts_while_restarting: int = 12
    first_pause: float = 0.4
    longest_pause: float = 4.0
    # A server that asks for more is not waited for.
    longest_wish: float = 60.0
    # The server is asked to end a watch after this time, and one that does not is dead: nothing else tells a silent
    # server from one that has no news.
    watch_lifetime: int = 60
    watch_grace: float = 10.0
    first_watch_pause: float = 0.2
    longest_watch_pause: float = 5.0
    heartbeat: float = 1.0

    def pause(self, failure: Failure, attempt: int) -> float | None:
        """Seconds between a failed attempt, counted from 1, and the next; None after the last."""
        limit = self.attempts_while_restarting if failure.restarting else self.attempts
        if attempt >= limit or failure.wish > self.longest_wish:
            return None
        return max(failure.wish, _spread(self.first_pause, self.longest_pause, attempt))

    def watch_pause(self, idle: int) -> float:
        """Seconds before a watch is opened again, after ``idle`` connections in a row that brought nothing."""
        return _spread(self.first_watch_pause, self.longest_watch_pause, idle + 1)


POLICY = Policy()

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})

# Trying again does not make a certificate trusted, nor an HTTP server speak TLS; a handshake that is cut off may pass.
_CUT_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
_REFUSED_BY_PROXY = re.compile(r"Tunnel connection failed: 4\d\d")
_DENIED_BY_WEBHOOK = "denied the request"
# A 500 that stays one: the object was written in a version of its API that does not know a field of this apply.
OTHER_VERSION = "failed to prune fields"


def failure_of_error(error: Exception, *, writing: bool) -> Failure | None:
    """The failure of an attempt that got no answer; None when another one would get none either.

    A write follows a read, so a server that refuses the connection was there a moment ago.
    """
    chain = list(causes(error))
    if any(isinstance(cause, ssl.SSLError) and not isinstance(cause, _CUT_OFF) for cause in chain):
        return None
    if any(_REFUSED_BY_PROXY.search(str(cause)) for cause in chain):
        return None
    for kind, name in _failure_names():
        if any(isinstance(cause, kind) for cause in chain):
            return Failure(name, restarting=writing and name == "no connection")
    return Failure("connection broken")


def _failure_names() -> list[tuple[type[Exception], str]]:
    return [
        (Garbled, "unreadable answer"),
        (transport_errors.LocationValueError, "impossible URL"),
        (transport_errors.NameResolutionError, "name not found"),
        (transport_errors.NewConnectionError, "no connection"),
        (transport_errors.TimeoutError, "timed out"),
        (TimeoutError, "timed out"),
        (http.client.IncompleteRead, "half an answer"),
    ]


def failure_of_answer(answer: Answer) -> Failure | None:
    """The failure that an answer reports; None for one that is final."""
    if _DENIED_BY_WEBHOOK in answer.message or OTHER_VERSION in answer.message or answer.wrong_object:
        return None
    if answer.status == 409:
        return None if answer.other_uid or answer.field_conflicts else Failure("conflict")
    if answer.status not in RETRIED_STATUSES:
        return None
    wish = _retry_after(answer.headers)
    name = f"{answer.status}, retry after {wish:g} s" if wish else str(answer.status)
    return Failure(name, restarting=answer.status == 429 or wish > 0, wish=wish)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what caused it, the innermost last."""
    while error is not None:
        yield error
        reason = getattr(error, "reason", None)
        error = reason if isinstance(reason, BaseException) else error.__cause__ or error.__context__


def _retry_after(headers: Mapping[str, str]) -> float:
    """The seconds that the server asks to wait; the date form is rare and counts as no wish."""
    value = headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdecimal() else 0.0


def _spread(first: float, longest: float, attempt: int) -> float:
    return min(longest, first * 2.0 ** min(attempt - 1, 30)) * random.uniform(0.5, 1.0)
