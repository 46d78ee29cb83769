# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kubelet writes to its cluster: its Node and Lease, the mirrors of its static pods, and how pods are doing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.testbed.kubevirt.api import Api, Object, Refused
from tests.testbed.kubevirt.control_plane import ETCD_PORT
from tests.testbed.kubevirt.kubelet import PORT

STATIC_PODS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
MIRROR = "kubernetes.io/config.mirror"
CONTROL_PLANE_LABELS = {
    "node-role.kubernetes.io/control-plane": "",
    "node.kubernetes.io/exclude-from-external-load-balancers": "",
}
LEASE_SECONDS = 40
NODES, LEASES = "/api/v1/nodes", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
STATIC_PODS_PATH = "/api/v1/namespaces/kube-system/pods"


@dataclass(frozen=True)
class Node:
    """A node as its kubelet sees it; `capacity` are cpu and memory."""

    name: str
    address: str
    version: str
    capacity: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Mapping[str, str]] = ()
    is_control_plane: bool = False

    async def register(self, api: Api) -> None:
        """Make the Node, unless there is one; a kubelet does so once, when it starts."""
        try:
            await api.request("POST", NODES, self.manifest())
        except Refused as refused:
            if refused.status != 409:
                raise

    async def beat(self, api: Api) -> None:
        """Say that the node lives, and see to its pods; writing what is as it should be changes nothing."""
        await api.apply(f"{LEASES}/{self.name}", self.lease(datetime.now(UTC)))
        await api.apply(f"{NODES}/{self.name}/status", {**self.identity(), "status": self.status()})
        pods = (await api.request("GET", f"/api/v1/pods?fieldSelector=spec.nodeName={self.name}"))["items"]
        if self.is_control_plane:
            present = {pod["metadata"]["name"] for pod in pods}
            await self._mirror(api, [name for name in STATIC_PODS if f"{name}-{self.name}" not in present])
        for pod in pods:
            await _tend(api, pod)

    def identity(self) -> Object:
        return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.name}}

    def manifest(self) -> Object:
        """The Node that is made."""
        labels = {
            "kubernetes.io/hostname": self.name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            **(CONTROL_PLANE_LABELS if self.is_control_plane else {}),
            **self.labels,
        }
        metadata = {"name": self.name, "labels": labels}
        return {**self.identity(), "metadata": metadata, "spec": {"taints": list(self.taints)}, "status": self.status()}

    def status(self) -> Object:
        """A healthy node's, without times, so that it stays the same."""
        resources = {**self.capacity, "pods": "110"}
        pressures = [
            {"type": kind, "status": "False", "reason": f"KubeletHasNo{kind}"}
            for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")
        ]
        nothing = ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion")
        return {
            "addresses": [
                {"type": "InternalIP", "address": self.address},
                {"type": "Hostname", "address": self.name},
            ],
            "capacity": resources,
            "allocatable": resources,
            "conditions": [*pressures, {"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": PORT}},
            "nodeInfo": {
                **dict.fromkeys(nothing, "none: this node is a stand-in"),
                "kubeletVersion": self.version,
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        }

    def lease(self, now: datetime) -> Object:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name, "namespace": "kube-node-lease"},
            "spec": {
                "holderIdentity": self.name,
                "leaseDurationSeconds": LEASE_SECONDS,
                "renewTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            },
        }

    def static_pod(self, component: str, node_uid: str) -> Object:
        """The mirror of a static pod; the annotation about etcd is how further members find this one."""
        annotations = {MIRROR: "stand-in", "kubernetes.io/config.source": "file"}
        if component == "etcd":
            url = f"https://{self.address}:{ETCD_PORT}"
            annotations["kubeadm.kubernetes.io/etcd.advertise-client-urls"] = url
        owner = {"apiVersion": "v1", "kind": "Node", "name": self.name, "uid": node_uid, "controller": True}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{component}-{self.name}",
                "namespace": "kube-system",
                "labels": {"component": component, "tier": "control-plane"},
                "annotations": annotations,
                "ownerReferences": [owner],
            },
            "spec": {
                "nodeName": self.name,
                "hostNetwork": True,
                "priorityClassName": "system-node-critical",
                "tolerations": [{"operator": "Exists"}],
                "containers": [{"name": component, "image": f"registry.k8s.io/{component}:{self.version}"}],
            },
        }

    async def _mirror(self, api: Api, components: Sequence[str]) -> None:
        if not components:
            return
        node = await api.request("GET", f"{NODES}/{self.name}")
        for component in components:
            pod = await api.request("POST", STATIC_PODS_PATH, self.static_pod(component, node["metadata"]["uid"]))
            await _tend(api, pod)


async def _tend(api: Api, pod: Object) -> None:
    """Nothing of a pod runs; the cluster is told that it does, and that it has ended when it shall."""
    metadata, phase = pod["metadata"], pod["status"].get("phase")
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
    if "deletionTimestamp" in metadata:
        await api.remove(path, {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0})
    elif phase == "Pending":
        conditions = [{"type": kind, "status": "True"} for kind in ("Initialized", "ContainersReady", "Ready")]
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        containers = [
            {
                "name": each["name"],
                "image": each["image"],
                "imageID": "",
                "ready": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": now}},
            }
            for each in pod["spec"]["containers"]
        ]
        status = {"phase": "Running", "conditions": conditions, "startTime": now, "containerStatuses": containers}
        body = {"status": status}
        await api.request("PATCH", f"{path}/status", body, "application/strategic-merge-patch+json")
