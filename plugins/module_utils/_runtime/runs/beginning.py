# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before a run looks at an environment: whoever is at work on it is waited for, and named."""

from __future__ import annotations

from collections.abc import Callable

from ..._domain.errors import Held, Lost
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.ports import Clock, Reporter
from ..._domain.runs.lease import Lease, Vigil, lease_of, lease_ref
from ..._domain.units import spoken

# Between two looks, in seconds.
PAUSE = 1.0


def await_free(
    environment: str,
    patience: float,
    api: Kubernetes,
    clock: Clock,
    *,
    reporter: Reporter,
    needed: Callable[[], bool],
) -> Lease:
    """The Lease of an environment once nobody holds it, or its holder is gone, which only time shows.

    ``needed`` says whether whoever waits is still there. Raises Held.
    """
    ends = clock.monotonic() + patience
    vigil, told = Vigil(), ""
    while True:
        asked = clock.boot_time()
        lease = lease_of(api.get(lease_ref(environment)))
        if not lease.holder:
            return lease
        if vigil.ended(lease, asked=asked, answered=clock.boot_time()):
            reporter.line(f"{lease.holder}, does not renew its Lease of environment {environment} any more: it is gone")
            return lease
        if clock.monotonic() >= ends:
            raise _held(environment, lease, patience)
        if lease.holder != told:
            reporter.line(f"environment {environment} is worked on by {lease}; waiting, {spoken(patience)} at most")
            told = lease.holder
        if not needed():
            raise Lost("ansible-playbook has ended", next_step="run it again")
        clock.sleep(PAUSE)


def _held(environment: str, lease: Lease, patience: float) -> Held:
    waited = f", also after {spoken(patience)}" if patience else ""
    return Held(
        f"environment {environment} is worked on by {lease}{waited}",
        next_step=(
            "wait until it is done, or raise environment_run_wait_timeout; a run that is no more counts as gone "
            f"{spoken(lease.ttl)} after its last sign"
        ),
    )
