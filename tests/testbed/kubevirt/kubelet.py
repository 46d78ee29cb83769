# SPDX-License-Identifier: GPL-3.0-or-later
"""The one thing that a kubelet is asked for here: forwarding a port of a control plane's pod to the API server.

The kubeadm control plane manager reaches the members of etcd that way.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tests.testbed.kubevirt import spdy
from tests.testbed.kubevirt.spdy import Frame, Headers

PORT = 10250
UPGRADE = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
    b"X-Stream-Protocol-Version: portforward.k8s.io\r\n\r\n"
)
REFUSAL = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
CHUNK = 65536

logger = logging.getLogger(__name__)


async def serve(address: str, context: ssl.SSLContext) -> asyncio.Server:
    """Forward ports of `address`, where all static pods of its node listen."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            request = await reader.readuntil(b"\r\n\r\n")
            path = request.split(b" ", 2)[1]
            if path.startswith(b"/portForward/"):
                writer.write(UPGRADE)
                await Forwarding(lambda port: asyncio.open_connection(address, port), reader, writer).run()
            else:
                writer.write(REFUSAL)
                await writer.drain()
        writer.close()

    return await asyncio.start_server(connected, address, PORT, ssl=context)


@dataclass
class Forwarding:
    """One forwarding connection: per request, a stream for data and one for errors, on which nothing is ever said.

    `dial` connects to a port of the pod.
    """

    dial: Callable[[int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    headers: Headers = field(default_factory=Headers)
    error_streams: dict[str, int] = field(default_factory=dict)
    targets: dict[int, asyncio.StreamWriter] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        try:
            while True:
                frame = await spdy.read_frame(self.reader)
                if frame.control == spdy.Type.GOAWAY:
                    return
                await self._take(frame)
        finally:
            for task in self.tasks:
                task.cancel()
            for target in self.targets.values():
                target.close()

    async def _take(self, frame: Frame) -> None:
        if frame.control is None:
            await self._pass_on(frame)
        elif frame.control == spdy.Type.SYN_STREAM:
            await self._open(frame)
        elif frame.control == spdy.Type.PING:
            await self._send(frame)
        elif frame.control == spdy.Type.RST_STREAM and frame.stream in self.targets:
            self.targets.pop(frame.stream).close()

    async def _open(self, frame: Frame) -> None:
        headers = self.headers.of_new_stream(frame)
        await self._send(self.headers.reply(frame.stream))
        if headers.get("streamtype") == "error":
            self.error_streams[headers["requestid"]] = frame.stream
            return
        reader, self.targets[frame.stream] = await self.dial(int(headers["port"]))
        task = asyncio.create_task(self._answer(frame.stream, headers["requestid"], reader))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, stream: int, request: str, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._send(Frame(0, data, stream=stream))
        for ended in (stream, self.error_streams.pop(request, 0)):
            if ended:
                await self._send(Frame(spdy.FIN, b"", stream=ended))

    async def _pass_on(self, frame: Frame) -> None:
        if target := self.targets.get(frame.stream):
            with suppress(OSError):
                target.write(frame.payload)
                await target.drain()
                if frame.is_last:
                    target.write_eof()

    async def _send(self, frame: Frame) -> None:
        self.writer.write(frame.encode())
        await self.writer.drain()
