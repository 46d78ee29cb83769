# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an object of Crossplane's is ready, and when waiting for it is in vain."""

from __future__ import annotations

from ..kubernetes.readiness import Rule, Terminal

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
