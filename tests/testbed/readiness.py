# SPDX-License-Identifier: GPL-3.0-or-later
"""Knowing when a program serves, and when it never will."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from tests.testbed.bed import Bed
from tests.testbed.errors import TestbedError
from tests.testbed.rest import RestClient, Unreachable

POLL_SECONDS = 0.1
HANDSHAKE_TIMEOUT = 2.0


class NotReady(TestbedError):
    """The program does not serve yet; the text says what it answered."""


Probe = Callable[[Bed], None]
"""Returns if the program serves, raises NotReady if it does not (yet)."""


def wait_until[T](attempt: Callable[[], T], seconds: float, while_waiting: Callable[[], None] = lambda: None) -> T:
    """What `attempt` returns once it raises NotReady no more; raises its last NotReady when `seconds` are over.

    `while_waiting` is called between attempts and may raise to end the wait early.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except NotReady:
            while_waiting()
            if time.monotonic() >= deadline:
                raise
        time.sleep(POLL_SECONDS)


def answers(url: str, path: str, identity: Path | None = None) -> None:
    """Raises NotReady unless GET `url``path` is answered with 2xx."""
    try:
        answer = RestClient(url, identity).request("GET", path)
    except Unreachable as error:
        raise NotReady(str(error)) from error
    if not answer.ok:
        raise NotReady(f"{url}{path} answers {answer.status}: {str(answer.body)[:300]}")


def shakes_hands(address: str, identity: Path) -> None:
    """Raises NotReady unless a gRPC server at host:port completes a TLS handshake with our certificates."""
    context = ssl.create_default_context(cafile=str(identity / "ca.crt"))
    context.load_cert_chain(identity / "tls.crt", identity / "tls.key")
    context.set_alpn_protocols(["h2"])
    host, port = address.split(":")
    try:
        with (
            socket.create_connection((host, int(port)), HANDSHAKE_TIMEOUT) as connection,
            context.wrap_socket(connection, server_hostname=host),
        ):
            return
    except OSError as error:
        raise NotReady(f"{address} does not complete a TLS handshake: {error}") from error
