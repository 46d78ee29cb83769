# SPDX-License-Identifier: GPL-3.0-or-later
"""What leads to pods: Services, names, and the ways between pods, the machine and the bed's other programs.

There is no DNS: names are in each pod's /etc/hosts. A Service is a listener per port, and there is one only while it
has endpoints, which the real controllers say.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.testbed.node import runtime
from tests.testbed.node.network import on_machine
from tests.testbed.node.runtime import Lost
from tests.testbed.node.specification import hostname
from tests.testbed.node.variables import Object

if TYPE_CHECKING:
    from tests.testbed.node.pod import Pod

DOMAIN = "cluster.local"
LOOPBACK = "127.0.0.1"
CHUNK = 65536
OF_SERVICE = "kubernetes.io/service-name"

logger = logging.getLogger(__name__)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Listener:
    """Where something listens: in the network at `place`, None for the machine's own."""

    place: Path | None
    host: str
    port: int


@dataclass(frozen=True)
class Target:
    """Where that leads: one of some addresses, in the network at `place`."""

    place: Path | None
    addresses: frozenset[tuple[str, int]]


@dataclass
class ClusterNetwork:
    """The network of one cluster; `servers` are ports on loopback, of programs that pods may reach there as well."""

    machine: Path
    servers: Collection[int]
    services: dict[tuple[str, str], Object] = field(default_factory=dict)
    slices: dict[tuple[str, str], Object] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    _open: dict[Listener, tuple[Target, asyncio.Server]] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def observe(self, known: dict[tuple[str, str], Object], kind: str | None, body: Object) -> None:
        """Take note of a Service or a slice of endpoints."""
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        if kind == "DELETED":
            known.pop(key, None)
        else:
            known[key] = body
        self._news.set()

    def plug(self, pod: Pod) -> None:
        self.pods[pod.uid] = pod
        self._news.set()

    def unplug(self, pod: Pod) -> None:
        self.pods.pop(pod.uid, None)
        self._news.set()

    async def serve(self) -> None:
        """Follow what is observed, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            for pod in list(self.pods.values()):
                self.write_hosts(pod)
            await self._follow(dict(self._wanted()))

    def write_hosts(self, pod: Pod) -> None:
        """Write a pod's /etc/hosts: in place, as it is mounted there."""
        file = pod.folder / "hosts"
        text = "".join(f"{address}\t{' '.join(names)}\n" for address, names in self._names(pod))
        with suppress(FileNotFoundError):
            file.touch()
            if file.read_text() != text:
                with file.open("r+") as opened:
                    opened.write(text)
                    opened.truncate()

    async def _follow(self, wanted: Mapping[Listener, Target]) -> None:
        for listener, (target, server) in list(self._open.items()):
            if wanted.get(listener) != target or (listener.place and not listener.place.exists()):
                server.close()
                del self._open[listener]
        for listener, target in wanted.items():
            if listener not in self._open:
                try:
                    self._open[listener] = (target, await _listen(listener, target))
                except (OSError, Lost) as error:
                    logger.warning("%s:%s is not served: %s", listener.host, listener.port, error)

    def _wanted(self) -> Iterator[tuple[Listener, Target]]:
        for (namespace, name), service in self.services.items():
            address = service["spec"].get("clusterIP", "None")
            for port in service["spec"].get("ports", []) if address != "None" else ():
                ends = self._ends(namespace, name, port.get("name"))
                if ends and port.get("protocol", "TCP") == "TCP":
                    target = Target(self.machine, frozenset(ends))
                    yield Listener(self.machine, address, port["port"]), target
                    yield Listener(None, on_machine(address), port["port"]), target
        for pod in self.pods.values():
            for server in self.servers:
                yield Listener(pod.folder, LOOPBACK, server), Target(None, frozenset({(LOOPBACK, server)}))
            for container in pod.spec["containers"]:
                for port in container.get("ports", []):
                    target = Target(self.machine, frozenset({(pod.address, port["containerPort"])}))
                    yield Listener(None, on_machine(pod.address), port["containerPort"]), target

    def _slices_of(self, namespace: str, name: str) -> Iterator[Object]:
        for (held_in, _slice), found in self.slices.items():
            if held_in == namespace and found["metadata"].get("labels", {}).get(OF_SERVICE) == name:
                yield found

    def _ends(self, namespace: str, name: str, port: str | None) -> set[tuple[str, int]]:
        return {
            (address, each["port"])
            for found in self._slices_of(namespace, name)
            for each in found.get("ports") or []
            if (each.get("name") or None) == port
            for end in _ready(found)
            for address in end["addresses"]
        }

    def _names(self, pod: Pod) -> Iterator[tuple[str, list[str]]]:
        yield LOOPBACK, ["localhost"]
        domain = pod.spec.get("subdomain")
        own = hostname(pod.body)
        full = [f"{own}.{domain}.{pod.namespace}.svc.{DOMAIN}"] if domain else []
        yield pod.address, [*full, own]
        for alias in pod.spec.get("hostAliases", []):
            yield alias["ip"], alias["hostnames"]
        for (namespace, name), service in sorted(self.services.items()):
            address = service["spec"].get("clusterIP", "None")
            names = _names_of(name, namespace, pod.namespace)
            if address != "None":
                yield address, names
                continue
            for found in self._slices_of(namespace, name):
                for end in _ready(found):
                    own_names = [f"{end['hostname']}.{each}" for each in names] if end.get("hostname") else []
                    yield end["addresses"][0], own_names + names


def _ready(found: Object) -> Iterator[Object]:
    for end in found.get("endpoints") or []:
        if end.get("conditions", {}).get("ready", True):
            yield end


def _names_of(name: str, namespace: str, seen_from: str) -> list[str]:
    qualified = f"{name}.{namespace}"
    names = [f"{qualified}.svc.{DOMAIN}", f"{qualified}.svc", qualified]
    return [*names, name] if namespace == seen_from else names


async def _listen(listener: Listener, target: Target) -> asyncio.Server:
    if listener.place:
        created = await runtime.new_socket(listener.place)
    else:
        created = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        created.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        created.bind((listener.host, listener.port))
        return await asyncio.start_server(_forwarder(target), sock=created)
    except BaseException:
        created.close()
        raise


def _forwarder(target: Target) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await _dial(target)
            await asyncio.gather(_pipe(reader, there[1]), _pipe(there[0], writer))
        except (OSError, Lost):
            writer.transport.abort()

    return forward


async def _dial(target: Target) -> Streams:
    """Connect to one of the addresses, any that takes us; raises OSError if none does."""
    refused: OSError = ConnectionRefusedError("nobody listens")
    for host, port in random.sample(sorted(target.addresses), len(target.addresses)):
        try:
            if target.place:
                return await runtime.dial(target.place, host, port)
            return await asyncio.open_connection(host, port)
        except OSError as error:
            refused = error
    raise refused


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on all that comes, and its end."""
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()
