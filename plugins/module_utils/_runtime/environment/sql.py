# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases and roles in PostgreSQL, seen with the login that Crossplane's provider has."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from ..._domain.environment.remains import POSTGRESQL, Thing
from ..._domain.errors import Forbidden, InfraError
from ..._domain.kubernetes.manifest import Manifest, ObjectRef
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.postgresql.endpoint import Endpoint, read_host, read_port
from ..._domain.postgresql.ports import PostgreSQL
from ..._domain.redact import Redactor

# provider-sql's groups, cluster-scoped and namespaced.
_GROUPS = ("postgresql.sql.crossplane.io", "postgresql.sql.m.crossplane.io")
_CATALOGUE = {"Database": ("pg_database", "datname"), "Role": ("pg_roles", "rolname")}

# Who has something in a database, and who is a member of one of its roles.
_OWNERS = """
SELECT DISTINCT rolname FROM pg_shdepend JOIN pg_roles ON pg_roles.oid = refobjid
WHERE deptype = 'o' AND refclassid = 'pg_authid'::regclass
AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_MEMBERS = """
SELECT DISTINCT member.rolname FROM pg_auth_members
JOIN pg_roles AS member ON member.oid = pg_auth_members.member
JOIN pg_roles AS granted ON granted.oid = pg_auth_members.roleid
WHERE granted.rolname = ANY(%s)
"""
# How Vault calls the roles that it makes for a credential.
_ISSUED = "v-"


class Logins:
    """The servers that provider-sql's configurations name."""

    def __init__(self, api: Kubernetes, postgresql: PostgreSQL, redactor: Redactor) -> None:
        self._api = api
        self._postgresql = postgresql
        self._redactor = redactor
        self._known: dict[tuple[str, ...], tuple[Endpoint, str, str]] = {}

    def has(self, item: Thing) -> bool:
        """Whether the server has a database or a role of that name."""
        table, column = _CATALOGUE[item.kind]
        statement = f"SELECT 1 FROM {table} WHERE {column} = %s"  # noqa: S608 - both are words of this file
        return bool(self.query(item.place, "postgres", statement, [item.name]))

    def query(self, place: Mapping[str, str], database: str, statement: str, parameters: list[Any]) -> list[Any]:
        """Rows of a statement in a database of the server. Raises Forbidden, Unauthorized, Unreachable."""
        endpoint, username, password = self._login(place)
        there = Endpoint(endpoint.host, endpoint.port, database, endpoint.sslmode)
        with self._postgresql.login(there, username, password) as session:
            return session.query(statement, parameters)

    def username(self, place: Mapping[str, str]) -> str:
        return self._login(place)[1]

    def _login(self, place: Mapping[str, str]) -> tuple[Endpoint, str, str]:
        key = (place["api_version"], place["config_kind"], place["config"])
        if key not in self._known:
            self._known[key] = self._read(ObjectRef(place["api_version"], place["config_kind"], place["config"]))
        return self._known[key]

    def _read(self, ref: ObjectRef) -> tuple[Endpoint, str, str]:
        config = self._api.get(ref) or {}
        spec = config.get("spec") or {}
        named = (spec.get("credentials") or {}).get("connectionSecretRef") or {}
        secret = self._api.get(ObjectRef("v1", "Secret", named.get("name", ""), named.get("namespace", "")))
        data = {key: base64.b64decode(value).decode() for key, value in ((secret or {}).get("data") or {}).items()}
        if not {"endpoint", "port", "username", "password"} <= data.keys():
            raise Forbidden(f"{ref} names no Secret with a login to PostgreSQL")
        self._redactor.remember(data["password"])
        endpoint = Endpoint(
            read_host(data["endpoint"]), read_port(data["port"]), "postgres", spec.get("sslMode") or "verify-full"
        )
        return endpoint, data["username"], data["password"]


def roles_of(tree: Mapping[ObjectRef, Manifest], logins: Logins, why: str) -> Iterator[Thing]:
    """Databases and roles of a claim, credentials that Vault has issued, and who else has something there."""
    managed = {ref: _named(manifest) for ref, manifest in tree.items() if _is_sql(ref)}
    places = {ref: _place(tree[ref], ref) for ref in managed}
    for ref, name in managed.items():
        yield Thing(POSTGRESQL, ref.kind, name, places[ref], why)
    own = [name for ref, name in managed.items() if ref.kind == "Role"]
    for ref, name in managed.items():
        if ref.kind == "Database":
            yield from _others(logins, places[ref], name, own, why)


def _others(logins: Logins, place: Mapping[str, str], database: str, own: list[str], why: str) -> Iterator[Thing]:
    try:
        owners = {row[0] for row in logins.query(place, database, _OWNERS, [])}
        members = {row[0] for row in logins.query(place, database, _MEMBERS, [own])}
        strangers = (owners | members) - {*own, logins.username(place)}
    except InfraError:
        return  # the proof itself will say that nobody could look
    for role in sorted(strangers):
        remark = f"somebody else made it; what it had in {database} is gone with the database"
        yield Thing(POSTGRESQL, "Role", role, place, why if role.startswith(_ISSUED) else remark)


def _is_sql(ref: ObjectRef) -> bool:
    return ref.kind in _CATALOGUE and ref.api_version.rpartition("/")[0] in _GROUPS


def _named(manifest: Manifest) -> str:
    annotations = manifest["metadata"].get("annotations") or {}
    return str(annotations.get("crossplane.io/external-name") or manifest["metadata"]["name"])


def _place(manifest: Manifest, ref: ObjectRef) -> dict[str, str]:
    reference = manifest["spec"].get("providerConfigRef") or {}
    kind = str(reference.get("kind") or "ProviderConfig")
    return {"api_version": ref.api_version, "config_kind": kind, "config": str(reference.get("name") or "default")}
