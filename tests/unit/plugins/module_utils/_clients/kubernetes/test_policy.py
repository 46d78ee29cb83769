# SPDX-License-Identifier: GPL-3.0-or-later
"""Which failures are worth another attempt, how many, and after which pause."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from urllib3 import exceptions

from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes.policy import (
    Answer,
    Failure,
    Garbled,
    Policy,
    failure_of_answer,
    failure_of_error,
)
from tests.unit.plugins.scripted_api_server import status

POLICY = Policy(attempts=3, attempts_while_restarting=6, first_pause=1, longest_pause=4, longest_wish=60)


@pytest.mark.parametrize(("attempt", "shortest", "longest"), [(1, 0.5, 1), (2, 1, 2)])
def test_pauses_grow_and_spread(attempt: int, shortest: float, longest: float) -> None:
    pauses = {POLICY.pause(Failure("503"), attempt) for _draw in range(50)}
    assert all(pause is not None and shortest <= pause <= longest for pause in pauses)
    assert len(pauses) > 1


@pytest.mark.parametrize(
    ("failure", "attempt", "again"),
    [
        (Failure("503"), 2, True),
        (Failure("503"), 3, False),
        (Failure("429", restarting=True), 5, True),
        (Failure("429", restarting=True), 6, False),
        (Failure("429", restarting=True, wish=60), 1, True),
        (Failure("429", restarting=True, wish=61), 1, False),
    ],
)
def test_attempts_are_bounded(failure: Failure, attempt: int, again: bool) -> None:
    pause = POLICY.pause(failure, attempt)
    assert (pause is not None) == again
    assert pause is None or failure.wish <= pause <= max(failure.wish, 4)


def test_a_watch_that_brings_nothing_is_opened_ever_more_slowly() -> None:
    policy = Policy(first_watch_pause=0.2, longest_watch_pause=5)
    assert 0.1 <= policy.watch_pause(0) <= 0.2
    assert 0.8 <= policy.watch_pause(3) <= 1.6
    assert 2.5 <= policy.watch_pause(10_000) <= 5


@pytest.mark.parametrize(
    ("code", "body", "headers", "failure"),
    [
        (200, {}, {}, None),
        (400, {}, {}, None),
        (401, {}, {}, None),
        (403, {}, {}, None),
        (422, {}, {}, None),
        (500, {}, {}, Failure("500")),
        (502, {}, {}, Failure("502")),
        (503, {}, {}, Failure("503")),
        (504, {}, {}, Failure("504")),
        (503, {}, {"Retry-After": "7"}, Failure("503, retry after 7 s", restarting=True, wish=7)),
        (429, {}, {}, Failure("429", restarting=True)),
        (429, {}, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, Failure("429", restarting=True)),
        (429, {}, {"Retry-After": "\u00b2"}, Failure("429", restarting=True)),
        (500, status(500, 'admission webhook "w" denied the request: no'), {}, None),
        (500, status(500, 'failed calling webhook "w": context deadline exceeded'), {}, Failure("500")),
        (409, status(409, "the object has been modified", "Conflict"), {}, Failure("conflict")),
        (409, status(409, "already exists", "AlreadyExists"), {}, Failure("conflict")),
        (409, status(409, "the UID in the precondition (a) does not match the UID in record (b)"), {}, None),
        (409, status(409, "Apply failed", causes=[{"reason": "FieldManagerConflict"}]), {}, None),
        (409, status(409, 'admission webhook "usage" denied the request: in use'), {}, None),
    ],
)
def test_answers(code: int, body: dict[str, Any], headers: dict[str, str], failure: Failure | None) -> None:
    assert failure_of_answer(Answer(code, body, headers)) == failure


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (Garbled("half"), "unreadable answer"),
        (TimeoutError("late"), "timed out"),
        (exceptions.ReadTimeoutError(None, "/", "late"), "timed out"),  # type: ignore[arg-type]
        (exceptions.ProtocolError("aborted", ConnectionResetError()), "connection broken"),
        (exceptions.SSLError(ssl.SSLEOFError("cut off")), "connection broken"),
        (caused(exceptions.SSLError("x"), ssl.SSLCertVerificationError("untrusted")), None),
        (caused(exceptions.SSLError("x"), ssl.SSLError("wrong version number")), None),
        (exceptions.ProxyError("no", OSError("Tunnel connection failed: 407 Proxy Authentication Required")), None),
        (exceptions.ProxyError("no", OSError("Tunnel connection failed: 503 Busy")), "connection broken"),
    ],
)
def test_silence(error: Exception, name: str | None) -> None:
    if isinstance(error, exceptions.ProxyError):
        error.__cause__ = error.original_error
    failure = failure_of_error(error, writing=True)
    assert (failure and failure.name) == name
