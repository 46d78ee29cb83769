# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a task reaches the process that keeps the Lease of its run."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..._domain.errors import Held, Lost
from ..._domain.ports import Clock
from ..._domain.runs.ports import DONE, FINISH, MAY_WRITE
from .keeper import SOCKET, inside

# It may be asking the API server, which it does for less than that.
PATIENCE = 60.0


def folder_of(private: Path, host: str) -> Path:
    """Where the run of a host is met: below a folder that only this ansible-playbook and its tasks have."""
    return private / f"pnow-infra-{hashlib.sha256(host.encode()).hexdigest()[:16]}"


class Line:
    """The run that a task belongs to, as the task speaks with it."""

    def __init__(self, folder: Path, task: str, clock: Clock) -> None:
        self._folder = folder
        self._task = task
        self._clock = clock
        self._connection: socket.socket | None = None

    @property
    def exists(self) -> bool:
        """Whether a run was started, and is not finished."""
        return self._folder.exists()

    def may_write(self) -> None:
        """The task's ``ports.Permit``. Raises Held, Lost, or what kept the Lease from being taken."""
        answer = self._ask(MAY_WRITE)
        if "refused" in answer:
            raise (Held if answer["held"] else Lost)(str(answer["refused"]), next_step=str(answer["next_step"]))
        if self._clock.boot_time() >= float(answer["until"]):
            raise self._unheard("did not answer in time")

    def done(self, changes: Sequence[str], failed: str) -> None:
        """What the task has changed, and why it failed if it did. Whom nobody hears any more needs not to be told."""
        try:
            self._ask(DONE, changes=changes, failed=failed)
        except Lost:
            return

    def finish(self, plan: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Ends the run; returns its record, if it has one, and warnings. Raises Lost."""
        return self._ask(FINISH, plan=plan)

    def require(self, plan: Sequence[Mapping[str, Any]]) -> None:
        """Takes the Lease now. Raises what ``may_write`` raises."""
        self._ask(DONE, plan=plan)
        self.may_write()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _ask(self, what: str, **message: Any) -> Mapping[str, Any]:
        try:
            connection = self._connected()
            connection.sendall(f"{json.dumps({'what': what, 'task': self._task, **message})}\n".encode())
            answer = b""
            while not answer.endswith(b"\n"):
                received = connection.recv(1 << 16)
                if not received:
                    raise self._unheard("has ended")
                answer += received
        except OSError as error:
            raise self._unheard("does not answer") from error
        parsed: Mapping[str, Any] = json.loads(answer)
        return parsed

    def _connected(self) -> socket.socket:
        if self._connection is None:
            self._connection = socket.socket(socket.AF_UNIX)
            self._connection.settimeout(PATIENCE)
            with inside(self._folder):
                self._connection.connect(SOCKET)
        return self._connection

    def _unheard(self, why: str) -> Lost:
        return Lost(
            f"the process that keeps the Lease of this run {why}, so another run may be at work",
            next_step="nothing is written without it; run again",
        )
