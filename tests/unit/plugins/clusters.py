# SPDX-License-Identifier: GPL-3.0-or-later
"""A claim of a cluster and all that is behind it, as the API server has it."""

from __future__ import annotations

from typing import Any

from ansible_collections.pnow.infra.plugins.module_utils._domain.cluster_api.claim import claim_entry
from ansible_collections.pnow.infra.plugins.module_utils._domain.crossplane.claim import Style, claim_from
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest, ObjectRef
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.ports import Served
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, Step, conditions, ours

GROUP = "compute.example.org/v1alpha1"
CORE = "cluster.x-k8s.io/v1beta2"
OLD_CORE = "cluster.x-k8s.io/v1beta1"
CONTROL_PLANE = "controlplane.cluster.x-k8s.io/v1beta2"
INFRASTRUCTURE = "infrastructure.cluster.x-k8s.io/v1alpha1"
OBJECT = "kubernetes.crossplane.io/v1alpha2"
OPTIONS: dict[str, Any] = {
    "name": "dev-cluster",
    "namespace": "dev",
    "api_domain": "example.org",
    "environment": "dev",
    "control_plane_nodes": 1,
    "worker_nodes": 2,
    "worker_memory": "4Gi",
    "kubernetes_version": "v1.31.0",
    "vault_path": "secret/clusters/dev",
    "paused": False,
    "kubeconfig": "none",
    "kubeconfig_path": None,
    "kubeconfig_login": "certificate",
    "kubeconfig_lifetime": "24h",
    "allow_replace": False,
}
CLAIM = ObjectRef(GROUP, "KubernetesCluster", "dev-cluster", "dev")
COMPOSITE = ObjectRef(GROUP, "XKubernetesCluster", "dev-cluster-x7k2p")
CLUSTER = ObjectRef(CORE, "Cluster", "dev", "dev")
GOOD = {"Synced": "True", "Ready": "True"}
AVAILABLE = {"Available": "True", "RollingOut": "False", "ScalingUp": "False", "ScalingDown": "False"}


def meta(name: str, **more: Any) -> dict[str, Any]:
    labels = {"cluster.x-k8s.io/cluster-name": "dev", **more.pop("labels", {})}
    return {"name": name, "namespace": "dev", "uid": f"uid-{name}", "generation": 1, "labels": labels, **more}


def claim(ready: str = "True", **options: Any) -> Manifest:
    manifest = ours(claim_from(claim_entry({**OPTIONS, **options}), 0).manifest(Style.CLAIM))
    manifest["metadata"] |= {"uid": "uid-claim", "generation": 1}
    manifest["spec"]["resourceRef"] = {"apiVersion": GROUP, "kind": COMPOSITE.kind, "name": COMPOSITE.name}
    manifest["status"] = {"conditions": conditions(Synced="True", Ready=ready)}
    return manifest


def composite(ready: str = "True", **options: Any) -> Manifest:
    kinds = ("Cluster", "KubeadmControlPlane")
    return {
        "apiVersion": GROUP,
        "kind": COMPOSITE.kind,
        "metadata": {"name": COMPOSITE.name, "uid": "uid-composite", "generation": 1},
        "spec": {
            "parameters": claim_entry({**OPTIONS, **options})["parameters"],
            "resourceRefs": [{"apiVersion": OBJECT, "kind": "Object", "name": f"dev-{kind.lower()}"} for kind in kinds],
        },
        "status": {"conditions": conditions(Synced="True", Ready=ready)},
    }


def keeper(kind: str, api_version: str, name: str) -> Manifest:
    """The Object of provider-kubernetes that keeps an object."""
    manifest = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "dev"}}
    return {
        "apiVersion": OBJECT,
        "kind": "Object",
        "metadata": {"name": f"dev-{kind.lower()}", "uid": f"uid-object-{kind}", "generation": 1},
        "spec": {"forProvider": {"manifest": manifest}},
        "status": {"conditions": conditions(**GOOD)},
    }


def cluster(**statuses: str) -> Manifest:
    return {
        "apiVersion": CORE,
        "kind": "Cluster",
        "metadata": meta("dev"),
        "spec": {"controlPlaneEndpoint": {"host": "127.77.0.1", "port": 6443}},
        "status": {"conditions": conditions(**(statuses or AVAILABLE))},
    }


