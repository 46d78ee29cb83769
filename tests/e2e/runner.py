# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks run as AWX runs them: by ansible-runner, whose events are seen while the playbook runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ansible_runner

Event = dict[str, Any]

PLAYBOOKS = Path(__file__).parent
ENDED = ("runner_on_ok", "runner_on_failed")


def never() -> bool:
    """When a run is to be cancelled. Without an answer ansible-runner would take SIGINT and SIGTERM from the tests."""
    return False


class Play:
    """A playbook that has been started; ``events`` is what ansible-runner has told of it so far."""

    def __init__(self, folder: Path, playbook: str, variables: Mapping[str, Any]) -> None:
        self.events: list[Event] = []
        self._told = threading.Condition()
        self._thread, _runner = ansible_runner.run_async(
            private_data_dir=str(folder),
            playbook=str(PLAYBOOKS / playbook),
            extravars=dict(variables),
            event_handler=self._tell,
            cancel_callback=never,
            quiet=True,
        )

    def _tell(self, event: Event) -> None:
        with self._told:
            self.events.append(event)
            self._told.notify_all()

    def said(self, text: str, within: float = 60) -> None:
        """Waits until a line of progress contains the text."""
        with self._told:
            heard = self._told.wait_for(lambda: any(text in line for line in self.lines), within)
        assert heard, f"no line with {text!r} after {within} s: {self.lines}"

    def result(self, within: float = 200) -> Event:
        """Waits for the end; what the last task returned, and whether it ``failed``."""
        self._thread.join(within)
        assert not self._thread.is_alive(), f"the playbook goes on after {within} s: {self.lines}"
        last = [event for event in self.events if event["event"] in ENDED][-1]
        return {**last["event_data"]["res"], "failed": last["event"] == "runner_on_failed"}

    @property
    def lines(self) -> list[str]:
        """What the task has said while it ran."""
        return [event["stdout"] for event in self.events if event["event"] == "verbose"]
