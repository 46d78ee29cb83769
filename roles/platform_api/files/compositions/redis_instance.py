# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose a RedisInstance: the release of a chart, its volumes, its password, and who may install it.

function-pythonic runs this file in Crossplane whenever the claim, or a resource composed here, changes.
Platform settings come as `parameters` of the Composition's input: `helmProviderConfig`, `kubernetesProviderConfig`,
`helmUser`, `engines`, `storageClass` and `issuer`; the platform's key, from which passwords follow, as its credential
`passwords`.

A cache is called `<environment>-redis`, or `<environment>-<application>-redis`; so is its Helm release, and what the
chart makes begins with it. All of it is in one namespace: the composite's, or that of its claim.

Volumes are made here and not by the chart: the template in a StatefulSet can not change, a volume can grow, and what
is composed is followed when it is deleted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from crossplane.pythonic import B64Encode, BaseComposite
from crossplane.pythonic.composite import Resource

Manifest = dict[str, Any]

CLUSTER_OBJECT = "kubernetes.crossplane.io/v1alpha2"
NAMESPACED_OBJECT = "kubernetes.m.crossplane.io/v1alpha1"
CLUSTER_RELEASE = "helm.crossplane.io/v1beta1"
NAMESPACED_RELEASE = "helm.m.crossplane.io/v1beta1"

SEEN = ("Observe",)
DELETED = ("Observe", "Create", "Update", "Delete")

# When a provider began to make something, and when it had made it.
CREATION = ("crossplane.io/external-create-pending", "crossplane.io/external-create-succeeded")
LONG_AGO = "1970-01-01T00:00:00Z"

# The ClusterRole that role platform_api makes; a RoleBinding gives it to provider-helm for one namespace.
INSTALLER = "platform-api-caches"
PORT = 6379
USER = "default"
# What of a pod's memory may hold data: copies of what changes while it is saved, and buffers, need the rest.
FOR_DATA = 0.75
# How often provider-helm tries what failed without a pause, and the pause before each further time.
TRIES = 3
PAUSE = timedelta(minutes=1)
# Pods say by this which settings they were made for.
SETTINGS = "pnow.infra/settings"


@dataclass(frozen=True)
class Cache:
    """What a cache is to be, as both charts understand it."""

    name: str
    engine: Manifest
    replicas: int
    memory_gb: int
    volume_gb: int
    storage_class: str
    configuration: str
    users_secret: str
    password_key: str
    tls_secret: str

    @property
    def image(self) -> Manifest:
        """The image, as the platform names it."""
        image: Manifest = self.engine["image"]
        return image

    @property
    def resources(self) -> Manifest:
        """What a pod gets: memory that is limited without being asked for would be taken from it on a full node."""
        memory = f"{self.memory_gb}Gi"
        return {"requests": {"cpu": "100m", "memory": memory}, "limits": {"memory": memory}}

    @property
    def persistence(self) -> Manifest:
        """The volume of each pod."""
        if not self.volume_gb:
            return {"enabled": False}
        named = {"storageClass": self.storage_class} if self.storage_class else {}
        return {"enabled": True, "size": f"{self.volume_gb}Gi", **named}

    @property
    def settings(self) -> str:
        """A digest of all that a pod is made for; pods are replaced when it changes."""
        told = [self.image, self.resources, self.configuration, self.password_key, self.tls_secret]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def spread(self) -> list[Manifest]:
        """Pods on nodes of their own, as far as there are."""
        if self.replicas == 1:
            return []
        selector = {"matchLabels": {"app.kubernetes.io/instance": self.name}}
        return [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": selector,
            }
        ]


@dataclass(frozen=True)
class Workload:
    """What runs a cache's pods, of which the first may be its primary. Volumes are called `volumes` and a number."""

    key: str
    kind: str
    name: str
    pods: int
    has_primary: bool = True
    volumes: str = ""


