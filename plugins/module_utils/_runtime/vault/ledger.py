# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts and the record of a registration, in the secret at ``vault_path``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from ..._domain.plan import Action
from ..._domain.vault.ports import Data
from ..._domain.vault.record import PROVED, record_from, without_record
from ..._domain.vault.registration import FACTS
from .key_value import KeyValueSecret
from .writes import VaultWrite


class Ledger:
    """What is written about one registration. Without a secret it lasts no longer than the task."""

    def __init__(self, secret: KeyValueSecret | None, login: str) -> None:
        self._secret = secret
        self.record = record_from(secret.notes if secret else {}, login)

    @property
    def lasts(self) -> bool:
        return self._secret is not None

    def note(self, **changes: str) -> None:
        """Changes the record; writes nothing when it says so already."""
        changed = replace(self.record, **changes)
        if self._secret is not None and changed != self.record:
            self._secret.write_notes({**without_record(self._secret.notes), **changed.notes()})
        self.record = changed

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

    def proof(self, fingerprint: str) -> Iterator[Action]:
        """How the record's word on the proof differs from what it is to be in the end."""
        if self._secret is not None and self.record.proved != fingerprint:
            verb = "update" if self.record.proved else "create"
            yield Action(verb, self._secret.notes_path, _proof(self.record.proved), _proof(fingerprint))


def _proof(fingerprint: str) -> dict[str, str]:
    return {PROVED: fingerprint} if fingerprint else {}


def removal(secret: KeyValueSecret) -> Iterator[VaultWrite]:
    """The write that ends facts and record, if there are any."""
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


def _reduce(secret: KeyValueSecret, values: Data, notes: dict[str, str]) -> None:
    """Leaves what others keep there; without any, the secret itself ends."""
    if not values and not notes:
        secret.remove()
        return
    if values != secret.values:
        secret.write_values(values)
    if notes != secret.notes:
        secret.write_notes(notes)
