# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of module ``vault_db_info``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from ..._domain.errors import Forbidden
from ..._domain.plan import Plan
from ..._domain.vault.ports import Data, Vault
from ..._domain.vault.registration import Place, allowed_roles, place_from
from ..task import Outcome, Request
from .connection import read_connection
from .key_value import find_secret

Found = TypeVar("Found")


def describe_registration(request: Request, vault: Vault) -> Outcome:
    """Reads a connection with its roles, and counts their leases; and says where a secret is."""
    facts: dict[str, Any] = {"connection": {}, "roles": []}
    if request.options["name"]:
        facts = _registration(request, vault)
    if path := request.options["vault_path"]:
        facts["secret"] = asdict(find_secret(vault, path))
    return Outcome(Plan(), facts)


def _registration(request: Request, vault: Vault) -> dict[str, Any]:
    place = place_from(request.options)
    connection = read_connection(vault, place)
    roles = [_Role(request, vault, place, name).described() for name in allowed_roles(connection or {})]
    return {"connection": _described(place, connection), "roles": roles}


def _described(place: Place, connection: Data | None) -> dict[str, Any]:
    if connection is None:
        return {}
    details = connection.get("connection_details") or {}
    return {
        "mount_point": place.mount_point,
        "name": place.connection,
        "plugin_name": connection.get("plugin_name"),
        "connection_url": details.get("connection_url"),
        "username": details.get("username"),
        "allowed_roles": connection.get("allowed_roles") or [],
        "verify_connection": connection.get("verify_connection"),
    }


class _Role:
    """One role, and what was issued from it."""

    def __init__(self, request: Request, vault: Vault, place: Place, name: str) -> None:
        self._request = request
        self._vault = vault
        self._place = place
        self._name = name

    def described(self) -> dict[str, Any]:
        role = self._vault.read(self._place.role_path(self._name))
        fields = {key: (role or {}).get(key) for key in ("db_name", "default_ttl", "max_ttl")}
        return {"name": self._name, "exists": role is not None, **fields, **self._leases()}

    def _leases(self) -> dict[str, Any]:
        credentials = self._place.credentials_path(self._name)
        issued = self._seen(lambda: self._vault.list_keys(self._place.leases_path(self._name)))
        stuck = self._seen(lambda: self._vault.irrevocable_leases(credentials))
        return {
            "leases": None if issued is None else len(issued),
            "irrevocable_leases": None if stuck is None else [asdict(lease) for lease in stuck],
        }

    def _seen(self, look: Callable[[], Found]) -> Found | None:
        """None where the token may not look; somebody who may read credentials need not see those of others."""
        try:
            return look()
        except Forbidden as error:
            self._request.reporter.warn(str(error))
            return None
