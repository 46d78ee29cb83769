# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The writes that a plan for Vault's database secrets engine is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from .._domain.errors import Failed, InfraError, Rejected
from .._domain.plan import Action
from .._domain.ports import Reporter
from .._domain.vault_ports import Vault

# SQLSTATE class 28, as the database plugin reports a login that PostgreSQL refused.
LOGIN_REFUSED = "SQLSTATE 28"
CONNECTION_FAILED = "error verifying connection"


@dataclass(frozen=True)
class VaultWrite(Action):
    """A write to the path that is its target."""

    def perform(self, vault: Vault) -> None:
        vault.write(self.target, self.after)


@dataclass(frozen=True)
class WriteRole(VaultWrite):
    """A role, all its fields."""


@dataclass(frozen=True, kw_only=True)
class WriteConnection(VaultWrite):
    """A connection, all its fields. Vault tries it, and stores nothing when PostgreSQL does not let it in."""

    endpoint: str
    password: str = field(repr=False)

    def perform(self, vault: Vault) -> None:
        # For this very login Vault has a password already, and may have rotated it since it was given one.
        known = bool(self.before) and self.before["username"] == self.after["username"]
        try:
            if known:
                self._write_keeping_password(vault)
            else:
                self._write_with_password(vault)
        except Rejected as error:
            _, failed, reason = error.message.partition(CONNECTION_FAILED)
            if not failed:
                raise
            raise Failed(
                f"Vault can not log in to {self.endpoint} as {self.after['username']}, so nothing was stored{reason}",
                next_step="correct host, port, database, sslmode, username or password",
            ) from error

    def _write_keeping_password(self, vault: Vault) -> None:
        """Ours is the older password, unless PostgreSQL does not take Vault's any more."""
        try:
            vault.write(self.target, self.after)
        except Rejected as error:
            if LOGIN_REFUSED not in error.message:
                raise
            self._write_with_password(vault)

    def _write_with_password(self, vault: Vault) -> None:
        vault.write(self.target, {**self.after, "password": self.password})


@dataclass(frozen=True)
class RevokeLeases(VaultWrite):
    """The end of every credential of a role; the target is the path they were read from."""

    def perform(self, vault: Vault) -> None:
        vault.revoke_leases(self.target)


@dataclass(frozen=True)
class Remove(VaultWrite):
    """The deletion of a role or a connection."""

    def perform(self, vault: Vault) -> None:
        vault.delete(self.target)


def perform_all(vault: Vault, writes: Sequence[VaultWrite], reporter: Reporter) -> None:
    """Makes the writes in order. When one fails, the error tells whether earlier ones have changed something."""
    for position, write in enumerate(writes):
        with reported(changed=position > 0):
            write.perform(vault)
        reporter.line(f"{write.verb} {write.target}")


@contextmanager
def reported(*, changed: bool) -> Iterator[None]:
    """Lets an error tell whether something had been changed before it."""
    try:
        yield
    except InfraError as error:
        error.facts["changed"] = changed
        raise