class ValkeyChart:
    """The Valkey project's own chart, from 1.0: one StatefulSet whose first pod is the primary.

    Without volumes it has one pod of a Deployment: it refuses replicas then, which would copy the nothing that a
    primary without memory of its data starts with.
    """

    def values(self, cache: Cache) -> Manifest:
        """The values of the chart."""
        image = cache.image
        digest = f"@{image['digest']}" if image.get("digest") else ""
        values: Manifest = {
            "fullnameOverride": cache.name,
            "image": {
                "registry": image["registry"],
                "repository": image["repository"],
                "tag": f"{image['tag']}{digest}",
            },
            "auth": {
                "enabled": True,
                "usersExistingSecret": cache.users_secret,
                "aclUsers": {USER: {"permissions": "~* &* +@all", "passwordKey": cache.password_key}},
            },
            "extraConfig": cache.configuration,
            "resources": cache.resources,
            "podAnnotations": {SETTINGS: cache.settings},
            "readinessProbe": {"enabled": True},
            "persistence": cache.persistence,
            "replica": {"enabled": bool(cache.volume_gb), "replicas": cache.replicas},
            "podDisruptionBudget": {"enabled": cache.replicas > 1, "maxUnavailable": 1},
            "topologySpreadConstraints": cache.spread,
        }
        if cache.tls_secret:
            values["tls"] = {
                "enabled": True,
                "existingSecret": cache.tls_secret,
                "serverPublicKey": "tls.crt",
                "serverKey": "tls.key",
                "caPublicKey": "ca.crt",
            }
        return values

    def workloads(self, cache: Cache) -> list[Workload]:
        """What runs the pods."""
        if not cache.volume_gb:
            return [Workload("server", "Deployment", cache.name, 1)]
        return [
            Workload("server", "StatefulSet", cache.name, cache.replicas, volumes=f"valkey-data-{cache.name}"),
        ]

    def services(self, cache: Cache) -> tuple[str, str]:
        """The Services of the primary, and of all that can be read from."""
        return cache.name, f"{cache.name}-read" if cache.volume_gb else cache.name


class BitnamiChart:
    """Bitnami's chart for Redis: a StatefulSet of the primary, and another one of its replicas."""

    def values(self, cache: Cache) -> Manifest:
        """The values of the chart."""
        pods = {
            "resources": cache.resources,
            "persistence": cache.persistence,
            "podAnnotations": {SETTINGS: cache.settings},
        }
        budget = {"create": cache.replicas > 1, "maxUnavailable": 1}
        values: Manifest = {
            # The chart would refuse an image that is not Bitnami's own.
            "global": {"security": {"allowInsecureImages": True}},
            "fullnameOverride": cache.name,
            "image": {key: cache.image.get(key, "") for key in ("registry", "repository", "tag", "digest")},
            "architecture": "replication" if cache.replicas > 1 else "standalone",
            "auth": {
                "enabled": True,
                "existingSecret": cache.users_secret,
                "existingSecretPasswordKey": cache.password_key,
            },
            "commonConfiguration": cache.configuration,
            "master": {"count": 1, "pdb": {"create": False}, **pods},
            "replica": {
                "replicaCount": cache.replicas - 1,
                "pdb": budget,
                "topologySpreadConstraints": cache.spread,
                **pods,
            },
        }
        if cache.tls_secret:
            values["tls"] = {
                "enabled": True,
                "authClients": False,
                "existingSecret": cache.tls_secret,
                "certFilename": "tls.crt",
                "certKeyFilename": "tls.key",
                "certCAFilename": "ca.crt",
            }
        return values

    def workloads(self, cache: Cache) -> list[Workload]:
        """What runs the pods."""
        prefix = f"redis-data-{cache.name}" if cache.volume_gb else ""
        primary, replicas = f"{cache.name}-master", f"{cache.name}-replicas"
        found = [Workload("server", "StatefulSet", primary, 1, volumes=prefix and f"{prefix}-master")]
        if cache.replicas > 1:
            volumes = prefix and f"{prefix}-replicas"
            found.append(
                Workload("replicas", "StatefulSet", replicas, cache.replicas - 1, has_primary=False, volumes=volumes)
            )
        return found

    def services(self, cache: Cache) -> tuple[str, str]:
        """The Services of the primary, and of all that can be read from."""
        primary = f"{cache.name}-master"
        return primary, f"{cache.name}-replicas" if cache.replicas > 1 else primary