def replicas(desired: int, ready: int, up_to_date: int | None = None, existing: int | None = None) -> dict[str, Any]:
    existing = desired if existing is None else existing
    return {
        "observedGeneration": 1,
        "replicas": existing,
        "readyReplicas": ready,
        "upToDateReplicas": min(desired, existing) if up_to_date is None else up_to_date,
    }


def control_plane(desired: int = 1, ready: int = 1, version: str = "v1.31.0", **counts: int) -> Manifest:
    return {
        "apiVersion": CONTROL_PLANE,
        "kind": "KubeadmControlPlane",
        "metadata": meta("dev-control-plane"),
        "spec": {"replicas": desired, "version": version},
        "status": {**replicas(desired, ready, **counts), "version": version},
    }


def workers(desired: int = 2, ready: int = 2, version: str = "v1.31.0", **annotations: str) -> Manifest:
    return {
        "apiVersion": CORE,
        "kind": "MachineDeployment",
        "metadata": meta("dev-workers", annotations=annotations),
        "spec": {"replicas": desired, "template": {"spec": {"version": version}}},
        "status": replicas(desired, ready),
    }


def machine(name: str = "dev-workers-x", phase: str = "Running", *, leaving: bool = False, **statuses: str) -> Manifest:
    more = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["machine.cluster.x-k8s.io"]} if leaving else {}
    ready = "True" if phase == "Running" else "False"
    return {
        "apiVersion": CORE,
        "kind": "Machine",
        "metadata": meta(name, **more),
        "spec": {"version": "v1.31.0", "infrastructureRef": {"kind": "KubevirtMachine", "name": name}},
        "status": {"phase": phase, "conditions": conditions(**{"Ready": ready, **statuses})},
    }


def kubevirt_machine(name: str = "dev-workers-x", failure: str = "", **statuses: str) -> Manifest:
    failed = {"failureReason": "CreateError", "failureMessage": failure} if failure else {}
    return {
        "apiVersion": INFRASTRUCTURE,
        "kind": "KubevirtMachine",
        "metadata": {**meta(name), "uid": f"uid-kubevirt-{name}"},
        "status": {"conditions": conditions(**statuses), **failed},
    }


def vm(name: str = "dev-workers-x", state: str = "Starting", **labels: str) -> Manifest:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {**meta(name), "uid": f"uid-vm-{name}", "labels": labels},
        "status": {"printableStatus": state},
    }


def behind() -> list[Manifest]:
    """What stands between a claim and the objects of Cluster API."""
    return [
        composite(),
        keeper("Cluster", CORE, "dev"),
        keeper("KubeadmControlPlane", CONTROL_PLANE, "dev-control-plane"),
    ]


def whole() -> list[Manifest]:
    """A cluster that is as its claim asks for."""
    names = ("dev-control-plane-a", "dev-workers-x", "dev-workers-y")
    infrastructure = [kubevirt_machine(name, Ready="True") for name in names]
    machines = [machine(name) for name in names]
    return [claim(), *behind(), cluster(), control_plane(), workers(), *machines, *infrastructure]


def definition() -> Manifest:
    return {
        "apiVersion": "apiextensions.crossplane.io/v1",
        "kind": "CompositeResourceDefinition",
        "metadata": {"name": "xkubernetesclusters.compute.example.org", "uid": "uid-xrd"},
        "spec": {
            "group": "compute.example.org",
            "names": {"kind": "XKubernetesCluster"},
            "claimNames": {"kind": "KubernetesCluster"},
            "versions": [{"name": "v1alpha1", "served": True, "schema": {"openAPIV3Schema": {}}}],
        },
        "status": {"conditions": conditions(Established="True", Offered="True")},
    }


def server(clock: ScriptedClock, *objects: Manifest, script: list[Step] | None = None) -> ScriptedKubernetes:
    api = ScriptedKubernetes(clock, definition(), *objects, script=script or [])
    api.kinds[COMPOSITE.kind] = Served("xkubernetesclusters", namespaced=False, categories=("composite",))
    api.kinds["Object"] = Served("objects", namespaced=False, categories=("managed",))
    return api
