# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a registration, or of roles that it does not list any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial

from ..._domain.errors import Failed, Forbidden, InfraError, InUse, InvalidOption, Rejected, Unreachable
from ..._domain.plan import Plan
from ..._domain.vault.ports import Data, Vault
from ..._domain.vault.registration import Place, allowed_roles, place_from, role_names
from ..task import Outcome, Request
from .connection import read_connection
from .key_value import open_secret
from .ledger import Ledger
from .users import Users, names_below
from .writes import VaultWrite, perform_all

NOT_OURS = "by the record at vault_path it was not created by this collection; set adopt to delete it all the same"


def remove_registration(request: Request, vault: Vault) -> Outcome:
    """Revokes the credentials, then deletes the roles, the connection, and what is written about it."""
    path = request.options["vault_path"]
    place = place_from(request.options)
    named = role_names(request.options["roles"])
    ledger = Ledger(open_secret(vault, path) if path else None, place)
    removing = _Removing(request, vault, place, ledger, named)
    writes = list(removing.writes())
    # Last: until then the record tells what the password is, and what is ours.
    writes += ledger.removal()
    for kept in removing.kept:
        request.reporter.warn(f"{kept} is kept: {NOT_OURS}")
    if not request.check_mode:
        perform_all(writes, request.reporter)
    facts = {"connection": {}, "roles": [], "verified": [], "kept": removing.kept}
    return Outcome(Plan(tuple(writes)), facts)


class _Removing:
    """One registration, from what Vault has to nothing; ``kept`` are the paths of what others have created."""

    def __init__(self, request: Request, vault: Vault, place: Place, ledger: Ledger, named: Sequence[str]) -> None:
        self._request = request
        self._adopt = bool(request.options["adopt"])
        self._vault = vault
        self._place = place
        self._ledger = ledger
        self._named = named
        self.kept: list[str] = []

    def writes(self) -> Iterator[VaultWrite]:
        """Credentials first, for only the role knows how to end them, then the roles, then the connection they use."""
        place = self._place
        connection = read_connection(self._vault, place)
        ends = connection is not None and (self._adopt or self._ledger.created_connection())
        names = list(dict.fromkeys([*self._named, *self._ledger.roles(connection)]))
        allowed = allowed_roles(connection or {}) if ends else []
        roles = self._read(list(dict.fromkeys([*names, *allowed])))
        ours = [name for name in names if self._is_to_end(name, roles[name])]
        if connection is not None and ends:
            self._check_use(connection, ours)
        elif connection is not None:
            self.kept.append(place.connection_path)
        # A role that is gone may have left credentials behind, and a connection that still allows it can end them.
        # Those of one that is only noted were revoked before it was purged.
        revocable = {*self._named, *allowed}
        gone = [name for name, live in roles.items() if ends and live is None and name in revocable]
        yield from (_revocation(self._vault, place.credentials_path(name)) for name in [*ours, *gone])
        yield from (_removal(self._vault, place.role_path(name)) for name in ours)
        if ends:
            yield _removal(self._vault, place.connection_path)

    def _read(self, names: Sequence[str]) -> dict[str, Data | None]:
        """The roles of these names, None for one that is not there; the token may have no rights on such any more."""
        place = self._place
        listed = set(names)
        with suppress(Forbidden):
            listed = set(names_below(self._vault, place.role_folders[0]))
        return {name: self._vault.read(place.role_path(name)) if name in listed else None for name in names}

    def _is_to_end(self, name: str, live: Data | None) -> bool:
        """Whether a role exists, is this connection's and ours. Raises InvalidOption when a named one is another's."""
        if live is None:
            return False
        if live.get("db_name") != self._place.connection:
            if name in self._named:
                raise InvalidOption(
                    f"role {name} belongs to connection {live.get('db_name')} and not to {self._place.connection}",
                    next_step="take it out of roles",
                )
            return False
        if self._adopt or self._ledger.created_role(name, live):
            return True
        self.kept.append(self._place.role_path(name))
        return False

    def _check_use(self, connection: Data, ours: Sequence[str]) -> None:
        """Raises InUse when somebody else's role would lose its connection."""
        ending = [self._place.role_path(name) for name in ours]
        users = Users(self._vault, self._place, connection, self._request.reporter).paths()
        if others := [path for path in users if path not in ending]:
            raise InUse(
                f"connection {self._place.connection_path} is still used by {', '.join(others)}",
                next_step="end them first, or name in roles what is to end with it, with adopt if others created it",
            )


def writes_purging(
    vault: Vault, place: Place, ledger: Ledger, kept: Sequence[str], *, adopt: bool
) -> Iterator[VaultWrite]:
    """The end of every other role of ours that uses the connection, its credentials first: only the role ends them."""
    for name in names_below(vault, place.role_folders[0]):
        path = place.role_path(name)
        role = None if name in kept else vault.read(path)
        if role and role.get("db_name") == place.connection and (adopt or ledger.created_role(name, role)):
            yield _revocation(vault, place.credentials_path(name))
            yield _removal(vault, path)


def _revocation(vault: Vault, path: str) -> VaultWrite:
    return VaultWrite("revoke", path, {"leases": "any"}, {"leases": "none"}, perform=partial(_revoke, vault, path))


def _revoke(vault: Vault, path: str) -> None:
    """Never forced: that would make Vault forget logins which go on living in the database."""
    try:
        vault.revoke_leases(path)
    except (Failed, Rejected, Unreachable) as error:
        error.next_step = (
            "mend what it names and run again; no credential was forgotten, and nothing after it was deleted"
        )
        error.facts["irrevocable_leases"] = described_leases(vault, path)
        raise


def described_leases(vault: Vault, path: str) -> list[dict[str, str]]:
    """The leases under a path that Vault has given up to revoke, as far as the token may see them."""
    with suppress(InfraError):
        return [asdict(lease) for lease in vault.irrevocable_leases(path)]
    return []


def _removal(vault: Vault, path: str) -> VaultWrite:
    return VaultWrite("delete", path, {"state": "present"}, {"state": "absent"}, perform=partial(vault.delete, path))
