# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator, with kopf: one coroutine per VirtualMachine and one per load balancer, for as long as there is one.

It is killed rather than stopped, as when the power fails: whatever VMs run ends with it, and boots again with the next.
"""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import kopf

from tests.testbed import bed as beds
from tests.testbed.kubevirt import pki
from tests.testbed.kubevirt.api import Api
from tests.testbed.kubevirt.load_balancer import LoadBalancer
from tests.testbed.kubevirt.network import Addresses, network_of
from tests.testbed.kubevirt.virtual_machine import Hypervisor, VirtualMachine
from tests.testbed.processes import MEMBER_VARIABLE

GROUP, VERSION = "kubevirt.io", "v1"
STEP_SECONDS = 0.5


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    settings.posting.enabled = False
    settings.persistence.finalizer = "kubevirt.testbed/stand-in"
    for chatty in ("kopf.objects", "aiohttp.access", "asyncssh"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    bed = beds.load(Path(os.environ[MEMBER_VARIABLE]))
    # One at a time: what an earlier one ran may still be about to end.
    memo.lock = ExitStack()
    memo.lock.enter_context(beds.lock(bed.state / "kubevirt" / "lock"))
    api = Api(f"https://{bed.address('kube-apiserver')}", pki.client_context(bed.pki / "ca", bed.pki / "admin" / "tls"))
    addresses = Addresses(network_of(bed), bed.state / "kubevirt" / "addresses.json")
    memo.hypervisor = Hypervisor(bed, api, addresses)


@kopf.on.event("", "v1", "namespaces")
async def observe_namespace(body: kopf.Body, memo: kopf.Memo, **_: Any) -> None:
    memo.hypervisor.namespaces[body["metadata"]["name"]] = dict(body["metadata"].get("annotations", {}))


@kopf.on.event(GROUP, VERSION, "virtualmachineinstances")
async def observe_instance(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    if event["type"] == "DELETED":
        metadata = event["object"]["metadata"]
        memo.hypervisor.deleted_instances.add((metadata["namespace"], metadata["name"]))


# The finalizer goes when the coroutine has ended, or after these seconds.
@kopf.daemon(GROUP, VERSION, "virtualmachines", cancellation_backoff=2, cancellation_timeout=20, backoff=2)
async def run_virtual_machine(body: kopf.Body, stopped: kopf.DaemonStopped, memo: kopf.Memo, **_: Any) -> None:
    machine = VirtualMachine(memo.hypervisor, body)
    try:
        while not stopped:
            await machine.step()
            await stopped.wait(STEP_SECONDS)
    finally:
        await (machine.remove() if "deletionTimestamp" in body["metadata"] else machine.stop())


def _is_load_balancer(spec: kopf.Spec, **_: Any) -> bool:
    return spec.get("type") == "LoadBalancer"


@kopf.daemon("", "v1", "services", when=_is_load_balancer, cancellation_backoff=2, cancellation_timeout=20, backoff=2)
async def run_load_balancer(body: kopf.Body, stopped: kopf.DaemonStopped, memo: kopf.Memo, **_: Any) -> None:
    balancer = LoadBalancer(memo.hypervisor, body)
    try:
        await balancer.open()
        await stopped.wait()
    finally:
        balancer.close()
        if "deletionTimestamp" in body["metadata"]:
            balancer.release()
