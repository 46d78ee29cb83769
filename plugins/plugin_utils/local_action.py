# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other door of a module: an action plugin that does the work in the controller.

A module costs a process and its imports per task, and can only speak when it ends. With a local connection the action
runs the module's task in place and prints while it waits; for any other connection it runs the module over there.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator, ValidationResult
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._domain.errors import InvalidOption
from ..module_utils._domain.plain import plain
from ..module_utils._runtime.arguments import extended_environment
from ..module_utils._runtime.task import Result, Task, execute

display = Display()


def _spoken(validated: ValidationResult) -> str:
    """The words of AnsibleModule, which itself says of an unknown option that it is one."""
    prefix = "Unsupported parameters: " if isinstance(validated.errors[0], UnsupportedError) else ""
    return prefix + "; ".join(validated.error_messages)


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
        if not self._runs_here():
            wrap_async = bool(self._task.async_val) and not self._connection.has_native_async
            done = self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=wrap_async)
            return {**result, **done}
        environment: dict[str, Any] = {}
        self._compute_environment_string(environment)
        extended_environment(environment)
        return {**result, **self._run_here(arguments, str((task_vars or {}).get("inventory_hostname", "localhost")))}

    def _runs_here(self) -> bool:
        return self._connection.transport == "local" and not self._connection.become and not self._task.async_val

    def _run_here(self, arguments: dict[str, Any], host: str) -> Result:
        validator = ArgumentSpecValidator(dict(self.task.arguments), **self.task.constraints)
        validated = validator.validate(arguments)
        if validated.error_messages:
            return {"failed": True, "msg": f"{self._task.action}: {_spoken(validated)}"}
        return execute(self.task, validated.validated_parameters, self._task.check_mode, DisplayReporter(host))
