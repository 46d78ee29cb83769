# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of an environment, a truth table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.environment.variables import Variables, problems

RIGHT = Variables(
    environment="dev",
    namesakes=["dev"],
    capabilities=["database"],
    given={"environment_name", "database_size", "database_status", "ansible_connection"},
    values={"database_size": "small", "database_wait_timeout": "5m"},
    known={"environment": ["environment_name"], "database": ["database_size", "database_wait_timeout"]},
)


def test_nothing_is_wrong() -> None:
    assert problems(RIGHT) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"namesakes": ["dev", "uat"]},
            "dev and uat are both environment dev; give each an environment_name of its own",
        ),
        ({"capabilities": ["databse"]}, "environment_capabilities has databse, which no environment can have"),
        (
            {"given": {"database_sise", "database_a"}},
            "role database does not know database_a, database_sise; it knows database_size, database_wait_timeout",
        ),
        (
            {"values": {"database_wait_timeout": "soon"}},
            "database_wait_timeout is 'soon', which is not a duration; write seconds or a form like 90s, 5m, 1h30m",
        ),
        (
            {"given": {"database_path"}, "formerly": {"database_path": "database_folder says it"}},
            "there is no variable database_path any more; database_folder says it",
        ),
        ({"refused": {"": ["size is huge"]}}, "size is huge"),
        ({"refused": {"database": ["two are the environment's own"]}}, "two are the environment's own"),
    ],
)
def test_one_thing_is_wrong(wrong: dict[str, object], said: str) -> None:
    assert problems(replace(RIGHT, **wrong)) == [said]  # type: ignore[arg-type]


def test_all_that_is_wrong_is_said() -> None:
    wrong = replace(RIGHT, namesakes=["dev", "uat"], capabilities=["x"], given={"database_x"})
    assert len(problems(wrong)) == 3
