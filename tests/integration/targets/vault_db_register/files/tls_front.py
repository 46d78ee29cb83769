# SPDX-License-Identifier: GPL-3.0-or-later
"""`tls_front.py FOLDER UPSTREAM_PORT`: PostgreSQL behind TLS, for a server that was built without it.

Answers PostgreSQL's request for TLS, asks for a client certificate of the CA in FOLDER, and passes on what is inside to
a server on loopback. The port is written to FOLDER/port. A client that does not ask for TLS is hung up on.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from contextlib import suppress
from pathlib import Path

SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")


def main() -> None:
    folder, upstream = Path(sys.argv[1]), int(sys.argv[2])
    # Not the default one, which is stricter about extensions of a certificate than PostgreSQL is.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_verify_locations(folder / "ca.crt")
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        unfinished = folder / "port.unfinished"
        unfinished.write_text(str(listener.getsockname()[1]))
        unfinished.rename(folder / "port")
        while True:
            client, _address = listener.accept()
            threading.Thread(target=serve, args=[context, client, upstream], daemon=True).start()


def serve(context: ssl.SSLContext, client: socket.socket, upstream: int) -> None:
    with suppress(OSError), client:
        if client.recv(len(SSL_REQUEST), socket.MSG_WAITALL) != SSL_REQUEST:
            return
        client.sendall(b"S")
        inside = context.wrap_socket(client, server_side=True)
        with inside, socket.create_connection(("127.0.0.1", upstream)) as server:
            threading.Thread(target=copy, args=[server, inside], daemon=True).start()
            copy(inside, server)


def copy(source: socket.socket, target: socket.socket) -> None:
    """Copies until either side ends, and then ends both."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    main()
