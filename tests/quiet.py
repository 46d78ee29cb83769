# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.quiet COMMAND [ARGUMENT...]`: run a command that must not write to Kubernetes or to Vault.

Judged by the audit logs of the test bed that the environment points at, never by what the command says of itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tests import audit
from tests.gates.steps import entry, run

# The collection's own modules, and kubernetes.core's; everybody else on the API server goes on with their work.
OURS = ("pnow.infra/", "OpenAPI-Generator/")
KUBERNETES_WRITES = {"create", "update", "patch", "delete", "deletecollection"}
DRY_RUN = "dryRun=All"
VAULT_WRITES = {"create", "update", "patch", "delete"}


def main() -> int:
    """Run the command; returns its exit status, or 1 when it wrote."""
    logs = Path(os.environ["PNOW_TESTBED_STATE"]) / "logs"
    kubernetes, vault = logs / audit.KUBERNETES, logs / audit.VAULT
    kubernetes_start, vault_start = kubernetes.stat().st_size, vault.stat().st_size
    status = run(sys.argv[1:])
    writes = [*_kubernetes_writes(kubernetes, kubernetes_start), *_vault_writes(vault, vault_start)]
    for write in writes:
        print(f"wrote: {write}", file=sys.stderr)
    print(f"{len(writes)} writes seen in the audit logs of Kubernetes and Vault")
    return status or (1 if writes else 0)


def _kubernetes_writes(log: Path, start: int) -> Iterator[str]:
    for event in audit.events(log, start):
        done = event["stage"] == "ResponseComplete" and event["verb"] in KUBERNETES_WRITES
        # A dry run asks what a write would do, and stores nothing.
        if done and DRY_RUN not in event["requestURI"] and event.get("userAgent", "").startswith(OURS):
            yield f"{event['verb']} {event['requestURI']} by {event['userAgent']}"


def _vault_writes(log: Path, start: int) -> Iterator[str]:
    for event in audit.events(log, start):
        if event["type"] == "request" and event["request"]["operation"] in VAULT_WRITES:
            yield f"{event['request']['operation']} {event['request']['path']} in Vault"


if __name__ == "__main__":
    entry(main)
