# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other door of a module: an action plugin that does the work in the controller.

A module costs a process and its imports per task, and can only speak when it ends. With a local connection the action
runs the module's task in place and prints while it waits; for any other connection it runs the module over there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from ansible import constants
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator, ValidationResult
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._clients.clock import SystemClock
from ..module_utils._clients.runs.line import Line, folder_of
from ..module_utils._domain.errors import InfraError, InvalidOption
from ..module_utils._domain.plain import plain
from ..module_utils._domain.ports import Permit, unasked
from ..module_utils._runtime.arguments import extended_environment
from ..module_utils._runtime.task import Result, Task, execute

display = Display()


def _spoken(validated: ValidationResult) -> str:
    """The words of AnsibleModule, which itself says of an unknown option that it is one."""
    prefix = "Unsupported parameters: " if isinstance(validated.errors[0], UnsupportedError) else ""
    return prefix + "; ".join(validated.error_messages)


def _changes(done: Result) -> list[str]:
    """What a task has changed, by its own account, without values."""
    if not done.get("changed"):
        return []
    diff = done.get("diff") or []
    return [_change(entry) for entry in (diff if isinstance(diff, list) else [diff])]


def _change(entry: dict[str, Any]) -> str:
    before, after = bool(entry.get("before")), bool(entry.get("after"))
    verb = {(False, True): "create ", (True, False): "delete ", (True, True): "change "}.get((before, after), "")
    return f"{verb}{entry.get('after_header') or entry.get('before_header') or ''}"


def _failure(done: Result) -> str:
    return str(done.get("msg") or "failed") if done.get("failed") else ""


class DisplayReporter:
    """Implements ``ports.Reporter`` on the terminal of whoever runs the playbook."""

    def __init__(self, host: str) -> None:
        self._host = host

    def line(self, text: str) -> None:
        display.display(f"{self._host}: {text}")

    def warn(self, text: str) -> None:
        display.warning(f"{self._host}: {text}")


class LocalAction(ActionBase):
    """An action that runs ``task``, the one of the module of the same name."""

    task: ClassVar[Task]
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        result: Result = super().run(tmp, task_vars)
        try:
            arguments = plain(self._task.args)
        except InvalidOption as error:
            return {**result, "failed": True, "msg": f"{self._task.action}: {error}"}
        host = str((task_vars or {}).get("inventory_hostname", "localhost"))
        line = Line(self._folder(host), self._task.name or self._task.action, SystemClock())
        try:
            done = self._do(arguments, task_vars, host, line.may_write if line.exists else unasked)
            changes, failure = [] if self._task.check_mode else _changes(done), _failure(done)
            if (changes or failure) and line.exists:
                line.done(changes, failure)
        finally:
            line.close()
        return {**result, **done}

    def _do(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None, host: str, permit: Permit) -> Result:
        if not self._runs_here():
            return self._run_there(arguments, task_vars, permit)
        environment: dict[str, Any] = {}
        self._compute_environment_string(environment)
        extended_environment(environment)
        return self._run_here(arguments, host, permit)

    @staticmethod
    def _folder(host: str) -> Path:
        """Where the run of a host can be met, if one was started: only this ansible-playbook has that folder."""
        return folder_of(Path(constants.DEFAULT_LOCAL_TMP), host)  # type: ignore[attr-defined]

    def _run_there(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None, permit: Permit) -> Result:
        """Runs the module. It can not ask for the permit over there, so whatever may write asks before it starts."""
        if not self._task.check_mode and not self._task.action.endswith("_info"):
            try:
                permit()
            except InfraError as error:
                return {"failed": True, "changed": False, "msg": str(error)}
        wrap_async = bool(self._task.async_val) and not self._connection.has_native_async
        done: Result = self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=wrap_async)
        return done

    def _runs_here(self) -> bool:
        return self._connection.transport == "local" and not self._connection.become and not self._task.async_val

    def _task_of(self, _host: str) -> Task:
        """The task as it is done for a host, where that makes a difference."""
        return self.task

    def _run_here(self, arguments: dict[str, Any], host: str, permit: Permit) -> Result:
        validator = ArgumentSpecValidator(dict(self.task.arguments), **self.task.constraints)
        validated = validator.validate(arguments)
        if validated.error_messages:
            return {"failed": True, "msg": f"{self._task.action}: {_spoken(validated)}"}
        return execute(
            self._task_of(host), validated.validated_parameters, self._task.check_mode, DisplayReporter(host), permit
        )
