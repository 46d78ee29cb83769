# SPDX-License-Identifier: GPL-3.0-or-later
"""A way to Vault that ends: it passes requests on, and once a given write was served, kills who sent it."""

from __future__ import annotations

import http.client
import http.server
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

PATIENCE = 120


class KillingProxy(http.server.ThreadingHTTPServer):
    """Passes on the answers to all writes but the ``fatal``th; before that, ``victim`` is killed."""

    daemon_threads = True

    def __init__(self, vault: str, fatal: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.vault = urlsplit(vault).netloc
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.left = fatal
        self.last_write = ""
        self.victim: subprocess.Popen[str] | None = None


@contextmanager
def killing_proxy(vault: str, fatal: int) -> Iterator[KillingProxy]:
    with KillingProxy(vault, fatal) as proxy:
        threading.Thread(target=proxy.serve_forever, args=[0.01], daemon=True).start()
        yield proxy
        proxy.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: KillingProxy

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        upstream = http.client.HTTPConnection(self.server.vault, timeout=PATIENCE)
        upstream.request(self.command, self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        if self._is_write():
            self.server.last_write = f"{self.command} {self.path}"
            self.server.left -= 1
        if self.server.left == 0 and self.server.victim:
            self.server.victim.kill()
            return
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = do_LIST = pass_on  # noqa: N815 - names of http.server

    def _is_write(self) -> bool:
        # Reading a credential makes a login.
        return self.command in ("POST", "DELETE") or "/creds/" in self.path

    def log_message(self, *_: object) -> None:
        """Nothing: the result is what counts."""
