# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL, as ``ports.PostgreSQL``."""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from ..._domain import errors
from ..._domain.postgresql.endpoint import CONNECT_TIMEOUT, Endpoint
from ..._domain.text import inert

try:
    import psycopg

    IMPORT_ERROR: ImportError | None = None
except ImportError as error:
    IMPORT_ERROR = error

STATEMENT_TIMEOUT = 15
# Over a whole session, whatever the server does: a statement timeout needs a server that is alive.
SESSION_LIMIT = 120.0
CHECKED_SSLMODES = ("verify-ca", "verify-full")


class PostgreSQLServers:
    """Implements ``ports.PostgreSQL``."""

    @contextmanager
    def login(self, endpoint: Endpoint, username: str, password: str) -> Iterator[PostgreSQLSession]:
        """Raises MissingLibrary, Unauthorized when the server refuses the login, Unreachable when it is not there."""
        if IMPORT_ERROR is not None:
            raise errors.MissingLibrary(
                f"the Python library {IMPORT_ERROR.name} is not installed where this task runs",
                next_step="install the collection's requirements.txt there, or set verify to never",
            )
        with ExitStack() as files:
            connection = _connect(endpoint, username, password, _tls_files(endpoint, files))
        timer = threading.Timer(SESSION_LIMIT, _hang_up, [connection.fileno()])
        timer.daemon = True
        timer.start()
        try:
            yield PostgreSQLSession(connection, endpoint)
        finally:
            timer.cancel()
            connection.close()


class PostgreSQLSession:
    """Implements ``ports.Session``."""

    def __init__(self, connection: psycopg.Connection, endpoint: Endpoint) -> None:
        self._connection = connection
        self._endpoint = endpoint

    def query(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of a statement. Raises Forbidden, TimedOut, Unreachable when it has ended, else Rejected."""
        try:
            cursor = self._connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []
        except psycopg.errors.InsufficientPrivilege as error:
            raise errors.Forbidden(f"PostgreSQL refuses it in {self._endpoint}: {_said(error)}") from error
        except psycopg.errors.QueryCanceled as error:
            raise errors.TimedOut(f"{self._endpoint} gave up: {_said(error)}") from error
        except psycopg.OperationalError as error:
            raise errors.Unreachable(f"the session with {self._endpoint} ended: {_said(error)}") from error
        except psycopg.Error as error:
            raise errors.Rejected(f"PostgreSQL rejects it in {self._endpoint}: {_said(error)}") from error


def _connect(endpoint: Endpoint, username: str, password: str, tls: Mapping[str, Any]) -> psycopg.Connection:
    try:
        return psycopg.connect(
            host=endpoint.host,
            port=endpoint.port,
            dbname=endpoint.database,
            user=username,
            password=password,
            sslmode=endpoint.sslmode,
            **tls,
            connect_timeout=CONNECT_TIMEOUT,
            application_name="pnow.infra",
            options=f"-c statement_timeout={STATEMENT_TIMEOUT}s",
            autocommit=True,
        )
    except psycopg.Error as error:
        if _was_refused(error):
            raise errors.Unauthorized(f"{endpoint} refuses the login: {_said(error)}") from error
        raise errors.Unreachable(f"{endpoint} can not be reached from here: {_said(error)}") from error


def _tls_files(endpoint: Endpoint, files: ExitStack) -> dict[str, Any]:
    """TLS material for as long as ``files`` is open, private to the user; libpq takes nothing but files."""
    texts = {
        "sslrootcert": endpoint.tls_ca,
        "sslcert": endpoint.tls_certificate,
        "sslkey": endpoint.tls_private_key,
    }
    named: dict[str, Any] = {option: files.enter_context(_file(text)) for option, text in texts.items() if text}
    if not endpoint.tls_ca and endpoint.sslmode in CHECKED_SSLMODES and "PGSSLROOTCERT" not in os.environ:
        # libpq would look in the home of the user only; and the library that psycopg brings along does not know where
        # this host keeps the certificates that it trusts, as Python does.
        named["sslrootcert"] = ssl.get_default_verify_paths().cafile or "system"
    return named


@contextmanager
def _file(text: str) -> Iterator[str]:
    with tempfile.NamedTemporaryFile("w", prefix="pnow-infra-", suffix=".pem") as file:
        file.write(text)
        file.flush()
        yield file.name


def _was_refused(error: psycopg.Error) -> bool:
    """Whether a server answered and would not let the login in; before a session libpq tells no SQLSTATE."""
    return "FATAL:" in str(error) or bool(error.pgconn and error.pgconn.used_password)


def _said(error: psycopg.Error) -> str:
    """What the server said, without the statement it was said about."""
    return inert(error.diag.message_primary or error, 300)


def _hang_up(descriptor: int) -> None:
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as stream:
        stream.shutdown(socket.SHUT_RDWR)