CHARTS: dict[str, ValkeyChart | BitnamiChart] = {"valkey": ValkeyChart(), "bitnami": BitnamiChart()}


class RedisInstance(BaseComposite):
    """A cache for one environment, or for one application of an environment."""

    def compose(self) -> None:
        """Order resources so that each is created once all it depends on is ready."""
        # The library's own values are true whenever they are set, even to false; plain data cannot surprise.
        self.wanted: Manifest = plain(self.spec.parameters)
        self.environment: str = self.wanted["environment"]
        self.namespace = str(self.metadata.namespace or "")
        self.place = self.namespace or str(self.spec.claimRef.namespace or self.environment)
        if self.is_misplaced() or self.belongs_to_another() or self.lacks_key():
            return
        self.revision = self.password_revision()
        self.issuer: Manifest = plain(self.parameters.issuer)
        self.cache = self.described()
        self.chart = CHARTS[self.cache.engine["driver"]]

        access = self.access()
        needed = [access, *self.keep_password(access), *self.certificate(), *self.volumes()]
        release = self.release(needed)
        # What may install is also what may remove.
        delete_after(access, release)
        self.observe(release)
        self.publish_connection()
        self.report_status(release)

    # Whose it is

    def is_misplaced(self) -> bool:
        """Refuse a namespace other than the environment's own: in two namespaces one name could be given twice."""
        if self.namespace in ("", self.environment):
            return False
        self.results.fatal(
            "WrongNamespace",
            f"Caches of environment {self.environment} belong into namespace {self.environment}; order this one there.",
        )
        return True

    def belongs_to_another(self) -> bool:
        """Refuse a cache that exists already, and say whose it is."""
        if self.resources["release"].observed:
            return False
        required = self.requireds.owner("Release", self.release_api(), name=self.name())
        if self.namespace:
            required.namespace = self.namespace
        owner = required[0]
        labels = owner.metadata.labels
        if not owner or labels["crossplane.io/composite"] == self.metadata.name:
            return False
        self.results.fatal(
            "InstanceExists",
            f"Release {self.name()} exists and belongs to {holder(labels)}; choose another environment or appName.",
            claim=True,
        )
        return True

    def lacks_key(self) -> bool:
        """Refuse to make passwords that anybody could make."""
        if text(self.credentials.passwords.key):
            return False
        self.results.fatal("NoKey", "The platform's key for passwords is empty; run pnow.infra.bootstrap again.")
        return True

    def name(self, key: str = "") -> str:
        """Name the cache, or an object of it; the schema of the claim keeps all of them short enough."""
        parts = (self.environment, self.wanted.get("appName"), "redis", key)
        return "-".join(part for part in parts if part)

    # What it is

    def described(self) -> Cache:
        """The cache that is wanted; one that has volumes keeps the size in its chart that it was made with."""
        return Cache(
            name=self.name(),
            engine=plain(self.parameters.engines)[self.wanted["engine"]],
            replicas=self.wanted["replicas"],
            memory_gb=self.wanted["memoryGB"],
            volume_gb=self.first_size() or self.wanted["persistenceGB"],
            storage_class=str(self.parameters.storageClass or ""),
            configuration=self.configuration(),
            users_secret=self.name("users"),
            password_key=self.password_key(),
            tls_secret=self.name("tls") if self.issuer else "",
        )

    def first_size(self) -> int:
        """The size of volumes that the release was told at first: its StatefulSet can not hear of another."""
        values = plain(self.resources["release"].observed.spec.forProvider.values)
        told = values.get("persistence") or values.get("master", {}).get("persistence") or {}
        return whole_gibibytes(told.get("size", ""))

    def configuration(self) -> str:
        """The server's own configuration beyond what a chart writes."""
        megabytes = int(self.wanted["memoryGB"] * 1024 * FOR_DATA)
        lines = [
            f"maxmemory {megabytes}mb",
            f"maxmemory-policy {self.wanted['evictionPolicy']}",
            # What is to last is written down at once; everything else would write a snapshot now and then.
            f"appendonly {'yes' if self.wanted['persistenceGB'] else 'no'}",
            'save ""',
        ]
        return "".join(f"{line}\n" for line in lines)

    # The password

    def password_revision(self) -> str:
        """Tell passwords apart: a new word in `rotatePassword` asks for a new one, no word for none."""
        if word := self.wanted.get("rotatePassword"):
            return hashlib.sha256(word.encode()).hexdigest()[:8]
        return str(self.observed.status.passwordRevision or "")

    def password_key(self) -> str:
        """The key of the password in the Secret that the chart refers to.

        Another password has another key: pods that still start with the old one find it, and all others are replaced.
        """
        return f"{USER}-{self.revision}" if self.revision else USER

    def password(self) -> str:
        """The password: the one there is, unless another one is asked for.

        A function that made one up could make up two before it sees the first. So it follows from the platform's key.
        """
        kept = self.kept_password()
        if kept:
            return kept
        key = text(self.credentials.passwords.key)
        told = f"{self.metadata.uid}/{self.name()}/{self.revision}"
        return hmac.new(key.encode(), told.encode(), hashlib.sha256).hexdigest()

    def kept_password(self) -> str:
        """The password that was published before, if none was asked for since."""
        if str(self.observed.status.passwordRevision or "") != self.revision:
            return ""
        if self.namespace:
            return decoded(self.resources["users"].observed.data[self.password_key()])
        return text(self.request.observed.composite.connection_details["password"])

    def keep_password(self, access: Resource) -> list[Resource]:
        """Keep the password where the chart reads it, and nowhere else in clear: earlier ones stay beside it."""
        name, key = self.name("users"), self.password_key()
        if self.namespace:
            secret = self.resources["users"]("Secret", "v1", name=name)
            secret.metadata.labels = self.labels()
            secret.data = plain(secret.observed.data)
            secret.data[key] = B64Encode(self.password())
            return [secret]
        # With claims everything is a managed resource, and one that kept a Secret would show it. But any can copy
        # details into a Secret of its own, out of the composite's. One that may delete would look for them once more,
        # when the composite's have gone already; so it is one that only looks, at what there is anyway.
        source = self.spec.writeConnectionSecretToRef
        copy = self.keep("users", self.binding(), SEEN)
        copy.spec.connectionDetails = [
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "namespace": source.namespace,
                "name": source.name,
                "fieldPath": "data.password",
                "toConnectionSecretKey": key,
            }
        ]
        copy.spec.writeConnectionSecretToRef = {"namespace": self.place, "name": name}
        if not copy.observed:
            copy.addDependency(access)
        return [copy]

    # Objects of the cluster, kept by provider-kubernetes

    def object_api(self) -> str:
        """The Object of this style."""
        return NAMESPACED_OBJECT if self.namespace else CLUSTER_OBJECT

    def labels(self) -> dict[str, str]:
        """What tells whose an object is without the claim."""
        return {"app.kubernetes.io/instance": self.name()}

    def seen(self, key: str) -> Manifest:
        """What provider-kubernetes last saw of an object."""
        return plain(self.resources[key].status.atProvider.manifest)

    def keep(self, key: str, manifest: Manifest, policies: Sequence[str] = DELETED, ready_when: str = "") -> Resource:
        """Keep an object, ready as soon as it is there or when it says so itself."""
        resource = self.resources[key]("Object", self.object_api(), name=self.name(key))
        self.use(resource, self.parameters.kubernetesProviderConfig)
        resource.spec.managementPolicies = list(policies)
        resource.spec.forProvider.manifest = manifest
        if ready_when:
            resource.spec.watch = True
            resource.spec.readiness = {"policy": "DeriveFromCelQuery", "celQuery": ready_when}
        self.mark_made(resource, policies)
        ordered = plain(resource.observed.spec.forProvider.manifest)
        asked = str(resource.observed.spec.readiness.celQuery or "")
        if resource.observed and not (ordered == manifest and asked == ready_when and is_current(resource)):
            resource.ready = False
        return resource

    def use(self, resource: Resource, provider_config: Any) -> None:
        """Name the platform's connection to a provider."""
        resource.spec.providerConfigRef.name = provider_config
        if self.namespace:
            resource.spec.providerConfigRef.kind = "ClusterProviderConfig"

    def mark_made(self, resource: Resource, policies: Sequence[str]) -> None:
        """Let a provider delete at once what was seen.

        For half a minute after it has made something, it takes what it can not find for not yet there, even what it has
        just removed.
        """
        if "Delete" in policies and resource.conditions.Ready.status:
            for annotation in CREATION:
                resource.metadata.annotations[annotation] = LONG_AGO

    def manifest(self, api_version: str, kind: str, name: str, **fields: Any) -> Manifest:
        """Describe an object of this cache."""
        metadata = {"namespace": self.place, "name": name, "labels": self.labels()}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}

    def access(self) -> Resource:
        """Let provider-helm do in this namespace what charts of caches need, and nothing elsewhere."""
        return self.keep("access", self.binding())

    def binding(self) -> Manifest:
        """Describe the RoleBinding that does so."""
        group = "rbac.authorization.k8s.io"
        return self.manifest(
            f"{group}/v1",
            "RoleBinding",
            self.name("installer"),
            roleRef={"apiGroup": group, "kind": "ClusterRole", "name": INSTALLER},
            subjects=[{"apiGroup": group, "kind": "User", "name": str(self.parameters.helmUser)}],
        )

    def certificate(self) -> list[Resource]:
        """Have the platform's issuer sign a certificate, if it names one."""
        if not self.issuer:
            return []
        services = {f"{service}.{self.place}.svc" for service in self.chart.services(self.cache)}
        pods = f"*.{self.name('headless')}.{self.place}.svc"
        names = sorted({*services, pods, *(f"{name}.cluster.local" for name in (*services, pods)), "localhost"})
        spec = {
            "secretName": self.name("tls"),
            "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", **self.issuer},
            "dnsNames": names,
        }
        signed = "object.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')"
        told = f"has(object.status) && has(object.status.conditions) && {signed}"
        certificate = self.manifest("cert-manager.io/v1", "Certificate", self.name("tls"), spec=spec)
        return [self.keep("certificate", certificate, DELETED, told)]

    def volumes(self) -> list[Resource]:
        """Keep the volume of each pod. They can only grow, and go when their pod does."""
        resources = []
        for workload in self.chart.workloads(self.cache):
            for number in range(workload.pods if workload.volumes else 0):
                key = f"volume-{workload.key}-{number}"
                held = self.seen(key)
                resource = self.keep(key, self.volume(f"{workload.volumes}-{number}", held))
                # It has no size before it is bound, as it is once there is a pod.
                size = gibibytes_of(held, "status", "capacity")
                if 0 < size < gibibytes_of(held, "spec", "resources", "requests"):
                    resource.ready = False
                resources.append(resource)
        return resources

    def volume(self, name: str, held: Manifest) -> Manifest:
        """Describe a volume; one that exists already can only grow, and only once it is bound."""
        gibibytes = self.wanted["persistenceGB"]
        storage_class = str(self.parameters.storageClass or "")
        if held:
            size = gibibytes_of(held, "spec", "resources", "requests")
            gibibytes = max(size, gibibytes) if held.get("status", {}).get("phase") == "Bound" else size
            storage_class = held["spec"].get("storageClassName", "")
        spec: Manifest = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": f"{gibibytes}Gi"}},
        }
        if storage_class:
            spec["storageClassName"] = storage_class
        return self.manifest("v1", "PersistentVolumeClaim", name, spec=spec)

    # The release

    def release_api(self) -> str:
        """The Release of this style."""
        return NAMESPACED_RELEASE if self.namespace else CLUSTER_RELEASE

    def release(self, needed: Sequence[Resource]) -> Resource:
        """Install the chart once all it needs is there."""
        engine = self.cache.engine
        release = self.resources["release"]("Release", self.release_api(), name=self.name())
        release.externalName = self.name()
        self.use(release, self.parameters.helmProviderConfig)
        release.spec.managementPolicies = list(DELETED)
        release.spec.rollbackLimit = self.tries(release)
        source = {"name": engine["chart"], "repository": engine["repository"], "version": engine["version"]}
        values = merged(engine.get("values", {}), self.chart.values(self.cache))
        release.spec.forProvider = {
            "chart": source,
            "namespace": self.place,
            "skipCreateNamespace": True,
            "values": values,
        }
        if not release.observed:
            for resource in needed:
                release.addDependency(resource)
        self.mark_made(release, DELETED)
        ordered = plain(release.observed.spec.forProvider)
        # provider-helm adds empty fields to a chart.
        same = source.items() <= ordered.get("chart", {}).items() and values == ordered.get("values", {})
        deployed = str(release.status.atProvider.state or "") == "deployed"
        if release.observed and not (same and deployed and is_current(release)):
            release.ready = False
        return release

    def tries(self, release: Resource) -> int:
        """How often provider-helm may try; when it has given up, it may once more, about each minute.

        What made it fail may be gone, and nothing else would tell it.
        """
        failed = int(release.status.failed or 0)
        allowed = int(release.observed.spec.rollbackLimit or TRIES) if failed else TRIES
        given_up = release.conditions.Synced.lastTransitionTime if release.conditions.Synced.status else None
        if failed >= allowed and given_up and datetime.now(UTC) - given_up > PAUSE:
            return failed + 1
        return allowed

    def observe(self, release: Resource) -> None:
        """Look at what runs the pods: a release is deployed before any of them has started."""
        state = str(release.status.atProvider.state or "")
        for workload in self.chart.workloads(self.cache):
            key = workload.key
            if state == "deployed" or self.resources[key].observed:
                manifest = {
                    "apiVersion": "apps/v1",
                    "kind": workload.kind,
                    "metadata": {"namespace": self.place, "name": workload.name},
                }
                self.keep(key, manifest, SEEN, self.running(workload))

    def running(self, workload: Workload) -> str:
        """Say when all pods run with what is wanted now."""
        counts = ["readyReplicas", "updatedReplicas", "replicas"]
        conditions = [
            f"object.spec.template.metadata.annotations['{SETTINGS}'] == '{self.cache.settings}'",
            f"object.spec.replicas == {workload.pods}",
            "object.status.observedGeneration >= object.metadata.generation",
            *(f"has(object.status.{count}) && object.status.{count} == {workload.pods}" for count in counts),
        ]
        return "has(object.status) && has(object.status.observedGeneration) && " + " && ".join(conditions)

    # What the claim is told

    def hosts(self) -> tuple[str, str]:
        """The names by which the primary is reached, and all that can be read from."""
        primary, readable = self.chart.services(self.cache)
        return f"{primary}.{self.place}.svc", f"{readable}.{self.place}.svc"

    def publish_connection(self) -> None:
        """Fill the claim's connection Secret with all that a client needs."""
        host, readable = self.hosts()
        scheme = "rediss" if self.issuer else "redis"
        password = self.password()
        details = {
            "host": host,
            "port": str(PORT),
            "username": USER,
            "password": password,
            "url": f"{scheme}://{USER}:{password}@{host}:{PORT}/0",
            "replicas": f"{readable}:{PORT}",
        }
        if not self.namespace:
            for key, value in details.items():
                self.connection[key] = value
        elif self.spec.writeConnectionSecretToRef.name:
            # Crossplane gives connection Secrets to claims only.
            secret = self.resources.connection("Secret", "v1", name=self.spec.writeConnectionSecretToRef.name)
            secret.type = "connection.crossplane.io/v1alpha1"
            for key, value in details.items():
                secret.data[key] = B64Encode(value)

    def report_status(self, release: Resource) -> None:
        """Tell the claim what it got, without any secret."""
        host, readable = self.hosts()
        self.status.endpoint = f"{host}:{PORT}"
        self.status.replicasEndpoint = f"{readable}:{PORT}"
        self.status.tls = bool(self.issuer)
        self.status.version = str(self.cache.image["tag"]).partition("-")[0]
        self.status.memory = f"{self.wanted['memoryGB']}Gi"
        self.status.maxMemory = f"{int(self.wanted['memoryGB'] * 1024 * FOR_DATA)}Mi"
        self.status.persistenceGB = self.wanted["persistenceGB"]
        self.status.passwordRevision = self.revision
        self.status.release = {
            "name": self.name(),
            "state": str(release.status.atProvider.state or ""),
            "description": str(release.status.atProvider.releaseDescription or ""),
        }
        pods = [pod for workload in self.chart.workloads(self.cache) for pod in self.pods(workload)]
        if pods:
            self.status.pods = pods

    def pods(self, workload: Workload) -> list[Manifest]:
        """The pods there are, by their numbers; whoever makes a Deployment's gives them names that nobody can know."""
        existing = self.seen(workload.key).get("status", {}).get("replicas", 0)
        if workload.kind == "Deployment":
            return [{"name": f"{workload.name}-*", "role": "primary"}] if existing else []
        return [
            {
                "name": f"{workload.name}-{number}",
                "role": "primary" if workload.has_primary and number == 0 else "replica",
            }
            for number in range(existing)
        ]


