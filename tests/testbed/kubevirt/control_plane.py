# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubeadm makes of a control plane's machine: certificates, and the commands of etcd and Kubernetes.

Files have the places that they have on a real machine, below the folder that is the VM's disk.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.testbed.bed import write_private
from tests.testbed.kubevirt.bootstrap_data import arguments
from tests.testbed.kubevirt.pki import Subject, issue

API_PORT, ETCD_PORT, ETCD_PEER_PORT = 6443, 2379, 2380
CONTROLLERS = "*,bootstrap-signer-controller,token-cleaner-controller"


@dataclass(frozen=True)
class ControlPlane:
    """One machine of a cluster's control plane; `configuration` is kubeadm's ClusterConfiguration."""

    name: str
    address: str
    disk: Path
    configuration: Mapping[str, Any]

    @property
    def pki(self) -> Path:
        return self.disk / "etc/kubernetes/pki"

    @property
    def admin(self) -> Path:
        """The identity of the cluster's administrator."""
        return self.pki / "admin"

    @property
    def etcd_client(self) -> Path:
        return self.pki / "apiserver-etcd-client"

    @property
    def url(self) -> str:
        return f"https://{self.address}:{API_PORT}"

    @property
    def peer_url(self) -> str:
        return f"https://{self.address}:{ETCD_PEER_PORT}"

    def issue_admin(self) -> None:
        """What a machine that joins needs before it knows the cluster's configuration."""
        issue(self.pki / "ca", Subject("kubernetes-admin", "system:masters"), self.admin)
        issue(self.pki / "etcd/ca", Subject("kube-apiserver-etcd-client"), self.etcd_client)

    def issue_all(self) -> None:
        """All certificates that kubeadm would make, and kube-controller-manager's kubeconfig."""
        self.issue_admin()
        ca, etcd, front = self.pki / "ca", self.pki / "etcd/ca", self.pki / "front-proxy-ca"
        local = (self.name, "localhost", "127.0.0.1", self.address)
        issue(ca, Subject("kube-apiserver", hosts=(*local, *self._names())), self.pki / "apiserver")
        issue(ca, Subject("kube-apiserver-kubelet-client", "system:masters"), self.pki / "apiserver-kubelet-client")
        issue(ca, Subject("system:kube-controller-manager"), self.pki / "controller-manager")
        issue(front, Subject("front-proxy-client"), self.pki / "front-proxy-client")
        issue(etcd, Subject(self.name, hosts=local), self.pki / "etcd/server")
        issue(etcd, Subject(self.name, hosts=local), self.pki / "etcd/peer")
        write_private(self._manager_kubeconfig, self._kubeconfig(self.pki / "controller-manager"))

    def etcd(self, executable: Path, members: Mapping[str, str], joins: bool) -> list[str]:
        """The command of etcd; `members` are the peers' addresses by name, its own among them."""
        pki, client = self.pki / "etcd", f"https://{self.address}:{ETCD_PORT}"
        return [
            str(executable),
            f"--name={self.name}",
            f"--data-dir={self.disk / 'var/lib/etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={self.peer_url}",
            f"--initial-advertise-peer-urls={self.peer_url}",
            f"--initial-cluster={','.join(f'{name}={url}' for name, url in members.items())}",
            f"--initial-cluster-state={'existing' if joins else 'new'}",
            *_identity(pki / "server", pki / "ca"),
            *_identity(pki / "peer", pki / "ca", "peer-"),
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def apiserver(self, executable: Path) -> list[str]:
        """The command of kube-apiserver, with kubeadm's flags; the node's address is no kind that it would publish."""
        pki = self.pki
        flags = {
            "advertise-address": self.address,
            "allow-privileged": "true",
            "authorization-mode": "Node,RBAC",
            "bind-address": self.address,
            "client-ca-file": pki / "ca.crt",
            "enable-admission-plugins": "NodeRestriction",
            "enable-bootstrap-token-auth": "true",
            "endpoint-reconciler-type": "none",
            "etcd-cafile": pki / "etcd/ca.crt",
            "etcd-certfile": self.etcd_client.with_suffix(".crt"),
            "etcd-keyfile": self.etcd_client.with_suffix(".key"),
            "etcd-servers": f"https://{self.address}:{ETCD_PORT}",
            "kubelet-client-certificate": pki / "apiserver-kubelet-client.crt",
            "kubelet-client-key": pki / "apiserver-kubelet-client.key",
            "kubelet-preferred-address-types": "InternalIP",
            "proxy-client-cert-file": pki / "front-proxy-client.crt",
            "proxy-client-key-file": pki / "front-proxy-client.key",
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-client-ca-file": pki / "front-proxy-ca.crt",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-username-headers": "X-Remote-User",
            "secure-port": API_PORT,
            "service-account-issuer": f"https://kubernetes.default.svc.{self._network('dnsDomain', 'cluster.local')}",
            "service-account-key-file": pki / "sa.pub",
            "service-account-signing-key-file": pki / "sa.key",
            "service-cluster-ip-range": self._network("serviceSubnet", "10.96.0.0/12"),
            "tls-cert-file": pki / "apiserver.crt",
            "tls-private-key-file": pki / "apiserver.key",
        }
        return [str(executable), *_flags(flags | arguments(self._component("apiServer").get("extraArgs")))]

    def controller_manager(self, executable: Path) -> list[str]:
        """The command of kube-controller-manager, with kubeadm's flags."""
        kubeconfig, pods = self._manager_kubeconfig, self._network("podSubnet", "")
        flags = {
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "bind-address": self.address,
            "client-ca-file": self.pki / "ca.crt",
            "cluster-signing-cert-file": self.pki / "ca.crt",
            "cluster-signing-key-file": self.pki / "ca.key",
            "controllers": CONTROLLERS,
            "kubeconfig": kubeconfig,
            "leader-elect": "true",
            "root-ca-file": self.pki / "ca.crt",
            "service-account-private-key-file": self.pki / "sa.key",
            "use-service-account-credentials": "true",
        }
        if pods:
            flags |= {"allocate-node-cidrs": "true", "cluster-cidr": pods}
            flags |= {"service-cluster-ip-range": self._network("serviceSubnet", "10.96.0.0/12")}
        return [str(executable), *_flags(flags | arguments(self._component("controllerManager").get("extraArgs")))]

    @property
    def _manager_kubeconfig(self) -> Path:
        return self.disk / "etc/kubernetes/controller-manager.conf"

    def _names(self) -> list[str]:
        """Under which its API is reached, besides its own."""
        endpoint = str(self.configuration.get("controlPlaneEndpoint") or "").rpartition(":")[0]
        services = ipaddress.ip_network(self._network("serviceSubnet", "10.96.0.0/12").split(",", maxsplit=1)[0])
        domain = self._network("dnsDomain", "cluster.local")
        inside = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{domain}"]
        configured = self._component("apiServer").get("certSANs") or []
        return [*inside, str(services[1]), *([endpoint] if endpoint else []), *configured]

    def _network(self, key: str, default: str) -> str:
        return str((self.configuration.get("networking") or {}).get(key) or default)

    def _component(self, key: str) -> Mapping[str, Any]:
        component: Mapping[str, Any] = self.configuration.get(key) or {}
        return component

    def _kubeconfig(self, identity: Path) -> str:
        user = {
            "client-certificate": str(identity.with_suffix(".crt")),
            "client-key": str(identity.with_suffix(".key")),
        }
        cluster = {"server": self.url, "certificate-authority": str(self.pki / "ca.crt")}
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "kubernetes", "cluster": cluster}],
                "users": [{"name": identity.name, "user": user}],
                "contexts": [{"name": "default", "context": {"cluster": "kubernetes", "user": identity.name}}],
                "current-context": "default",
            }
        )


def _flags(values: Mapping[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in values.items()]


def _identity(identity: Path, authority: Path, prefix: str = "") -> list[str]:
    return [
        f"--{prefix}cert-file={identity.with_suffix('.crt')}",
        f"--{prefix}key-file={identity.with_suffix('.key')}",
        f"--{prefix}trusted-ca-file={authority.with_suffix('.crt')}",
        f"--{prefix}client-cert-auth",
    ]
