# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine on which pods run: `python -m tests.testbed.node.machine FOLDER PODS SERVICES`, networks as 10.1.2.0/24.

A user namespace, in which we may do what root may, a network with a bridge between pods, and processes that end when we
do. The node tells it, at its folder, which pods to start; it goes on when the node is gone. Standard library only.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from ipaddress import IPv4Network
from pathlib import Path
from typing import NoReturn

from tests.testbed.node import channel, namespaces, netlink, sandbox
from tests.testbed.node.channel import Message

BRIDGE = "pods"
OF_A_POD = os.CLONE_NEWPID | os.CLONE_NEWNET | os.CLONE_NEWIPC | os.CLONE_NEWUTS
REFUSED = "This machine does not let its users make namespaces ({}), which pods need: allow it, or make a bed without."


class Machine:
    """The loop of the machine, alone in its process."""

    def __init__(self, folder: Path, pods: IPv4Network, services: IPv4Network) -> None:
        self._folder = folder
        self._pods = pods
        self._gateway = str(next(pods.hosts()))
        self._cables = 0
        netlink.up("lo")
        netlink.address("lo", str(next(services.hosts())), services.prefixlen)
        netlink.bridge(BRIDGE)
        netlink.address(BRIDGE, self._gateway, pods.prefixlen)

    def serve(self) -> NoReturn:
        known = {"pod": self._start_pod, "sockets": sandbox.give_sockets}
        channel.serve(self._folder, known, lambda _pid, _status: None, lambda: None)

    def _start_pod(self, connection: socket.socket, request: Message, _files: list[int]) -> bool:
        """Start a pod's sandbox, plug it in, and answer when it takes requests."""
        (waits, plugged), (ready, tells) = os.pipe(), os.pipe()
        command = [
            *(sys.executable, "-S", "-m", "tests.testbed.node.sandbox", request["folder"], request["hostname"]),
            *(f"{request['address']}/{self._pods.prefixlen}", self._gateway, str(waits), str(tells)),
        ]

        def become() -> NoReturn:
            os.set_inheritable(waits, True)
            os.set_inheritable(tells, True)
            os.execv(command[0], command)

        pid, error = sandbox.first_of(lambda: os.unshare(OF_A_POD), become)
        os.close(waits)
        os.close(tells)
        if not error:
            self._cables += 1
            netlink.cable(f"veth{self._cables}", BRIDGE, "eth0", pid)
            os.close(plugged)
            with os.fdopen(ready) as told:
                error = told.read()
        channel.send(connection, {"error": error})
        return False


def main() -> NoReturn:
    """Run the machine in a process of its own, whose end takes all others along, and end with it."""
    folder, *networks = sys.argv[1:]
    pods, services = (IPv4Network(each) for each in networks)
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        namespaces.become(0, 0)
        os.unshare(os.CLONE_NEWPID | os.CLONE_NEWNET)
    except OSError as error:
        sys.exit(REFUSED.format(error.strerror))
    first = os.fork()
    if not first:
        namespaces.end_with_parent()
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        Machine(Path(folder), pods, services).serve()
    signal.signal(signal.SIGTERM, lambda *_: os.kill(first, signal.SIGKILL))
    os.waitpid(first, 0)
    sys.exit(0)


if __name__ == "__main__":
    main()
