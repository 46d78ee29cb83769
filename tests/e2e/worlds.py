# SPDX-License-Identifier: GPL-3.0-or-later
"""A database that is to be registered: its owner, its readers and Vault's login on one server, and a Vault."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.conftest import NewPostgreSQL, NewVault
from tests.e2e.postgresql_servers import PostgreSQLServer
from tests.e2e.vault_servers import VaultServer

FIRST = "first-password"


@dataclass(frozen=True)
class World:
    """A database with its owner, readers and Vault's login, and a Vault that does not know of it."""

    vault: VaultServer
    postgresql: PostgreSQLServer
    database: str

    def options(self, **changed: Any) -> dict[str, Any]:
        """Those of a registration with both kinds of role, at a mount point that it makes itself."""
        owner, reader = f"{self.database}-owner", f"{self.database}-reader"
        registration = {
            "name": "app",
            "mount_point": "made/here",
            "mount": True,
            "vault_path": "secret/app",
            "host": "127.0.0.1",
            "port": self.postgresql.port,
            "database": self.database,
            "sslmode": "disable",
            "username": "vault",
            "password": FIRST,
            "roles": [
                {"name": "readwrite", "owner": owner},
                {"name": "readonly", "owner": owner, "reader": reader, "access": "readonly"},
            ],
        }
        return {"url": self.vault.url, "token": self.vault.token, "retries": 0, **registration, **changed}

    def approle(self) -> dict[str, str]:
        """Options with which a task logs in instead of with the root token."""
        everything = 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }'
        role = "auth/approle/role/operator"
        self.vault.vault("policy", "write", "operator", self.vault.file("operator.hcl", everything))
        self.vault.vault("auth", "enable", "approle")
        self.vault.vault("write", role, "token_policies=operator")
        return {
            "url": self.vault.url,
            "token": "",
            "auth_method": "approle",
            "role_id": self.vault.vault("read", "-field=role_id", f"{role}/role-id"),
            "secret_id": self.vault.vault("write", "-force", "-field=secret_id", f"{role}/secret-id"),
        }

    def logins(self) -> str:
        """The SQL roles of credentials."""
        return self.postgresql.psql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'")

    def use_credential(self, path: str) -> str:
        """Makes a table with a fresh credential, which is left valid; returns its login."""
        issued = json.loads(self.vault.vault("read", "-format=json", path))["data"]
        login = {"user": issued["username"], "password": issued["password"], "database": self.database}
        self.postgresql.psql("CREATE TABLE IF NOT EXISTS left_behind ()", **login)
        return str(issued["username"])

    def knows(self, path: str) -> bool:
        """Whether Vault has something at a path."""
        try:
            self.vault.vault("read", path)
        except subprocess.CalledProcessError:
            return False
        return True


def quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def new_world(new_vault: NewVault, new_postgresql: NewPostgreSQL, programs: Path, database: str) -> World:
    vault, postgresql = new_vault(), new_postgresql(programs)
    vault.initialise()
    vault.vault("secrets", "enable", "-path=secret", "-version=1", "kv")
    vault.vault("secrets", "enable", "-path=stored", "database")
    owner, reader = quoted(f"{database}-owner"), quoted(f"{database}-reader")
    postgresql.psql(
        f"CREATE ROLE {owner} LOGIN",
        f"CREATE ROLE {reader}",
        f"CREATE ROLE vault LOGIN CREATEROLE PASSWORD '{FIRST}'",
        f"GRANT {owner}, {reader} TO vault WITH ADMIN OPTION",
        "GRANT pg_signal_backend TO vault",
        f"CREATE DATABASE {quoted(database)} OWNER {owner}",
        f"REVOKE ALL ON DATABASE {quoted(database)} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {quoted(database)} TO {reader}",
    )
    return World(vault, postgresql, database)
