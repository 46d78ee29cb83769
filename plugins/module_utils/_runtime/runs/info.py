# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has been at work on an environment, and who is."""

from __future__ import annotations

from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.plan import Plan
from ..._domain.runs.lease import lease_of, lease_ref
from ..._domain.runs.record import history_ref, runs_in
from ..task import Outcome, Request


def describe_runs(request: Request, api: Kubernetes) -> Outcome:
    """Reads the history and the Lease of an environment; of one that has neither, that nobody was there."""
    environment = request.options["environment"]
    runs = runs_in(api.get(history_ref(environment)))
    lease = lease_of(api.get(lease_ref(environment)))
    facts = {"runs": runs[::-1], "holder": lease.holder, "since": lease.since if lease.holder else ""}
    return Outcome(Plan(), facts)
