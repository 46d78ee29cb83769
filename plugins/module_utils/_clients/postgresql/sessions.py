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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..._domain import errors
from ..._domain.postgresql.endpoint import CONNECT_TIMEOUT, Endpoint
from ..._domain.text import inert

try:
    import psycopg

    IMPORT_ERROR: ImportError | None = None
except ImportError as error:
    IMPORT_ERROR = error

# Seconds.
STATEMENT_TIMEOUT = 15
BEGIN = f"BEGIN; SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}s'"
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
        with _files(endpoint) as files, _options_alone():
            connection = _connect(endpoint, username, password, files)
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

    def query(
        self, statement: str, parameters: Sequence[object] = (), *, rolled_back: bool = False
    ) -> list[tuple[Any, ...]]:
        """The rows of a statement, which is a transaction of its own.

        Raises Forbidden, TimedOut, Unreachable when the session has ended, else Rejected.
        """
        try:
            return self._transacted(statement, parameters, "ROLLBACK" if rolled_back else "COMMIT")
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName) as error:
            # It says that there is no schema when there is none that the role may use.
            raise errors.Forbidden(f"PostgreSQL refuses it in {self._endpoint}: {_said(error)}") from error
        except psycopg.errors.QueryCanceled as error:
            raise errors.TimedOut(f"{self._endpoint} gave up: {_said(error)}") from error
        except psycopg.OperationalError as error:
            raise errors.Unreachable(f"the session with {self._endpoint} ended: {_said(error)}") from error
        except psycopg.Error as error:
            raise errors.Rejected(f"PostgreSQL rejects it in {self._endpoint}: {_said(error)}") from error

    def _transacted(self, statement: str, parameters: Sequence[object], end: str) -> list[tuple[Any, ...]]:
        """A limit that were set for the session would, behind a pooler, stay with a stranger's."""
        execute = self._connection.execute
        execute(BEGIN)
        try:
            cursor = execute(statement.encode(), parameters or None)
            rows = cursor.fetchall() if cursor.description else []
        except psycopg.Error:
            with suppress(psycopg.Error):
                execute("ROLLBACK")
            raise
        execute(end)
        return rows


def _connect(endpoint: Endpoint, username: str, password: str, files: Mapping[str, Any]) -> psycopg.Connection:
    try:
        return psycopg.connect(
            host=endpoint.host,
            port=endpoint.port,
            dbname=endpoint.database,
            user=username,
            password=password,
            sslmode=endpoint.sslmode,
            **files,
            gssencmode="disable",
            connect_timeout=CONNECT_TIMEOUT,
            application_name="pnow.infra",
            autocommit=True,
            # Poolers refuse startup options, and prepare nothing.
            prepare_threshold=None,
        )
    except psycopg.Error as error:
        if _was_refused(error):
            raise errors.Unauthorized(f"{endpoint} refuses the login: {_said(error)}") from error
        raise errors.Unreachable(f"{endpoint} can not be reached from here: {_said(error)}") from error


@contextmanager
def _options_alone() -> Iterator[None]:
    """Without the variables of the environment from which libpq takes whatever it is not told."""
    hidden = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("PG")}
    try:
        yield
    finally:
        os.environ.update(hidden)


@contextmanager
def _files(endpoint: Endpoint) -> Iterator[dict[str, str]]:
    """TLS material, private to the user and gone afterwards, for libpq takes nothing but files.

    It is told of every file that it would otherwise look for in the user's home; those that do not exist it ignores.
    """
    texts = {
        "sslrootcert": endpoint.tls_ca,
        "sslcert": endpoint.tls_certificate,
        "sslkey": endpoint.tls_private_key,
    }
    with tempfile.TemporaryDirectory(prefix="pnow-infra-") as folder:
        named = {option: Path(folder, option) for option in (*texts, "sslcrl", "passfile")}
        for option, text in texts.items():
            if text:
                named[option].touch(mode=0o600)
                named[option].write_text(text, encoding="utf-8")
        paths = {option: str(path) for option, path in named.items()}
        if not endpoint.tls_ca and endpoint.sslmode in CHECKED_SSLMODES:
            # The library that psycopg brings along does not know where this host keeps the certificates that it
            # trusts, as Python does.
            paths["sslrootcert"] = ssl.get_default_verify_paths().cafile or "system"
        yield paths


def _was_refused(error: psycopg.Error) -> bool:
    """Whether a server answered and would not let the login in; before a session libpq tells no SQLSTATE."""
    return "FATAL:" in str(error) or bool(error.pgconn and error.pgconn.used_password)


def _said(error: psycopg.Error) -> str:
    """What the server said, without the statement it was said about."""
    return inert(error.diag.message_primary or error, 300)


def _hang_up(descriptor: int) -> None:
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as stream:
        stream.shutdown(socket.SHUT_RDWR)
