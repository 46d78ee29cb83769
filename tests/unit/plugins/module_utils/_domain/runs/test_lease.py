# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the holder of a Lease is there, judged by change on our own clock."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.runs.lease import (
    Lease,
    Vigil,
    held,
    lease_of,
    released,
)

JANE = "jane on laptop, playbook provision, run 0d4c"
TEN_MINUTES = 600.0


def stored(manifest: dict[str, Any], version: str) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": version}}


def test_what_is_written_is_read_again() -> None:
    manifest = held("dev", JANE, 60, since=0.0, now=61.5)
    assert manifest["metadata"]["name"] == "environment-dev"
    assert manifest["metadata"]["namespace"] == "pnow-infra"
    assert manifest["spec"]["renewTime"] == "1970-01-01T00:01:01.500000Z"
    lease = lease_of(stored(manifest, "7"))
    assert lease == Lease("7", JANE, 60.0, "1970-01-01T00:00:00.000000Z")
    assert str(lease) == f"{JANE} since 1970-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("live", "lease"),
    [
        (None, Lease("", "", 60.0, "")),
        (stored(released("dev"), "8"), Lease("8", "", 60.0, "")),
        (stored({**released("dev"), "spec": {"holderIdentity": "me\x1b[2J\n"}}, "9"), Lease("9", "me", 60.0, "")),
        (stored({**released("dev"), "spec": None}, "9"), Lease("9", "", 60.0, "")),
    ],
)
def test_a_lease_that_somebody_else_has_written(live: dict[str, Any] | None, lease: Lease) -> None:
    assert lease_of(live) == lease


@pytest.mark.parametrize("skew", [-TEN_MINUTES, 0.0, TEN_MINUTES])
def test_the_clock_of_the_holder_does_not_matter(skew: float) -> None:
    """Fault 67: renewed every 20 seconds by a clock that is off, it counts; not renewed, it ends after its time."""
    vigil, renewals = Vigil(), 10
    for number in range(renewals):
        now = 20.0 * number
        lease = lease_of(stored(held("dev", JANE, 60, since=skew, now=now + skew + 10_000), str(number + 1)))
        assert not vigil.ended(lease, asked=now, answered=now)
    last = 20.0 * (renewals - 1)
    assert not vigil.ended(lease, asked=last + 59.9, answered=last + 60)
    assert vigil.ended(lease, asked=last + 60, answered=last + 60)


def test_a_slow_answer_counts_against_whoever_waits() -> None:
    """What an answer shows may be as young as the answer, and no older than the request."""
    vigil, lease = Vigil(), Lease("1", JANE, 10.0)
    assert not vigil.ended(lease, asked=0, answered=5)
    assert not vigil.ended(lease, asked=14, answered=20)
    assert vigil.ended(lease, asked=15, answered=16)
