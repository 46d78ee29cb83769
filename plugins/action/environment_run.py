# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action ``environment_run``, which no module does: a run is that of an ansible-playbook, and kept where that runs."""

from __future__ import annotations

import socket
import uuid
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from ..module_utils._clients.clock import SystemClock
from ..module_utils._clients.kubernetes.api import KubernetesApi, connect
from ..module_utils._clients.runs.audit_file import AuditFile
from ..module_utils._clients.runs.keeper import Parent, Serving, listen, spawn
from ..module_utils._clients.runs.line import Line
from ..module_utils._domain.errors import InvalidOption
from ..module_utils._domain.plan import Plan
from ..module_utils._domain.units import seconds
from ..module_utils._runtime.arguments import KUBERNETES
from ..module_utils._runtime.runs.beginning import await_free
from ..module_utils._runtime.runs.holding import Holding, Run
from ..module_utils._runtime.task import Outcome, Request, Task
from ..plugin_utils.local_action import LocalAction

SHORTEST_TTL = 3


def reconcile(request: Request, line: Line, folder: Path) -> Outcome:
    if request.check_mode:
        return Outcome(Plan())
    options = request.options
    if options["state"] == "started":
        return Outcome(Plan(), {"run": start(request, folder)})
    if not line.exists:
        raise InvalidOption(
            f"no run was started that could be {options['state']}", next_step="start it before, in the same playbook"
        )
    if options["state"] == "held":
        line.require(options["plan"])
        return Outcome(Plan())
    left = line.finish(options["plan"])
    for warning in left["warnings"]:
        request.reporter.warn(str(warning))
    return Outcome(Plan(), {"record": left["record"]})


def start(request: Request, folder: Path) -> dict[str, Any]:
    options, clock, parent = request.options, SystemClock(), Parent()
    log = AuditFile(options["audit_file"] or "")
    log.require()
    run = Run(
        id=uuid.uuid4().hex[:12],
        environment=options["environment"],
        verb=options["verb"],
        machine=socket.gethostname(),
        began=clock.wall_time(),
        ttl=max(SHORTEST_TTL, seconds(options["lease_ttl"], "lease_ttl")),
    )
    patience = seconds(options["wait_timeout"], "wait_timeout")
    with connect(options, clock, request.reporter.warn) as api:
        found = await_free(run.environment, patience, api, clock, reporter=request.reporter, needed=parent.is_ours)
    listener = listen(folder)

    def work() -> None:
        with ExitStack() as opened:

            @cache
            def open_api() -> KubernetesApi:
                return opened.enter_context(connect(options, clock))

            keeper = Holding(run, found, open_api, clock, log)
            Serving(listener, parent, keeper, clock, folder=folder, private=folder.parent).run()

    spawn(listener, parent, work)
    return {"id": run.id, "environment": run.environment, "verb": run.verb, "machine": run.machine}


def unbound(_request: Request) -> Outcome:
    raise AssertionError("which run it is about, only the action knows")


class ActionModule(LocalAction):
    task = Task(
        arguments={
            **KUBERNETES,
            "state": {"type": "str", "choices": ["started", "held", "finished"], "default": "started"},
            "environment": {"type": "str"},
            "verb": {"type": "str"},
            "plan": {"type": "list", "elements": "dict", "default": []},
            "wait_timeout": {"type": "str", "default": "5m"},
            "lease_ttl": {"type": "str", "default": "1m"},
            "audit_file": {"type": "path"},
        },
        constraints={"required_if": [("state", "started", ("environment", "verb"))]},
        reconcile=unbound,
    )

    def _runs_here(self) -> bool:
        return True

    def _task_of(self, host: str) -> Task:
        folder = self._folder(host)
        line = Line(folder, self._task.name or self._task.action, SystemClock())
        return replace(self.task, reconcile=partial(reconcile, line=line, folder=folder))
