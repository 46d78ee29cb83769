# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of module ``environment_info``."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

from ..._domain.cluster_api.ports import Workloads
from ..._domain.crossplane.readiness import Standing
from ..._domain.errors import InfraError, NotServed
from ..._domain.kubernetes.manifest import ObjectRef
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.overview.certificates import certificates_in
from ..._domain.overview.survey import moment
from ..._domain.plan import Plan
from ..._domain.ports import Clock
from ..._domain.runs.record import history_ref, runs_in
from ..crossplane.claim_tree import described_tree, look
from ..crossplane.claims import claims_from
from ..kubernetes.applying import observe
from ..task import Outcome, Request

Entries = list[dict[str, Any]]


def describe_environment(request: Request, api: Kubernetes, clusters: Workloads, clock: Clock) -> Outcome:
    """Reads what an environment has beside the state of its claims; what can not be read is said, and costs no more."""
    reading = _Reading(request, api, clusters, clock)
    facts = {
        "trees": reading.seen("What is behind claims", reading.trees),
        "certificates": reading.seen("Kubeconfigs", reading.certificates),
        "runs": reading.seen("History", reading.runs),
    }
    now = api.now()
    return Outcome(Plan(), {**facts, "unread": reading.unread, "now": "" if now is None else moment(now)})


class _Reading:
    """Reads one environment."""

    def __init__(self, request: Request, api: Kubernetes, clusters: Workloads, clock: Clock) -> None:
        self._options = request.options
        self._redactor = request.redactor
        self._api = api
        self._clusters = clusters
        self._clock = clock
        self.unread: list[dict[str, str]] = []

    def seen(self, what: str, read: Callable[[], Entries]) -> Entries:
        """What a look finds. A server or a right that is missing costs this look and not the others."""
        try:
            return read()
        except NotServed:
            return []
        except InfraError as error:
            self.unread.append({"what": what, "msg": str(error)})
            return []

    def trees(self) -> Entries:
        refs = [claim.ref for claim in claims_from(self._options["claims"])]
        claims = observe(self._api, refs, unserved_is_absent=True)
        return [
            {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name, "nodes": self._nodes(ref, standing)}
            for ref, standing in look(self._api, claims).items()
        ]

    def certificates(self) -> Entries:
        return [entry for name in self._options["kubeconfigs"] for entry in self._certificates_of(name)]

    def runs(self) -> Entries:
        """The runs that the history of the environment has, the oldest first; what is none is passed over."""
        return runs_in(self._api.get(history_ref(self._options["name"])))

    def _nodes(self, ref: ObjectRef, standing: Standing) -> Entries:
        now = self._api.now()
        counted_to = self._clock.wall_time() if now is None else now
        return described_tree(self._api, ref, standing, counted_to, events_of_ready=False)

    def _certificates_of(self, name: str) -> Iterator[dict[str, str]]:
        """Of a kubeconfig that is not there yet nothing is said: its cluster says how far it is."""
        secret = self._api.get(ObjectRef("v1", "Secret", name, self._options["namespace"] or self._options["name"]))
        encoded = ((secret or {}).get("data") or {}).get("value")
        if encoded:
            text = base64.b64decode(str(encoded)).decode(errors="replace")
            self._redactor.remember(text)
            yield from certificates_in(text, name.removesuffix("-kubeconfig"), self._clusters.certificate)
