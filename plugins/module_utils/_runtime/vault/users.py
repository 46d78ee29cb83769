# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which roles use a connection: without it, their credentials could be neither issued nor revoked.

Vault does not say; each role names its connection. A token may see some of the roles only. Of the others those count
that the connection admits, for no other role can have a credential of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..._domain.errors import Forbidden
from ..._domain.ports import Reporter
from ..._domain.vault.ports import Data, Vault
from ..._domain.vault.registration import Place, admits, allowed_roles
from ..._domain.vault.values import as_list


def names_below(vault: Vault, folder: str) -> Iterator[str]:
    """The names of all that is below a folder, those in folders of it with their path."""
    for key in vault.list_keys(folder):
        if key.endswith("/"):
            yield from (f"{key}{name}" for name in names_below(vault, f"{folder}/{key.rstrip('/')}"))
        else:
            yield key


class Users:
    """The roles that use one connection, which is there."""

    def __init__(self, vault: Vault, place: Place, connection: Data, reporter: Reporter) -> None:
        self._vault = vault
        self._place = place
        self._connection = connection
        self._reporter = reporter

    def paths(self) -> list[str]:
        """Where they are. Raises Forbidden when that can not be known."""
        dynamic, static = self._place.role_folders
        found = self._in(dynamic, ())
        # No name is in both folders.
        return [*found, *self._in(static, [path.removeprefix(f"{dynamic}/") for path in found])]

    def _in(self, folder: str, elsewhere: Collection[str]) -> list[str]:
        paths = []
        for name in self._names(folder, elsewhere):
            path = f"{folder}/{name}"
            try:
                role = self._vault.read(path)
            except Forbidden:
                if admits(self._connection, name):
                    raise
                continue
            if role and role.get("db_name") == self._place.connection:
                paths.append(path)
        return paths

    def _names(self, folder: str, elsewhere: Collection[str]) -> list[str]:
        """The names in a folder of roles, or if they may not be listed, all that the connection admits."""
        try:
            return list(names_below(self._vault, folder))
        except Forbidden as error:
            allowed = allowed_roles(self._connection)
            if set(allowed) != set(as_list(self._connection.get("allowed_roles"))):
                raise
            self._reporter.warn(
                f"{error.message}, so only the roles that {self._place.connection_path} names are looked for there; "
                f"{error.next_step}"
            )
            return [name for name in allowed if name not in elsewhere]
