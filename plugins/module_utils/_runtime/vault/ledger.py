# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts and the record of a registration, in the secret at ``vault_path``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ..._domain.plan import Action
from ..._domain.vault.ports import Data
from ..._domain.vault.record import LOGIN, PROVED, record_from, without_record
from ..._domain.vault.registration import FACTS, Place, allowed_roles
from .key_value import KeyValueSecret
from .writes import VaultWrite


class Ledger:
    """What is written about one registration. Without a secret it lasts no longer than the task.

    It is asked who created a connection or a role. Without a secret nobody knows, and everything counts as ours; so
    does what belongs to a registration that was written down before creations were.
    """

    def __init__(self, secret: KeyValueSecret | None, place: Place, login: str = "") -> None:
        self._secret = secret
        self._place = place
        notes, values = (secret.notes, secret.values) if secret else ({}, {})
        self.record = record_from(notes, login)
        told = {"mount_point": place.mount_point, "connection": place.connection}
        self._has_facts = all(values.get(name) == text for name, text in told.items())
        noted = notes.get(LOGIN, "").startswith(f"{place.connection_path} as ")
        self._is_older = not self.record.created and (self._has_facts or noted)
        self._named = str(values.get("roles") or "").split(",") if self._has_facts else []

    @property
    def lasts(self) -> bool:
        return self._secret is not None

    def created_connection(self) -> bool:
        """Whether a connection that is there is ours."""
        return not self.lasts or self._is_older or self._place.connection_path in self.record.created

    def created_role(self, name: str, live: Data) -> bool:
        """Whether a role that is there is ours."""
        if not self.lasts or self._place.role_path(name) in self.record.created:
            return True
        return self._is_older and (name in self._named or live.get("db_name") == self._place.connection)

    def roles(self, connection: Data | None) -> list[str]:
        """The names of our roles, as far as they are written down."""
        prefix = self._place.role_path("")
        noted = [path.removeprefix(prefix) for path in self.record.created if path.startswith(prefix)]
        older = [*self._named, *allowed_roles(connection or {})] if self._is_older else []
        return sorted({name for name in [*noted, *older] if name})

    def note(self, **changes: Any) -> None:
        """Changes the record; writes nothing when it says so already."""
        changed = replace(self.record, **changes)
        if self._secret is not None and changed != self.record:
            self._secret.write_notes({**without_record(self._secret.notes), **changed.notes()})
        self.record = changed

    def note_creations(self, paths: Iterable[str], connection: Data | None) -> None:
        """Before anything is created: whatever we create then is ours. Until it is proved, nothing is."""
        ours = [self._place.role_path(name) for name in self.roles(connection)]
        self.note(proved="", created=self.record.created | {*paths, *ours})

    def note_end(self, proved: str, removed: Iterable[str]) -> None:
        """After the last write."""
        self.note(proved=proved, created=self.record.created - set(removed))

    def write_facts(self, facts: Mapping[str, str]) -> Iterator[VaultWrite]:
        """The write that brings the facts to what they should be, if there is anything to do."""
        if self._secret is None:
            return
        live = self._secret.values
        before = {name: live[name] for name in facts if name in live}
        if before != facts:
            yield VaultWrite(
                "update" if before else "create",
                self._secret.values_path,
                before,
                dict(facts),
                perform=partial(self._secret.write_values, {**live, **facts}),
            )

    def adoption(self, paths: Collection[str]) -> Iterator[Action]:
        """What others have created, and is noted as ours with the first write."""
        if self._secret is not None and paths:
            yield Action("adopt", self._secret.notes_path, {}, {"created": sorted(paths)})

    def proof(self, fingerprint: str) -> Iterator[Action]:
        """How the record's word on the proof differs from what it is to be in the end."""
        if self._secret is not None and self.record.proved != fingerprint:
            verb = "update" if self.record.proved else "create"
            yield Action(verb, self._secret.notes_path, _proof(self.record.proved), _proof(fingerprint))

    def removal(self) -> Iterator[VaultWrite]:
        """The write that ends facts and record, if there are any; those of another connection are not touched."""
        if self._secret is None or (self._secret.values.get("connection") and not self._has_facts):
            return
        secret = self._secret
        values = {name: value for name, value in secret.values.items() if name not in FACTS}
        notes = without_record(secret.notes)
        if values != secret.values or notes != secret.notes:
            yield VaultWrite(
                "delete",
                secret.values_path,
                {"state": "present"},
                {"state": "absent"},
                perform=partial(_reduce, secret, values, notes),
            )


def _proof(fingerprint: str) -> dict[str, str]:
    return {PROVED: fingerprint} if fingerprint else {}


def _reduce(secret: KeyValueSecret, values: Data, notes: dict[str, str]) -> None:
    """Leaves what others keep there; without any, the secret itself ends."""
    if not values and not notes:
        secret.remove()
        return
    if values != secret.values:
        secret.write_values(values)
    if notes != secret.notes:
        secret.write_notes(notes)
