# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task, from validated options to a result. Both doors, the module and the action plugin, run it through here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .._domain.errors import InfraError
from .._domain.plan import Plan
from .._domain.ports import Permit, Reporter, unasked
from .._domain.redact import Redactor, names_in
from .arguments import ArgumentSpec, open_in, secrets_in, without_secrets

Result = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What one task was asked to do.

    Whatever leaves the task goes through ``redactor``: tell it each secret learnt, and each name that no option gives.
    Whatever writes to a server asks for ``permit`` first, which is what clients are connected with.
    """

    options: Mapping[str, Any]
    check_mode: bool
    reporter: Reporter
    redactor: Redactor
    permit: Permit = unasked


@dataclass(frozen=True)
class Outcome:
    """What one task did, or in check mode would do; ``facts`` are further keys of its result."""

    plan: Plan
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """A module as data: its options, the rules between them (as AnsibleModule takes them), and what it does."""

    arguments: ArgumentSpec
    reconcile: Callable[[Request], Outcome]
    constraints: Mapping[str, Any] = field(default_factory=dict)


class RedactingReporter:
    """Implements ``ports.Reporter`` over another one."""

    def __init__(self, reporter: Reporter, redactor: Redactor) -> None:
        self._reporter = reporter
        self._redactor = redactor

    def line(self, text: str) -> None:
        self._reporter.line(self._redactor.text(text))

    def warn(self, text: str) -> None:
        self._reporter.warn(self._redactor.text(text))


class ModuleReporter:
    """Implements ``ports.Reporter`` where nobody watches: a module can only speak when it ends."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module

    def line(self, text: str) -> None:
        self._module.debug(text)

    def warn(self, text: str) -> None:
        self._module.warn(text)


def execute(
    task: Task, options: Mapping[str, Any], check_mode: bool, reporter: Reporter, permit: Permit = unasked
) -> Result:
    """Runs the task. An InfraError becomes a failed result; any other exception is a defect and passes through."""
    return _result(task, _request(task, options, check_mode, reporter, permit))


def run_module(task: Task) -> None:
    """The door of a module: its ``main``."""
    module = AnsibleModule(argument_spec=dict(task.arguments), supports_check_mode=True, **task.constraints)
    # AnsibleModule itself would blot every secret, however short, out of names and numbers, too.
    module.no_log_values = set()
    request = _request(task, module.params, module.check_mode, ModuleReporter(module))
    result = _result(task, request)
    arguments = request.redactor.value(without_secrets(task.arguments, module.params))
    result["invocation"] = {"module_args": arguments}
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


def _request(
    task: Task, options: Mapping[str, Any], check_mode: bool, reporter: Reporter, permit: Permit = unasked
) -> Request:
    redactor = Redactor(secrets_in(task.arguments, options), open_in(task.arguments, options))
    return Request(options, check_mode, RedactingReporter(reporter, redactor), redactor, permit)


def _result(task: Task, request: Request) -> Result:
    redactor = request.redactor
    try:
        outcome = task.reconcile(request)
    except InfraError as error:
        redactor.keep(*names_in(error.facts))
        shown = redactor.value({**error.facts, "msg": str(error)})
        return {**shown, "failed": True, "changed": bool(error.facts.get("changed"))}
    redactor.keep(*names_in(outcome.facts))
    shown = redactor.value({**outcome.facts, "diff": outcome.plan.diff})
    return {**shown, "changed": outcome.plan.changed}
