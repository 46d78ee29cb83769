# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of module ``vault_db_register``."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from .._domain.database import (
    Place,
    Registration,
    allowed_roles,
    observed_connection,
    observed_role,
    place_from,
    registration_from,
    role_names,
)
from .._domain.errors import InvalidOption
from .._domain.manifest import ObjectRef
from .._domain.plan import Plan
from .._domain.ports import Kubernetes
from .._domain.units import spoken
from .._domain.vault_ports import Data, PostgreSQL, Vault
from .credential_proof import prove
from .task import Outcome, Request
from .vault_writes import Remove, RevokeLeases, VaultWrite, WriteConnection, WriteRole, perform_all, reported

KubernetesContext = Callable[[], AbstractContextManager[Kubernetes]]


def reconcile_registration(
    request: Request, vault: Vault, kubernetes: KubernetesContext, postgresql: PostgreSQL
) -> Outcome:
    """Brings a connection and its roles in Vault to the wanted state, and proves the roles as ``verify`` says."""
    if request.options["state"] == "absent":
        return _absent(request, vault)
    return _present(request, vault, _wanted(request, kubernetes), postgresql)


def _wanted(request: Request, kubernetes: KubernetesContext) -> Registration:
    reference = request.options["connection_secret"]
    secret: dict[str, str] = {}
    if reference:
        with kubernetes() as api:
            secret = _secret_values(api, ObjectRef("v1", "Secret", reference["name"], reference["namespace"]))
    request.redactor.remember(secret.get("password", ""))
    return registration_from(request.options, secret)


def _secret_values(api: Kubernetes, ref: ObjectRef) -> dict[str, str]:
    secret = api.get(ref)
    if secret is None:
        raise InvalidOption(
            f"connection_secret is {ref}, which does not exist", next_step="name one that does, once it does"
        )
    try:
        return {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
    except ValueError as error:
        raise InvalidOption(
            f"connection_secret is {ref}, which has a value that is not text", next_step="name another Secret"
        ) from error


def _present(request: Request, vault: Vault, wanted: Registration, postgresql: PostgreSQL) -> Outcome:
    writes = list(_writes_present(vault, wanted))
    plan = Plan(tuple(writes))
    facts: dict[str, Any] = {
        "connection": _described(wanted),
        "roles": [role.name for role in wanted.roles],
        "verified": [],
    }
    if plan.changed:
        _check_engine(request, vault, wanted)
    if request.check_mode:
        return Outcome(plan, facts)
    perform_all(vault, writes, request.reporter)
    verify = request.options["verify"]
    if verify == "always" or (verify == "changed" and plan.changed):
        with reported(changed=plan.changed):
            facts["verified"] = prove(wanted, vault, postgresql, request.reporter)
    return Outcome(plan, facts)


def _writes_present(vault: Vault, wanted: Registration) -> Iterator[VaultWrite]:
    """The connection before its roles: credentials of a role without one could be neither issued nor revoked."""
    place = wanted.place
    desired = wanted.connection_fields()
    live = vault.read(place.connection_path)
    before = observed_connection(live, desired) if live else {}
    if before != desired:
        yield WriteConnection(
            verb=_verb(before),
            target=place.connection_path,
            before=before,
            after=desired,
            endpoint=str(wanted.endpoint),
            password=wanted.password,
        )
    for role in wanted.roles:
        desired = role.fields(place.connection)
        live = vault.read(place.role_path(role.name))
        before = observed_role(live, desired) if live else {}
        if before != desired:
            yield WriteRole(_verb(before), place.role_path(role.name), before, desired)


def _verb(before: Mapping[str, Any]) -> str:
    return "update" if before else "create"


def _check_engine(request: Request, vault: Vault, wanted: Registration) -> None:
    """Before the first write, and not when there is none: a second run costs a read per object and no more."""
    mount_point = wanted.place.mount_point
    engine = vault.engine(mount_point)
    if engine.type != "database":
        raise InvalidOption(
            f"mount_point is {mount_point!r}, where a secrets engine of type {engine.type} is mounted",
            next_step="name the mount point of a database secrets engine",
        )
    for role in wanted.roles:
        longest = max(role.default_ttl, role.max_ttl)
        if longest > engine.max_lease_ttl > 0:
            request.reporter.warn(
                f"credentials of role {role.name} will not live for {spoken(longest)}: "
                f"Vault ends everything under {mount_point}/ after {spoken(engine.max_lease_ttl)}"
            )


def _described(wanted: Registration) -> dict[str, Any]:
    return {
        "mount_point": wanted.place.mount_point,
        "name": wanted.place.connection,
        "host": wanted.endpoint.host,
        "port": wanted.endpoint.port,
        "database": wanted.endpoint.database,
        "sslmode": wanted.endpoint.sslmode,
        "username": wanted.username,
    }


def _absent(request: Request, vault: Vault) -> Outcome:
    writes = _writes_absent(vault, place_from(request.options), role_names(request.options["roles"]))
    if not request.check_mode:
        perform_all(vault, writes, request.reporter)
    return Outcome(Plan(tuple(writes)), {"connection": {}, "roles": [], "verified": []})


def _writes_absent(vault: Vault, place: Place, named: Sequence[str]) -> list[VaultWrite]:
    """Credentials first, for only the role knows how to end them, then the roles, then the connection they use."""
    connection = vault.read(place.connection_path)
    names = [*named, *(name for name in allowed_roles(connection or {}) if name not in named)]
    roles = {name: vault.read(place.role_path(name)) for name in names}
    present = [name for name in names if _belongs(name, roles[name], place, required=name in named)]
    # A role that is gone may have left credentials behind, and a connection that is still there can end them.
    revocable = [name for name in names if name in present or (connection and roles[name] is None)]
    revocations = [_revocation(place.credentials_path(name)) for name in revocable]
    removals = [_removal(place.role_path(name)) for name in present]
    return [*revocations, *removals, *([_removal(place.connection_path)] if connection else [])]


def _belongs(name: str, live: Data | None, place: Place, *, required: bool) -> bool:
    """Whether a role exists and is one of this connection's. Raises InvalidOption when it is required and another's."""
    if live is None:
        return False
    if live.get("db_name") != place.connection and required:
        raise InvalidOption(
            f"role {name} belongs to connection {live.get('db_name')} and not to {place.connection}",
            next_step="take it out of roles",
        )
    return live.get("db_name") == place.connection


def _revocation(path: str) -> RevokeLeases:
    return RevokeLeases("revoke", path, {"leases": "any"}, {"leases": "none"})


def _removal(path: str) -> Remove:
    return Remove("delete", path, {"state": "present"}, {"state": "absent"})
