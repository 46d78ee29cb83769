# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine and the sandboxes on it, for coroutines of the node."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.testbed.node import channel
from tests.testbed.node.channel import Closed, Message

SECONDS = 20.0


class Lost(Exception):
    """The sandbox is gone, and all that ran in it."""


async def ask(folder: Path, request: Message, files: Sequence[int] = ()) -> tuple[Message, list[int]]:
    """What is answered at a folder; raises Lost if nobody does."""
    try:
        async with asyncio.timeout(SECONDS):
            return await asyncio.to_thread(channel.ask, folder, request, files)
    except (OSError, Closed) as error:
        raise Lost(f"{folder} does not answer: {error}") from error


async def new_socket(folder: Path) -> socket.socket:
    """A socket in the network of the machine or of a sandbox; raises Lost."""
    _answer, files = await ask(folder, {"do": "sockets", "count": 1})
    created = socket.socket(fileno=files[0])
    created.setblocking(False)
    return created


async def dial(folder: Path, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect in the network of the machine or of a sandbox; raises Lost, or OSError if nobody listens."""
    created = await new_socket(folder)
    try:
        await asyncio.get_running_loop().sock_connect(created, (host, port))
        return await asyncio.open_connection(sock=created)
    except ConnectionRefusedError:
        created.close()
        raise ConnectionRefusedError(f"dial tcp {host}:{port}: connect: connection refused") from None
    except BaseException:
        created.close()
        raise


@dataclass
class Sandbox:
    """One that runs: what it says of its containers, by `<name>/<attempt>`."""

    folder: Path
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    lost: bool = False
    _connection: socket.socket = field(init=False)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Reach it, and know what runs; raises Lost if it is not there."""
        try:
            self._connection = channel.connect(self.folder)
            self._connection.setblocking(False)
            channel.send(self._connection, {"do": "watch"})
            await self._hear()
        except OSError as error:
            raise Lost(str(error)) from error
        self._task = asyncio.create_task(self._follow())

    def close(self) -> None:
        if self._task:
            self._task.cancel()
            self._connection.close()

    async def end(self) -> None:
        """Have it end with all that runs in it."""
        with suppress(Lost):
            await ask(self.folder, {"do": "end"})
        self.close()

    async def run(self, name: str, container: Message, log: Path) -> str:
        """Start a container; returns why it could not be started, if so."""
        await asyncio.to_thread(log.parent.mkdir, parents=True, exist_ok=True)
        answer, _files = await ask(self.folder, {"do": "run", "id": name, "container": container, "log": str(log)})
        # The answer may come before what all who watch are told.
        async with self._changed:
            await self._changed.wait_for(lambda: self.lost or name in self.runs)
        if name not in self.runs:
            raise Lost("the sandbox has ended")
        error: str = answer["error"]
        return error

    async def ended(self, name: str) -> dict[str, Any]:
        """Wait for the end of a run; raises Lost if that will never be known."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.lost or self.runs.get(name, {}).get("status") is not None)
        if self.runs.get(name, {}).get("status") is None:
            raise Lost("the sandbox has ended")
        return self.runs[name]

    async def signal(self, pid: int, number: int) -> None:
        await ask(self.folder, {"do": "signal", "pid": pid, "signal": number})

    async def execute(self, name: str, container: Message, streams: Sequence[int]) -> Execution:
        """Run a program in a container that runs; raises Lost, or OSError if it can not be run."""
        connection = await asyncio.to_thread(channel.connect, self.folder)
        connection.setblocking(False)
        request = {"do": "execute", "id": name, "container": container}
        channel.send(connection, request, streams)
        answer = await _next(connection)
        if "error" in answer:
            connection.close()
            raise OSError(answer["error"])
        return Execution(self, connection, answer["pid"])

    async def _follow(self) -> None:
        with suppress(Lost, OSError):
            while True:
                await self._hear()
        async with self._changed:
            self.lost = True
            self._changed.notify_all()

    async def _hear(self) -> None:
        told = await _next(self._connection)
        async with self._changed:
            self.runs = told["runs"]
            self._changed.notify_all()


@dataclass
class Execution:
    """A program that somebody has run in a container."""

    sandbox: Sandbox
    connection: socket.socket
    pid: int

    async def status(self) -> int:
        """Wait for its end."""
        with closing(self.connection):
            status: int = (await _next(self.connection))["status"]
            return status

    async def kill(self) -> None:
        with suppress(Lost):
            await self.sandbox.signal(self.pid, 9)
        self.connection.close()


async def _next(connection: socket.socket) -> Message:
    data = await asyncio.get_running_loop().sock_recv(connection, channel.MESSAGE_BYTES)
    if not data:
        raise Lost("the sandbox has ended")
    return channel.decode(data)
