# SPDX-License-Identifier: GPL-3.0-or-later
"""`requests.py LOG START RESOURCE`: the collection's requests in the API server's audit log from byte START on."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path


def main(log: str, start: int, resource: str) -> None:
    """Prints how often each verb was used, for example `get 2`; without a resource on which, too: `get roles 2`."""
    with Path(log).open("rb") as file:
        file.seek(start)
        events = [json.loads(line) for line in file]
    ours = [event for event in events if event.get("userAgent", "").startswith("pnow.infra/")]
    done = [event for event in ours if event["stage"] == "ResponseComplete"]
    asked = [(_verb(event), event["objectRef"]["resource"]) for event in done if "objectRef" in event]
    told = Counter(verb if resource else f"{verb} {on}" for verb, on in asked if resource in ("", on))
    print(", ".join(f"{verb} {count}" for verb, count in sorted(told.items())))


def _verb(event: dict[str, str]) -> str:
    return "dry-run" if "dryRun=All" in event["requestURI"] else event["verb"]


main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
