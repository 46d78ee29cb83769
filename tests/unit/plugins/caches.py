# SPDX-License-Identifier: GPL-3.0-or-later
"""A claim of a cache and all that is behind it, as the API server has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.pnow.infra.plugins.module_utils._domain.crossplane.claim import Style, claim_from
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest, ObjectRef
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.ports import Served
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, Step, conditions, ours

GROUP = "cache.example.org/v1alpha1"
OBJECT = "kubernetes.crossplane.io/v1alpha2"
HELM = "helm.crossplane.io/v1beta1"
PARAMETERS = {"environment": "dev", "replicas": 1, "memoryGB": 1, "persistenceGB": 8}
OPTIONS: dict[str, Any] = {
    "api_version": GROUP,
    "kind": "RedisInstance",
    "name": "dev-redis",
    "namespace": "dev",
    "parameters": PARAMETERS,
}
CLAIM = ObjectRef(GROUP, "RedisInstance", "dev-redis", "dev")
COMPOSITE = ObjectRef(GROUP, "XRedisInstance", "dev-redis-x7k2p")
RELEASE = ObjectRef(HELM, "Release", "dev-redis")
SERVER = ObjectRef("apps/v1", "StatefulSet", "dev-redis", "dev")
VOLUME = ObjectRef("v1", "PersistentVolumeClaim", "valkey-data-dev-redis-0", "dev")
POD = ObjectRef("v1", "Pod", "dev-redis-0", "dev")
GOOD = {"Synced": "True", "Ready": "True"}
BEHIND = {"server": SERVER, "volume": VOLUME}


def claim(ready: str = "True", **parameters: Any) -> Manifest:
    entry = {**OPTIONS, "parameters": {**PARAMETERS, **parameters}}
    manifest = ours(claim_from(entry, 0).manifest(Style.CLAIM))
    manifest["metadata"] |= {"uid": "uid-claim", "generation": 1}
    manifest["spec"]["resourceRef"] = {"apiVersion": GROUP, "kind": COMPOSITE.kind, "name": COMPOSITE.name}
    manifest["status"] = {"conditions": conditions(Synced="True", Ready=ready)}
    return manifest


def composite(ready: str = "True") -> Manifest:
    keepers = [{"apiVersion": OBJECT, "kind": "Object", "name": f"dev-redis-{key}"} for key in BEHIND]
    return {
        "apiVersion": GROUP,
        "kind": COMPOSITE.kind,
        "metadata": {"name": COMPOSITE.name, "uid": "uid-composite", "generation": 1},
        "spec": {
            "parameters": PARAMETERS,
            "resourceRefs": [{"apiVersion": HELM, "kind": "Release", "name": RELEASE.name}, *keepers],
        },
        "status": {"conditions": conditions(Synced="True", Ready=ready)},
    }


def release(state: str = "deployed", description: str = "", failed: int = 0, **statuses: str) -> Manifest:
    return {
        "apiVersion": HELM,
        "kind": "Release",
        "metadata": {"name": RELEASE.name, "uid": "uid-release", "generation": 1},
        "status": {
            "atProvider": {"state": state, "releaseDescription": description},
            "failed": failed,
            "conditions": conditions(**(statuses or GOOD)),
        },
    }


def keeper(key: str) -> Manifest:
    """The Object of provider-kubernetes that keeps an object, which its provider last saw in good health."""
    ref = BEHIND[key]
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {
        "apiVersion": OBJECT,
        "kind": "Object",
        "metadata": {"name": f"dev-redis-{key}", "uid": f"uid-object-{key}", "generation": 1},
        "spec": {"forProvider": {"manifest": {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}}},
        "status": {"conditions": conditions(**GOOD)},
    }


def workload(ready: int = 1, updated: int = 1, replicas: int = 1, revision: str = "a") -> Manifest:
    return {
        "apiVersion": SERVER.api_version,
        "kind": SERVER.kind,
        "metadata": {"name": SERVER.name, "namespace": "dev", "uid": "uid-server", "generation": 2},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app.kubernetes.io/instance": "dev-redis"}}},
        "status": {
            "observedGeneration": 2,
            "readyReplicas": ready,
            "updatedReplicas": updated,
            "updateRevision": revision,
        },
    }


def pod(ready: str = "True", waiting: tuple[str, str] | None = None, revision: str = "a", **statuses: str) -> Manifest:
    status: dict[str, Any] = {"conditions": conditions(**{"Ready": ready, **statuses})}
    if waiting:
        state = {"waiting": {"reason": waiting[0], "message": waiting[1]}}
        status["initContainerStatuses"] = [{"name": "init", "state": state}]
        status["containerStatuses"] = [{"name": "valkey", "state": {"waiting": {"reason": "PodInitializing"}}}]
    labels = {"controller-revision-hash": revision}
    metadata = {"name": POD.name, "namespace": "dev", "uid": "uid-pod", "generation": 1, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status}


def volume(phase: str = "Bound") -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": VOLUME.kind,
        "metadata": {"name": VOLUME.name, "namespace": "dev", "uid": "uid-volume", "generation": 1},
        "status": {"phase": phase},
    }


def whole(**others: Manifest) -> list[Manifest]:
    """A cache that is as its claim asks for, but for what is given, by the name of what makes it here."""
    found = {
        "claim": claim(),
        "composite": composite(),
        "release": release(),
        "server": keeper("server"),
        "volume_object": keeper("volume"),
        "workload": workload(),
        "pod": pod(),
        "volume": volume(),
    }
    return list({**found, **others}.values())


def definition() -> Manifest:
    return {
        "apiVersion": "apiextensions.crossplane.io/v1",
        "kind": "CompositeResourceDefinition",
        "metadata": {"name": "xredisinstances.cache.example.org", "uid": "uid-xrd"},
        "spec": {
            "group": "cache.example.org",
            "names": {"kind": "XRedisInstance"},
            "claimNames": {"kind": "RedisInstance"},
            "versions": [{"name": "v1alpha1", "served": True, "schema": {"openAPIV3Schema": {}}}],
        },
        "status": {"conditions": conditions(Established="True", Offered="True")},
    }


def server(clock: ScriptedClock, *objects: Manifest, script: Sequence[Step] = ()) -> ScriptedKubernetes:
    api = ScriptedKubernetes(clock, definition(), *objects, script=script)
    api.kinds[COMPOSITE.kind] = Served("xredisinstances", namespaced=False, categories=("composite",))
    for kind in ("Object", "Release"):
        api.kinds[kind] = Served(f"{kind.lower()}s", namespaced=False, categories=("managed",))
    for kind in ("StatefulSet", "Pod", "PersistentVolumeClaim"):
        api.kinds[kind] = Served(f"{kind.lower()}s", namespaced=True)
    return api
