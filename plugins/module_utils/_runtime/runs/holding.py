# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Lease of an environment on behalf of one run: taken before its first write, renewed, given back with a record."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..._domain.errors import Forbidden, Held, InfraError, Lost, NamespaceMissing, NotServed
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.ports import Clock
from ..._domain.runs.lease import NAMESPACE, SAFE_PART, Lease, held, identity, lease_of, lease_ref, moment, released
from ..._domain.runs.ports import FINISH, MAY_WRITE, Log, Message
from ..._domain.runs.record import (
    FAILED,
    LONGEST,
    STOPPED,
    SUCCEEDED,
    Record,
    event,
    history,
    history_ref,
    planned,
    runs_in,
    short,
    vanished,
)
from ..._domain.text import inert

# Of the time for which a Lease counts: when it is renewed, and when again if that failed.
RENEWED_AFTER = 1 / 3
AGAIN_AFTER = 1 / 12
# A server that does not answer within this part, or these seconds, is asked again.
PATIENCE_PART, LEAST_PATIENCE = 1 / 3, 5.0
# Somebody else may add to the same history at the same time only by hand.
APPENDS = 5


@dataclass(frozen=True)
class Run:
    """A verb at work on an environment; ``began`` in seconds of the epoch."""

    id: str
    environment: str
    verb: str
    machine: str
    began: float
    ttl: int


@dataclass
class _Told:
    """What the tasks of the run have said of themselves."""

    plan: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    result: str = STOPPED
    message: str = "it did not come to its end"


