# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands before PostgreSQL in many places: PgBouncer in transaction mode, where it is installed, and a stand-in.

The stand-in refuses what PgBouncer and RDS Proxy refuse of a client's first packet; it pools nothing.
"""

from __future__ import annotations

import os
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.e2e.postgresql_servers import PASSWORD, PATIENCE, SUPERUSER, PostgreSQLServer
from tests.testbed import ports
from tests.testbed.postgresql import as_unprivileged
from tests.testbed.readiness import NotReady, wait_until

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
ASKS_FOR_TLS = 80877103
# PgBouncer takes these of its own accord, and no other.
STARTUP_PARAMETERS = {
    "user",
    "database",
    "application_name",
    "client_encoding",
    "datestyle",
    "timezone",
    "standard_conforming_strings",
}


@contextmanager
def pgbouncer(server: PostgreSQLServer, folder: Path) -> Iterator[int]:
    """The port of a PgBouncer before a server; it has one connection per login, which it lends per transaction."""
    port = ports.assign(["pgbouncer"], {}, ())["pgbouncer"]
    (folder / "users").write_text(f'"{SUPERUSER}" "{PASSWORD}"\n')
    (folder / "ini").write_text(
        f"""
[databases]
* = host=127.0.0.1 port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder / "users"}
auth_user = {SUPERUSER}
pool_mode = transaction
default_pool_size = 1
server_login_retry = 1
; How long a client whose login was revoked waits for another session; two minutes by default.
query_wait_timeout = 5
"""
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(as_unprivileged([str(PGBOUNCER), str(folder / "ini")]), stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(port), PATIENCE)
        yield port
    finally:
        process.kill()
        process.wait(PATIENCE)


@contextmanager
def choosy_front(server: PostgreSQLServer) -> Iterator[int]:
    """The port of the stand-in."""
    with _Front(("127.0.0.1", 0), _Handler) as front:
        front.upstream = server.port
        threading.Thread(target=front.serve_forever, args=[0.01], daemon=True).start()
        yield front.server_address[1]
        front.shutdown()


class _Front(socketserver.ThreadingTCPServer):
    daemon_threads = True
    upstream = 0


class _Handler(socketserver.BaseRequestHandler):
    server: _Front
    request: socket.socket

    def handle(self) -> None:
        packet = self._packet()
        if int.from_bytes(packet[:4], "big") == ASKS_FOR_TLS:
            self.request.sendall(b"N")
            packet = self._packet()
        unsupported = {*packet[4:].decode().rstrip("\0").split("\0")[::2]} - STARTUP_PARAMETERS
        if unsupported:
            words = f"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: {unsupported.pop()}\0\0".encode()
            self.request.sendall(b"E" + (len(words) + 4).to_bytes(4, "big") + words)
            return
        with socket.create_connection(("127.0.0.1", self.server.upstream)) as upstream:
            upstream.sendall((len(packet) + 4).to_bytes(4, "big") + packet)
            back = threading.Thread(target=_copy, args=[upstream, self.request], daemon=True)
            back.start()
            _copy(self.request, upstream)
            back.join()

    def _packet(self) -> bytes:
        length = int.from_bytes(self.request.recv(4, socket.MSG_WAITALL), "big")
        return self.request.recv(length - 4, socket.MSG_WAITALL)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _answers(port: int) -> None:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError as error:
        raise NotReady(str(error)) from error
