# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that somebody runs in a container with `kubectl exec`: its streams, in SPDY, and how it ended."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tests.testbed.kubevirt import spdy
from tests.testbed.kubevirt.spdy import Frame, Headers
from tests.testbed.node.runtime import Execution

UPGRADE = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
    b"X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n"
)
CHUNK = 65536
STREAMS = ("stdin", "stdout", "stderr")

Execute = Callable[[Sequence[int]], Awaitable[Execution]]
"""Runs the program, given its standard streams."""


@dataclass
class Exchange:
    """One connection: a stream for errors, which says how the program ended, and those of the program."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    wanted: frozenset[str]
    headers: Headers = field(default_factory=Headers)
    streams: dict[str, int] = field(default_factory=dict)

    async def run(self, execute: Execute) -> None:
        """Run the program when all its streams are there, and pass on what is said on them."""
        while {"error", *self.wanted} - self.streams.keys():
            await self._take(await spdy.read_frame(self.reader), None)
        ours, theirs = self._pipes()
        try:
            execution = await execute([theirs[name] for name in STREAMS])
        except OSError as error:
            await self._end(f"error executing command in container: {error}", None)
            return
        finally:
            for descriptor in theirs.values():
                os.close(descriptor)
        listening = asyncio.create_task(self._listen(ours["stdin"]))
        try:
            outputs = (self._say(name, ours[name]) for name in ("stdout", "stderr"))
            await asyncio.gather(*outputs)
            await self._end("", await execution.status())
        except BaseException:
            await execution.kill()
            raise
        finally:
            listening.cancel()

    def _pipes(self) -> tuple[dict[str, int], dict[str, int]]:
        """Our ends of three pipes and the program's."""
        pipes = {name: os.pipe() for name in STREAMS}
        ours = {name: pipes[name][1 if name == "stdin" else 0] for name in STREAMS}
        return ours, {name: pipes[name][0 if name == "stdin" else 1] for name in STREAMS}

    async def _listen(self, stdin: int) -> None:
        """Pass on to the program what it is told."""
        with open(stdin, "wb", buffering=0) as pipe:
            if "stdin" not in self.wanted:
                return
            with suppress(asyncio.IncompleteReadError, BrokenPipeError):
                while not await self._take(await spdy.read_frame(self.reader), pipe.write):
                    pass

    async def _take(self, frame: Frame, write: Callable[[bytes], object] | None) -> bool:
        """Take a frame; says whether it is the last that the program is told."""
        if frame.control == spdy.Type.SYN_STREAM:
            self.streams[self.headers.of_new_stream(frame)["streamtype"]] = frame.stream
            await self._send(self.headers.reply(frame.stream))
        elif frame.control == spdy.Type.PING:
            await self._send(frame)
        elif frame.control is None and frame.stream == self.streams.get("stdin") and write:
            await asyncio.to_thread(write, frame.payload)
            return frame.is_last
        return frame.control == spdy.Type.GOAWAY

    async def _say(self, name: str, descriptor: int) -> None:
        """Pass on what the program says."""
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        pipe = os.fdopen(descriptor, "rb", buffering=0)
        transport, _protocol = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
        try:
            while data := await reader.read(CHUNK):
                if stream := self.streams.get(name):
                    await self._send(Frame(0, data, stream=stream))
        finally:
            transport.close()

    async def _end(self, error: str, status: int | None) -> None:
        for name in ("stdout", "stderr"):
            if stream := self.streams.get(name):
                await self._send(Frame(spdy.FIN, b"", stream=stream))
        await self._send(Frame(spdy.FIN, json.dumps(_result(error, status)).encode(), stream=self.streams["error"]))

    async def _send(self, frame: Frame) -> None:
        self.writer.write(frame.encode())
        await self.writer.drain()


def _result(error: str, status: int | None) -> dict[str, object]:
    """How it ended, as the API has it."""
    if error:
        return {"metadata": {}, "status": "Failure", "reason": "InternalError", "message": error, "code": 500}
    if not status:
        return {"metadata": {}, "status": "Success"}
    cause = {"reason": "ExitCode", "message": str(status)}
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "details": {"causes": [cause]},
        "message": f"command terminated with non-zero exit code: exit status {status}",
    }
