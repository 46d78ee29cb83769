# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing TCP ports that are free now and stay free for the bed that chose them."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Collection, Iterable, Mapping

# Below the ephemeral range: the port of a stopped program must not be given to somebody's outgoing connection.
CANDIDATES = range(20000, 30000)


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now, on loopback or on every address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections in TIME_WAIT do not keep a server from starting; they must not look like one here.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True


def assign(
    names: Iterable[str],
    remembered: Mapping[str, int],
    reserved: Collection[int],
    free: Callable[[int], bool] = is_free,
) -> dict[str, int]:
    """A port for each of `names`: the remembered one, or a free one that nobody reserved.

    `reserved` are the ports of other beds, which may be down at the moment.
    """
    assigned = {name: remembered[name] for name in names if name in remembered}
    unavailable = {*reserved, *assigned.values()}
    candidates = iter(random.sample(CANDIDATES, len(CANDIDATES)))
    for name in names:
        if name not in assigned:
            port = next(port for port in candidates if port not in unavailable and free(port))
            assigned[name] = port
            unavailable.add(port)
    return assigned
