# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps an environment, by what the inventory says and the cluster remembers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.environment.guarding import (
    LIFTED,
    PROTECTED,
    Protected,
    Recorded,
    Stated,
    marks,
    require_heard,
    require_liftable,
    require_number,
    require_unprotected,
    wants_protection,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest

RUN = "this run"


def stated(
    protected: bool | None = None, environment: str = "production", sources: Sequence[str] = ("inventory",)
) -> Stated:
    return Stated(environment, protected, sources, ())


def namespace(**found: str) -> Manifest:
    named = {"protected": PROTECTED, "lifted": LIFTED}
    return {"metadata": {"name": "production", "annotations": {named[key]: value for key, value in found.items()}}}


USAGE: Manifest = {"kind": "Usage", "metadata": {"name": "protected-production-database"}}


@pytest.mark.parametrize(
    ("environment", "said", "expected"),
    [
        ("production", stated(), True),
        ("preprod", stated(environment="preprod"), True),
        ("dev", stated(environment="dev"), False),
        ("dev", stated(True, "dev"), True),
        ("production", stated(False), False),
        # Of a host that is another environment, and only said to be this one.
        ("production", stated(False, "dev"), True),
        ("dev", stated(True, "production"), False),
    ],
)
def test_what_is_to_be_protected(environment: str, said: Stated, expected: bool) -> None:
    assert wants_protection(environment, said) is expected


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (["confirm", "environment_protected"], "environment_protected is on the command line, where it does not count"),
        (["__environment_guard"], "__environment_guard on the command line would stand for"),
        (["database_status", "environment_plan"], "database_status, environment_plan on the command line"),
    ],
)
def test_what_is_not_taken_from_the_command_line(extra: list[str], says: str) -> None:
    with pytest.raises(InvalidOption, match=says):
        require_heard(extra, ["database_status", "environment_plan"])


def test_what_else_is() -> None:
    require_heard(["confirm", "database_size", "build_status"], ["database_status"])


@pytest.mark.parametrize(
    ("said", "recorded", "says"),
    [
        (stated(False), Recorded(namespace(protected="true")), "as its last provision recorded"),
        (stated(False), Recorded(None, [USAGE]), "as its last provision recorded"),
        (stated(), Recorded(None), "by its inventory"),
        (stated(False), Recorded(namespace(lifted=RUN)), "until this very run"),
    ],
)
def test_what_keeps_it(said: Stated, recorded: Recorded, says: str) -> None:
    with pytest.raises(Protected, match=says):
        require_unprotected("production", "delete", said, recorded, RUN)


@pytest.mark.parametrize("recorded", [Recorded(None), Recorded(namespace(lifted="an earlier run"))])
def test_what_does_not(recorded: Recorded) -> None:
    require_unprotected("production", "delete", stated(False), recorded, RUN)


def test_a_namespace_that_goes_remembers_nothing() -> None:
    leaving = namespace(protected="true")
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not Recorded(leaving).protected


def test_only_one_inventory_takes_protection_away() -> None:
    require_liftable("production", stated(False))
    with pytest.raises(Protected, match="more than one inventory has it: a, b"):
        require_liftable("production", stated(False, sources=("a", "b")))


@pytest.mark.parametrize(
    ("going", "known", "said"), [(1, 1, 0), (1, 6, 0), (2, 10, 0), (3, 15, 0), (2, 6, 2), (4, 100, 4), (0, 0, 0)]
)
def test_few_go_or_the_number_is_said(going: int, known: int, said: int) -> None:
    require_number(going, known, said)


@pytest.mark.parametrize(("going", "known", "said"), [(2, 6, 0), (2, 9, 3), (4, 100, 0), (3, 14, 1), (6, 6, 5)])
def test_many_go_and_the_number_is_not_said(going: int, known: int, said: int) -> None:
    with pytest.raises(InvalidOption, match=f"{going} of the {known} environments .* -e confirm_environments={going}"):
        require_number(going, known, said)


@pytest.mark.parametrize(
    ("recorded", "protected", "expected"),
    [
        (Recorded(None), True, {PROTECTED: "true"}),
        (Recorded(None), False, {}),
        (Recorded(namespace(protected="true")), False, {LIFTED: RUN}),
        (Recorded(namespace(lifted="an earlier run")), False, {LIFTED: "an earlier run"}),
        (Recorded(namespace(lifted="an earlier run")), True, {PROTECTED: "true"}),
    ],
)
def test_what_the_namespace_is_to_say(recorded: Recorded, protected: bool, expected: dict[str, str]) -> None:
    assert marks(recorded, protected=protected, run=RUN) == expected
