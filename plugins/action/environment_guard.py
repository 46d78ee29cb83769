# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action door of module ``environment_guard``, which alone can read the inventory."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from ..modules.environment_guard import TASK
from ..plugin_utils.inventory import command_line, stated
from ..plugin_utils.local_action import LocalAction

ROLES = Path(__file__).parents[2] / "roles"

# Ansible imports an action before it forks for a task: this is one value for all tasks of a run, and for no other run.
RUN = str(uuid4())


class ActionModule(LocalAction):
    task = TASK

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        host = str((task_vars or {}).get("inventory_hostname", "localhost"))
        self._task.args = {
            **self._task.args,
            "stated": {**stated(self._loader, host), "extra": command_line(self._loader)},
            "results": [f"{role.name}_status" for role in ROLES.iterdir()] + ["environment_plan"],
            "run": RUN,
        }
        return super().run(tmp, task_vars)
