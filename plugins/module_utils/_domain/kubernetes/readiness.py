# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an object is ready, when it can still become so, and when waiting is in vain.

One rule per kind, as data. A condition counts only when it was set for the object's present generation: the status of a
changed object describes the old one until its controller has seen the change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from .manifest import Condition, Manifest, ObjectRef, being_deleted, conditions, generation


class Phase(Enum):
    """How an object stands on its way to what is awaited."""

    READY = "ready"
    GONE = "gone"
    PROGRESSING = "progressing"
    FAILED = "failed"


@dataclass(frozen=True)
class Readiness:
    """A verdict and, unless ready, the condition it rests on; ``subject`` when that is another object's."""

    phase: Phase
    condition: Condition | None = None
    subject: ObjectRef | None = None

    @property
    def ready(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.phase in (Phase.READY, Phase.GONE)

    def __str__(self) -> str:
        if self.condition is None:
            return self.phase.value
        owner = f"{self.subject}:" if self.subject else ""
        head = _STILL_THERE.get((self.condition.type, self.condition.status)) or (
            f"{self.condition.type}={self.condition.status}"
        )
        return " ".join(part for part in (owner, head, self.condition.reason) if part)


@dataclass(frozen=True)
class Terminal:
    """A condition that no amount of waiting turns True: its type, its reason, and what its message contains."""

    type: str
    reason: str
    message: str = ""

    def matches(self, condition: Condition) -> bool:
        return (
            condition.status == "False"
            and (condition.type, condition.reason) == (self.type, self.reason)
            and re.search(self.message, condition.message) is not None
        )


@dataclass(frozen=True)
class Rule:
    """The conditions that must be True, those that are in the way when False, and those that waiting can not mend.

    Waiting does not mend what has ``failed`` either, conditions that should never be True.
    """

    wanted: tuple[str, ...]
    hindering: tuple[str, ...] = ()
    terminal: tuple[Terminal, ...] = ()
    failed: tuple[str, ...] = ()

    def ends(self, condition: Condition) -> bool:
        """Whether a condition is one that waiting can not mend."""
        fails = condition.type in self.failed and condition.status == "True"
        return fails or any(terminal.matches(condition) for terminal in self.terminal)


_STILL_THERE = {("Deleting", "True"): "being deleted", ("Deleting", "False"): "not being deleted yet"}

# A Secret of this type is filled in by the cluster, with a token of the service account that it names.
HOLDS_TOKEN = "kubernetes.io/service-account-token"  # noqa: S105 - the name of a type
UNISSUED = "kube-controller-manager has put no token into it yet; the service account that it names must exist"

UNSEEN = "its controller has not looked at the latest change yet"

# Kinds without a rule are ready when they exist. Keyed by kind and API group, for a kind's name is not unique.
RULES: Mapping[tuple[str, str], Rule] = {
    ("CompositeResourceDefinition", "apiextensions.crossplane.io"): Rule(wanted=("Established",)),
    ("Provider", "pkg.crossplane.io"): Rule(wanted=("Installed", "Healthy")),
    ("Function", "pkg.crossplane.io"): Rule(wanted=("Installed", "Healthy")),
    ("Configuration", "pkg.crossplane.io"): Rule(wanted=("Installed", "Healthy")),
    ("CustomResourceDefinition", "apiextensions.k8s.io"): Rule(wanted=("Established",)),
    # Until then nothing keeps what it is of.
    ("Usage", "protection.crossplane.io"): Rule(wanted=("Ready",)),
    ("ClusterUsage", "protection.crossplane.io"): Rule(wanted=("Ready",)),
    ("Usage", "apiextensions.crossplane.io"): Rule(wanted=("Ready",)),
}

XRD_OFFERED = Rule(wanted=("Established", "Offered"))
JOB_DONE = Rule(wanted=("Complete",), failed=("Failed",))


def rule_for(manifest: Manifest) -> Rule | None:
    """The rule of an object that ``manifests`` applies; None when it is ready as soon as it exists."""
    group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
    kind = str(manifest.get("kind", ""))
    if kind == "CompositeResourceDefinition" and manifest.get("spec", {}).get("claimNames"):
        return XRD_OFFERED
    if (kind, group) == ("Job", "batch") and not manifest.get("spec", {}).get("suspend"):
        return JOB_DONE
    return RULES.get((kind, group))


def assess_by_kind(manifest: Manifest | None) -> Readiness:
    """The readiness of a live object that ``manifests`` applies."""
    if manifest and manifest.get("type") == HOLDS_TOKEN and not (manifest.get("data") or {}).get("token"):
        return Readiness(Phase.PROGRESSING, Condition("Issued", "False", "NoToken", UNISSUED))
    return assess(manifest, rule_for(manifest or {}))


def assess(manifest: Manifest | None, rule: Rule | None) -> Readiness:
    """The readiness of a live object under a rule; None is an object that does not exist yet."""
    if manifest is None:
        return Readiness(Phase.PROGRESSING, Condition("Exists", "False"))
    if being_deleted(manifest):
        return Readiness(Phase.PROGRESSING, Condition("Deleting", "True"))
    if rule is None:
        return Readiness(Phase.READY)
    current = conditions(manifest)
    for condition in current.values():
        # What was wrong with an older spec may be just what the present one mends.
        if not _stale(condition, manifest) and rule.ends(condition):
            return Readiness(Phase.FAILED, condition)
    missing = _missing(rule, current) or _outdated(rule, current, manifest)
    return Readiness(Phase.PROGRESSING, missing) if missing else Readiness(Phase.READY)


def _missing(rule: Rule, current: Mapping[str, Condition]) -> Condition | None:
    found = [current.get(wanted, Condition(wanted, "Unknown", "NotReportedYet")) for wanted in rule.wanted]
    missing = [condition for condition in found if condition.status != "True"]
    hindrances = [current[name] for name in rule.hindering if name in current and current[name].status == "False"]
    return next(iter(hindrances + missing), None) if missing else None


def _outdated(rule: Rule, current: Mapping[str, Condition], manifest: Manifest) -> Condition | None:
    stale = next((wanted for wanted in rule.wanted if _stale(current[wanted], manifest)), None)
    return Condition(stale, "Unknown", "ObservedGenerationIsOld", UNSEEN) if stale else None


def _stale(condition: Condition, manifest: Manifest) -> bool:
    """Servers that set no observedGeneration (Crossplane 1.20) say 0: unknown, not stale."""
    return 0 < condition.observed_generation < generation(manifest)