def plain(value: Any) -> Any:
    """Turn a value of the library's into plain data; {} for none."""
    return json.loads(format(value, "json")) if value else {}


def text(value: Any) -> str:
    """Read a connection detail, or a credential."""
    return bytes(value).decode() if value else ""


def decoded(value: Any) -> str:
    """Read a value of a Secret."""
    return base64.b64decode(str(value)).decode() if value else ""


def is_current(resource: Resource) -> bool:
    """Whether a provider's verdict is on what is wanted now; one that does not tell of what it was is believed."""
    generation = resource.observed.metadata.generation
    for condition in resource.observed.status.conditions:
        if condition.type == "Ready" and condition.observedGeneration and generation:
            return int(condition.observedGeneration) >= int(generation)
    return True


def whole_gibibytes(quantity: str) -> int:
    """Read a size that was asked for here, as the API server writes it; 0 for any other."""
    factor = {"Gi": 1, "Ti": 1024, "Pi": 1024 * 1024}.get(quantity[-2:], 0)
    return factor and factor * int(quantity[:-2])


def gibibytes_of(held: Manifest, *path: str) -> int:
    """A size of a volume; 0 if it has none."""
    found: Any = held
    for key in path:
        found = found.get(key, {})
    return whole_gibibytes(found.get("storage", ""))


