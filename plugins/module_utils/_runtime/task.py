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
from .._domain.ports import Reporter
from .._domain.redact import Redactor
from .arguments import ArgumentSpec, secrets_in

Result = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What one task was asked to do. Whatever leaves the task goes through ``redactor``: tell it each secret learnt."""

    options: Mapping[str, Any]
    check_mode: bool
    reporter: Reporter
    redactor: Redactor


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


def execute(task: Task, options: Mapping[str, Any], check_mode: bool, reporter: Reporter) -> Result:
    """Runs the task. An InfraError becomes a failed result; any other exception is a defect and passes through."""
    redactor = Redactor(secrets_in(task.arguments, options))
    request = Request(options, check_mode, RedactingReporter(reporter, redactor), redactor)
    try:
        outcome = task.reconcile(request)
    except InfraError as error:
        result = {**error.facts, "failed": True, "msg": str(error), "changed": bool(error.facts.get("changed"))}
    else:
        result = {**outcome.facts, "changed": outcome.plan.changed, "diff": outcome.plan.diff}
    return dict(redactor.value(result))


def run_module(task: Task) -> None:
    """The door of a module: its ``main``."""
    module = AnsibleModule(argument_spec=dict(task.arguments), supports_check_mode=True, **task.constraints)
    result = execute(task, module.params, module.check_mode, ModuleReporter(module))
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
