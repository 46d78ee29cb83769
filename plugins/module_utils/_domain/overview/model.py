# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How environments stand, as data: what a terminal, a program and a browser are each shown in their own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from .costs import Requested, number


class State(Enum):
    """How an instance, or an environment, stands; those that need somebody first."""

    WAITING = "waiting"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    DELETING = "deleting"
    READY = "ready"
    EMPTY = "empty"


class Severity(Enum):
    """What a remark asks of its reader: to mend something, to look again, or to know."""

    WRONG = "wrong"
    UNKNOWN = "unknown"
    NOTICE = "notice"


@dataclass(frozen=True)
class Remark:
    """Something about an environment that is not as it should be.

    ``subject`` is the object that is to blame, ``about`` the instance that suffers from it.
    """

    severity: Severity
    about: str
    told: str
    subject: str = ""
    reason: str = ""
    since: str = ""
    age: str = ""
    events: Sequence[str] = ()

    @property
    def line(self) -> str:
        """In one line."""
        return " ".join(part for part in (self.subject, self.reason, self.told) if part)


@dataclass(frozen=True)
class Node:
    """An object of the tree behind a claim."""

    depth: int
    kind: str
    name: str
    state: State
    age: str = ""
    reason: str = ""
    message: str = ""
    finalizers: Sequence[str] = ()
    events: Sequence[str] = ()


@dataclass(frozen=True)
class Instance:
    """One claim of an environment. ``since`` is when it became what it is, ``age`` how long ago that was."""

    capability: str
    kind: str
    name: str
    state: State
    shown: str
    since: str = ""
    age: str = ""
    in_inventory: bool = True
    created: bool = True
    size: str = ""
    storage_gb: int | None = None
    version: str = ""
    machines: str = ""
    workers: str = ""
    pods: str = ""
    progress: str = ""
    backup: str = ""
    credentials: str = ""
    leases: int | None = None
    requested: Requested = field(default_factory=Requested)
    cost: Decimal | None = None
    remarks: Sequence[Remark] = ()
    nodes: Sequence[Node] = ()

    @property
    def why(self) -> str:
        """All that is to be said of it, in one line."""
        return "; ".join(filter(None, [self.progress, *(remark.line for remark in self.remarks)]))


@dataclass(frozen=True)
class Expiry:
    """Something that ends by itself. ``left`` is how long it still holds, empty when it does not any more."""

    what: str
    expires: str
    left: str
    soon: bool


@dataclass(frozen=True)
class Change:
    """What a provision would do to an instance."""

    capability: str
    instance: str
    action: str
    what: str = ""


@dataclass(frozen=True)
class Drift:
    """How an environment differs from its inventory; ``told`` says why that could not be seen, if so."""

    changes: Sequence[Change] = ()
    told: str = ""

    @property
    def word(self) -> str:
        """In a word or two."""
        if self.told:
            return "unknown"
        return f"{len(self.changes)} differ" if self.changes else "none"


@dataclass(frozen=True)
class Run:
    """A run of a verb on an environment."""

    verb: str
    who: str
    result: str
    when: str
    age: str

    @property
    def line(self) -> str:
        """``provision by ops 3h12m ago: succeeded``."""
        who = f" by {self.who}" if self.who else ""
        when = f" {self.age} ago" if self.age else ""
        return f"{self.verb}{who}{when}: {self.result}"


@dataclass(frozen=True)
class Environment:
    """An environment with all that is known of it; what could not be asked is among its remarks.

    ``now`` is the moment at which ages and expiries were reckoned, ``clock`` whose.
    """

    name: str
    host: str
    state: State
    now: str
    clock: str
    instances: Sequence[Instance] = ()
    remarks: Sequence[Remark] = ()
    expiries: Sequence[Expiry] = ()
    drift: Drift | None = None
    last_run: Run | None = None
    cost_unit: str = ""

    @property
    def all_remarks(self) -> list[Remark]:
        """Its own and those of its instances, what is wrong first."""
        order = list(Severity)
        found = [*(remark for instance in self.instances for remark in instance.remarks), *self.remarks]
        return sorted(found, key=lambda remark: order.index(remark.severity))

    @property
    def wrong(self) -> bool:
        """Whether somebody has something to mend."""
        return any(remark.severity is Severity.WRONG for remark in self.all_remarks)

    @property
    def requested(self) -> Requested:
        return sum((instance.requested for instance in self.instances), Requested())

    @property
    def cost(self) -> Decimal | None:
        costs = [instance.cost for instance in self.instances if instance.cost is not None]
        return sum(costs, Decimal(0)) if costs else None

    @property
    def leases(self) -> int | None:
        counted = [instance.leases for instance in self.instances if instance.leases is not None]
        return sum(counted) if counted else None


@dataclass(frozen=True)
class Overview:
    """All environments of a run, in the order of the inventory."""

    taken: str
    environments: Sequence[Environment] = ()

    @property
    def worst_first(self) -> list[Environment]:
        """Those that need somebody first."""
        order = list(State)
        return sorted(self.environments, key=lambda each: (not each.wrong, order.index(each.state)))

    def count(self, *states: State) -> int:
        return sum(each.state in states for each in self.environments)

    def fact(self) -> dict[str, Any]:
        """As JSON has it, for programs."""
        return {
            "version": 1,
            "taken": self.taken,
            "environments": [_environment_fact(each) for each in self.environments],
        }


def _environment_fact(environment: Environment) -> dict[str, Any]:
    return {
        "name": environment.name,
        "host": environment.host,
        "state": environment.state.value,
        "wrong": environment.wrong,
        "now": environment.now,
        "clock": environment.clock,
        "requested": environment.requested.fact(),
        "cost": number(environment.cost),
        "cost_unit": environment.cost_unit,
        "leases": environment.leases,
        "instances": [_instance_fact(each) for each in environment.instances],
        "remarks": [_remark_fact(each) for each in environment.remarks],
        "expiries": [asdict(each) for each in environment.expiries],
        "drift": None if environment.drift is None else asdict(environment.drift),
        "last_run": None if environment.last_run is None else asdict(environment.last_run),
    }


def _instance_fact(instance: Instance) -> dict[str, Any]:
    return {
        **asdict(instance),
        "state": instance.state.value,
        "requested": instance.requested.fact(),
        "cost": number(instance.cost),
        "remarks": [_remark_fact(each) for each in instance.remarks],
        "nodes": [{**asdict(each), "state": each.state.value} for each in instance.nodes],
    }


def _remark_fact(remark: Remark) -> dict[str, Any]:
    return {**asdict(remark), "severity": remark.severity.value}
