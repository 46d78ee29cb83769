# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of VMs and load balancers: on Linux, any process may listen on any address of 127.0.0.0/8.

So each VM has one of its own, and everything in it the port that it has everywhere.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from pathlib import Path

from tests.testbed.bed import Bed, write_private


def network_of(bed: Bed) -> IPv4Network:
    """The 254 addresses of this bed: no two beds have the same port, so no two have the same network."""
    high, low = divmod(bed.ports["kubevirt"], 256)
    return IPv4Network(f"127.{high}.{low}.0/24")


class Addresses:
    """Who has which address of a network; remembered in a file, as a VM keeps its address when we start again."""

    def __init__(self, network: IPv4Network, file: Path) -> None:
        self._hosts = [str(address) for address in network.hosts()]
        self._file = file
        remembered = json.loads(file.read_text()) if file.exists() else {}
        self._last: int = remembered.get("last", -1)
        self._assigned: dict[str, str] = remembered.get("assigned", {})

    def of(self, owner: str) -> str:
        """The owner's address, a new one if it has none: not one that somebody had a moment ago, if that can be."""
        if owner not in self._assigned:
            taken = set(self._assigned.values())
            count = len(self._hosts)
            order = ((self._last + step) % count for step in range(1, count + 1))
            self._last = next(number for number in order if self._hosts[number] not in taken)
            self._assigned[owner] = self._hosts[self._last]
            self._store()
        return self._assigned[owner]

    def release(self, owner: str) -> None:
        """Let others have the owner's address."""
        if self._assigned.pop(owner, None):
            self._store()

    def _store(self) -> None:
        write_private(self._file, json.dumps({"last": self._last, "assigned": self._assigned}))
