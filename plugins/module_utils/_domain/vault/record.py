# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a registration, so that a run that was killed is finished by the next one.

Vault tells neither whether a role was ever proved, nor whether a password was rotated, nor who created what; the record
does.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

# What the password of Vault's login is: the one it was given, one that it chose, or one of the two.
GIVEN = "given"
ROTATED = "rotated"
IN_DOUBT = "rotating"

PREFIX = "pnow_infra_"
PROVED = f"{PREFIX}proved"
ROOT = f"{PREFIX}root_password"
LOGIN = f"{PREFIX}root_login"
CREATED = f"{PREFIX}created_"

# Vault takes no longer text as custom metadata.
LONGEST_NOTE = 512


@dataclass(frozen=True)
class Record:
    """``proved`` is the fingerprint of the registration that was; ``root`` is about the password of ``login``.

    ``created`` has the paths in Vault that registrations created or adopted; a path is noted before it is created.
    """

    proved: str = ""
    root: str = GIVEN
    login: str = ""
    created: frozenset[str] = frozenset()

    def notes(self) -> dict[str, str]:
        """The record as texts; Vault stores no empty ones."""
        notes = {PROVED: self.proved, ROOT: self.root, LOGIN: self.login}
        lines = textwrap.wrap(
            " ".join(sorted(self.created)), LONGEST_NOTE, break_on_hyphens=False, break_long_words=False
        )
        notes |= {f"{CREATED}{number}": line for number, line in enumerate(lines, 1)}
        return {name: text for name, text in notes.items() if text}


def record_from(notes: Mapping[str, str], login: str) -> Record:
    """The record in ``notes``. What they say about another login's password says nothing about this one's."""
    root = notes.get(ROOT, GIVEN) if notes.get(LOGIN) == login else GIVEN
    created = " ".join(text for name, text in notes.items() if name.startswith(CREATED))
    return Record(notes.get(PROVED, ""), root, login, frozenset(created.split()))


def without_record(notes: Mapping[str, str]) -> dict[str, str]:
    """The notes that others have made."""
    return {name: text for name, text in notes.items() if not name.startswith(PREFIX)}
