# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection of a registration, and the secrets engine that has it."""

from __future__ import annotations

from ..._domain.errors import InvalidOption, Rejected
from ..._domain.vault.ports import Data, Engine, Vault
from ..._domain.vault.registration import Place


def read_connection(vault: Vault, place: Place) -> Data | None:
    """The connection; None when a database secrets engine is mounted there, and has none of this name."""
    try:
        connection = vault.read(place.connection_path)
    except Rejected:
        # Which another engine may say in words of its own.
        database_engine(vault, place)
        raise
    if connection is None:
        database_engine(vault, place)
    return connection


def database_engine(vault: Vault, place: Place) -> Engine:
    """The engine at the mount point. Raises InvalidOption when it is not for databases."""
    engine = vault.engine(place.mount_point)
    if engine.type != "database" or engine.mount_point != place.mount_point:
        raise InvalidOption(
            f"mount_point is {place.mount_point!r}, where a secrets engine of type {engine.type} is mounted",
            next_step="name the mount point of a database secrets engine",
        )
    return engine
