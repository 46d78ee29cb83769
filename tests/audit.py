# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit logs of a test bed: what its servers were asked, by their own account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KUBERNETES = "kube-audit.jsonl"
VAULT = "vault-audit.jsonl"


def events(log: Path, start: int) -> Iterator[dict[str, Any]]:
    """What was logged from byte `start` on."""
    with log.open("rb") as file:
        file.seek(start)
        yield from map(json.loads, file)