class Holding:
    """Implements ``ports.Keeper``. ``found`` is the Lease as the run has seen it, free, before it looked at anything.

    So it is taken only as it was then: if another run was at work since, what this one knows may not be so any more.
    Nothing is sent before a task wants to write, hence ``open_api``.
    """

    def __init__(self, run: Run, found: Lease, open_api: Callable[[], Kubernetes], clock: Clock, log: Log) -> None:
        self._run = run
        self._found = found
        self._open_api = open_api
        self._clock = clock
        self._log = log
        self._started = clock.boot_time()
        self._told = _Told()
        self._user = ""
        self._version = ""
        self._until = 0.0
        self._due = 0.0
        self._lost: Lost | None = None
        self._ended = False
        self.finished = False

    @property
    def _taken(self) -> bool:
        return bool(self._version)

    def answer(self, message: Message) -> Message:
        if message.get("plan"):
            self._told.plan = planned(message["plan"])
        if message["what"] == MAY_WRITE:
            return self._permission()
        if message["what"] == FINISH:
            return self._finish()
        self._remember(message)
        return {}

    def left(self, message: Message) -> None:
        if message["what"] == MAY_WRITE:
            self._told.result, self._told.message = STOPPED, inert(f"in task {message['task']}", LONGEST)

    def orphaned(self) -> None:
        self._ended = True

    def close(self) -> None:
        self._leave(self._record(self._told.result, self._told.message))

    def pause(self) -> float | None:
        if not self._taken or self._lost:
            return None
        return max(0.0, self._due - self._clock.boot_time())

    def renew(self) -> None:
        try:
            self._renew()
        except InfraError:  # a task that wants to write is told, and if that works by then, nothing was amiss
            self._due = self._clock.boot_time() + self._run.ttl * AGAIN_AFTER

    def _permission(self) -> dict[str, Any]:
        try:
            self._require()
        except InfraError as error:
            return {"refused": error.message, "next_step": error.next_step, "held": isinstance(error, Held)}
        return {"until": self._until}

    def _require(self) -> None:
        """Raises Held, Lost, or what keeps the API server from being asked."""
        if self._ended:
            raise Lost(
                f"the ansible-playbook of {self._run.verb} on environment {self._run.environment} has ended",
                next_step="run it again",
            )
        if self._lost:
            raise self._lost
        if not self._taken:
            self._take()
        elif self._clock.boot_time() >= self._until:
            self._renew()

    def _take(self) -> None:
        api = self._api()
        self._user = _user(api)
        try:
            if self._store(api, self._found.version):
                return
        except NamespaceMissing as error:
            error.next_step = f"run playbook pnow.infra.bootstrap, which makes namespace {NAMESPACE}"
            raise
        now = self._current(api)
        if now.holder == self._identity and self._store(api, now.version):  # the answer was lost
            return
        who = f"{now} has been at work" if now.holder else "another run was at work"
        raise Held(
            f"{who} on environment {self._run.environment} since this run looked at it",
            next_step="nothing was changed by this one; run it again",
        )

    def _renew(self) -> None:
        api = self._api()
        if self._store(api, self._version):
            return
        now = self._current(api)
        if now.holder == self._identity and self._store(api, now.version):
            return
        who = f"{now} has it" if now.holder else "another run had it meanwhile"
        self._lost = Lost(
            f"this run did not renew the Lease of environment {self._run.environment} in time and has lost it: {who}",
            next_step="nothing was written since; run again",
        )
        raise self._lost

    def _store(self, api: Kubernetes, version: str) -> bool:
        """Writes the Lease as ours, if it still has this version."""
        now = self._clock.wall_time()
        asked = self._clock.boot_time()
        wanted = held(self._run.environment, self._identity, self._run.ttl, since=self._run.began, now=now)
        stored = api.swap(wanted, version)
        if stored is None:
            return False
        self._version = lease_of(stored).version
        self._until = asked + self._run.ttl * SAFE_PART
        self._due = asked + self._run.ttl * RENEWED_AFTER
        return True

    @property
    def _identity(self) -> str:
        return identity(self._user, self._run.machine, self._run.verb, self._run.id)

    def _api(self) -> Kubernetes:
        patience = max(LEAST_PATIENCE, self._run.ttl * PATIENCE_PART)
        return self._open_api().bounded_by(self._clock.monotonic() + patience)

    def _current(self, api: Kubernetes) -> Lease:
        return lease_of(api.get(lease_ref(self._run.environment)))

    def _remember(self, message: Message) -> None:
        changes = message.get("changes") or []
        if changes:
            self._told.changes.append(inert(f"{message['task']}: {', '.join(map(str, changes))}", LONGEST))
        if message.get("failed"):
            self._told.result = FAILED
            self._told.message = inert(f"{message['task']}: {message['failed']}", LONGEST)

    def _finish(self) -> dict[str, Any]:
        self.finished = True
        record = self._record(SUCCEEDED, "")
        warnings = self._leave(record)
        return {"warnings": warnings, "record": record.fact() if self._taken else {}}

    def _record(self, result: str, message: str) -> Record:
        if self._log.wanted and not self._user:
            with suppress(InfraError):
                self._user = _user(self._api())
        return Record(
            run=self._run.id,
            environment=self._run.environment,
            verb=self._run.verb,
            user=self._user,
            machine=self._run.machine,
            began=moment(self._run.began),
            seconds=round(self._clock.boot_time() - self._started, 1),
            result=result,
            message=message,
            plan=self._told.plan,
            changes=short(self._told.changes),
        )

    def _leave(self, record: Record) -> list[str]:
        """Leaves the record and gives the Lease back, each as far as it can be; returns what could not."""
        steps = [self._append, self._tell, self._release] if self._taken else []
        warnings = []
        for step in [*steps, self._note]:
            try:
                step(record)
            except InfraError as error:
                warnings.append(str(error))
        return warnings

    def _append(self, record: Record) -> None:
        api, new = self._api(), [record.fact()]
        if self._found.holder:
            new.insert(0, vanished(self._run.environment, self._found.holder, self._found.since).fact())
        for _attempt in range(APPENDS):
            live = api.get(history_ref(self._run.environment))
            version = str(live["metadata"]["resourceVersion"]) if live else ""
            if api.swap(history(self._run.environment, [*runs_in(live), *new]), version) is not None:
                return
        raise Held(
            f"{history_ref(self._run.environment)} is written to faster than this run could be added to it",
            next_step="look who else writes it",
        )

    def _tell(self, record: Record) -> None:
        try:
            self._api().create(event(record, self._clock.wall_time()))
        except NamespaceMissing:  # as it is after a deletion
            return

    def _release(self, record: Record) -> None:
        api = self._api()
        if api.swap(released(record.environment), self._version) is None:
            now = self._current(api)
            if now.holder == self._identity:
                api.swap(released(record.environment), now.version)

    def _note(self, record: Record) -> None:
        self._log.append(record.line())


def _user(api: Kubernetes) -> str:
    try:
        return api.user()
    except (Forbidden, NotServed):  # as by Kubernetes before 1.28
        return "somebody"
