# SPDX-License-Identifier: GPL-3.0-or-later
"""A real HTTP server on loopback that behaves as scripted: it answers, stalls, breaks off, streams."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Json = dict[str, Any]

GROUP = "database.example.org"
DISCOVERY: dict[str, Json] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {
        "resources": [
            {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
            {"name": "configmaps/status", "kind": "ConfigMap", "namespaced": True},
            {"name": "events", "kind": "Event", "namespaced": True},
            {"name": "namespaces", "kind": "Namespace", "namespaced": False},
        ]
    },
    f"/apis/{GROUP}/v1": {
        "resources": [{"name": "databases", "kind": "Database", "namespaced": True, "categories": ["claim"]}]
    },
}


@dataclass(frozen=True)
class Asked:
    """One request as the server saw it."""

    method: str
    path: str
    query: dict[str, str]
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Handler(BaseHTTPRequestHandler):
    """Runs the next step of the script for the request's method and path."""

    protocol_version = "HTTP/1.1"
    server: _Http

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), list(self.headers.items()), body)
        self.server.script.next_step(asked)(self)

    do_PATCH = do_POST = do_DELETE = do_CONNECT = do_GET  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None: ...


Step = Callable[[Handler], None]


class _Http(ThreadingHTTPServer):
    """Says nothing of a client that hung up, and ends at once."""

    daemon_threads = True
    block_on_close = False
    script: ScriptedApiServer

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.script.connections.append(connection)
        return connection, address

    def handle_error(self, *_: object) -> None: ...


class ScriptedApiServer:
    """Each step of a request's script answers once, the last one for ever; discovery answers unless scripted."""

    def __init__(
        self, tls: ssl.SSLContext | None = None, port: int = 0, script: Mapping[str, Sequence[Step]] | None = None
    ) -> None:
        self.asked: list[Asked] = []
        self.connections: list[socket.socket] = []
        self.ended = threading.Event()
        # What is scripted here is so from the first request on, for a client may be waiting for the port.
        self._steps: dict[str, list[Step]] = {request: list(steps) for request, steps in (script or {}).items()}
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", port), Handler)
        self._http.script = self
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._http.server_port
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._http.serve_forever, args=[0.01], daemon=True).start()

    def on(self, request: str, *steps: Step) -> None:
        """Scripts a request such as ``GET /api/v1/namespaces/dev/configmaps/a``; a watch is ``WATCH`` of its path."""
        self._steps[request] = list(steps)

    def requests(self, request: str) -> list[Asked]:
        """The requests of one kind so far, discovery apart unless it is asked for."""
        with self._lock:
            return [asked for asked in self.asked if _name(asked) == request]

    def next_step(self, asked: Asked) -> Step:
        with self._lock:
            self.asked.append(asked)
            steps = self._steps.get(_name(asked))
            if steps:
                return steps.pop(0) if len(steps) > 1 else steps[0]
        return reply(200, DISCOVERY[asked.path]) if asked.path in DISCOVERY else reply(404, "404 page not found")

    def close(self) -> None:
        self.ended.set()
        self._http.shutdown()
        self._http.server_close()
        for connection in self.connections:
            with suppress(OSError):  # most of them have ended long ago
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[ScriptedApiServer]:
    server = ScriptedApiServer(tls)
    yield server
    server.close()


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def status(code: int, message: str = "", reason: str = "", **details: Any) -> Json:
    """A ``v1.Status`` as the API server sends it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": details,
        "code": code,
    }


def reply(code: int, body: Json | str, **headers: str) -> Step:
    """A complete answer. Headers are given with underscores."""
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()

    def step(handler: Handler) -> None:
        _start(handler, code, {"Content-Length": str(len(content)), **_dashed(headers)})
        handler.wfile.write(content)

    return step


def refuse(code: int, message: str = "", reason: str = "", **details: Any) -> Step:
    """A refusal of Kubernetes' own."""
    return reply(code, status(code, message, reason, **details))


def half(body: Json) -> Step:
    """Half of the JSON, in an answer that is complete by all rules of HTTP."""
    text = json.dumps(body)
    return reply(200, text[: len(text) // 2])


def cut(body: Json) -> Step:
    """Half of the announced body, then the end of the connection."""

    def step(handler: Handler) -> None:
        content = json.dumps(body).encode()
        _start(handler, 200, {"Content-Length": str(len(content))})
        handler.wfile.write(content[: len(content) // 2])
        handler.close_connection = True

    return step


def reset_after(body: str = "") -> Step:
    """A connection that is reset: before any answer, or in the middle of one."""

    def step(handler: Handler) -> None:
        if body:
            _start(handler, 200, {"Content-Length": "100000"})
            handler.wfile.write(body.encode())
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
        handler.close_connection = True

    return step


def silence(handler: Handler) -> None:
    """Accepts, and never answers."""
    handler.server.script.ended.wait()
    handler.close_connection = True


def trickle(chunks: Sequence[str], between: Callable[[], None]) -> Step:
    """A body that comes a little at a time."""

    def step(handler: Handler) -> None:
        _start(handler, 200, {"Content-Length": "100000"})
        for chunk in chunks:
            between()
            handler.wfile.write(chunk.encode())
            handler.wfile.flush()
        silence(handler)

    return step


def stream(*events: Json | str, end: str = "close") -> Step:
    """The events of a watch, then the ``close`` or ``break`` of its connection, or ``hold``."""

    def step(handler: Handler) -> None:
        _start(handler, 200, {"Transfer-Encoding": "chunked"})
        for event in events:
            _chunk(handler, event if isinstance(event, str) else json.dumps(event) + "\n")
        if end == "hold":
            silence(handler)
        elif end == "close":
            _chunk(handler, "")
        handler.close_connection = True

    return step


def event(kind: str, manifest: Json) -> Json:
    return {"type": kind, "object": manifest}


def _name(asked: Asked) -> str:
    if asked.method == "CONNECT":
        return asked.method
    return f"{'WATCH' if asked.query.get('watch') else asked.method} {asked.path}"


def _start(handler: Handler, code: int, headers: dict[str, str]) -> None:
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()


def _chunk(handler: Handler, text: str) -> None:
    content = text.encode()
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
    handler.wfile.flush()


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
