# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of the namespace that we are in, by netlink: links, addresses, a default route. Standard library only."""

from __future__ import annotations

import os
import socket
import struct

NEWLINK, NEWADDR, NEWROUTE, ERROR = 16, 20, 24, 2
REQUEST, ACK, CREATE, EXCLUSIVE = 1, 4, 0x400, 0x200
UP = 1
IFLA_IFNAME, IFLA_MASTER, IFLA_LINKINFO, IFLA_NET_NS_PID = 3, 10, 18, 19
INFO_KIND, INFO_DATA, VETH_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_GATEWAY = 5
MAIN_TABLE, BOOT, UNICAST = 254, 3, 1


def bridge(name: str) -> None:
    """Make a bridge, and have it up."""
    _request(NEWLINK, CREATE | EXCLUSIVE, _link(0, UP), _text(IFLA_IFNAME, name), _kind("bridge"))


def cable(name: str, master: str, peer: str, pid: int) -> None:
    """Plug a cable called `name` into a bridge; its other end is `peer` in the network of process `pid`."""
    inside = _link(0, 0) + _text(IFLA_IFNAME, peer) + _number(IFLA_NET_NS_PID, pid)
    kind = _kind("veth", _attribute(INFO_DATA, _attribute(VETH_PEER, inside)))
    plugged = _number(IFLA_MASTER, socket.if_nametoindex(master))
    _request(NEWLINK, CREATE | EXCLUSIVE, _link(0, UP), _text(IFLA_IFNAME, name), plugged, kind)


def up(name: str) -> None:
    """Turn a link on."""
    _request(NEWLINK, 0, _link(socket.if_nametoindex(name), UP))


def address(name: str, host: str, prefix: int) -> None:
    """Give a link an address; on loopback that is its whole network."""
    packed = socket.inet_aton(host)
    head = struct.pack("BBBBI", socket.AF_INET, prefix, 0, 0, socket.if_nametoindex(name))
    attributes = _attribute(IFA_LOCAL, packed), _attribute(IFA_ADDRESS, packed)
    _request(NEWADDR, CREATE | EXCLUSIVE, head, *attributes)


def default_route(gateway: str) -> None:
    """Send by a gateway what is for nobody near."""
    head = struct.pack("BBBBBBBBI", socket.AF_INET, 0, 0, 0, MAIN_TABLE, BOOT, 0, UNICAST, 0)
    _request(NEWROUTE, CREATE | EXCLUSIVE, head, _attribute(RTA_GATEWAY, socket.inet_aton(gateway)))


def _link(index: int, flags: int) -> bytes:
    return struct.pack("BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def _text(kind: int, text: str) -> bytes:
    return _attribute(kind, text.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("I", value))


def _kind(name: str, data: bytes = b"") -> bytes:
    return _attribute(IFLA_LINKINFO, _text(INFO_KIND, name) + data)


def _request(kind: int, flags: int, *parts: bytes) -> None:
    """Raises OSError if the kernel refuses it."""
    body = b"".join(parts)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.bind((0, 0))
        kernel.send(struct.pack("IHHII", 16 + len(body), kind, flags | REQUEST | ACK, 1, 0) + body)
        answer = kernel.recv(65536)
    (number,) = struct.unpack_from("i", answer, 16)
    if number:
        raise OSError(-number, os.strerror(-number))
