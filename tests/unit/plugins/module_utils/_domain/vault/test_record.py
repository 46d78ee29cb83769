# SPDX-License-Identifier: GPL-3.0-or-later
"""The record as notes and back, and what it says about which login."""

from __future__ import annotations

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.vault.record import (
    GIVEN,
    IN_DOUBT,
    LONGEST_NOTE,
    ROTATED,
    Record,
    record_from,
    without_record,
)


@pytest.mark.parametrize("root", [GIVEN, IN_DOUBT, ROTATED])
@pytest.mark.parametrize("proved", ["", "f1n9er"])
def test_notes_and_back(root: str, proved: str) -> None:
    record = Record(proved, root, "database/config/postgres-dev as dev-vault")
    assert record_from(record.notes(), record.login) == record
    assert all(record.notes().values())


def test_nothing_is_known_without_notes() -> None:
    assert record_from({"team": "payments"}, "login") == Record("", GIVEN, "login")


def test_a_password_of_another_login_says_nothing_of_this_one() -> None:
    notes = Record("f1n9er", ROTATED, "one").notes()
    assert record_from(notes, "other") == Record("f1n9er", GIVEN, "other")


def test_notes_of_others_are_told_from_the_record() -> None:
    assert without_record({"team": "payments", **Record("x", ROTATED, "y").notes()}) == {"team": "payments"}


def test_what_was_created_fits_into_notes() -> None:
    created = frozenset(f"teams/payments/database/roles/pr-{number}-readwrite" for number in range(60))
    notes = Record(created=created).notes()
    assert max(map(len, notes.values())) <= LONGEST_NOTE
    assert len(notes) < 10
    assert record_from({"team": "payments", **notes}, "").created == created
    assert without_record(notes) == {}
