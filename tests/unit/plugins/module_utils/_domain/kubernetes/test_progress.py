# SPDX-License-Identifier: GPL-3.0-or-later
"""Many objects in few words."""

from __future__ import annotations

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Condition, ObjectRef
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.progress import some, tally
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.readiness import Phase, Readiness

READY = Readiness(Phase.READY)
CREATING = Readiness(Phase.PROGRESSING, Condition("Ready", "False", "Creating", "a message of its own"))
UNSYNCED = Readiness(Phase.PROGRESSING, Condition("Synced", "False", "ReconcileError"), ObjectRef("g/v1", "Role", "r"))


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, ""),
        (1, "n0"),
        (3, "n0, n1, n2"),
        (4, "n0, n1, n2 and 1 other"),
        (48, "n0, n1, n2 and 45 others"),
    ],
)
def test_some_are_named_and_the_rest_is_counted(count: int, text: str) -> None:
    assert some([f"n{number}" for number in range(count)]) == text


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [
        ([], "0 of 0 ready"),
        ([READY, READY], "2 of 2 ready"),
        ([READY, CREATING], "1 of 2 ready; 1 Ready=False Creating: K c1"),
        (
            [UNSYNCED, CREATING, CREATING],
            "0 of 3 ready; 2 Ready=False Creating: K c1 ...; 1 Synced=False ReconcileError: Role r",
        ),
        ([Readiness(Phase.PROGRESSING)] * 2, "0 of 2 ready; 2 progressing: K c0 ..."),
        (
            [Readiness(Phase.PROGRESSING, Condition("Ready", "False", reason)) for reason in "aabbccdde"],
            "0 of 9 ready; 2 Ready=False a: K c0 ...; 2 Ready=False b: K c2 ...; 2 Ready=False c: K c4 ...; 3 others",
        ),
    ],
)
def test_how_far_all_are(verdicts: list[Readiness], text: str) -> None:
    assert tally({ObjectRef("g/v1", "K", f"c{number}"): verdict for number, verdict in enumerate(verdicts)}) == text


def test_what_is_counted_may_be_gone() -> None:
    gone = {ObjectRef("g/v1", "K", "a"): Readiness(Phase.GONE), ObjectRef("g/v1", "K", "b"): CREATING}
    assert tally(gone, "gone") == "1 of 2 gone; 1 Ready=False Creating: K b"
