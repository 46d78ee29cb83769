# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Lease of an environment: who may write to it, one run at a time.

Who finds it held judges by change, on the own clock, whether the holder is still there; never by the moments in it,
which are those of another machine's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ..kubernetes.manifest import Manifest, ObjectRef
from ..text import inert

# Of the collection's own records; playbook bootstrap makes it.
NAMESPACE = "pnow-infra"
API_VERSION = "coordination.k8s.io/v1"
LABELS = {"app.kubernetes.io/managed-by": "pnow.infra"}

# What others assume of a holder that does not say how long it counts without being renewed, in seconds.
USUAL_TTL = 60
# The holder stops before others may begin: what it has sent until then needs time to arrive.
SAFE_PART = 0.75


@dataclass(frozen=True)
class Lease:
    """One look at the Lease of an environment; ``version`` is empty when there is none, ``holder`` when it is free."""

    version: str = ""
    holder: str = ""
    ttl: float = USUAL_TTL
    since: str = ""

    def __str__(self) -> str:
        return f"{self.holder} since {self.since}" if self.since else self.holder


def lease_ref(environment: str) -> ObjectRef:
    """Where the Lease of an environment is."""
    return ObjectRef(API_VERSION, "Lease", f"environment-{environment}", NAMESPACE)


def identity(user: str, machine: str, verb: str, run: str) -> str:
    """The holder of a Lease, in words that a person reads and no other run has."""
    return f"{user} on {machine}, playbook {verb}, run {run}"


def held(environment: str, holder: str, ttl: int, *, since: float, now: float) -> Manifest:
    """The Lease as its holder keeps it; the moments, in seconds of the epoch, are for people only."""
    spec = {
        "holderIdentity": holder,
        "leaseDurationSeconds": ttl,
        "acquireTime": moment(since),
        "renewTime": moment(now),
    }
    return {**released(environment), "spec": spec}


def released(environment: str) -> Manifest:
    """The Lease as nobody's. It stays, for its resource version tells whoever has looked that somebody was here."""
    ref = lease_ref(environment)
    metadata = {"name": ref.name, "namespace": ref.namespace, "labels": LABELS}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata, "spec": {}}


def lease_of(live: Manifest | None) -> Lease:
    """What a Lease says, whoever has written it."""
    if live is None:
        return Lease()
    spec = live.get("spec") or {}
    return Lease(
        version=str(live["metadata"]["resourceVersion"]),
        holder=inert(spec.get("holderIdentity") or "", 300),
        ttl=float(spec.get("leaseDurationSeconds") or USUAL_TTL),
        since=inert(spec.get("acquireTime") or "", 40),
    )


def moment(seconds: float) -> str:
    """A moment as a Lease has it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Vigil:
    """Whether the holder of a Lease is gone: it has not renewed it for as long as it counts, on our own clock."""

    def __init__(self) -> None:
        self._version = ""
        self._seen = 0.0

    def ended(self, lease: Lease, *, asked: float, answered: float) -> bool:
        """Takes one more look, with the moments of its request and its answer."""
        if lease.version != self._version:
            self._version, self._seen = lease.version, answered
        return asked - self._seen >= lease.ttl
