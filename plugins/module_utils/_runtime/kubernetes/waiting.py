# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for many objects at once, saying what is awaited, within one deadline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..._domain.errors import Unreachable
from ..._domain.kubernetes.manifest import Manifest, ObjectRef
from ..._domain.kubernetes.ports import Kubernetes, Seen
from ..._domain.kubernetes.progress import FOLLOWED, tally
from ..._domain.kubernetes.readiness import Phase, Readiness
from ..._domain.ports import Clock, Reporter
from ..._domain.text import inert
from ..._domain.units import spoken

# A failure ends the wait once it has lasted this long, in seconds: an object may be seen in the middle of a change.
CONFIRMATION = 2.0

# How long reading what blocks may take once the wait is over, in seconds; or that part of a longer limit.
BLAME_LIMIT = 10.0
BLAME_PART = 0.1

# How many objects get a thorough look whenever nothing new is heard, so that a second of silence costs few requests.
THOROUGH_LOOKS = 3

# Between two lines that count objects instead of naming each, in seconds.
COUNT_INTERVAL = 5.0

# A server that can not be heard is worth a line only when it lasts, and then from time to time.
TROUBLE_INTERVAL = 10.0


class Judge(Protocol):
    """Gives the verdict on an object; a thorough one may read other objects for it."""

    def __call__(self, manifest: Manifest | None, thorough: bool, /) -> Readiness: ...


@dataclass(frozen=True)
class Deadline:
    """One limit over everything a task does, on the clock it was started with."""

    clock: Clock
    started: float
    limit: float

    @classmethod
    def after(cls, clock: Clock, limit: float) -> Deadline:
        return cls(clock, clock.monotonic(), limit)

    @property
    def moment(self) -> float:
        """When it is, on its clock."""
        return self.started + self.limit

    @property
    def elapsed(self) -> float:
        return self.clock.monotonic() - self.started

    @property
    def passed(self) -> bool:
        return self.elapsed >= self.limit

    @property
    def last_moment(self) -> float:
        """Until when it may be read why the wait was in vain: to say so is worth a little more than the limit."""
        return self.clock.monotonic() + max(BLAME_LIMIT, self.limit * BLAME_PART)

    def __str__(self) -> str:
        return f"{spoken(self.elapsed)} of {spoken(self.limit)}"


@dataclass(frozen=True)
class Waited:
    """How a wait ended: the last state and verdict of every object, and whether the server could not be heard."""

    manifests: Mapping[ObjectRef, Manifest | None]
    verdicts: Mapping[ObjectRef, Readiness]
    unheard: bool = False

    @property
    def pending(self) -> list[ObjectRef]:
        return [ref for ref, verdict in self.verdicts.items() if not verdict.ready]


def await_all(
    api: Kubernetes,
    judges: Mapping[ObjectRef, Judge],
    deadline: Deadline,
    reporter: Reporter,
    goal: str = "ready",
) -> Waited:
    """Watches until every object is ready, one has failed, or the deadline has passed.

    A judge is asked whenever its object changes and, until it is satisfied, thoroughly and in turn with the others
    while there is nothing new: the reason why an object does not change is to be found behind it. Of many objects the
    first changes are said one by one; then it is counted how many have reached the ``goal``.
    """
    wait = _Wait(judges, deadline, reporter, goal)
    if judges:
        with api.watch(list(judges)) as stream:
            for message in stream:
                if isinstance(message, Seen):
                    wait.seen(message.ref, message.manifest)
                else:
                    wait.silence(message.trouble)
                if wait.over or deadline.passed:
                    break
    return Waited(wait.manifests, wait.verdicts, wait.unheard)


class _Wait:
    def __init__(self, judges: Mapping[ObjectRef, Judge], deadline: Deadline, reporter: Reporter, goal: str) -> None:
        self._judges = judges
        self._deadline = deadline
        self._reporter = reporter
        self._goal = goal
        self._changes = 0
        self._uncounted = False
        self._counted_at = 0.0
        self._trouble_since: float | None = None
        self._trouble_said = 0.0
        self._turn = 0
        self._failing_since: dict[ObjectRef, float] = {}
        self.manifests: dict[ObjectRef, Manifest | None] = {}
        self.verdicts: dict[ObjectRef, Readiness] = dict.fromkeys(judges, Readiness(Phase.PROGRESSING))

    @property
    def over(self) -> bool:
        now = self._deadline.elapsed
        failed = any(now - since >= CONFIRMATION for since in self._failing_since.values())
        return failed or all(verdict.ready for verdict in self.verdicts.values())

    @property
    def unheard(self) -> bool:
        return self._trouble_since is not None

    def seen(self, ref: ObjectRef, manifest: Manifest | None) -> None:
        self._heard()
        self.manifests[ref] = manifest
        self._judge(ref, thorough=False)
        self._count()

    def silence(self, trouble: str) -> None:
        if trouble:
            self._say_trouble(trouble)
            return
        pending = [ref for ref in self.manifests if not self.verdicts[ref].ready]
        looks = range(self._turn, self._turn + min(THOROUGH_LOOKS, len(pending)))
        answered = [self._judge(pending[look % len(pending)], thorough=True) for look in looks]
        if all(answered):
            self._heard()
        self._turn += THOROUGH_LOOKS
        self._count()

    def _heard(self) -> None:
        if self._trouble_since is not None:
            self._trouble_since = None
            self._say("the Kubernetes API answers again")

    def _judge(self, ref: ObjectRef, *, thorough: bool) -> bool:
        """Whether the judge could look at all that it needed."""
        try:
            verdict = self._judges[ref](self.manifests[ref], thorough)
        except Unreachable as error:
            self._say_trouble(error.message)
            return False
        if str(verdict) != str(self.verdicts[ref]):
            self._tell(ref, verdict)
        self.verdicts[ref] = verdict
        if verdict.phase is Phase.FAILED:
            self._failing_since.setdefault(ref, self._deadline.elapsed)
        else:
            self._failing_since.pop(ref, None)
        return True

    def _tell(self, ref: ObjectRef, verdict: Readiness) -> None:
        self._changes += 1
        if len(self._judges) <= FOLLOWED or self._changes <= FOLLOWED or verdict.phase is Phase.FAILED:
            self._say(f"{ref}: {_spoken_verdict(verdict)}")
        else:
            self._uncounted = True

    def _count(self) -> None:
        if self._uncounted and (self.over or self._deadline.elapsed - self._counted_at >= COUNT_INTERVAL):
            self._uncounted = False
            self._counted_at = self._deadline.elapsed
            self._say(tally(self.verdicts, self._goal))

    def _say_trouble(self, trouble: str) -> None:
        if self._deadline.passed:
            return  # a server is not in trouble for not being asked any more
        now = self._deadline.elapsed
        if self._trouble_since is None:
            self._trouble_since = self._trouble_said = now
            self._say(f"still waiting: {trouble}")
        elif now - self._trouble_said >= TROUBLE_INTERVAL:
            self._trouble_said = now
            self._say(f"the Kubernetes API is unreachable for {spoken(now - self._trouble_since)}")

    def _say(self, text: str) -> None:
        self._reporter.line(f"[{self._deadline}] {text}")


def _spoken_verdict(verdict: Readiness) -> str:
    message = inert(verdict.condition.message, 200) if verdict.condition else ""
    return f"{verdict} ({message})" if message else str(verdict)
