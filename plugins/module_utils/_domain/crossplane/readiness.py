# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an object of Crossplane's is ready, and when waiting for it is in vain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..kubernetes.manifest import Condition, Manifest, ObjectRef
from ..kubernetes.readiness import Phase, Readiness, Rule, Terminal, assess

# Claims, composites and managed resources share Crossplane's own pair of conditions; discovery tells them by these
# categories.
CROSSPLANE_CATEGORIES = frozenset({"claim", "composite", "managed"})

# What is terminal is quoted from
# where it is said. Anything else that Synced=False may mean can pass, as that a server is down.
CROSSPLANE_RULE = Rule(
    wanted=("Synced", "Ready"),
    # The circuit breaker: the composite is not looked at for minutes (crossplane internal/circuit).
    hindering=("Responsive",),
    terminal=(
        # crossplane-runtime apis/common: set while the annotation crossplane.io/paused is.
        Terminal("Synced", "ReconcilePaused"),
        # crossplane internal/controller/apiextensions/composite/api.go: the selector or reference meets nothing.
        Terminal("Synced", "ReconcileError", "no compatible Composition(Revision)?s found"),
        Terminal("Synced", "ReconcileError", r"cannot get Composition: .* not found"),
        # Every provider's connect: the managed resource names a ProviderConfig that does not exist.
        Terminal("Synced", "ReconcileError", r"ProviderConfig.* not found"),
        # A composition function ended with a fatal result: its code or its input is wrong.
        Terminal("Synced", "ReconcileError", "pipeline step .* returned a fatal result"),
    ),
)


@dataclass(frozen=True)
class Node:
    """One object behind a claim; ``manifest`` is None when it is named but does not exist.

    ``unserved`` is why it can not exist, ``lagging`` the fields in which a composite does not carry its claim's yet.
    """

    ref: ObjectRef
    manifest: Manifest | None
    depth: int
    rule: Rule | None = CROSSPLANE_RULE
    unserved: str = ""
    lagging: Sequence[str] = ()

    @property
    def readiness(self) -> Readiness:
        if self.unserved:
            return Readiness(Phase.PROGRESSING, Condition("Synced", "Unknown", "NotServed", self.unserved))
        if self.lagging:
            told = f"it does not have the claim's {', '.join(self.lagging)} yet"
            return Readiness(Phase.PROGRESSING, Condition("Synced", "Unknown", "ClaimNotSynced", told))
        return assess(self.manifest, self.rule)


@dataclass(frozen=True)
class Standing:
    """A claim and all that is behind it, as they were read together."""

    claim: Manifest | None
    behind: Sequence[Node] = ()

    @property
    def own(self) -> Readiness:
        """What the claim says of itself: Crossplane calls it ready as long as its composite once was."""
        return assess(self.claim, CROSSPLANE_RULE)

    @property
    def verdict(self) -> Readiness:
        """What holds for all of it: the claim is ready when everything behind it is, too, for what it now specifies."""
        own = self.own
        unready = [(node, below) for node in self.behind if not (below := node.readiness).ready]
        if own.phase is Phase.FAILED or not unready:
            return own
        # What can not be mended first, then the deepest object, then the one that says something.
        node, below = min(
            unready, key=lambda pair: (pair[1].phase is not Phase.FAILED, -pair[0].depth, not _speaks(pair[1]))
        )
        return Readiness(below.phase, below.condition, node.ref)


def _speaks(readiness: Readiness) -> bool:
    return bool(readiness.condition and readiness.condition.message)
