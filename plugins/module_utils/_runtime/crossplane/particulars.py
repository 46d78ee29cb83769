# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is particular to some claims: those of any definition have nothing of the kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..._domain.crossplane.readiness import Standing
from ..._domain.kubernetes.blockers import Blocker
from ..._domain.kubernetes.manifest import Manifest, ObjectRef
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.kubernetes.readiness import Readiness
from ..._domain.ports import Clock
from ..kubernetes.applying import Apply
from ..kubernetes.waiting import Judge
from .claim_tree import Settling


class Particulars:
    """The questions in which claims of one kind may differ from all others, and the usual answers."""

    def approve(
        self, api: Kubernetes, applies: Sequence[Apply], observed: Mapping[ObjectRef, Manifest | None], /
    ) -> None:
        """Raises what stands against the applies, before check mode ends and anything is written."""

    def facts(self) -> Mapping[str, Any]:
        """What the last approval has to tell, beside what every result has."""
        return {}

    def judge(self, api: Kubernetes, _clock: Clock, /) -> Judge:
        """Who says when a claim is ready that is awaited."""
        return Settling(api)

    def verdict(self, _api: Kubernetes, standing: Standing, /) -> Readiness:
        """Whether a claim is ready as it stands."""
        return standing.verdict

    def blockers(self, _api: Kubernetes, _standings: Mapping[ObjectRef, Standing], /) -> list[Blocker]:
        """What else keeps claims from becoming ready, behind their managed resources."""
        return []

    def leaving_too(
        self, _api: Kubernetes, _everything: Mapping[ObjectRef, Manifest], /
    ) -> Mapping[ObjectRef, Manifest]:
        """What else has to be gone when everything given is deleted."""
        return {}


PLAIN = Particulars()
