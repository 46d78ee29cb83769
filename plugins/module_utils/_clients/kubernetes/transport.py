# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the API server: each bounded in time, and sent again when it failed in passing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from ..._domain import errors
from ..._domain.kubernetes.manifest import Manifest
from ..._domain.ports import Clock, Permit, unasked
from ..._domain.text import inert
from . import refusals
from .policy import Answer, Garbled, Policy, failure_of_answer, failure_of_error
from .session import Session, Sessions
from .strain import Strain

with suppress(ImportError):  # without it nobody connects, and is told so
    import urllib3

CHUNK = 65536


@dataclass(frozen=True)
class Call:
    """One request, whichever session sends it; ``path`` includes the query.

    ``swapping``: a conflict is an answer. ``storing``: the server will have something else than before.
    """

    method: str
    path: str
    data: bytes | None = None
    content_type: str = "application/json"
    accept: str = ""
    swapping: bool = False
    storing: bool = False

    @property
    def writing(self) -> bool:
        return self.method != "GET"


class Transport:
    """Sends requests until one moment of the clock, ``ends``. Every request of this client may safely be sent twice."""

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        policy: Policy,
        ends: float = math.inf,
        strain: Strain | None = None,
        *,
        permit: Permit = unasked,
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._ends = ends
        self.policy = policy
        self.strain = strain or Strain()
        self._permit = permit

    @property
    def place(self) -> str:
        return self._sessions.current.place

    def bounded_by(self, moment: float) -> Transport:
        return Transport(self._sessions, self._clock, self.policy, moment, self.strain, permit=self._permit)

    def send(self, call: Call) -> Answer:
        """The server's answer, whatever its status. Raises Unreachable when there was none after the last attempt.

        A permit is asked for before each attempt, for an earlier one may have taken its time.
        """
        session = self._sessions.current
        renewed = False
        trail: list[str] = []
        while True:
            if call.storing:
                self._permit()
            outcome = self._attempt(session, call)
            if isinstance(outcome, Answer) and outcome.status == 401 and not renewed:
                session, renewed = self._sessions.renewed(session), True
                continue
            pause = self._pause(outcome, call, trail)
            if pause is None:
                break
            self._clock.sleep(pause)
        if isinstance(outcome, Answer):
            return replace(outcome, trail=tuple(trail))
        raise refusals.unreachable(session.place, outcome, trail) from outcome

    @contextmanager
    def stream(self, call: Call) -> Iterator[tuple[Answer, Iterator[Manifest]]]:
        """A watch: the answer, and one by one the JSON lines that follow it when its status is 200.

        Not tried again, for the caller knows better where to resume. Raises Unreachable, also while lines are read.
        """
        session = self._sessions.current
        response = self._open_stream(session, call)
        if response.status == 401:
            response.close()
            session = self._sessions.renewed(session)
            response = self._open_stream(session, call)
        try:
            if response.status == 200:
                yield Answer(200, {}), self._lines(response)
            else:
                yield self._read(response), iter(())
        except _unanswered() as error:
            raise refusals.unreachable(session.place, error) from error
        finally:
            response.close()

    def _attempt(self, session: Session, call: Call) -> Answer | Exception:
        began = self._clock.monotonic()
        try:
            response = self._open(session, call, self.policy.read_timeout)
            try:
                return self._read(response)
            finally:
                response.close()  # a connection whose answer was read to its end is back in the pool already
        except _unanswered() as error:
            return error
        finally:
            self.strain.took(self._clock.monotonic() - began)

    def _pause(self, outcome: Answer | Exception, call: Call, trail: list[str]) -> float | None:
        """Seconds before the next attempt, None when there is none. Notes on the trail why this one failed."""
        if isinstance(outcome, Answer):
            failure = None if call.swapping and outcome.status == 409 else failure_of_answer(outcome)
        else:
            failure = failure_of_error(outcome, writing=call.writing)
        if failure is None:
            return None
        trail.append(failure.name)
        self.strain.repeated(failure.name)
        pause = self.policy.pause(failure, len(trail))
        return pause if pause is not None and pause < self._remaining else None

    @property
    def _remaining(self) -> float:
        return self._ends - self._clock.monotonic()

    def _open(self, session: Session, call: Call, read_timeout: float) -> urllib3.BaseHTTPResponse:
        remaining = self._remaining
        if remaining <= 0:
            raise errors.Unreachable(
                f"the Kubernetes API at {session.place} was not asked any more, the time of the task is up",
                next_step="raise wait_timeout",
            )
        total = remaining if math.isfinite(remaining) else None
        headers = session.headers()
        if call.data is not None:
            headers["Content-Type"] = call.content_type
        if call.accept:
            headers["Accept"] = call.accept
        return session.pool.request(
            call.method,
            session.url + call.path,
            body=call.data,
            headers=headers,
            timeout=urllib3.Timeout(connect=self.policy.connect_timeout, read=read_timeout, total=total),
            retries=False,
            preload_content=False,
        )

    def _open_stream(self, session: Session, call: Call) -> urllib3.BaseHTTPResponse:
        try:
            return self._open(session, call, self.policy.watch_lifetime + self.policy.watch_grace)
        except _unanswered() as error:
            raise refusals.unreachable(session.place, error) from error

    def _read(self, response: urllib3.BaseHTTPResponse) -> Answer:
        """The whole answer. Raises Garbled when it reports success but is not JSON."""
        content = b"".join(self._chunks(response))
        headers = dict(response.headers)
        try:
            body = json.loads(content)
        except ValueError:
            body = None
        if isinstance(body, dict):
            return Answer(response.status, body, headers)
        text = inert(content[:1000].decode(errors="replace"), 200)
        if response.status < 300:
            raise Garbled(f"the answer is not a JSON object: {text}")
        return Answer(response.status, {"message": text}, headers)

    def _chunks(self, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        """What has arrived, as it arrives: a body that trickles in must not outlive the deadline."""
        while chunk := response.read1(CHUNK):
            yield chunk
            if self._remaining <= 0:
                raise TimeoutError("the answer was not complete in time")

    def _lines(self, response: urllib3.BaseHTTPResponse) -> Iterator[Manifest]:
        rest = b""
        for chunk in self._chunks(response):
            *complete, rest = (rest + chunk).split(b"\n")
            yield from (_event(line) for line in complete if line.strip())


def _event(line: bytes) -> Manifest:
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise Garbled(f"an event is not a JSON object: {inert(line[:1000].decode(errors='replace'), 200)}")
    return event


def _unanswered() -> tuple[type[Exception], ...]:
    """What a request raises that gets no usable answer."""
    return (urllib3.exceptions.HTTPError, OSError, Garbled)
