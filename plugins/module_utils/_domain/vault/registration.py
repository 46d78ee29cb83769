# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL database in Vault's database secrets engine: one connection, and the roles to read credentials from.

Desired values come from options. What Vault answers is normalised to the same form, so that the two can be compared:
Vault takes ``1h`` and says 3600, takes a text for a list, and adds fields that are not ours.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import InvalidOption
from ..postgresql import statements
from ..postgresql.endpoint import DEFAULT_PORT, SAFEST_SSLMODE, Endpoint, read_host, read_port, read_sslmode
from ..units import seconds
from .values import as_list, is_path, normalised

PLUGIN = "postgresql-database-plugin"
READWRITE = "readwrite"
READONLY = "readonly"

# As Vault's own pattern for names in a path, whose last segment ends at a slash.
_NAME = re.compile(r"\w(?:[\w.-]*\w)?", re.ASCII)

# What an application needs to know, as texts under the keys of a connection Secret where that has them.
FACTS = ("endpoint", "port", "database", "sslmode", "mount_point", "connection", "roles")

# Vault's own defaults; it tells a connection's details only as far as they were written.
MAX_OPEN_CONNECTIONS = 4
UNSET_DETAILS = {
    "username_template": "",
    "max_open_connections": MAX_OPEN_CONNECTIONS,
    "max_idle_connections": 0,
    "max_connection_lifetime": 0,
}

# Keys of a connection Secret, by the option they stand in for.
SECRET_KEYS = {
    "host": "endpoint",
    "port": "port",
    "database": "database",
    "sslmode": "sslmode",
    "username": "username",
    "password": "password",
}


@dataclass(frozen=True)
class Role:
    """A role of Vault's, from which logins of one kind are read. Durations are in seconds, 0 is the mount's default.

    ``statements`` has those that take the place of the usual ones, by their name in Vault.
    """

    name: str
    owner: str
    access: str
    reader: str
    default_ttl: int
    max_ttl: int
    statements: Mapping[str, list[str]] = field(default_factory=dict)

    def fields(self, connection: str) -> dict[str, Any]:
        """All that Vault keeps of a role, as we want it."""
        create = (
            statements.create_readonly(self.owner, self.reader)
            if self.access == READONLY
            else statements.create_readwrite(self.owner)
        )
        return {
            "db_name": connection,
            "credential_type": "password",
            "creation_statements": create,
            "revocation_statements": statements.revoke(self.owner),
            "renew_statements": [],
            "rollback_statements": [],
            **self.statements,
            "default_ttl": self.default_ttl,
            "max_ttl": self.max_ttl,
        }


@dataclass(frozen=True)
class Registration:
    """A connection with its roles."""

    place: Place
    endpoint: Endpoint
    username: str
    password: str = field(repr=False)
    roles: Sequence[Role]
    verify_connection: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def login(self) -> str:
        """Vault's login, as it is remembered in the record."""
        return f"{self.place.connection_path} as {self.username}"

    def connection_fields(self) -> dict[str, Any]:
        """What we want Vault to keep of the connection, apart from the secrets, which it never tells."""
        material = {"tls_ca": self.endpoint.tls_ca, "tls_certificate": self.endpoint.tls_certificate}
        return {
            "plugin_name": PLUGIN,
            "connection_url": self.endpoint.url,
            "username": self.username,
            "allowed_roles": sorted(role.name for role in self.roles),
            "verify_connection": self.verify_connection,
            **self.settings,
            **{name: text for name, text in material.items() if text},
        }

    def paths(self) -> list[str]:
        """Where the connection and the roles are."""
        return [self.place.connection_path, *(self.place.role_path(role.name) for role in self.roles)]

    def key_fields(self) -> dict[str, str]:
        """The key of Vault's certificate; unlike the password, nobody but us ever changes it."""
        return {"private_key": self.endpoint.tls_private_key} if self.endpoint.tls_private_key else {}

    def facts(self) -> dict[str, str]:
        """What an application needs to know to read a credential and use it."""
        return {
            "endpoint": self.endpoint.host,
            "port": str(self.endpoint.port),
            "database": self.endpoint.database,
            "sslmode": self.endpoint.sslmode,
            "mount_point": self.place.mount_point,
            "connection": self.place.connection,
            "roles": ",".join(role.name for role in self.roles),
        }

    def fingerprint(self) -> str:
        """A text that is another one as soon as anything about the registration is, secrets apart."""
        roles = {role.name: role.fields(self.place.connection) for role in self.roles}
        everything = [self.place.mount_point, self.connection_fields(), roles]
        return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Place:
    """Where a connection and its roles are in Vault."""

    mount_point: str
    connection: str

    @property
    def connection_path(self) -> str:
        return f"{self.mount_point}/config/{self.connection}"

    @property
    def rotation_path(self) -> str:
        return f"{self.mount_point}/rotate-root/{self.connection}"

    @property
    def role_folders(self) -> tuple[str, str]:
        """Where roles are, and where those are whose login Vault has not made; no name is in both."""
        return f"{self.mount_point}/roles", f"{self.mount_point}/static-roles"

    def role_path(self, role: str) -> str:
        return f"{self.mount_point}/roles/{role}"

    def credentials_path(self, role: str) -> str:
        return f"{self.mount_point}/creds/{role}"

    def leases_path(self, role: str) -> str:
        return f"sys/leases/lookup/{self.credentials_path(role)}"


