# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins that come to nothing, against a scripted server on loopback: refused is told from unreachable."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ansible_collections.pnow.infra.plugins.module_utils._clients.postgresql import sessions
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Unauthorized, Unreachable
from ansible_collections.pnow.infra.plugins.module_utils._domain.postgresql.endpoint import Endpoint


@contextmanager
def refusing(message: str) -> Iterator[int]:
    """A server that reads the startup packet and answers with a fatal error; gives its port."""
    fields = b"".join([b"SFATAL\0", b"VFATAL\0", b"C28P01\0", b"M" + message.encode() + b"\0", b"\0"])

    def serve(listener: socket.socket) -> None:
        connection, _address = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=[listener], daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def log_in(endpoint: Endpoint) -> None:
    with sessions.PostgreSQLServers().login(endpoint, "v-dev", "issued-password"):
        pass


def test_a_refused_login() -> None:
    with refusing('password authentication failed for user "v-dev"') as port:
        endpoint = Endpoint("127.0.0.1", port, "dev-db", "disable")
        with pytest.raises(Unauthorized, match=r"database dev-db at 127.*refuses the login: .*authentication failed"):
            log_in(endpoint)


def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match=r"database dev-db at 127.0.0.1:\d+ can not be reached from here: .*refused"):
        log_in(Endpoint("127.0.0.1", port, "dev-db", "disable"))


def test_files_of_certificates_are_private_and_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    endpoint = Endpoint("db", 5432, "dev-db", "verify-full", tls_ca="CA", tls_certificate="CERT", tls_private_key="KEY")
    seen: dict[str, str] = {}

    def connect(**given: Any) -> None:
        for option in ("sslrootcert", "sslcert", "sslkey"):
            file = Path(given[option])
            seen[option] = f"{file.read_text()} {file.stat().st_mode & 0o777:o}"
        raise psycopg.OperationalError("no route to host")

    monkeypatch.setattr(psycopg, "connect", connect)
    with pytest.raises(Unreachable, match="no route to host"):
        log_in(endpoint)
    assert seen == {"sslrootcert": "CA 600", "sslcert": "CERT 600", "sslkey": "KEY 600"}
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_a_given_ca_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with refusing("no") as port, pytest.raises((Unauthorized, Unreachable)):
        log_in(Endpoint("127.0.0.1", port, "dev-db", "verify-full", tls_ca="no certificate"))
    assert list(tmp_path.iterdir()) == []


def startup_of(endpoint: Endpoint) -> dict[str, str]:
    """What a login tells the server before anything else."""
    seen: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        connection, _address = listener.accept()
        with connection:
            seen.append(connection.recv(4096))

    with socket.create_server(
        (endpoint.host, 0), family=socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    ) as listener:
        thread = threading.Thread(target=serve, args=[listener], daemon=True)
        thread.start()
        with pytest.raises(Unreachable):
            log_in(replace(endpoint, port=listener.getsockname()[1]))
        thread.join(5)
    words = [word.decode() for word in seen[0][8:].split(b"\0") if word]
    return dict(zip(words[::2], words[1::2], strict=True))


# What libpq would do of its own accord with each of them, were it not for the options.
VARIABLES = {
    "PGHOSTADDR": "192.0.2.1",
    "PGHOST": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "somebody",
    "PGDATABASE": "elsewhere",
    "PGSERVICE": "nosuch",
    "PGSERVICEFILE": "/nonexistent",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGAPPNAME": "other",
    "PGTARGETSESSIONATTRS": "read-write",
    "PGPASSFILE": "/nonexistent",
    "PGREQUIREAUTH": "gss",
    "PGCHANNELBINDING": "require",
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "/nonexistent",
    "PGSSLCERT": "/nonexistent",
    "PGSSLKEY": "/nonexistent",
    "PGSSLCERTMODE": "require",
    "PGSSLNEGOTIATION": "direct",
    "PGGSSENCMODE": "require",
    "PGREQUIREPEER": "nobody",
    "PGCONNECT_TIMEOUT": "nonsense",
    "PGCLIENTENCODING": "LATIN1",
    "PGDATESTYLE": "German",
    "PGTZ": "Mars",
    "PGGEQO": "off",
    "PGLOADBALANCEHOSTS": "nonsense",
    "PGMAXPROTOCOLVERSION": "nonsense",
}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_options_alone_decide(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """A pooler refuses startup ``options``, so there are none of ours either."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    told = startup_of(Endpoint(host, 0, "dev-db", "disable"))
    assert told == {"user": "v-dev", "database": "dev-db", "application_name": "pnow.infra"}
    assert {name: os.environ[name] for name in VARIABLES} == VARIABLES
