# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret in Vault's key-value engine, as values and as notes about them, in either version of the engine.

Version 2 keeps notes as custom metadata; version 1 knows none, so there they stand among the values. Both are written
whole: what others have put there is written back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..._domain.errors import InvalidOption
from ..._domain.vault.ports import Data, Vault
from ..._domain.vault.record import PREFIX
from ..._domain.vault.values import is_path


class KeyValueSecret(Protocol):
    """One secret. ``values`` and ``notes`` are what was there when it was opened, or what was written since."""

    values_path: str
    notes_path: str
    values: Data
    notes: dict[str, str]

    def write_values(self, values: Mapping[str, Any]) -> None: ...

    def write_notes(self, notes: Mapping[str, str]) -> None: ...

    def remove(self) -> None:
        """Removes the secret with its notes and all its versions."""


@dataclass(frozen=True)
class SecretPlace:
    """Where a secret is: below which mount point, and in which version of the engine."""

    mount_point: str
    path: str
    version: int


def find_secret(vault: Vault, path: str) -> SecretPlace:
    """The place of a secret, by its path as ``vault kv get`` takes it. Raises InvalidOption naming ``vault_path``.

    Vault is asked where the mount point ends and the path in it begins.
    """
    path = path.strip("/")
    if "/" not in path or not is_path(path):
        raise InvalidOption(
            f"vault_path is {path!r}, which is no path of a secret",
            next_step="write it as vault kv get takes it, for example secret/database/dev",
        )
    engine = vault.engine(path)
    inside = path.removeprefix(engine.mount_point).strip("/")
    if engine.type != "kv" or not inside:
        raise InvalidOption(
            f"vault_path is {path!r}, and at {engine.mount_point}/ is a secrets engine of type {engine.type}",
            next_step="name a path below the mount point of a key-value engine",
        )
    kind, _slash, name = inside.partition("/")
    if engine.version == 2 and kind in ("data", "metadata"):
        raise InvalidOption(
            f"vault_path is {path!r}, a path of Vault's API",
            next_step=f"write it as vault kv get takes it: {engine.mount_point}/{name or 'NAME'}",
        )
    return SecretPlace(engine.mount_point, inside, engine.version)


def open_secret(vault: Vault, path: str) -> KeyValueSecret:
    """The secret at a path. Raises InvalidOption as ``find_secret`` does."""
    place = find_secret(vault, path)
    if place.version == 2:
        return VersionedSecret(vault, place.mount_point, place.path)
    return PlainSecret(vault, f"{place.mount_point}/{place.path}")


class VersionedSecret:
    """Implements ``KeyValueSecret`` in version 2 of the engine."""

    def __init__(self, vault: Vault, mount_point: str, inside: str) -> None:
        self._vault = vault
        self.values_path = f"{mount_point}/data/{inside}"
        self.notes_path = f"{mount_point}/metadata/{inside}"
        live = vault.read(self.values_path)
        # There may be notes on a secret without a version.
        metadata = live["metadata"] if live else vault.read(self.notes_path) or {}
        self.values: Data = (live or {}).get("data") or {}
        self.notes: dict[str, str] = metadata.get("custom_metadata") or {}
        self._version = int(metadata.get("version") or metadata.get("current_version") or 0)

    def write_values(self, values: Mapping[str, Any]) -> None:
        # Vault refuses when somebody else has written in the meantime.
        self._vault.write(self.values_path, {"data": dict(values), "options": {"cas": self._version}})
        self.values = dict(values)
        self._version += 1

    def write_notes(self, notes: Mapping[str, str]) -> None:
        self._vault.write(self.notes_path, {"custom_metadata": dict(notes)})
        self.notes = dict(notes)

    def remove(self) -> None:
        self._vault.delete(self.notes_path)


class PlainSecret:
    """Implements ``KeyValueSecret`` in version 1 of the engine."""

    def __init__(self, vault: Vault, path: str) -> None:
        self._vault = vault
        self.values_path = self.notes_path = path
        live = vault.read(path) or {}
        self.notes: dict[str, str] = {name: value for name, value in live.items() if name.startswith(PREFIX)}
        self.values: Data = {name: value for name, value in live.items() if name not in self.notes}

    def write_values(self, values: Mapping[str, Any]) -> None:
        self._vault.write(self.values_path, {**values, **self.notes})
        self.values = dict(values)

    def write_notes(self, notes: Mapping[str, str]) -> None:
        self._vault.write(self.notes_path, {**self.values, **notes})
        self.notes = dict(notes)

    def remove(self) -> None:
        self._vault.delete(self.values_path)
