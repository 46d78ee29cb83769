# SPDX-License-Identifier: GPL-3.0-or-later
"""The first process of a pod: it has the pod's network, starts its containers, and knows how they ended.

It outlives the node that has asked for it, and nothing of the pod outlives it. Standard library only. It is asked at
its folder (`channel`): `watch`, `run`, `signal`, `execute`, `sockets`, `end`.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from tests.testbed.node import channel, container, netlink
from tests.testbed.node.channel import Message

CANNOT_START = 128


@dataclass
class Run:
    """One run of a container; seconds are Unix time, `status` is as a shell has it, None while it runs."""

    pid: int
    started: float
    finished: float | None = None
    status: int | None = None
    error: str = ""


class Sandbox:
    """The loop of one sandbox, alone in its process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: dict[str, Run] = {}
        self._watchers: list[socket.socket] = []
        self._executions: dict[int, socket.socket] = {}
        self._do: dict[str, channel.Handler] = {
            "watch": self._watch,
            "run": self._run,
            "signal": self._signal,
            "execute": self._execute,
            "sockets": give_sockets,
            "end": lambda *_: os._exit(0),
        }

    def serve(self, started: Callable[[], None]) -> NoReturn:
        """Take requests until somebody kills us; `started` is called when that begins."""
        channel.serve(self._folder, self._do, self._note, started)

    def _watch(self, connection: socket.socket, _request: Message, _files: list[int]) -> bool:
        self._watchers.append(connection)
        self._tell()
        return True

    def _run(self, connection: socket.socket, request: Message, _files: list[int]) -> bool:
        """Start a container; its output goes to the end of a file."""
        with Path(os.devnull).open("rb") as nothing, Path(request["log"]).open("ab") as log:
            streams = [nothing.fileno(), log.fileno(), log.fileno()]
            started = time.time()
            pid, error = first_of(
                lambda: os.unshare(os.CLONE_NEWNS | os.CLONE_NEWPID), lambda: _contain(request["container"], streams)
            )
        run = self._runs[request["id"]] = Run(pid, started, error=error)
        if error:
            run.finished, run.status = time.time(), CANNOT_START
        channel.send(connection, {"error": error})
        self._tell()
        return False

    def _signal(self, connection: socket.socket, request: Message, _files: list[int]) -> bool:
        """Send a signal to a process that we have started, unless it has ended."""
        running = {run.pid for run in self._runs.values() if run.status is None} | self._executions.keys()
        if request["pid"] in running:
            with suppress(ProcessLookupError):
                os.kill(request["pid"], request["signal"])
        channel.send(connection, {})
        return False

    def _execute(self, connection: socket.socket, request: Message, files: list[int]) -> bool:
        """Run a program in a container that runs; it is told who that is, and later how it ended."""
        run = self._runs.get(request["id"])
        if not run or run.status is not None:
            channel.send(connection, {"error": "container not found"})
            return False
        joined = os.pidfd_open(run.pid)
        pid, error = first_of(
            lambda: os.setns(joined, os.CLONE_NEWNS | os.CLONE_NEWPID),
            lambda: container.run(request["container"], files),
        )
        os.close(joined)
        if error:
            channel.send(connection, {"error": error})
            return False
        channel.send(connection, {"pid": pid})
        self._executions[pid] = connection
        return True

    def _note(self, pid: int, status: int) -> None:
        """Remember how a process has ended."""
        for run in self._runs.values():
            if run.pid == pid and run.status is None:
                run.finished, run.status = time.time(), status
        if connection := self._executions.pop(pid, None):
            with suppress(OSError), connection:
                channel.send(connection, {"status": status})
        self._tell()

    def _tell(self) -> None:
        """Say how all runs stand to whoever watches; who does not listen any more is forgotten."""
        told = {"runs": {name: asdict(run) for name, run in self._runs.items()}}
        for watcher in list(self._watchers):
            try:
                channel.send(watcher, told)
            except OSError:
                watcher.close()
                self._watchers.remove(watcher)


def give_sockets(connection: socket.socket, request: Message, _files: list[int]) -> bool:
    """TCP sockets of our network, which somebody in another one may listen on or connect with."""
    created = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _number in range(request["count"])]
    channel.send(connection, {}, [each.fileno() for each in created])
    for each in created:
        each.close()
    return False


def first_of(namespaces: Callable[[], None], become: Callable[[], Any]) -> tuple[int, str]:
    """Start the first process of new namespaces: its pid, and why it has not become what it should, if so.

    A child enters the namespaces and starts the process, whose parent we are when that child has ended.
    """
    (pids, pid_writer), (errors, error_writer) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        attempt(error_writer, lambda: _start_first(namespaces, become, pid_writer, error_writer))
    os.close(pid_writer)
    os.close(error_writer)
    os.waitpid(child, 0)
    with os.fdopen(pids) as told, os.fdopen(errors) as failed:
        return int(told.read() or 0), failed.read()


def attempt(error_writer: int, become: Callable[[], Any]) -> NoReturn:
    """Do it, in a process of our own, and say why if it can not be done."""
    try:
        become()
    except OSError as error:
        os.write(error_writer, f"{error.strerror}: {error.filename}".encode())
    finally:
        os._exit(CANNOT_START)


def _start_first(
    namespaces: Callable[[], None], become: Callable[[], Any], pid_writer: int, error_writer: int
) -> NoReturn:
    namespaces()
    if pid := os.fork():
        os.write(pid_writer, str(pid).encode())
        os._exit(0)
    os.close(pid_writer)
    os.setsid()
    attempt(error_writer, become)


def _contain(specification: container.Specification, streams: Sequence[int]) -> None:
    container.build(specification)
    container.run(specification, streams)


def main() -> NoReturn:
    """Wait until the network is plugged in, and serve; the second of two pipes is closed when that begins."""
    folder, hostname, address, gateway, waits, tells = sys.argv[1:]
    socket.sethostname(hostname)
    os.read(int(waits), 1)
    os.close(int(waits))
    host, prefix = address.split("/")
    netlink.up("lo")
    netlink.address("eth0", host, int(prefix))
    netlink.up("eth0")
    netlink.default_route(gateway)
    # As container engines have it: a port below 1024 is nothing special in a pod.
    Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    Sandbox(Path(folder)).serve(lambda: os.close(int(tells)))


if __name__ == "__main__":
    main()
