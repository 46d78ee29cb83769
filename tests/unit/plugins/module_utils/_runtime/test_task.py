# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request to a result: errors become one sentence, secrets stay inside."""

from __future__ import annotations

import base64

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Rejected
from ansible_collections.pnow.infra.plugins.module_utils._domain.plan import Action, Plan
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request, Task, execute
from tests.unit.plugins.scripted import ScriptedReporter

ARGUMENTS = {
    "token": {"type": "str", "no_log": True},
    "roles": {"type": "list", "elements": "dict", "options": {"password": {"type": "str", "no_log": True}}},
}
OPTIONS = {"token": "hvs.secret-token", "roles": [{"password": "open sesame"}]}


def test_a_plan_becomes_changed_and_diff() -> None:
    plan = Plan((Action("create", "Role x", after={"a": 1}),))
    result = execute(Task(ARGUMENTS, lambda _: Outcome(plan, {"objects": []})), OPTIONS, False, ScriptedReporter())
    assert result == {
        "changed": True,
        "diff": [{"before_header": "Role x", "after_header": "Role x", "before": {}, "after": {"a": 1}}],
        "objects": [],
    }


def test_an_error_becomes_one_sentence_and_keeps_what_was_observed() -> None:
    def reconcile(_request: Request) -> Outcome:
        raise Rejected("role x is refused", next_step="rename it", facts={"blockers": [], "changed": True})

    assert execute(Task(ARGUMENTS, reconcile), OPTIONS, False, ScriptedReporter()) == {
        "failed": True,
        "changed": True,
        "msg": "role x is refused; rename it",
        "blockers": [],
    }


def test_a_defect_is_not_disguised() -> None:
    def reconcile(_request: Request) -> Outcome:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        execute(Task(ARGUMENTS, reconcile), OPTIONS, False, ScriptedReporter())


def test_no_secret_leaves_by_any_way() -> None:
    encoded = base64.b64encode(b"open sesame").decode()

    def reconcile(request: Request) -> Outcome:
        request.reporter.line("using hvs.secret-token")
        request.reporter.warn(f"odd: {encoded}")
        raise Rejected("open sesame is wrong", facts={"sent": [{"p": encoded}]})

    reporter = ScriptedReporter()
    result = execute(Task(ARGUMENTS, reconcile), OPTIONS, False, reporter)
    shown = f"{result} {reporter.lines} {reporter.warnings}"
    assert "sesame" not in shown
    assert encoded not in shown
    assert "hvs." not in shown