def holder(labels: Any) -> str:
    """Say who has a managed resource, by the labels that Crossplane gives to it."""
    if labels["crossplane.io/claim-name"]:
        return f"claim {labels['crossplane.io/claim-namespace']}/{labels['crossplane.io/claim-name']}"
    if labels["crossplane.io/composite"]:
        return f"composite {labels['crossplane.io/composite']}"
    return "no claim"


def delete_after(resource: Resource, dependent: Resource) -> None:
    """Have Kubernetes delete a resource only once a dependent of it is gone, however the composite is deleted.

    Without the finalizer, which Kubernetes removes itself, a composite deleted in the background would leave the
    owner deleted and waiting, and the dependent undeleted, for ever.
    """
    resource.metadata.finalizers = ["foregroundDeletion"]
    if resource.observed:
        dependent.metadata.ownerReferences = [
            {
                "apiVersion": resource.apiVersion,
                "kind": resource.kind,
                "name": resource.observed.metadata.name,
                "uid": resource.observed.metadata.uid,
                "blockOwnerDeletion": True,
            }
        ]


def merged(values: Manifest, others: Manifest) -> Manifest:
    """Merge values as Helm does; of two the second counts."""
    result = dict(values)
    for key, other in others.items():
        mine = result.get(key)
        result[key] = merged(mine, other) if isinstance(mine, dict) and isinstance(other, dict) else other
    return result
