# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verb would do to an environment, or has done, made of what its tasks have said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .effects import change, heaviest

Entry = dict[str, Any]
Result = Mapping[str, Any]

# What a diff says of an object that goes.
_GOING = {"state": "absent"}
_PARAMETERS = "spec.parameters."


@dataclass(frozen=True)
class Thing:
    """What an entry is about."""

    capability: str
    instance: str
    target: str


def entries(result: Result, capability: str, environment: str) -> list[Entry]:
    """The objects that a task, or each turn of its loop, was about, and what becomes of each.

    A change has in ``before`` and ``after`` what differs, by path; ``changes`` says of each parameter what that does.
    """
    turns = result.get("results", [result])
    done = [turn for turn in turns if not turn.get("skipped") and not turn.get("failed") and "diff" in turn]
    return [entry for turn in done for entry in _entries(turn, capability, environment)]


def expected(objects: Iterable[str], capability: str, instance: str) -> list[Entry]:
    """What is made once there is what it is made of, and can only be named before."""
    return [_entry(Thing(capability, instance, target), "create") for target in objects]


def unlisted(claims: Iterable[Mapping[str, Any]], capability: str) -> list[Entry]:
    """Claims that are there and that the inventory does not have: a plan leaves them, and says so."""
    found = [claim for claim in claims if claim["exists"] and not claim["in_inventory"]]
    named = [Thing(capability, claim["name"].rpartition("-")[0], _called(claim)) for claim in found]
    return [_entry(thing, "nothing", in_inventory=False) for thing in named]


def _entries(turn: Result, capability: str, environment: str) -> Iterator[Entry]:
    said = turn["diff"] if isinstance(turn["diff"], list) else [turn["diff"]]
    diffs: dict[str, list[Mapping[str, Any]]] = {}
    for diff in said:
        diffs.setdefault(str(diff.get("after_header", "")), []).append(diff)
    unchanged = [target for target in _named(turn) if target not in diffs]
    if not diffs and not unchanged:
        unchanged = [_subject(turn)]
    for target in (*diffs, *unchanged):
        thing = Thing(capability, _instance(turn, target, environment), target)
        yield _described(thing, turn, diffs[target]) if target in diffs else _entry(thing, "nothing")


def _described(thing: Thing, turn: Result, diffs: list[Mapping[str, Any]]) -> Entry:
    before, after = _flat(diffs[0].get("before") or {}), _flat(diffs[-1].get("after") or {})
    told = _told(turn)
    if any(diff.get("after") == _GOING for diff in diffs):
        return _entry(thing, "replace" if told or len(diffs) > 1 else "delete", changes=told)
    if not before:
        return _entry(thing, "create", after=after)
    differing = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    old = {path: before[path] for path in differing if path in before}
    new = {path: after[path] for path in differing if path in after}
    return _entry(thing, "change", before=old, after=new, changes=told or _changes(old, new))


def _entry(thing: Thing, action: str, **said: Any) -> Entry:
    changes = said.get("changes", [])
    return {
        "capability": thing.capability,
        "instance": thing.instance,
        "object": thing.target,
        "action": action,
        "effect": "replace" if action == "replace" else heaviest(changes),
        "before": said.get("before", {}),
        "after": said.get("after", {}),
        "changes": changes,
        "in_inventory": said.get("in_inventory", True),
    }


def _told(turn: Result) -> list[dict[str, Any]]:
    """What a task itself has said of the changes, as that of clusters does."""
    return [
        change(item["option"], item["before"], item["after"], str(item["way"]).replace("_", " ")).fact()
        for item in turn.get("changes") or []
    ]


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        change(path.removeprefix(_PARAMETERS), before.get(path), after.get(path)).fact()
        for path in {**before, **after}
        if not path.startswith("metadata.")
    ]


def _named(turn: Result) -> list[str]:
    """The objects that a task speaks of, as its diff would call them."""
    cluster = turn.get("cluster")
    facts = [*(turn.get("claims") or []), *(turn.get("objects") or []), *([cluster] if cluster else [])]
    return [_called(fact) for fact in facts]


def _called(fact: Mapping[str, Any]) -> str:
    return f"{fact['kind']} {'/'.join(filter(None, (fact['namespace'], fact['name'])))}"


def _subject(turn: Result) -> str:
    return str(turn.get("path") or (turn.get("connection") or {}).get("name") or "")


def _instance(turn: Result, target: str, environment: str) -> str:
    """The instance that an object belongs to: a loop says it, and a claim is called like it and what it is."""
    told = turn.get("instance")
    if isinstance(told, str):
        return told
    name = target.rpartition("/")[2]
    mine = "/" in target and " " in target and name.startswith(f"{environment}-")
    return name.rpartition("-")[0] if mine else environment


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves by their paths."""
    leaves: dict[str, Any] = {}
    for key, item in value.items():
        path = f"{prefix}{key}"
        if isinstance(item, Mapping) and item:
            leaves |= _flat(item, f"{path}.")
        else:
            leaves[path] = item
    return leaves
