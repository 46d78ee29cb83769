# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of a bed's cluster, and where the machine has their addresses.

The API server takes no loopback address for the endpoint of a Service. So those of pods and Services are 10.A.B.C, in
namespaces that see no other network; on the machine itself each of them is 127.A.B.C, where any user may listen. A
and B are the two bytes of a port of the bed: no two beds have the same port, so no two have the same network.
"""

from __future__ import annotations

from ipaddress import IPv4Network

from tests.testbed.bed import Bed


def pods(bed: Bed) -> IPv4Network:
    return _network(bed, "node")


def services(bed: Bed) -> IPv4Network:
    return _network(bed, "kube-apiserver")


def on_machine(address: str) -> str:
    """Where programs on the machine reach what pods reach at `address`."""
    return f"127.{address.partition('.')[2]}"


def _network(bed: Bed, port: str) -> IPv4Network:
    high, low = divmod(bed.ports[port], 256)
    return IPv4Network(f"10.{high}.{low}.0/24")
