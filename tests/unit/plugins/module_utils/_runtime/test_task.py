# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request to a result: errors become one sentence, secrets stay inside."""

from __future__ import annotations

import base64
import json

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common.parameters import PASS_VARS

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Rejected
from ansible_collections.pnow.infra.plugins.module_utils._domain.plan import Action, Plan
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import (
    Outcome,
    Request,
    Task,
    execute,
    run_module,
)
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


@pytest.mark.parametrize("secret", ["failed", "changed", "true", "True", "name", "kind", "dev", "msg", "database"])
def test_whatever_is_secret_a_failure_stays_one(secret: str) -> None:
    """A value that is learnt on the way, as those of a Secret are, and one that is given."""
    name = {"api_version": "v1", "kind": "Secret", "namespace": "dev", "name": "database"}

    def reconcile(request: Request) -> Outcome:
        request.redactor.remember(secret)
        raise Rejected("Secret dev/database: namespaces dev not found", facts={"blockers": [name], "changed": True})

    assert execute(Task(ARGUMENTS, reconcile), {**OPTIONS, "token": secret}, False, ScriptedReporter()) == {
        "failed": True,
        "changed": True,
        "msg": "Secret dev/database: namespaces dev not found",
        "blockers": [name],
    }


def test_names_of_objects_that_no_option_gives_survive_in_messages() -> None:
    name = {"api_version": "v1", "kind": "Role", "namespace": "", "name": "dev-database-x7k2p"}

    def reconcile(_request: Request) -> Outcome:
        raise Rejected("Role dev-database-x7k2p is not ready", facts={"blockers": [name]})

    options = {"token": "dev-database-x7k2p"}
    result = execute(Task(ARGUMENTS, reconcile), options, False, ScriptedReporter())
    assert (result["msg"], result["blockers"]) == ("Role dev-database-x7k2p is not ready", [name])


def test_the_module_door_shows_options_without_secrets_and_a_true_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """AnsibleModule alone would make another number of 5432 for a password of 5, and a text of a count."""
    options = {"token": "5", "port": 5432, "roles": [{"password": "open sesame"}], "name": "5-open sesame"}
    # Older versions always show the invocation, and know no option for it.
    asked = {"_ansible_inject_invocation": True} if "inject_invocation" in PASS_VARS else {}
    sent = {"ANSIBLE_MODULE_ARGS": {**options, **asked}}
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps(sent).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    arguments = {**ARGUMENTS, "port": {"type": "int"}, "name": {"type": "str"}}

    def reconcile(request: Request) -> Outcome:
        return Outcome(Plan(), {"port": request.options["port"], "echo": "wrong: open sesame", "count": 5})

    with pytest.raises(SystemExit):
        run_module(Task(arguments, reconcile))
    result = json.loads(capsys.readouterr().out)
    assert (result["port"], result["count"], result["echo"]) == (5432, 5, "wrong: ********")
    assert result["invocation"]["module_args"] == {**options, "token": "********", "roles": [{"password": "********"}]}


def test_a_login_in_a_url_is_not_in_the_open() -> None:
    def reconcile(_request: Request) -> Outcome:
        raise Rejected("no answer from http://jane:hvs.secret-token@proxy:3128/")

    arguments = {**ARGUMENTS, "proxy": {"type": "str"}}
    options = {**OPTIONS, "proxy": "http://jane:hvs.secret-token@proxy:3128/"}
    result = execute(Task(arguments, reconcile), options, False, ScriptedReporter())
    assert result["msg"] == "no answer from http://jane:********@proxy:3128/"


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
