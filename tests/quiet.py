# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.quiet COMMAND [ARGUMENT...]`: run a command that must not write to Kubernetes or to Vault.

Judged by the audit logs of the test bed that the environment points at, never by what the command says of itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests import audit
from tests.gates.steps import entry, run

# The collection's own modules, and kubernetes.core's; everybody else on the API server goes on with their work.
OURS = ("pnow.infra/", "OpenAPI-Generator/")
KUBERNETES_WRITES = {"create", "update", "patch", "delete", "deletecollection"}
DRY_RUN = "dryRun=All"
# Asks who one is, and stores nothing.
REVIEW = "/selfsubjectreviews"
VAULT_WRITES = {"create", "update", "patch", "delete"}

Event = dict[str, Any]


class Writes:
    """What was written since this was made."""

    def __init__(self) -> None:
        logs = Path(os.environ["PNOW_TESTBED_STATE"]) / "logs"
        self._logs = {name: logs / name for name in (audit.KUBERNETES, audit.VAULT)}
        self._starts = {name: log.stat().st_size for name, log in self._logs.items()}

    def found(self) -> list[str]:
        """The writes, in words."""
        kubernetes, vault = (audit.events(self._logs[name], self._starts[name]) for name in self._logs)
        return [*_kubernetes_writes(kubernetes), *_vault_writes(vault)]


def main() -> int:
    """Run the command; returns its exit status, or 1 when it wrote."""
    writes = Writes()
    status = run(sys.argv[1:])
    found = writes.found()
    for write in found:
        print(f"wrote: {write}", file=sys.stderr)
    print(f"{len(found)} writes seen in the audit logs of Kubernetes and Vault")
    return status or (1 if found else 0)


def _kubernetes_writes(events: Iterable[Event]) -> Iterator[str]:
    for event in events:
        done = event["stage"] == "ResponseComplete" and event["verb"] in KUBERNETES_WRITES
        # A dry run asks what a write would do, and stores nothing.
        asks = any(text in event["requestURI"] for text in (DRY_RUN, REVIEW))
        if done and not asks and event.get("userAgent", "").startswith(OURS):
            yield f"{event['verb']} {event['requestURI']} by {event['userAgent']}"


def _vault_writes(events: Iterable[Event]) -> Iterator[str]:
    for event in events:
        if event["type"] == "request" and event["request"]["operation"] in VAULT_WRITES:
            yield f"{event['request']['operation']} {event['request']['path']} in Vault"


if __name__ == "__main__":
    entry(main)
