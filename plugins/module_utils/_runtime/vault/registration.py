# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of module ``vault_db_register``."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..._domain.errors import InvalidOption, NotMounted
from ..._domain.kubernetes.manifest import ObjectRef
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.plan import Plan
from ..._domain.postgresql.ports import PostgreSQL
from ..._domain.units import spoken
from ..._domain.vault.ports import Data, Engine, Vault
from ..._domain.vault.record import ROTATED
from ..._domain.vault.registration import Registration, observed_connection, observed_role, registration_from
from ..task import Outcome, Request
from .connection import database_engine, read_connection
from .credential_proof import prove
from .key_value import open_secret
from .ledger import Ledger
from .removal import remove_registration, writes_purging
from .root_password import RootPassword
from .writes import VaultWrite, perform_all, reported

KubernetesContext = Callable[[], AbstractContextManager[Kubernetes]]


def reconcile_registration(
    request: Request, vault: Vault, kubernetes: KubernetesContext, postgresql: PostgreSQL
) -> Outcome:
    """Brings a connection and its roles in Vault to the wanted state, and proves the roles as ``verify`` says."""
    if request.options["state"] == "absent":
        return remove_registration(request, vault)
    wanted = _wanted(request, kubernetes)
    path = request.options["vault_path"]
    ledger = Ledger(open_secret(vault, path) if path else None, wanted.place, wanted.login)
    return _Registering(request, vault, postgresql, wanted, ledger).outcome()


def _wanted(request: Request, kubernetes: KubernetesContext) -> Registration:
    reference = request.options["connection_secret"]
    secret: dict[str, str] = {}
    if reference:
        with kubernetes() as api:
            secret = _secret_values(api, ObjectRef("v1", "Secret", reference["name"], reference["namespace"]))
    request.redactor.remember(secret.get("password", ""))
    wanted = registration_from(request.options, secret)
    if request.options["rotate_root"] == "once":
        _check_rotatable(request, wanted)
    return wanted


def _check_rotatable(request: Request, wanted: Registration) -> None:
    if not request.options["vault_path"]:
        raise InvalidOption(
            "vault_path is missing, and rotate_root once needs it to remember that the password was rotated",
            next_step="name a path in a key-value engine, for example secret/database/dev",
        )
    if wanted.endpoint.tls_private_key:
        raise InvalidOption(
            "rotate_root is once and tls_private_key is given, which Vault can not do together",
            next_step="set rotate_root to never, or let Vault log in without a certificate",
        )


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


@dataclass(frozen=True)
class _Live:
    """What Vault has of a registration; None where it has nothing."""

    mounted: bool
    connection: Data | None
    roles: Mapping[str, Data | None]


