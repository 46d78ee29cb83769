# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripted ends of the Vault ports: a database secrets engine, a key-value one, and the PostgreSQL server behind.

The process can be killed before any write: ``dies_before`` says which.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import (
    Failed,
    Forbidden,
    InfraError,
    NotMounted,
    Rejected,
    Unauthorized,
    Unreachable,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.postgresql.endpoint import Endpoint
from ansible_collections.pnow.infra.plugins.module_utils._domain.vault.ports import Credential, Data, Engine, StuckLease

REFUSED_LOGIN = Rejected("error verifying connection: FATAL: password authentication failed (SQLSTATE 28P01)")
WRONG_HOST = Rejected("error verifying connection: ping failed: dial tcp: connect: connection refused")
DETAILS = (
    "connection_url",
    "username",
    "tls_ca",
    "tls_certificate",
    "username_template",
    "max_open_connections",
    "max_idle_connections",
    "max_connection_lifetime",
)
READS = ("read", "list", "engine")


class Killed(BaseException):
    """The process is gone: nothing after this was done, no clean-up either."""


class ScriptedVault:
    """What was written, as Vault would tell it: durations in seconds, no password, fields that nobody asked for."""

    def __init__(self) -> None:
        self.stored: dict[str, Data] = {}
        self.requests: list[str] = []
        self.passwords: list[str] = []
        self.refuses: dict[str, InfraError] = {}
        self.engines = {"database": Engine("database", "database", 2764800), "secret": Engine("kv", "secret", 0, 2)}
        self.untold: set[str] = set()
        self.sent: dict[str, list[Data]] = {}
        self.server = ScriptedPostgreSQL()
        # What Vault keeps and PostgreSQL takes; None until either has one.
        self.password: str | None = None
        self.dies_before: int | None = None
        self.stuck: list[StuckLease] = []

    @property
    def writes(self) -> list[str]:
        return [request for request in self.requests if request.split()[0] not in READS]

    def read(self, path: str) -> Data | None:
        self._note("read", path)
        self._expect_engine(path)
        return copy.deepcopy(self.stored.get(path))

    def list_keys(self, path: str) -> list[str]:
        self._note("list", path)
        self._expect_engine(path)
        below = [name.removeprefix(f"{path}/") for name in self.stored if name.startswith(f"{path}/")]
        return list(dict.fromkeys(re.sub("/.*", "/", name) for name in below))

    def write(self, path: str, data: Mapping[str, Any]) -> None:
        self._note("write", path)
        self.sent.setdefault(path, []).append(dict(data))
        match path.split("/"):
            case ["sys", "mounts", name]:
                self.engines[name] = Engine(data["type"], name)
            case ["database", "config", _]:
                self._write_connection(path, data)
            case ["database", "rotate-root", name]:
                self._rotate(f"database/config/{name}")
            case ["secret", "data", *_]:
                self._write_version(path, data)
            case ["secret", "metadata", *_]:
                values = self.stored.get(path.replace("metadata", "data", 1))
                self.stored[path] = {"current_version": 0, **self.stored.get(path, {}), **data}
                if values:
                    values["metadata"]["custom_metadata"] = data["custom_metadata"]
            case ["database", "roles", _]:
                self.stored[path] = {"rollback_statements": [], **data}
            case _:
                told = {name: value for name, value in data.items() if name not in self.untold}
                self.stored[path] = {**self.stored.get(path, {}), **told}

    def delete(self, path: str) -> None:
        self._note("delete", path)
        self.stored.pop(path, None)
        if path.startswith("secret/metadata/"):
            self.stored.pop(path.replace("metadata", "data", 1), None)

    def engine(self, path: str) -> Engine:
        self._note("engine", path)
        self._expect_engine(path)
        mount_point = path.partition("/")[0]
        return self.engines.get(mount_point) or Engine("other", mount_point)

    def revoke_leases(self, prefix: str) -> None:
        self._note("revoke", prefix)

    def irrevocable_leases(self, prefix: str) -> list[StuckLease]:
        self._note("read", "sys/leases")
        return [lease for lease in self.stuck if lease.lease_id.startswith(f"{prefix}/")]

    def _expect_engine(self, path: str) -> None:
        if path.partition("/")[0] not in (*self.engines, "sys", "auth"):
            raise NotMounted(f"no engine mounted at {path}/")

    @contextmanager
    def issuer(self, ttl: int) -> Iterator[ScriptedIssuer]:
        self._note("child", f"{ttl}s")
        yield ScriptedIssuer(self)
        self._note("end", "child")

    def _write_connection(self, path: str, data: Mapping[str, Any]) -> None:
        password = data.get("password", self.password)
        if data["verify_connection"] and password != self.server.root_password:
            raise REFUSED_LOGIN
        if "password" in data:
            self.passwords.append(data["password"])
        self.password = password
        details = {key: data[key] for key in DETAILS if key in data}
        kept = {key: data[key] for key in ("plugin_name", "allowed_roles", "verify_connection", "password_policy")}
        kept["root_credentials_rotate_statements"] = data["root_rotation_statements"]
        self.stored[path] = {**kept, "connection_details": details, "rotation_period": 0}

    def _rotate(self, path: str) -> None:
        assert path in self.stored, "rotation of a connection that Vault does not have"
        if self.password != self.server.root_password:
            raise Failed("error verifying connection: FATAL: password authentication failed (SQLSTATE 28P01)")
        self.password = self.server.root_password = f"chosen-by-vault-{len(self.requests)}"

    def _write_version(self, path: str, data: Mapping[str, Any]) -> None:
        live = self.stored.get(path) or {"metadata": {"version": 0, "custom_metadata": None}}
        version = live["metadata"]["version"]
        assert data["options"] == {"cas": version}
        metadata = {**live["metadata"], "version": version + 1}
        noted = self.stored.get(path.replace("data", "metadata", 1))
        if noted:
            metadata["custom_metadata"] = noted["custom_metadata"]
        self.stored[path] = {"data": data["data"], "metadata": metadata}

    def _note(self, verb: str, path: str) -> None:
        if verb not in READS and len(self.writes) == self.dies_before:
            raise Killed(f"{verb} {path}")
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
        self.root_password = "first-password"

    @contextmanager
    def login(self, endpoint: Endpoint, username: str, password: str) -> Iterator[ScriptedSession]:
        if self.refuses is not None:
            raise self.refuses
        if username == "dev-vault" and password == self.root_password:
            yield ScriptedSession(self, username)
            return
        if username not in self.logins or password != "issued-password":
            raise Unauthorized(f"{endpoint} refuses the login")
        yield ScriptedSession(self, username)


class ScriptedSession:
    def __init__(self, server: ScriptedPostgreSQL, username: str) -> None:
        self._server = server
        self._username = username

    def query(
        self, statement: str, parameters: Sequence[object] = (), *, rolled_back: bool = False
    ) -> list[tuple[Any, ...]]:
        if self._username not in self._server.logins:
            raise Unreachable("the session ended")
        kept = "" if not rolled_back else "rolled back: "
        self._server.statements.append(f"{self._username}: {kept}{statement}")
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
            case ["SELECT", "format('%I.%I',"] if "regclass" in words[-1]:
                return [(table, "dev-user") for table in tables]
            case ["SELECT", "rolname"]:
                return [(parameters[0],)] if parameters[0] in self._server.undropped else []
        return []
