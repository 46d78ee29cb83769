# SPDX-License-Identifier: GPL-3.0-or-later
"""A way to Vault on which something happens: it passes requests on, and after a given write does what it is told."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

PATIENCE = 120
Interruption = Callable[[str], None]


class InterruptingProxy(http.server.ThreadingHTTPServer):
    """Once the ``last``th write was served and before it is answered, ``interrupt`` is called with its token."""

    daemon_threads = True

    def __init__(self, vault: str, last: int, interrupt: Interruption) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.vault = urlsplit(vault).netloc
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.left = last
        self.interrupt = interrupt
        self.interrupted = ""

    def handle_error(self, *_: object) -> None:
        """Nothing: a client that was killed takes no answer."""


@contextmanager
def interrupting_proxy(vault: str, last: int, interrupt: Interruption) -> Iterator[InterruptingProxy]:
    with InterruptingProxy(vault, last, interrupt) as proxy:
        threading.Thread(target=proxy.serve_forever, args=[0.01], daemon=True).start()
        yield proxy
        proxy.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: InterruptingProxy

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        upstream = http.client.HTTPConnection(self.server.vault, timeout=PATIENCE)
        upstream.request(self.command, self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        # Reading a credential makes a login.
        if self.command in ("POST", "DELETE") or "/creds/" in self.path:
            self._count()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = do_LIST = pass_on  # noqa: N815 - names of http.server

    def _count(self) -> None:
        self.server.left -= 1
        if self.server.left == 0:
            self.server.interrupted = f"{self.command} {self.path}"
            self.server.interrupt(self.headers.get("X-Vault-Token", ""))

    def log_message(self, *_: object) -> None:
        """Nothing: the result is what counts."""
