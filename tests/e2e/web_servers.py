# SPDX-License-Identifier: GPL-3.0-or-later
"""Web servers of a test's own on loopback: a plain one, and one that has another server under a path."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PATIENCE = 60


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The URL of a server that lasts as long as the context."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    """Serves the files of this folder, as any web server does."""

    def log_message(self, *_: object) -> None: ...


@contextmanager
def plain_web_server() -> Iterator[str]:
    """Knows nothing of Vault."""
    with serving(Quiet) as url:
        yield url


@contextmanager
def server_under_a_path(path: str, target: str) -> Iterator[str]:
    """Passes on to ``target`` what is below a path, without the path; nothing else is there."""

    class Passing(Quiet):
        def pass_on(self) -> None:
            if not self.path.startswith(f"{path}/"):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            upstream = http.client.HTTPConnection(urlsplit(target).netloc, timeout=PATIENCE)
            upstream.request(self.command, self.path.removeprefix(path), body, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
            upstream.close()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = do_LIST = pass_on  # noqa: N815 - names of http.server

    with serving(Passing) as url:
        yield url
