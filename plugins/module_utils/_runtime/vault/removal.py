# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a registration, or of roles that it does not list any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial

from ..._domain.errors import Failed, InfraError, InvalidOption, Rejected, Unreachable
from ..._domain.plan import Plan
from ..._domain.vault.ports import Data, Vault
from ..._domain.vault.registration import Place, allowed_roles, place_from, role_names
from ..task import Outcome, Request
from .key_value import open_secret
from .ledger import removal
from .writes import VaultWrite, perform_all


def remove_registration(request: Request, vault: Vault) -> Outcome:
    """Revokes the credentials, then deletes the roles, the connection, and what is written about it."""
    path = request.options["vault_path"]
    secret = open_secret(vault, path) if path else None
    writes = _writes_absent(vault, place_from(request.options), role_names(request.options["roles"]))
    # Last: until then the record tells what the password is.
    writes += removal(secret) if secret else ()
    if not request.check_mode:
        perform_all(writes, request.reporter)
    return Outcome(Plan(tuple(writes)), {"connection": {}, "roles": [], "verified": []})


def writes_purging(vault: Vault, place: Place, kept: Sequence[str]) -> Iterator[VaultWrite]:
    """The end of every other role of the connection, its credentials first, for only the role knows how to end them."""
    for name in vault.list_keys(place.roles_path):
        path = place.role_path(name)
        if name not in kept and _belongs(name, vault.read(path), place, required=False):
            yield _revocation(vault, place.credentials_path(name))
            yield _removal(vault, path)


def _writes_absent(vault: Vault, place: Place, named: Sequence[str]) -> list[VaultWrite]:
    """Credentials first, for only the role knows how to end them, then the roles, then the connection they use."""
    connection = vault.read(place.connection_path)
    names = [*named, *(name for name in allowed_roles(connection or {}) if name not in named)]
    roles = {name: vault.read(place.role_path(name)) for name in names}
    present = [name for name in names if _belongs(name, roles[name], place, required=name in named)]
    # A role that is gone may have left credentials behind, and a connection that is still there can end them.
    revocable = [name for name in names if name in present or (connection and roles[name] is None)]
    revocations = [_revocation(vault, place.credentials_path(name)) for name in revocable]
    removals = [_removal(vault, place.role_path(name)) for name in present]
    return [*revocations, *removals, *([_removal(vault, place.connection_path)] if connection else [])]


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
