# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that is powered on: what cloud-init, kubeadm and the kubelet do on it, from boot until the power is cut."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.testbed.bed import Bed, write_private
from tests.testbed.kubevirt import bootstrap_data, kubelet, pki, ssh
from tests.testbed.kubevirt.api import Api, Object, Refused
from tests.testbed.kubevirt.bootstrap_data import SUCCESS, SUCCESS_FILE, BootstrapData, BootstrapError
from tests.testbed.kubevirt.control_plane import ETCD_PORT, ControlPlane
from tests.testbed.kubevirt.guest import Processes
from tests.testbed.kubevirt.node import STATIC_PODS_PATH, Node
from tests.testbed.programs import ETCD, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER

CONFIGURATION_PATH = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"
REVIEW_PATH = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
BEAT_SECONDS = 3.0
RETRY_SECONDS = 1.0
# What is worth another try: somebody else is not there yet, or not any more.
TRANSIENT = (Refused, aiohttp.ClientError, OSError, TimeoutError)

logger = logging.getLogger(__name__)


@dataclass
class Machine:
    """`kubeconfig` fetches the administrator's kubeconfig of the cluster that the machine is to be a node of."""

    bed: Bed
    namespace: str
    name: str
    address: str
    disk: Path
    version: str
    capacity: Mapping[str, str]
    kubeconfig: Callable[[], Awaitable[str]]
    may_bootstrap: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_bootstrapped(self) -> bool:
        return (self.disk / SUCCESS_FILE.lstrip("/")).exists()

    async def run(self, user_data: str) -> None:
        """Boot, become a node if this is the first time, and stay one until cancelled."""
        async with AsyncExitStack() as stack:
            processes = Processes(self.bed.logs, f"vm.{self.namespace}.{self.name}")
            stack.push_async_callback(processes.stop)
            try:
                data = bootstrap_data.parse(user_data, self.name)
                configuration = data.configuration
            except BootstrapError as error:
                logger.error("%s/%s does not boot from its bootstrap data: %s", self.namespace, self.name, error)
                await asyncio.Event().wait()
                return
            self._write_files(data)
            await self._serve_ssh(stack, data)
            await self.may_bootstrap.wait()
            node, api = await self._become_node(stack, processes, configuration)
            await _until_it_works(lambda: node.register(api))
            await self._serve_kubelet(stack)
            write_private(self.disk / SUCCESS_FILE.lstrip("/"), SUCCESS)
            while True:
                await _until_it_works(lambda: node.beat(api))
                await asyncio.sleep(BEAT_SECONDS)

    async def _become_node(
        self, stack: AsyncExitStack, processes: Processes, documents: Mapping[str, Mapping[str, Any]]
    ) -> tuple[Node, Api]:
        joining = documents.get("JoinConfiguration")
        is_control_plane = joining is None or "controlPlane" in joining
        registration = (joining or documents.get("InitConfiguration", {})).get("nodeRegistration") or {}
        if is_control_plane:
            api = await self._run_control_plane(stack, processes, documents)
        else:
            if not self.is_bootstrapped and joining:
                await _until_it_works(lambda: self._try_token(joining))
            api = await self._administrator(stack)
        node = Node(
            self.name,
            self.address,
            self.version,
            self.capacity,
            bootstrap_data.labels(registration),
            bootstrap_data.taints(registration, is_control_plane),
            is_control_plane,
        )
        return node, api

    async def _run_control_plane(
        self, stack: AsyncExitStack, processes: Processes, documents: Mapping[str, Mapping[str, Any]]
    ) -> Api:
        joining = documents.get("JoinConfiguration")
        configuration = documents.get("ClusterConfiguration", {})
        plane = ControlPlane(self.name, self.address, self.disk, configuration)
        if joining is not None:
            plane.issue_admin()
            configuration, members = await _until_it_works(lambda: self._join(plane, joining))
            plane = ControlPlane(self.name, self.address, self.disk, configuration)
        else:
            members = {self.name: plane.peer_url}
        plane.issue_all()
        cache = self.bed.cache
        processes.start("etcd", plane.etcd(ETCD.executable(cache), members, joins=joining is not None))
        processes.start("kube-apiserver", plane.apiserver(KUBE_APISERVER.executable(cache)))
        processes.start("kube-controller-manager", plane.controller_manager(KUBE_CONTROLLER_MANAGER.executable(cache)))
        api = Api(plane.url, pki.client_context(plane.pki / "ca", plane.admin))
        stack.push_async_callback(api.close)
        await _until_it_works(lambda: api.request("GET", "/readyz"))
        if joining is None and not self.is_bootstrapped:
            await _until_it_works(lambda: api.apply(CONFIGURATION_PATH, _configuration_map(configuration)))
        return api

    async def _join(
        self, plane: ControlPlane, joining: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        """The cluster's configuration and etcd's members, this one among them; remembered, as it is asked for once."""
        memory = self.disk / "joined.json"
        if memory.exists():
            remembered = json.loads(memory.read_text())
            return remembered["configuration"], remembered["members"]
        server = f"https://{joining['discovery']['bootstrapToken']['apiServerEndpoint']}"
        api = Api(server, pki.client_context(plane.pki / "ca", plane.admin))
        try:
            stored = await api.request("GET", CONFIGURATION_PATH)
            pods = await api.request("GET", f"{STATIC_PODS_PATH}?labelSelector=component=etcd")
        finally:
            await api.close()
        configuration = yaml.safe_load(stored["data"]["ClusterConfiguration"])
        members = await self._add_member(plane, [_client_url(pod) for pod in pods["items"]])
        write_private(memory, json.dumps({"configuration": configuration, "members": members}))
        return configuration, members

    async def _add_member(self, plane: ControlPlane, clients: list[str]) -> dict[str, str]:
        last: Exception = OSError("no pod of etcd says where it listens")
        for client in clients:
            etcd = Api(client, pki.client_context(plane.pki / "etcd/ca", plane.etcd_client))
            try:
                present = (await etcd.request("POST", "/v3/cluster/member/list", {}))["members"]
                if plane.peer_url not in [url for member in present for url in member["peerURLs"]]:
                    await etcd.request("POST", "/v3/cluster/member/add", {"peerURLs": [plane.peer_url]})
                others = {each["name"]: each["peerURLs"][0] for each in present if each.get("name")}
                return {**others, self.name: plane.peer_url}
            except TRANSIENT as error:
                last = error
            finally:
                await etcd.close()
        raise OSError(f"no member of etcd takes another one: {last}")

    async def _try_token(self, joining: Mapping[str, Any]) -> None:
        """Raises Refused unless the cluster knows the token. A kubelet would ask for a certificate with it."""
        token = joining["discovery"]["bootstrapToken"]
        context = pki.client_context(await self._cluster_authority())
        api = Api(f"https://{token['apiServerEndpoint']}", context, token["token"])
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            await api.request("POST", REVIEW_PATH, review)
        finally:
            await api.close()

    async def _cluster_authority(self) -> Path:
        """The administrator's certificates, from the cluster's kubeconfig; the authority is beside them."""
        config = yaml.safe_load(await self.kubeconfig())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        folder = self.disk / "administrator"
        for name, content in (
            ("ca.crt", cluster["certificate-authority-data"]),
            ("tls.crt", user["client-certificate-data"]),
            ("tls.key", user["client-key-data"]),
        ):
            write_private(folder / name, base64.b64decode(content).decode())
        write_private(folder / "server", cluster["server"])
        return folder / "ca"

    async def _administrator(self, stack: AsyncExitStack) -> Api:
        authority = await _until_it_works(self._cluster_authority)
        context = pki.client_context(authority, authority.with_name("tls"))
        api = Api(authority.with_name("server").read_text(), context)
        stack.push_async_callback(api.close)
        return api

    def _write_files(self, data: BootstrapData) -> None:
        for path, content in data.files.items():
            write_private(self.disk / path.lstrip("/"), content)

    async def _serve_ssh(self, stack: AsyncExitStack, data: BootstrapData) -> None:
        if data.authorized_keys and (server := await ssh.serve(self.address, data.authorized_keys, self.disk)):
            stack.callback(server.close)

    async def _serve_kubelet(self, stack: AsyncExitStack) -> None:
        identity = self.disk / "var/lib/kubelet/pki/kubelet"
        pki.self_signed(identity, self.name)
        server = await kubelet.serve(self.address, pki.server_context(identity))
        stack.callback(server.close_clients)
        stack.callback(server.close)

    def erase(self) -> None:
        """Remove the disk of a machine that is off."""
        shutil.rmtree(self.disk, ignore_errors=True)


def _configuration_map(configuration: Mapping[str, Any]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kubeadm-config", "namespace": "kube-system"},
        "data": {"ClusterConfiguration": yaml.safe_dump(dict(configuration))},
    }


def _client_url(pod: Object) -> str:
    annotations = pod["metadata"].get("annotations", {})
    url: str = annotations.get("kubeadm.kubernetes.io/etcd.advertise-client-urls", f"https://127.0.0.1:{ETCD_PORT}")
    return url


async def _until_it_works[T](attempt: Callable[[], Awaitable[T]]) -> T:
    """What `attempt` returns once it succeeds, as programs of a machine go on trying while others come up."""
    while True:
        try:
            return await attempt()
        except TRANSIENT as error:
            # A request that has timed out just when the power was cut says no more than that.
            if (task := asyncio.current_task()) and task.cancelling():
                raise asyncio.CancelledError from error
            logger.debug("tries again: %s", error)
            await asyncio.sleep(RETRY_SECONDS)
