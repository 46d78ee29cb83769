# SPDX-License-Identifier: GPL-3.0-or-later
"""Load balancers: a Service of type LoadBalancer gets an address, at which its VMs are reached."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tests.testbed.kubevirt.virtual_machine import Hypervisor

CHUNK = 65536


class LoadBalancer:
    """Forwards connections to the VMs that a Service selects, to one that takes them."""

    def __init__(self, hypervisor: Hypervisor, service: Mapping[str, Any]) -> None:
        self._hypervisor = hypervisor
        self._namespace: str = service["metadata"]["namespace"]
        self._name: str = service["metadata"]["name"]
        self._spec: Mapping[str, Any] = service["spec"]
        self._owner = f"service/{self._namespace}/{self._name}"
        self._servers: list[asyncio.Server] = []

    async def open(self) -> None:
        """Listen, and say in the Service's status where."""
        address = self._hypervisor.addresses.of(self._owner)
        for port in self._spec["ports"]:
            target = port.get("targetPort")
            backend = target if isinstance(target, int) else port["port"]
            self._servers.append(await asyncio.start_server(self._forwarder(backend), address, port["port"]))
        path = f"/api/v1/namespaces/{self._namespace}/services/{self._name}/status"
        status = {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}
        await self._hypervisor.api.request("PATCH", path, status, "application/merge-patch+json")

    def close(self) -> None:
        """Listen no more; connections that are open end with their VMs."""
        for server in self._servers:
            server.close()

    def release(self) -> None:
        """Give the address up."""
        self._hypervisor.addresses.release(self._owner)

    def _backends(self) -> list[str]:
        wanted = (self._spec.get("selector") or {}).items()
        running = self._hypervisor.running.items()
        found = [
            address
            for (space, _name), (address, labels) in running
            if space == self._namespace and wanted <= labels.items()
        ]
        return random.sample(found, len(found))

    def _forwarder(self, port: int) -> Any:
        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for address in self._backends():
                with suppress(OSError):
                    back_reader, back_writer = await asyncio.open_connection(address, port)
                    await asyncio.gather(_copy(reader, back_writer), _copy(back_reader, writer))
                    return
            writer.close()

        return forward


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()
