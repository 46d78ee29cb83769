# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that a test module starts for itself; they end with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.postgresql_servers import PostgreSQLServer
from tests.e2e.vault_servers import VaultServer

NewVault = Callable[..., VaultServer]
NewPostgreSQL = Callable[[Path], PostgreSQLServer]


@pytest.fixture(scope="module")
def new_vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewVault]:
    """Starts a Vault server; with an identity of the test bed's PKI it speaks TLS."""
    with ExitStack() as servers:

        def start(identity: Path | None = None) -> VaultServer:
            server = VaultServer(tmp_path_factory.mktemp("vault"), identity)
            servers.callback(server.stop)
            server.start()
            return server

        yield start


@pytest.fixture(scope="module")
def new_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewPostgreSQL]:
    """Starts a PostgreSQL server, by the folder of its programs."""
    with ExitStack() as servers:

        def start(programs: Path) -> PostgreSQLServer:
            server = PostgreSQLServer(tmp_path_factory.mktemp("postgresql"), programs)
            servers.callback(server.stop)
            server.initialise()
            server.start()
            return server

        yield start
