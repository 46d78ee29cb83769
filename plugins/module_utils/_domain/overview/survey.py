# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the roles have read of an environment to how it stands.

What a server did not tell is said to be unknown: it is neither absent nor well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..text import inert
from ..units import age, spoken
from .costs import Prices, Requested, prices_from, requested_by
from .model import (
    Change,
    Drift,
    Environment,
    Expiry,
    Instance,
    Node,
    Overview,
    Remark,
    Run,
    Severity,
    State,
)

Facts = Mapping[str, Any]

# Somebody has to act within this time, for what ends does not renew itself.
SOON = 30 * 86400
DAY = 86400

# What a record of a run says of one that went well.
SUCCEEDED = "succeeded"

# What a plan says of an instance that is as its inventory has it.
NOTHING = "nothing"

# How an instance is named, and the word that its claim's name ends with.
CLAIM_SUFFIX = {"database": "-database", "cluster": "-cluster", "cache": "-redis"}
OURS = "this machine"
SERVERS = "API server"


def overview_of(environments: Iterable[Facts], now: float) -> Overview:
    """All environments; ``now`` is this machine's time, where no server told its own. Raises InvalidOption."""
    return Overview(moment(now), tuple(environment_of(facts, now) for facts in environments))


def moment(now: float) -> str:
    """Seconds of the epoch as RFC 3339 has them."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def environment_of(facts: Facts, now: float) -> Environment:
    """One environment. Raises InvalidOption when its table of prices is none."""
    name, host = inert(facts.get("name") or facts["host"]), inert(facts["host"])
    if refused := facts.get("refused"):
        remark = Remark(Severity.UNKNOWN, name, inert(refused), "Inventory")
        return Environment(name, host, State.UNKNOWN, moment(now), OURS, remarks=(remark,))
    details = facts.get("details") or {}
    clock = SERVERS if details.get("now") else OURS
    now = _seconds(details.get("now")) or now
    prices = prices_from(facts.get("prices"))
    reading = _Reading(facts, details, prices, now)
    instances = tuple(reading.instances())
    expiries = tuple(reading.expiries())
    remarks = (*reading.unread(), *_expiring(name, expiries), *reading.drifting(), *reading.failed())
    state = _worst(instances, unread=any(remark.severity is Severity.UNKNOWN for remark in reading.unread()))
    return Environment(
        name,
        host,
        state,
        moment(now),
        clock,
        instances,
        remarks,
        expiries,
        reading.drift(),
        reading.last_run(),
        prices.unit,
    )


class _Reading:
    """What was read of one environment."""

    def __init__(self, facts: Facts, details: Facts, prices: Prices, now: float) -> None:
        self._facts = facts
        self._details = details
        self._prices = prices
        self._now = now
        self._name = inert(facts.get("name") or facts["host"])

    def instances(self) -> Iterator[Instance]:
        for capability, read in self._capabilities():
            for position, claim in enumerate(read.get("claims") or []):
                yield self._instance(capability, read, claim, position)

    def unread(self) -> Iterator[Remark]:
        """What could not be asked, once for all that one server had to tell."""
        told: dict[str, str] = {}
        for capability, read in self._capabilities():
            if read.get("msg"):
                told.setdefault(inert(read["msg"]), capability.capitalize())
        for message, capability in told.items():
            yield Remark(Severity.UNKNOWN, self._name, message, capability)
        details = self._details
        others = [{"what": "Details", "msg": details["msg"]}] if details.get("msg") else details.get("unread") or []
        for entry in others:
            if inert(entry["msg"]) not in told:
                yield Remark(Severity.UNKNOWN, self._name, inert(entry["msg"]), inert(entry["what"]))
        yield from self._vault_unread()

    def expiries(self) -> Iterator[Expiry]:
        for entry in self._details.get("certificates") or []:
            ends = _seconds(entry.get("expires"))
            if ends is not None:
                left = ends - self._now
                yield Expiry(inert(entry["what"]), inert(entry["expires"]), remaining(left), left < SOON)

    def drift(self) -> Drift | None:
        drift = self._facts.get("drift")
        if drift is None:
            return None
        changes = tuple(map(_change, drift.get("changes") or []))
        return Drift(tuple(change for change in changes if change.action != NOTHING), inert(drift.get("msg") or ""))

    def drifting(self) -> Iterator[Remark]:
        drift = self.drift()
        if drift is None:
            return
        if drift.told and drift.told not in {remark.told for remark in self.unread()}:
            yield Remark(Severity.UNKNOWN, self._name, drift.told, "Drift")
        for change in drift.changes:
            told = f"differs from the inventory ({change.action}{f': {change.what}' if change.what else ''})"
            yield Remark(Severity.NOTICE, change.instance or self._name, told, change.capability.capitalize())

    def last_run(self) -> Run | None:
        runs = self._details.get("runs") or []
        if not runs:
            return None
        last = runs[-1]
        who, verb, result, when = (inert(last.get(key) or "") for key in ("user", "verb", "result", "began"))
        return Run(verb, who, result, when, age(when, self._now))

    def failed(self) -> Iterator[Remark]:
        run = self.last_run()
        if run is not None and run.result != SUCCEEDED:
            yield Remark(Severity.WRONG, self._name, run.line, "Last run")

    def _capabilities(self) -> list[tuple[str, Facts]]:
        read = self._facts.get("capabilities") or {}
        return [(capability, read[capability]) for capability in CLAIM_SUFFIX if read.get(capability)]

    def _instance(self, capability: str, read: Facts, claim: Facts, position: int) -> Instance:
        ready: Facts = next((each for each in claim.get("conditions") or [] if each.get("type") == "Ready"), {})
        parameters = claim.get("parameters") or {}
        status = claim.get("status") or {}
        state = state_of(claim, unread=bool(read.get("msg")))
        size = inert(parameters.get("size") or "")
        requested = requested_by(capability, parameters) if claim.get("exists") else Requested()
        since = inert(ready.get("since") or "")
        vault = self._vault(capability, claim, position)
        storage = parameters.get("storageGB")
        return Instance(
            capability=capability,
            kind=inert(claim.get("kind") or ""),
            name=inert(claim["name"]),
            state=state,
            shown=inert((status.get("database") or {}).get("name") or claim["name"]),
            since=since,
            age=age(since, self._now),
            in_inventory=bool(claim.get("in_inventory", True)),
            created=bool(claim.get("created", True)) or not claim.get("exists"),
            size=size,
            storage_gb=storage if isinstance(storage, int) else None,
            version=inert(claim.get("kubernetes_version") or status.get("version") or ""),
            machines=_counted(claim.get("control_plane")),
            pods=_pods(parameters, status),
            workers=_counted(claim.get("workers")),
            progress=inert(claim.get("progress") or "") if state is State.WAITING else "",
            backup=_backup(status),
            credentials=_credentials(capability, vault),
            leases=_leases(vault),
            requested=requested,
            cost=self._prices.of(requested, capability, size) if claim.get("exists") else None,
            remarks=tuple(self._remarks(claim, state, vault)),
            nodes=tuple(self._nodes(claim)),
        )

    def _remarks(self, claim: Facts, state: State, vault: Facts | None) -> Iterator[Remark]:
        name = inert(claim["name"])
        if state in (State.WAITING, State.DELETING):
            yield from (self._blamed(name, entry) for entry in (claim.get("blockers") or [])[:3])
        if state is State.ABSENT:
            yield Remark(Severity.WRONG, name, "is in the inventory and not in the cluster; provision makes it")
        if claim.get("exists") and not claim.get("created"):
            yield Remark(Severity.NOTICE, name, "somebody else's")
        if not claim.get("in_inventory", True):
            yield Remark(Severity.NOTICE, name, "not in the inventory")
        for lease in _irrevocable(vault):
            told = f"Vault has given up to revoke {inert(lease.get('lease_id'))}: {inert(lease.get('error'))}"
            yield Remark(Severity.WRONG, name, told, "Lease")

    def _blamed(self, about: str, entry: Facts) -> Remark:
        since = inert(entry.get("since") or "")
        subject = " ".join(inert(entry.get(key) or "") for key in ("kind", "name"))
        reason = " ".join(filter(None, (inert(entry.get(key) or "") for key in ("condition", "reason"))))
        events = tuple(inert(event) for event in entry.get("events") or [])
        message = inert(entry.get("message") or "")
        return Remark(Severity.WRONG, about, message, subject, reason, since, age(since, self._now), events)

    def _nodes(self, claim: Facts) -> Iterator[Node]:
        for tree in self._details.get("trees") or []:
            if (tree.get("kind"), tree.get("name")) == (claim.get("kind"), claim["name"]):
                yield from map(_node, tree.get("nodes") or [])
        depth = 2 if claim.get("machines") else 0
        for machine in claim.get("machines") or []:
            state = State.READY if machine.get("ready") else State.WAITING
            yield Node(depth, "Machine", inert(machine.get("name")), state, message=inert(machine.get("state") or ""))

    def _vault(self, capability: str, claim: Facts, position: int) -> Facts | None:
        """What Vault told about one instance; None when it was not asked about it."""
        read: Facts = (self._facts.get("vault") or {}).get(capability) or {}
        results = read.get("results")
        if results is None:
            return read if read and not read.get("skipped") else None
        name = str(claim["name"]).removesuffix(CLAIM_SUFFIX[capability])
        found = [each for each in results if each.get("instance") == name] or results[position : position + 1]
        return found[0] if found else None

    def _vault_unread(self) -> Iterator[Remark]:
        for read in (self._facts.get("vault") or {}).values():
            results = (read or {}).get("results", [read])
            told = [inert(each["msg"]) for each in results if each and _is_unread(each)]
            if told:
                yield Remark(Severity.UNKNOWN, self._name, told[0], "Vault")
                return


def state_of(claim: Facts, *, unread: bool) -> State:
    """How a claim stands."""
    if unread:
        return State.UNKNOWN
    if not claim.get("exists"):
        return State.ABSENT if claim.get("in_inventory", True) else State.EMPTY
    if claim.get("deleting") or any(_is_of(claim, entry) for entry in claim.get("blockers") or []):
        return State.DELETING
    return State.READY if claim.get("ready") else State.WAITING


def _is_of(claim: Facts, blocker: Facts) -> bool:
    """Whether what blocks a claim is that the claim itself is being deleted."""
    same = (blocker.get("kind"), blocker.get("name")) == (claim.get("kind"), claim.get("name"))
    return same and blocker.get("condition") == "Deleting=True"


def remaining(left: float) -> str:
    """How long something still holds; empty when it does not any more."""
    if left <= 0:
        return ""
    return f"{int(left // DAY)}d" if left >= 2 * DAY else spoken(left)


def _worst(instances: Sequence[Instance], *, unread: bool) -> State:
    order = list(State)
    states = [instance.state for instance in instances if instance.state is not State.EMPTY]
    if unread:
        states.append(State.UNKNOWN)
    return min(states, key=order.index, default=State.EMPTY)


def _expiring(name: str, expiries: Iterable[Expiry]) -> Iterator[Remark]:
    for expiry in expiries:
        if not expiry.left:
            yield Remark(Severity.WRONG, name, f"expired at {expiry.expires}", expiry.what)
        elif expiry.soon:
            yield Remark(Severity.NOTICE, name, f"expires in {expiry.left}, at {expiry.expires}", expiry.what)


def _node(entry: Facts) -> Node:
    wrong: Facts = next((each for each in entry.get("conditions") or [] if each.get("status") != "True"), {})
    ready = bool(entry.get("ready"))
    return Node(
        int(entry.get("depth") or 0),
        inert(entry.get("kind") or ""),
        inert(entry.get("name") or ""),
        State.DELETING if entry.get("deleting") else state_of({**entry, "ready": ready}, unread=False),
        inert(entry.get("age") or ""),
        "" if ready else inert(wrong.get("reason") or ""),
        "" if ready else inert(wrong.get("message") or ""),
        tuple(inert(each) for each in entry.get("finalizers") or []) if entry.get("deleting") else (),
        () if ready else tuple(inert(event) for event in entry.get("events") or []),
    )


def _change(entry: Facts) -> Change:
    """An entry of a plan."""
    capability, instance, action = (inert(entry.get(key) or "") for key in ("capability", "instance", "action"))
    before, after = _flat(entry.get("before")), _flat(entry.get("after"))
    differing = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    told = (f"{name} {before.get(name, 'nothing')} → {after.get(name, 'nothing')}" for name in differing)
    return Change(capability, instance, action, inert(", ".join(told), 300) if before else "")


def _flat(value: Any, name: str = "") -> dict[str, str]:
    """The fields of what an object has, each by its own name."""
    if isinstance(value, Mapping):
        return {
            key: text for each, item in value.items() for key, text in _flat(item, str(each).rpartition(".")[2]).items()
        }
    return {} if value in (None, "") else {name: str(value)}


def _counted(machines: Any) -> str:
    return f"{machines.get('ready')}/{machines.get('desired')}" if isinstance(machines, Mapping) and machines else ""


def _pods(parameters: Facts, status: Facts) -> str:
    """How many pods there are of those that were asked for."""
    return f"{len(status.get('pods') or [])}/{parameters['replicas']}" if "replicas" in parameters else ""


def _backup(status: Facts) -> str:
    """When a dump was last made; empty where none is."""
    if not status.get("backup"):
        return ""
    return inert(status["backup"].get("lastSuccess") or "none yet")


def _credentials(capability: str, vault: Facts | None) -> str:
    if vault is None:
        return ""
    if _is_unread(vault):
        return "?"
    if capability == "cluster":
        return "" if vault.get("diff") else inert(vault["path"]).removeprefix("sys/auth/")
    if capability == "cache":
        # It was tried whether its facts could be removed.
        return "in Vault" if vault.get("diff") else ""
    if not vault.get("connection"):
        return ""
    return f"{len(vault.get('roles') or [])} roles, {_leases(vault) or 0} leases"


def _leases(vault: Facts | None) -> int | None:
    counted = [role.get("leases") for role in (vault or {}).get("roles") or []]
    known = [count for count in counted if isinstance(count, int)]
    return sum(known) if known else None


def _irrevocable(vault: Facts | None) -> Iterator[Facts]:
    for role in (vault or {}).get("roles") or []:
        yield from role.get("irrevocable_leases") or []


def _is_unread(vault: Facts) -> bool:
    """Whether Vault did not tell; what it told has a connection, or the path of what was looked at."""
    return bool(vault.get("msg")) and "connection" not in vault and "path" not in vault


def _seconds(text: Any) -> float | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found.timestamp() if found.tzinfo else None
