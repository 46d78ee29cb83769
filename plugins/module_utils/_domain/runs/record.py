# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a run that may have written: who, when, what, with which result. No secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..kubernetes.manifest import FIELD_MANAGER, Manifest, ObjectRef
from ..text import inert
from .lease import LABELS, NAMESPACE, moment

# What a history keeps of runs, and a record of changes and of one text: together far below what one object may have.
MOST_RUNS = 50
MOST_CHANGES = 20
LONGEST = 300

SUCCEEDED, FAILED, STOPPED, VANISHED = "succeeded", "failed", "stopped", "vanished"

_KEY = "runs"
# As ``lease.identity`` writes it.
_IDENTITY = re.compile(r"(?P<user>.*) on (?P<machine>\S+), playbook (?P<verb>\S+), run (?P<run>\w+)")


@dataclass(frozen=True)
class Record:
    """One run. ``began`` is by the clock of its machine; ``changes`` says task by task what was written."""

    run: str
    environment: str
    verb: str
    user: str
    machine: str
    began: str
    seconds: float = 0.0
    result: str = SUCCEEDED
    message: str = ""
    plan: Sequence[str] = field(default_factory=list)
    changes: Sequence[str] = field(default_factory=list)

    def fact(self) -> dict[str, Any]:
        """The run as data."""
        return asdict(self)

    def line(self) -> str:
        """The run as a line of JSON."""
        return json.dumps(self.fact())

    def __str__(self) -> str:
        done = f"{self.verb} by {self.user} on {self.machine} {self.result} after {self.seconds:.0f} s"
        changed = f"changed {len(self.changes)}: {'; '.join(self.changes)}" if self.changes else "changed nothing"
        return ", ".join(filter(None, (done, self.message, changed)))


def history_ref(environment: str) -> ObjectRef:
    """Where the history of an environment is."""
    return ObjectRef("v1", "ConfigMap", f"history-{environment}", NAMESPACE)


def runs_in(history: Manifest | None) -> list[dict[str, Any]]:
    """The runs of a history, the oldest first, without what is not one: anybody may have written into it."""
    lines = str(((history or {}).get("data") or {}).get(_KEY) or "").splitlines()
    return [run for run in map(_parsed, lines) if run is not None]


def history(environment: str, runs: Iterable[Mapping[str, Any]]) -> Manifest:
    """The history that has the last of these runs."""
    ref = history_ref(environment)
    lines = [json.dumps(run) for run in runs][-MOST_RUNS:]
    metadata = {"name": ref.name, "namespace": ref.namespace, "labels": LABELS}
    data = {_KEY: "".join(f"{line}\n" for line in lines)}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata, "data": data}


def event(record: Record, now: float) -> Manifest:
    """The run as an event of the environment's namespace."""
    at = moment(now).partition(".")[0] + "Z"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"run-{record.run}", "namespace": record.environment},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Namespace",
            "name": record.environment,
            "namespace": record.environment,
        },
        "type": "Normal" if record.result == SUCCEEDED else "Warning",
        "reason": f"{record.verb.capitalize()}{record.result.capitalize()}",
        "message": inert(str(record), 1000),
        "source": {"component": FIELD_MANAGER, "host": inert(record.machine, 60)},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }


def short(texts: Iterable[object]) -> list[str]:
    """Some texts of a record: as many as it keeps, each on one line, and how many more there were."""
    lines = [inert(text, LONGEST) for text in texts]
    more = len(lines) - MOST_CHANGES
    return [*lines[:MOST_CHANGES], f"and {more} more"] if more > 0 else lines


def planned(plan: Iterable[Mapping[str, Any]]) -> list[str]:
    """What a plan says will be done, an instance each; not what its values are."""
    entries = [entry for entry in plan if entry.get("action") != "nothing"]
    named = [[entry.get("action"), entry.get("capability"), entry.get("instance")] for entry in entries]
    effects = [f" ({entry['effect']})" if entry.get("effect") else "" for entry in entries]
    return short(" ".join(map(str, filter(None, words))) + effect for words, effect in zip(named, effects, strict=True))


def vanished(environment: str, holder: str, since: str) -> Record:
    """The run of a Lease that its holder has neither renewed nor given back, from what the Lease says."""
    found = _IDENTITY.fullmatch(holder)
    told = found.groupdict() if found else {"user": holder, "machine": "?", "verb": "?", "run": "?"}
    return Record(**told, environment=environment, began=since, result=VANISHED, message="its Lease was not renewed")


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        run = json.loads(line)
    except ValueError:
        return None
    return run if isinstance(run, dict) and isinstance(run.get("run"), str) else None
