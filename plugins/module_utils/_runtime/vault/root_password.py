# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password of Vault's own login: when it is sent, when Vault chooses another one, and what is done in doubt.

Vault never tells the password that it keeps. What is known is the one given, what the record says, and what PostgreSQL
answers to either. Every step here may be the last before the process is killed; the next run goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._domain.errors import Failed, InfraError, Rejected, Unauthorized
from ..._domain.postgresql.ports import PostgreSQL
from ..._domain.postgresql.statements import quoted_identifier
from ..._domain.vault.ports import Vault
from ..._domain.vault.record import GIVEN, IN_DOUBT, ROTATED
from ..._domain.vault.registration import Registration
from .ledger import Ledger

# SQLSTATE class 28, as the database plugin reports a login that PostgreSQL refused.
LOGIN_REFUSED = "SQLSTATE 28"
CONNECTION_FAILED = "error verifying connection"
RECOVERY = "the collection's docs/recovery.md has the commands"


class RootPassword:
    """Of the login in ``wanted``, as Vault keeps it."""

    def __init__(self, wanted: Registration, vault: Vault, postgresql: PostgreSQL, ledger: Ledger) -> None:
        self._wanted = wanted
        self._vault = vault
        self._postgresql = postgresql
        self._ledger = ledger

    @property
    def is_rotated(self) -> bool:
        return self._ledger.record.root == ROTATED

    def store_connection(self, fields: Mapping[str, Any], *, known: bool) -> None:
        """Writes the connection. Where Vault has a password already, ours is sent only if its own is refused."""
        if not known:
            self._send(fields)
            return
        try:
            self._vault.write(self._wanted.place.connection_path, {**fields, **self._wanted.key_fields()})
        except Rejected as error:
            if LOGIN_REFUSED not in error.message:
                raise self._explained(error) from error
            self._send_if_right(fields)

    def rotate(self) -> None:
        """Lets Vault choose a password that nobody else knows.

        A rotation in doubt is repeated: it needs nothing but Vault's own password, and is the proof that this works.
        """
        self._ledger.note(root=IN_DOUBT)
        try:
            self._vault.write(self._wanted.place.rotation_path, {})
        except (Rejected, Failed) as error:
            if LOGIN_REFUSED not in error.message:
                raise
            self._send_if_right(self._wanted.connection_fields())
            self._ledger.note(root=IN_DOUBT)
            self._vault.write(self._wanted.place.rotation_path, {})
        self._ledger.note(root=ROTATED)

    def _send(self, fields: Mapping[str, Any]) -> None:
        # Before and not after: a record that says less than is true costs a rotation, one that says more hides a risk.
        if self._ledger.record.root != GIVEN:
            self._ledger.note(root=GIVEN)
        secrets = {**self._wanted.key_fields(), "password": self._wanted.password}
        try:
            self._vault.write(self._wanted.place.connection_path, {**fields, **secrets})
        except Rejected as error:
            raise self._explained(error) from error

    def _send_if_right(self, fields: Mapping[str, Any]) -> None:
        """Sends our password after PostgreSQL has refused Vault's, unless ours may be the stale one of the two."""
        login = self._wanted.username
        try:
            with self._postgresql.login(self._wanted.endpoint, login, self._wanted.password):
                pass
        except Unauthorized as error:
            raise Failed(
                f"PostgreSQL refuses both the password that Vault keeps for {login} and the one given",
                next_step=f"set one there (ALTER ROLE {quoted_identifier(login)} PASSWORD ...), give it as password "
                f"and run again; {RECOVERY}",
            ) from error
        except InfraError as error:
            # Vault itself tries a password before it keeps it, and the one given was never rotated.
            if self._ledger.record.root != GIVEN or not self._wanted.verify_connection:
                raise self._doubt(error) from error
        self._send(fields)

    def _doubt(self, error: InfraError) -> Failed:
        path = self._wanted.place.connection_path
        return Failed(
            f"PostgreSQL refuses the password that Vault keeps for {self._wanted.username}, Vault may have rotated it, "
            f"and whether the one given works can not be seen from here: {error.message}",
            next_step=f"run where the database can be reached; or, if you know that the one given works, "
            f"vault delete {path} and run again; {RECOVERY}",
        )

    def _explained(self, error: Rejected) -> InfraError:
        if CONNECTION_FAILED not in error.message:
            return error
        reason = error.message.partition(CONNECTION_FAILED)[2]
        return Failed(
            f"Vault can not log in to {self._wanted.endpoint} as {self._wanted.username}, "
            f"so nothing was stored{reason}",
            next_step="correct host, port, database, sslmode, username or password; if Vault had rotated the password, "
            f"{RECOVERY}",
        )
