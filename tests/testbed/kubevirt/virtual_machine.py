# SPDX-License-Identifier: GPL-3.0-or-later
"""One VirtualMachine: brings it to the state that it should be in, and says so."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.testbed.bed import Bed
from tests.testbed.kubevirt import faults, status
from tests.testbed.kubevirt.api import Api
from tests.testbed.kubevirt.faults import Fault, Kind
from tests.testbed.kubevirt.machine import Machine
from tests.testbed.kubevirt.network import Addresses
from tests.testbed.kubevirt.status import State

CLUSTER_LABEL = "cluster.x-k8s.io/cluster-name"

logger = logging.getLogger(__name__)


@dataclass
class Hypervisor:
    """What all VMs of a bed share. `running` are the addresses and labels of those that run, by namespace and name."""

    bed: Bed
    api: Api
    addresses: Addresses
    namespaces: dict[str, Mapping[str, str]] = field(default_factory=dict)
    running: dict[tuple[str, str], tuple[str, Mapping[str, str]]] = field(default_factory=dict)
    deleted_instances: set[tuple[str, str]] = field(default_factory=set)


class VirtualMachine:
    """`body` is a live view of the object."""

    def __init__(self, hypervisor: Hypervisor, body: Mapping[str, Any]) -> None:
        self._hypervisor = hypervisor
        self._body = body
        self._namespace: str = body["metadata"]["namespace"]
        self._name: str = body["metadata"]["name"]
        self._owner = f"vm/{self._namespace}/{self._name}"
        self._address = hypervisor.addresses.of(self._owner)
        self._reported: State | None = None
        self._power: asyncio.Task[None] | None = None
        self._machine = self._new_machine()

    async def step(self) -> None:
        """Do what is to be done now; nothing, most of the time."""
        key = (self._namespace, self._name)
        if key in self._hypervisor.deleted_instances:
            self._hypervisor.deleted_instances.discard(key)
            if self._power or self._reported in (State.UNSCHEDULABLE, State.NO_IMAGE, State.FAILED):
                # Somebody has deleted the instance; a VM that should run gets another one.
                await self._power_off()
                self._reported = None
        fault = self._fault()
        if stopped := _stopped(self._body["spec"], fault, is_on=self._power is not None):
            await self._power_off()
            await self._report(stopped)
            return
        if not self._power:
            await self._report(State.STARTING)
            seconds = fault.seconds if fault and fault.kind is Kind.SLOW else 0
            self._power = asyncio.create_task(self._run(seconds))
        elif self._power.done():
            logger.error("%s: %r", self._owner, self._power.exception())
            await self._power_off()
        if fault and fault.kind is Kind.BOOTSTRAP_FAILS:
            self._machine.may_bootstrap.clear()
        else:
            self._machine.may_bootstrap.set()

    async def remove(self) -> None:
        """Whatever there is of a VM that is deleted goes."""
        await self._power_off()
        await self._hypervisor.api.remove(self._path("virtualmachineinstances"))
        self._machine.erase()
        self._hypervisor.addresses.release(self._owner)

    async def stop(self) -> None:
        """The VM stays as it is on its disk."""
        await self._power_off()

    async def _run(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        spec = self._body["spec"]["template"]
        await self._report(State.RUNNING)
        labels = spec.get("metadata", {}).get("labels", {})
        self._hypervisor.running[self._namespace, self._name] = (self._address, labels)
        secret = await self._secret(status.user_data_secret(spec["spec"]) or "", "userdata")
        await self._machine.run(secret)

    async def _power_off(self) -> None:
        self._hypervisor.running.pop((self._namespace, self._name), None)
        if self._power:
            self._power.cancel()
            await asyncio.gather(self._power, return_exceptions=True)
            self._power = None
            self._machine = self._new_machine()

    async def _report(self, state: State) -> None:
        if state is self._reported:
            return
        logger.info("%s: %s", self._owner, state.printable)
        api, path = self._hypervisor.api, self._path("virtualmachineinstances")
        if state.phase is None:
            await api.remove(path)
        else:
            await api.apply(path, status.instance(self._body, state, self._address))
        await api.apply(f"{self._path('virtualmachines')}/status", status.machine_status(self._body, state))
        self._reported = state

    def _fault(self) -> Fault | None:
        metadata = self._body["metadata"]
        namespace = self._hypervisor.namespaces.get(self._namespace, {})
        try:
            return faults.of_vm(metadata.get("annotations", {}), metadata.get("labels", {}), namespace)
        except ValueError as error:
            logger.error("%s: %s", self._owner, error)
            return None

    def _new_machine(self) -> Machine:
        bed, labels = self._hypervisor.bed, self._body["metadata"].get("labels", {})
        return Machine(
            bed,
            self._namespace,
            self._name,
            self._address,
            bed.state / "kubevirt" / self._namespace / self._name,
            status.kubelet_version(self._body),
            status.capacity(self._body["spec"]["template"]["spec"]),
            lambda: self._secret(f"{labels.get(CLUSTER_LABEL)}-kubeconfig", "value"),
        )

    async def _secret(self, name: str, key: str) -> str:
        path = f"/api/v1/namespaces/{self._namespace}/secrets/{name}"
        secret = await self._hypervisor.api.request("GET", path)
        return base64.b64decode(secret["data"][key]).decode()

    def _path(self, plural: str) -> str:
        return f"/apis/{status.API_VERSION}/namespaces/{self._namespace}/{plural}/{self._name}"


def _stopped(spec: Mapping[str, Any], fault: Fault | None, is_on: bool) -> State | None:
    """The state of a VM that shall not run now; one that runs is not kept from booting any more."""
    if spec.get("runStrategy", "Always") == "Halted" or spec.get("running") is False:
        return State.HALTED
    kind = fault.kind if fault else None
    if kind is Kind.DIES:
        return State.FAILED
    waiting = {Kind.NEVER_BOOTS: State.UNSCHEDULABLE, Kind.NO_IMAGE: State.NO_IMAGE}
    return waiting.get(kind) if kind and not is_on else None
