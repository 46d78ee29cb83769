# SPDX-License-Identifier: GPL-3.0-or-later
"""The node, with kopf: what it watches. It marks and holds no object: a kubelet does not, either."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import kopf

from tests.testbed import bed as beds
from tests.testbed import programs
from tests.testbed.kubevirt import pki
from tests.testbed.kubevirt.api import Api
from tests.testbed.kubevirt.network import Addresses
from tests.testbed.node import kubelet, network
from tests.testbed.node.cluster_network import ClusterNetwork
from tests.testbed.node.images import Images
from tests.testbed.node.node import NAME, Node
from tests.testbed.node.pod import Pod
from tests.testbed.node.provisioner import Provisioner
from tests.testbed.node.runtime import Sandbox
from tests.testbed.processes import MEMBER_VARIABLE


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    settings.posting.enabled = False
    for chatty in ("kopf.objects", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    bed = beds.load(Path(os.environ[MEMBER_VARIABLE]))
    folder = bed.state / "node"
    # One at a time.
    memo.lock = ExitStack()
    memo.lock.enter_context(beds.lock(folder / "lock"))
    context = pki.client_context(bed.pki / "ca", bed.pki / "admin" / "tls")
    api = Api(f"https://{bed.address('kube-apiserver')}", context, agent="kubelet")
    addresses = Addresses(network.pods(bed), folder / "addresses.json")
    # The first is the gateway's.
    addresses.of("gateway")
    machine = programs.node_machine(bed)
    servers = [bed.ports[name] for name in ("kube-apiserver", "postgresql", "vault")]
    ways = ClusterNetwork(machine, servers)
    node = memo.node = Node(bed, api, _images(bed), addresses, machine, ways, programs.KUBERNETES.version)
    memo.provisioner = Provisioner(api, folder / "volumes")
    memo.pods = {}
    await memo.provisioner.offer()
    await node.register()
    await _forget_strangers(node)
    memo.tasks = [asyncio.create_task(work) for work in (node.keep_lease(), ways.serve())]
    memo.server = await kubelet.serve(bed, memo.pods)


@kopf.on.event("", "v1", "pods")
async def observe_pod(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    body: Any = event["object"]
    uid = body["metadata"]["uid"]
    if body["spec"].get("nodeName") != NAME:
        return
    if event["type"] == "DELETED":
        if pod := memo.pods.pop(uid, None):
            memo.tasks.append(asyncio.create_task(pod.vanish()))
        return
    if uid not in memo.pods:
        memo.pods[uid] = Pod(memo.node, body)
    memo.pods[uid].observe(body)


@kopf.on.event("", "v1", "services")
async def observe_service(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    ways = memo.node.network
    ways.observe(ways.services, event["type"], event["object"])


@kopf.on.event("discovery.k8s.io", "v1", "endpointslices")
async def observe_slice(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    ways = memo.node.network
    ways.observe(ways.slices, event["type"], event["object"])


@kopf.on.event("", "v1", "persistentvolumeclaims")
async def observe_claim(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    if event["type"] != "DELETED":
        await memo.provisioner.observe_claim(event["object"])


@kopf.on.event("", "v1", "persistentvolumes")
async def observe_volume(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    if event["type"] != "DELETED":
        await memo.provisioner.observe_volume(event["object"])


def _images(bed: beds.Bed) -> Images:
    folders = {build.name: build.files(bed.cache) for build in programs.IMAGES}
    return Images({**folders, programs.POSTGRESQL.name: programs.POSTGRESQL.site_packages(bed.cache)})


async def _forget_strangers(node: Node) -> None:
    """End and remove pods whose objects have gone while there was no node."""
    listed = await node.api.request("GET", f"/api/v1/pods?fieldSelector=spec.nodeName={NAME}")
    present = {pod["metadata"]["uid"] for pod in listed["items"]}
    pods = node.folder / "pods"
    for folder in pods.iterdir() if pods.is_dir() else ():
        if folder.name not in present:
            await Sandbox(folder).end()
            node.addresses.release(folder.name)
            shutil.rmtree(folder, ignore_errors=True)