def place_from(options: Mapping[str, Any]) -> Place:
    """Raises InvalidOption."""
    mount_point = options["mount_point"].strip("/")
    if not is_path(mount_point):
        raise InvalidOption(
            f"mount_point is {options['mount_point']!r}, which is no path of a secrets engine",
            next_step="write it as vault secrets list shows it, for example database",
        )
    return Place(mount_point, _checked_name(options["name"], "name"))


def role_names(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names in option ``roles``. Raises InvalidOption."""
    names = [_checked_name(entry["name"], f"roles[{position}].name") for position, entry in enumerate(entries)]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise InvalidOption(f"roles[{position}].name is {name!r} again", next_step="name every role once")
    return names


def registration_from(options: Mapping[str, Any], secret: Mapping[str, str]) -> Registration:
    """The wanted registration; ``secret`` has the decoded values of a connection Secret, for what no option gives.

    Raises InvalidOption.
    """
    given = {option: _on_one_line(option, options, secret) for option in SECRET_KEYS}
    for option in ("host", "database", "username", "password"):
        if not given[option]:
            raise InvalidOption(
                f"{option} is missing",
                next_step=f"give it, or a connection_secret with key {SECRET_KEYS[option]}",
            )
    if ":" in given["username"]:
        raise InvalidOption("username has a ':'", next_step="give Vault another role; in its URLs a name ends there")
    role_names(options["roles"])
    return Registration(
        place=place_from(options),
        endpoint=_endpoint(given, options),
        username=str(given["username"]),
        password=str(given["password"]),
        roles=[_role(entry, f"roles[{position}]") for position, entry in enumerate(options["roles"])],
        verify_connection=options["verify_connection"],
        settings=_settings(options),
    )


def _on_one_line(option: str, options: Mapping[str, Any], secret: Mapping[str, str]) -> Any:
    """What is given for an option, by itself or in the Secret, which was made with echo more often than one thinks."""
    key = SECRET_KEYS[option]
    value = options[option] or secret.get(key, "")
    if not {"\n", "\r"} & set(str(value)):
        return value
    if options[option]:
        raise InvalidOption(f"{option} has a line break", next_step="give it without")
    name = "{namespace}/{name}".format_map(options["connection_secret"])
    raise InvalidOption(
        f"connection_secret is Secret {name}, whose key {key} has a line break, as echo leaves one",
        next_step="make it with printf, echo -n or kubectl create secret --from-literal",
    )


def _settings(options: Mapping[str, Any]) -> dict[str, Any]:
    for option, least in (("max_open_connections", -1), ("max_idle_connections", -1)):
        if options[option] < least:
            raise InvalidOption(f"{option} is {options[option]}", next_step="give a count; -1 is no limit, or none")
    rotation = statements.checked_statements(
        options["root_rotation_statements"], "root_rotation_statements", [statements.NAMES, statements.PASSWORDS]
    )
    return {
        "username_template": options["username_template"],
        "password_policy": options["password_policy"],
        "max_open_connections": options["max_open_connections"] or MAX_OPEN_CONNECTIONS,
        "max_idle_connections": options["max_idle_connections"],
        "max_connection_lifetime": seconds(options["max_connection_lifetime"], "max_connection_lifetime"),
        "root_rotation_statements": rotation,
    }


def _endpoint(given: Mapping[str, Any], options: Mapping[str, Any]) -> Endpoint:
    certificate, key = options["tls_certificate"] or "", options["tls_private_key"] or ""
    if bool(certificate) != bool(key):
        raise InvalidOption("only one of tls_certificate and tls_private_key is given", next_step="give both or none")
    return Endpoint(
        host=read_host(str(given["host"])),
        port=read_port(str(given["port"] or DEFAULT_PORT)),
        database=str(given["database"]),
        sslmode=read_sslmode(str(given["sslmode"] or SAFEST_SSLMODE)),
        tls_ca=options["tls_ca"] or "",
        tls_certificate=certificate,
        tls_private_key=key,
    )


def _role(entry: Mapping[str, Any], where: str) -> Role:
    access = entry["access"]
    default_ttl = seconds(entry["default_ttl"], f"{where}.default_ttl")
    max_ttl = seconds(entry["max_ttl"], f"{where}.max_ttl")
    if 0 < max_ttl < default_ttl:
        raise InvalidOption(
            f"{where}.default_ttl is longer than its max_ttl", next_step="no credential could live that long"
        )
    return Role(
        name=entry["name"],
        owner=statements.checked_name(entry.get("owner") or "", f"{where}.owner"),
        access=access,
        reader=statements.checked_name(entry.get("reader") or "", f"{where}.reader") if access == READONLY else "",
        default_ttl=default_ttl,
        max_ttl=max_ttl,
        statements=_own_statements(entry, where),
    )


def _own_statements(entry: Mapping[str, Any], where: str) -> dict[str, list[str]]:
    """The statements that an entry gives, each with the placeholders without which it could not mean a login."""
    needed: dict[str, list[Sequence[str]]] = {
        "creation_statements": [statements.NAMES, statements.PASSWORDS],
        "revocation_statements": [statements.NAMES],
        "renew_statements": [statements.NAMES],
        "rollback_statements": [statements.NAMES],
    }
    return {
        kind: statements.checked_statements(entry[kind], f"{where}.{kind}", placeholders)
        for kind, placeholders in needed.items()
        if entry.get(kind)
    }


def _checked_name(name: str, option: str) -> str:
    if not _NAME.fullmatch(name) or not is_path(name):
        raise InvalidOption(
            f"{option} is {name!r}, which can not be a name in Vault",
            next_step="use letters, digits, '_', '-' and single '.', a letter, digit or '_' at both ends",
        )
    return name


def observed_connection(live: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """The live values of the fields in ``desired``, as Vault answers ``MOUNT/config/NAME``."""
    flat = {**live, **UNSET_DETAILS, **(live.get("connection_details") or {})}
    flat["allowed_roles"] = sorted(as_list(live.get("allowed_roles")))
    # Vault answers it by another name than it takes it.
    flat["root_rotation_statements"] = live.get("root_credentials_rotate_statements")
    return {name: normalised(flat.get(name), like=value) for name, value in desired.items()}


def observed_role(live: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """The live values of the fields in ``desired``, as Vault answers ``MOUNT/roles/NAME``."""
    return {name: normalised(live.get(name), like=value) for name, value in desired.items()}


def admits(live: Mapping[str, Any], name: str) -> bool:
    """Whether a live connection lets a role use it; in the names that it allows a ``*`` stands for anything."""
    patterns = (".*".join(map(re.escape, allowed.split("*"))) for allowed in as_list(live.get("allowed_roles")))
    return any(re.fullmatch(pattern, name) for pattern in patterns)


def allowed_roles(live: Mapping[str, Any]) -> list[str]:
    """The roles that a live connection names; a pattern among them names none."""
    return [name for name in as_list(live.get("allowed_roles")) if _NAME.fullmatch(name)]
