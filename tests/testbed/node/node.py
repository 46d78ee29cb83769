# SPDX-License-Identifier: GPL-3.0-or-later
"""The node: what its pods share, and what it says of itself to the API server."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from tests.testbed.bed import Bed
from tests.testbed.kubevirt.api import Api, Refused
from tests.testbed.kubevirt.network import Addresses
from tests.testbed.node.cluster_network import ClusterNetwork
from tests.testbed.node.images import Images
from tests.testbed.node.variables import Object

NAME = "testbed"
MERGE = "application/merge-patch+json"
STRATEGIC_MERGE = "application/strategic-merge-patch+json"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/" + NAME
LEASE_SECONDS, RENEW_SECONDS = 40, 10
# Numbers, from which nobody takes anything: the scheduler shall find room.
CAPACITY = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "250"}
UNREACHABLE = (aiohttp.ClientError, TimeoutError, Refused)


def now() -> str:
    return stamp(datetime.now(UTC).timestamp())


def stamp(seconds: float) -> str:
    """Unix time as the API has it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Node:
    """What all pods of the node need."""

    bed: Bed
    api: Api
    images: Images
    addresses: Addresses
    machine: Path
    network: ClusterNetwork
    version: str
    _events: dict[tuple[str, str, str], tuple[str, int]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.bed.state / "node"

    async def register(self) -> None:
        """Have a Node and its lease."""
        labels = {
            "kubernetes.io/hostname": NAME,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
        }
        manifest = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME, "labels": labels}}
        await self.api.apply(f"/api/v1/nodes/{NAME}", manifest)
        await self.report()

    async def report(self) -> None:
        """Say that we are ready, and where we are asked for logs."""
        found = await self.api.find(f"/api/v1/nodes/{NAME}") or {}
        before = {each["type"]: each for each in found.get("status", {}).get("conditions", [])}
        reasons = {
            "Ready": ("True", "KubeletReady", "the test bed's node takes pods"),
            "MemoryPressure": ("False", "KubeletHasSufficientMemory", "nobody looks"),
            "DiskPressure": ("False", "KubeletHasNoDiskPressure", "nobody looks"),
            "PIDPressure": ("False", "KubeletHasSufficientPID", "nobody looks"),
        }
        conditions = [
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": now(),
                "lastTransitionTime": before[kind]["lastTransitionTime"]
                if before.get(kind, {}).get("status") == status
                else now(),
            }
            for kind, (status, reason, message) in reasons.items()
        ]
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": NAME}],
            "capacity": CAPACITY,
            "allocatable": CAPACITY,
            "conditions": conditions,
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.bed.ports["node"]}},
            "nodeInfo": {
                "kubeletVersion": self.version,
                "kubeProxyVersion": "",
                "containerRuntimeVersion": "testbed://1",
                "machineID": NAME,
                "systemUUID": NAME,
                "bootID": NAME,
                "osImage": platform.platform(),
                "operatingSystem": "linux",
                "architecture": "amd64",
                "kernelVersion": platform.release(),
            },
        }
        await self.api.request("PATCH", f"/api/v1/nodes/{NAME}/status", {"status": status}, STRATEGIC_MERGE)

    async def keep_lease(self) -> None:
        """Renew the lease for as long as we live, and report now and then."""
        turns = 0
        while True:
            with suppress(*UNREACHABLE):
                renewed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
                spec = {"holderIdentity": NAME, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": renewed}
                manifest = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": NAME}}
                await self.api.apply(LEASE, {**manifest, "spec": spec})
                if turns % 6 == 0:
                    await self.report()
            turns += 1
            await asyncio.sleep(RENEW_SECONDS)

    async def read(self, namespace: str, resource: str, name: str) -> Object | None:
        """An object of the core API; None if there is none."""
        return await self.api.find(f"/api/v1/namespaces/{namespace}/{resource}/{name}")

    async def claimed(self, namespace: str, name: str) -> Path:
        """The folder of a claim that is bound; raises LookupError with what a kubelet would say."""
        claim = await self.read(namespace, "persistentvolumeclaims", name)
        if claim is None:
            raise LookupError(f'persistentvolumeclaim "{name}" not found')
        if claim.get("status", {}).get("phase") != "Bound":
            raise LookupError(f'persistentvolumeclaim "{name}" is not bound')
        volume = await self.api.find(f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}")
        source = (volume or {"spec": {}})["spec"]
        path = Path((source.get("local") or source.get("hostPath") or {}).get("path", "/"))
        if not path.is_relative_to(self.bed.state):
            raise LookupError(f"this node mounts no volume that is not its own, as {claim['spec']['volumeName']} is")
        if not path.is_dir():
            raise LookupError(f"path {path} does not exist")
        return path

    async def token(self, pod: Object, wanted: Object) -> str:
        """A token of the pod's service account, for as long as the pod exists."""
        metadata = pod["metadata"]
        account = pod["spec"].get("serviceAccountName", "default")
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        spec = {"expirationSeconds": wanted.get("expirationSeconds", 3600), "boundObjectRef": bound}
        if wanted.get("audience"):
            spec["audiences"] = [wanted["audience"]]
        path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        issued = await self.api.request("POST", path, request)
        token: str = issued["status"]["token"]
        return token

    async def tell(self, pod: Object, kind: str, reason: str, message: str, container: str = "") -> None:
        """Record an event of a pod; the same one again is counted."""
        metadata = pod["metadata"]
        key = (metadata["uid"], reason, message)
        path = f"/api/v1/namespaces/{metadata['namespace']}/events"
        with suppress(*UNREACHABLE):
            if key in self._events:
                name, count = self._events[key]
                self._events[key] = (name, count + 1)
                await self.api.request("PATCH", f"{path}/{name}", {"count": count + 1, "lastTimestamp": now()}, MERGE)
                return
            name = f"{metadata['name']}.{os.urandom(8).hex()}"
            self._events[key] = (name, 1)
            what = {"type": kind, "reason": reason, "message": message}
            await self.api.request("POST", path, _event(pod, container, name, what))

    def forget(self, pod: Object) -> None:
        """Of a pod that is gone there will be no events."""
        self._events = {key: value for key, value in self._events.items() if key[0] != pod["metadata"]["uid"]}


def _event(pod: Object, container: str, name: str, what: Object) -> Mapping[str, Any]:
    metadata = pod["metadata"]
    about = {"apiVersion": "v1", "kind": "Pod", **{key: metadata[key] for key in ("name", "namespace", "uid")}}
    if container:
        about["fieldPath"] = f"spec.containers{{{container}}}"
    seen = now()
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "involvedObject": about,
        **what,
        "count": 1,
        "firstTimestamp": seen,
        "lastTimestamp": seen,
        "source": {"component": "kubelet", "host": NAME},
        "reportingComponent": "kubelet",
        "reportingInstance": NAME,
    }
