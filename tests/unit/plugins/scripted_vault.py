# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripted ends of the Vault ports: a database secrets engine and the PostgreSQL server that it makes logins on."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ansible_collections.pnow.infra.plugins.module_utils._domain.database import Endpoint
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import (
    Forbidden,
    InfraError,
    Rejected,
    Unauthorized,
    Unreachable,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.vault_ports import Credential, Data, Engine

REFUSED_LOGIN = Rejected("error verifying connection: FATAL: password authentication failed (SQLSTATE 28P01)")
WRONG_HOST = Rejected("error verifying connection: ping failed: dial tcp: connect: connection refused")


class ScriptedVault:
    """What was written, as Vault would tell it: durations in seconds, no password, fields that nobody asked for."""

    def __init__(self) -> None:
        self.stored: dict[str, Data] = {}
        self.requests: list[str] = []
        self.passwords: list[str] = []
        self.refuses: dict[str, InfraError] = {}
        self.mounted = Engine("database", 2764800)
        self.works_with: set[str | None] | None = None
        self.server = ScriptedPostgreSQL()

    @property
    def writes(self) -> list[str]:
        return [request for request in self.requests if request.split()[0] not in ("read", "engine")]

    def read(self, path: str) -> Data | None:
        self._note("read", path)
        return copy.deepcopy(self.stored.get(path))

    def write(self, path: str, data: Mapping[str, Any]) -> None:
        self._note("write", path)
        if "/config/" not in path:
            self.stored[path] = {**data, "rollback_statements": []}
            return
        if self.works_with is not None and data.get("password") not in self.works_with:
            raise REFUSED_LOGIN
        if "password" in data:
            self.passwords.append(data["password"])
        details = {key: data[key] for key in ("connection_url", "username", "tls_ca") if key in data}
        kept = {key: data[key] for key in ("plugin_name", "allowed_roles", "verify_connection")}
        self.stored[path] = {**kept, "connection_details": details, "rotation_period": 0}

    def delete(self, path: str) -> None:
        self._note("delete", path)
        self.stored.pop(path, None)

    def engine(self, mount_point: str) -> Engine:
        self._note("engine", mount_point)
        return self.mounted

    def revoke_leases(self, prefix: str) -> None:
        self._note("revoke", prefix)

    @contextmanager
    def issuer(self, ttl: int) -> Iterator[ScriptedIssuer]:
        self._note("child", f"{ttl}s")
        yield ScriptedIssuer(self)
        self._note("end", "child")

    def _note(self, verb: str, path: str) -> None:
        self.requests.append(f"{verb} {path}")
        if f"{verb} {path}" in self.refuses:
            raise self.refuses[f"{verb} {path}"]


class ScriptedIssuer:
    def __init__(self, vault: ScriptedVault) -> None:
        self._vault = vault

    def issue(self, path: str) -> Credential:
        self._vault._note("issue", path)
        username = f"v-{path.rpartition('/')[2]}"
        self._vault.server.logins.add(username)
        return Credential(f"{path}/lease", username, "issued-password")

    def revoke(self, lease_id: str) -> None:
        self._vault._note("revoke", lease_id)
        self._vault.server.logins -= self._vault.server.mortal & {f"v-{lease_id.split('/')[-2]}"}


class ScriptedPostgreSQL:
    """Knows the statements of the proof, and no other.

    ``mortal`` are the logins that a revocation really ends, ``undropped`` those whose role it leaves behind.
    """

    def __init__(self) -> None:
        self.logins: set[str] = set()
        self.mortal = {"v-dev-readwrite", "v-dev-readonly"}
        self.undropped: set[str] = set()
        self.tables: dict[str, list[str]] = {}
        self.statements: list[str] = []
        self.answers: dict[str, list[tuple[Any, ...]] | InfraError] = {}
        self.refuses: InfraError | None = None

    @contextmanager
    def login(self, endpoint: Endpoint, username: str, password: str) -> Iterator[ScriptedSession]:
        if self.refuses is not None:
            raise self.refuses
        if username not in self.logins or password != "issued-password":
            raise Unauthorized(f"{endpoint} refuses the login")
        yield ScriptedSession(self, username)


class ScriptedSession:
    def __init__(self, server: ScriptedPostgreSQL, username: str) -> None:
        self._server = server
        self._username = username

    def query(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        if self._username not in self._server.logins:
            raise Unreachable("the session ended")
        self._server.statements.append(f"{self._username}: {statement}")
        for start, answer in self._server.answers.items():
            if statement.strip().startswith(start):
                if isinstance(answer, InfraError):
                    raise answer
                return answer
        return self._answer(statement.split(), parameters)

    def _answer(self, words: list[str], parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        tables = self._server.tables
        writer = self._username.endswith("-readwrite")
        match words[:2]:
            case ["CREATE" | "INSERT", _] if not writer:
                raise Forbidden("permission denied")
            case ["CREATE", _]:
                tables[f"public.{words[2]}"] = []
            case ["INSERT", _]:
                tables[f"public.{words[2]}"] += [str(item) for item in parameters]
            case ["DROP", _]:
                tables.pop(f"public.{words[-1]}", None)
            case ["SELECT", "written"]:
                return [(value,) for value in tables[words[3]]]
            case ["SELECT", "format('%I.%I',"]:
                return [("public.pnow_infra_proof", "dev-user")]
            case ["SELECT", "rolname"]:
                return [(parameters[0],)] if parameters[0] in self._server.undropped else []
        return []
