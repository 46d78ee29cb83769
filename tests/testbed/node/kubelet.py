# SPDX-License-Identifier: GPL-3.0-or-later
"""What an API server asks a kubelet for: the logs of a container, a program run in it, a port forwarded."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tests.testbed.bed import Bed
from tests.testbed.kubevirt.kubelet import UPGRADE as FORWARDING
from tests.testbed.kubevirt.kubelet import Forwarding
from tests.testbed.node import execution, runtime

if TYPE_CHECKING:
    from tests.testbed.node.attendant import Attendant
    from tests.testbed.node.pod import Pod

FOLLOW_SECONDS = 0.2
BROKEN = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)


class Refused(Exception):
    """What is asked for can not be had; the text says why."""


@dataclass(frozen=True)
class Request:
    """Of one container: the words of its path, and the query."""

    words: list[str]
    query: dict[str, list[str]]

    def first(self, name: str) -> str:
        """A value of the query, empty if it is not given."""
        return self.query.get(name, [""])[0]


async def serve(bed: Bed, pods: Mapping[str, Pod]) -> asyncio.Server:
    """Listen at the node's port, to whom the bed's authority has given a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(bed.pki / "ca.crt"))
    context.load_cert_chain(bed.pki / "server" / "tls.crt", bed.pki / "server" / "tls.key")
    context.verify_mode = ssl.CERT_REQUIRED

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(*BROKEN):
            head = await reader.readuntil(b"\r\n\r\n")
            await _answer(_parse(head), pods, reader, writer)
            await writer.drain()
        writer.close()

    return await asyncio.start_server(connected, "127.0.0.1", bed.ports["node"], ssl=context)


def _parse(head: bytes) -> Request:
    target = urlsplit(head.split(b" ", 2)[1].decode())
    return Request(target.path.strip("/").split("/"), parse_qs(target.query))


async def _answer(
    request: Request, pods: Mapping[str, Pod], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        match request.words:
            case ["healthz"]:
                _say(writer, 200, "ok")
            case ["containerLogs", namespace, name, container]:
                await _send_log(request, _find(pods, namespace, name, container), reader, writer)
            case ["exec", namespace, name, container]:
                attendant = _find(pods, namespace, name, container)
                await _execute(request, attendant, reader, writer)
            case ["portForward", namespace, name]:
                pod = next((each for each in pods.values() if (each.namespace, each.name) == (namespace, name)), None)
                if not pod:
                    raise Refused(f"pod {namespace}/{name} not found")
                writer.write(FORWARDING)
                await Forwarding(lambda port: runtime.dial(pod.folder, "127.0.0.1", port), reader, writer).run()
            case _:
                raise Refused("this node does not offer that")
    except Refused as refused:
        _say(writer, 404, str(refused))


def _find(pods: Mapping[str, Pod], namespace: str, name: str, container: str) -> Attendant:
    for pod in pods.values():
        if (pod.namespace, pod.name) == (namespace, name):
            for attendant in (*pod.inits, *pod.containers):
                if attendant.name == container:
                    return attendant
    raise Refused(f"container {container} in pod {namespace}/{name} not found")


def _say(writer: asyncio.StreamWriter, status: int, text: str) -> None:
    body = text.encode()
    head = (
        f"HTTP/1.1 {status} -\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)


async def _execute(
    request: Request, attendant: Attendant, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    if request.first("tty") == "1":
        raise Refused("this node has no terminals")
    if "running" not in attendant.known.state:
        raise Refused(f"container not found ({attendant.name})")
    asked = {"stdin": "input", "stdout": "output", "stderr": "error"}
    wanted = frozenset(name for name, key in asked.items() if request.first(key) == "1")
    writer.write(execution.UPGRADE)
    exchange = execution.Exchange(reader, writer, wanted)
    await exchange.run(lambda streams: attendant.execute(request.query["command"], streams))


async def _send_log(
    request: Request, attendant: Attendant, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    attempt = attendant.known.restarts
    if "waiting" in attendant.known.state and attempt:
        attempt -= attendant.run not in attendant.pod.sandbox.runs
    if request.first("previous") == "true":
        attempt -= 1
    file = attendant.log_of(attempt)
    if not file.exists():
        raise Refused(f"container {attendant.name} has no such log")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n")
    gone = asyncio.create_task(reader.read(1))
    with file.open("rb") as log:
        text = log.read()
        if tail := request.first("tailLines"):
            text = b"".join(text.splitlines(keepends=True)[-int(tail) or len(text) :])
        limit = int(request.first("limitBytes") or 0)
        writer.write(text[:limit] if limit else text)
        while request.first("follow") == "true" and not gone.done() and "running" in attendant.known.state:
            await writer.drain()
            await asyncio.sleep(FOLLOW_SECONDS)
            writer.write(log.read())
        writer.write(log.read() if request.first("follow") == "true" else b"")
    gone.cancel()