class _Registering:
    """One registration, from what Vault has to what is wanted."""

    def __init__(
        self, request: Request, vault: Vault, postgresql: PostgreSQL, wanted: Registration, ledger: Ledger
    ) -> None:
        self._request = request
        self._vault = vault
        self._postgresql = postgresql
        self._wanted = wanted
        self._ledger = ledger
        self._root = RootPassword(wanted, vault, postgresql, ledger)

    def outcome(self) -> Outcome:
        live = self._look()
        adoption = list(self._ledger.adoption(self._foreign(live)))
        writes = list(self._writes(live))
        changing = bool(adoption or writes)
        proof_due = self._proof_due(changing)
        fingerprint = self._fingerprint_after(proof_due, changing)
        plan = Plan((*adoption, *writes, *self._ledger.proof(fingerprint)))
        facts: dict[str, Any] = {
            "connection": _described(self._wanted),
            "roles": [role.name for role in self._wanted.roles],
            "verified": [],
        }
        if writes and live.mounted:
            # Before the first write, and not when there is none: a second run costs a read per object and no more.
            self._check_lives(database_engine(self._vault, self._wanted.place))
        if not self._request.check_mode:
            if changing:
                with reported(changed=False):
                    self._ledger.note_creations(self._wanted.paths(), live.connection)
            self._perform(writes)
            with reported(changed=changing):
                if proof_due:
                    facts["verified"] = prove(self._wanted, self._vault, self._postgresql, self._request.reporter)
                self._ledger.note_end(fingerprint, [write.target for write in writes if write.verb == "delete"])
        return Outcome(plan, facts)

    def _foreign(self, live: _Live) -> list[str]:
        """The paths of what others have created, which is to be adopted. Raises InvalidOption if it is not."""
        place = self._wanted.place
        there = [place.connection_path] if live.connection and not self._ledger.created_connection() else []
        for name, role in live.roles.items():
            if role and not self._ledger.created_role(name, role):
                there.append(place.role_path(name))
        if there and not self._request.options["adopt"]:
            raise InvalidOption(
                f"there is {' and '.join(there)}, which by the record at {self._request.options['vault_path']} was not "
                "created by this collection",
                next_step="use other names, or set adopt to take over what is there",
            )
        return there

    def _proof_due(self, changing: bool) -> bool:
        """By what is, not by what this run does: one that was killed before its proof leaves it to the next."""
        verify = self._request.options["verify"]
        proved = not self._ledger.lasts or self._ledger.record.proved == self._wanted.fingerprint()
        return bool(verify == "always" or (verify == "changed" and (changing or not proved)))

    def _fingerprint_after(self, proof_due: bool, changing: bool) -> str:
        if proof_due:
            return self._wanted.fingerprint()
        return "" if changing else self._ledger.record.proved

    def _perform(self, writes: list[VaultWrite]) -> None:
        perform_all(writes, self._request.reporter)
        if self._rotates and not self._root.is_rotated:
            # PostgreSQL has refused what Vault had rotated, and Vault was given a password again.
            perform_all([self._rotation()], self._request.reporter, changed=True)

    @property
    def _rotates(self) -> bool:
        return bool(self._request.options["rotate_root"] == "once")

    def _writes(self, live: _Live) -> Iterator[VaultWrite]:
        """The connection before its roles: credentials of a role without one could be neither issued nor revoked."""
        wanted, place = self._wanted, self._wanted.place
        if not live.mounted:
            path, engine = f"sys/mounts/{place.mount_point}", {"type": "database"}
            yield VaultWrite("create", path, {}, engine, perform=partial(self._vault.write, path, engine))
        yield from self._write_connection(live.connection)
        for role in wanted.roles:
            desired = role.fields(place.connection)
            kept = live.roles[role.name]
            before = observed_role(kept, desired) if kept else {}
            if before != desired:
                path = place.role_path(role.name)
                yield VaultWrite(
                    _verb(before), path, before, desired, perform=partial(self._vault.write, path, desired)
                )
        if self._request.options["purge_roles"]:
            names, adopt = [role.name for role in wanted.roles], self._request.options["adopt"]
            yield from writes_purging(self._vault, place, self._ledger, names, adopt=adopt)
        yield from self._ledger.write_facts(wanted.facts())
        if self._rotates and not (live.connection and self._root.is_rotated):
            yield self._rotation()

    def _look(self) -> _Live:
        """What Vault has of the registration. Raises NotMounted, unless an engine is to be mounted then."""
        place, names = self._wanted.place, [role.name for role in self._wanted.roles]
        try:
            connection = read_connection(self._vault, place)
            return _Live(True, connection, {name: self._vault.read(place.role_path(name)) for name in names})
        except NotMounted:
            if not self._request.options["mount"]:
                raise
            return _Live(False, None, dict.fromkeys(names))

    def _write_connection(self, live: Data | None) -> Iterator[VaultWrite]:
        desired = self._wanted.connection_fields()
        before = observed_connection(live, desired) if live else {}
        if before != desired:
            # For this very login Vault has a password already, and may have rotated it since it was given one.
            known = before.get("username") == desired["username"]
            yield VaultWrite(
                _verb(before),
                self._wanted.place.connection_path,
                before,
                desired,
                perform=partial(self._root.store_connection, desired, known=known),
            )

    def _rotation(self) -> VaultWrite:
        return VaultWrite(
            "rotate",
            self._wanted.place.rotation_path,
            {"root_password": self._ledger.record.root},
            {"root_password": ROTATED},
            perform=self._root.rotate,
        )

    def _check_lives(self, engine: Engine) -> None:
        """Vault would cut them, or make them long, without a word. Raises InvalidOption."""
        mount_point = engine.mount_point
        for role in self._wanted.roles:
            if role.default_ttl > engine.max_lease_ttl > 0:
                raise InvalidOption(
                    f"default_ttl of role {role.name} is {spoken(role.default_ttl)}, and Vault ends everything under "
                    f"{mount_point}/ after {spoken(engine.max_lease_ttl)}",
                    next_step="give a shorter one, or let the mount allow more (vault secrets tune -max-lease-ttl=...)",
                )
            if role.default_ttl == 0:
                self._request.reporter.warn(
                    f"role {role.name} has no default_ttl: its credentials live as long as {mount_point}/ lets them"
                )
            longest = max(role.default_ttl, role.max_ttl)
            if longest > engine.max_lease_ttl > 0:
                self._request.reporter.warn(
                    f"credentials of role {role.name} will not live for {spoken(longest)}: "
                    f"Vault ends everything under {mount_point}/ after {spoken(engine.max_lease_ttl)}"
                )


def _verb(before: Mapping[str, Any]) -> str:
    return "update" if before else "create"


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
