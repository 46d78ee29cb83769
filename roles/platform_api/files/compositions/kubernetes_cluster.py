# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose a KubernetesCluster: the Cluster API objects of a cluster on KubeVirt, its network, its cloud controller.

function-pythonic runs this file in Crossplane whenever the claim, or a resource composed here, changes.
Platform settings come as `parameters` of the Composition's input: `kubernetesProviderConfig`, `helmProviderConfig`,
`capiVersion`, `machineImage`, `bootstrapCheck`, and the charts of `cni` and `kccm`.

The cluster is called like its environment, and a managed resource `<environment>-<key>`. All of the cluster is in one
namespace: the composite's, or that of its claim.

Only the Cluster is deleted, as Cluster API demands. Everything else is owned by it and goes when Cluster API and the
garbage collector take it: what a Cluster refers to is adopted by Cluster API, all the rest is composed with its owner.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

from crossplane.pythonic import BaseComposite
from crossplane.pythonic.composite import Resource

Manifest = dict[str, Any]

CLUSTER_OBJECT = "kubernetes.crossplane.io/v1alpha2"
NAMESPACED_OBJECT = "kubernetes.m.crossplane.io/v1alpha1"
CLUSTER_RELEASE = "helm.crossplane.io/v1beta1"
NAMESPACED_RELEASE = "helm.m.crossplane.io/v1beta1"
INFRASTRUCTURE = "infrastructure.cluster.x-k8s.io"

KEPT = ("Observe", "Create", "Update")
DELETED = (*KEPT, "Delete")

# When a provider began to make something, and when it had made it.
CREATION = ("crossplane.io/external-create-pending", "crossplane.io/external-create-succeeded")
LONG_AGO = "1970-01-01T00:00:00Z"

CLUSTER_NAME = "cluster.x-k8s.io/cluster-name"
DEPLOYMENT_NAME = "cluster.x-k8s.io/deployment-name"
# With both of them a MachineDeployment is one of the cluster autoscaler's.
AUTOSCALED = (
    "cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size",
    "cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size",
)

# The ClusterRole that role platform_api makes; a RoleBinding gives it to a cluster's controller for one namespace.
CLOUD_CONTROLLER_ROLE = "platform-api-cloud-controller-manager"
CLOUD_CONFIG = """\
namespace: {namespace}
infraLabels:
  cluster.x-k8s.io/cluster-name: {cluster}
loadBalancer:
  creationPollInterval: 5
  creationPollTimeout: 60
instancesV2:
  enabled: true
  zoneAndRegionEnabled: false
"""
# Any user will do but root.
UNPRIVILEGED = 10001


class V1Beta2:
    """How Cluster API's objects are written in v1beta2."""

    version = "v1beta2"
    # What an object says of itself counts once its controller has seen what is wanted of it. It looks at no cluster
    # that is paused.
    fresh = (
        "has(object.status) && (has(object.spec.paused) && object.spec.paused"
        " || has(object.status.observedGeneration) && object.status.observedGeneration >= object.metadata.generation)"
    )
    available = fresh + (
        " && has(object.status.conditions)"
        " && object.status.conditions.exists(c, c.type == 'Available' && c.status == 'True')"
    )

    def api_version(self, group: str = "") -> str:
        """The apiVersion of Cluster API's own group, or of the `bootstrap` or `controlplane` group beside it."""
        prefix = f"{group}." if group else ""
        return f"{prefix}cluster.x-k8s.io/{self.version}"

    def reference(self, api_version: str, kind: str, name: str) -> Manifest:
        """Refer to an object beside this one."""
        return {"apiGroup": api_version.partition("/")[0], "kind": kind, "name": name}

    def kubelet(self, arguments: dict[str, str]) -> Manifest:
        """Give a node's kubelet arguments."""
        return {"kubeletExtraArgs": [{"name": name, "value": value} for name, value in arguments.items()]}

    def deletion(self, timeouts: dict[str, str]) -> Manifest:
        """Bound what is waited for when a machine goes."""
        return {"deletion": {f"{name}Seconds": seconds(timeout) for name, timeout in timeouts.items()}}

    def control_plane_machines(self, infrastructure: Manifest, deletion: Manifest) -> Manifest:
        """Describe the machines of a control plane."""
        return {"spec": {"infrastructureRef": infrastructure, **deletion}}

    def rollout(self, after: str) -> Manifest:
        """Replace all machines that are older than a time."""
        return {"rollout": {"after": after}}


class V1Beta1(V1Beta2):
    """How they are written in v1beta1, which Cluster API 1.10 and older have alone."""

    version = "v1beta1"
    # Conditions of the newer kind are in a place of their own, if this Cluster API has them at all.
    available = V1Beta2.fresh + (
        " && (has(object.status.v1beta2) && has(object.status.v1beta2.conditions)"
        " ? object.status.v1beta2.conditions.exists(c, c.type == 'Available' && c.status == 'True')"
        " : has(object.status.conditions) && object.status.conditions.exists(c, c.status == 'True'"
        " && c.type == (object.kind == 'Cluster' ? 'Ready' : 'Available')))"
    )

    def reference(self, api_version: str, kind: str, name: str) -> Manifest:
        """Refer to an object beside this one."""
        return {"apiVersion": api_version, "kind": kind, "name": name}

    def kubelet(self, arguments: dict[str, str]) -> Manifest:
        """Give a node's kubelet arguments."""
        return {"kubeletExtraArgs": arguments}

    def deletion(self, timeouts: dict[str, str]) -> Manifest:
        """Bound what is waited for when a machine goes."""
        return dict(timeouts)

    def control_plane_machines(self, infrastructure: Manifest, deletion: Manifest) -> Manifest:
        """Describe the machines of a control plane."""
        return {"infrastructureRef": infrastructure, **deletion}

    def rollout(self, after: str) -> Manifest:
        """Replace all machines that are older than a time."""
        return {"rolloutAfter": after}


DIALECTS = {dialect.version: dialect for dialect in (V1Beta1(), V1Beta2())}


@dataclass(frozen=True)
class Machine:
    """The virtual machine of a node, in KubeVirt's words."""

    image: str
    cpu: str
    memory: str
    storage: str
    storage_class: str
    live_migration: bool

    def spec(self) -> Manifest:
        """Describe the machine, with a volume of its own or, without a StorageClass, on its image."""
        spec: Manifest = {"runStrategy": "Always", "template": self.template()}
        if self.storage_class:
            spec["dataVolumeTemplates"] = [{"metadata": {"name": "system"}, "spec": self.volume()}]
        return spec

    def volume(self) -> Manifest:
        """Describe the volume, at first a copy of the image; a machine that moves needs it on two hosts at once."""
        return {
            "source": {"registry": {"url": f"docker://{self.image}"}},
            "pvc": {
                "accessModes": ["ReadWriteMany" if self.live_migration else "ReadWriteOnce"],
                "resources": {"requests": {"storage": self.storage}},
                "storageClassName": self.storage_class,
            },
        }

    def template(self) -> Manifest:
        """Describe the running machine."""
        disk = {"dataVolume": {"name": "system"}} if self.storage_class else {"containerDisk": {"image": self.image}}
        template: Manifest = {
            "spec": {
                # Told of an eviction, KubeVirt moves the machine, or else Cluster API drains the node and replaces it.
                "evictionStrategy": "LiveMigrate" if self.live_migration else "External",
                "domain": {
                    "cpu": {"cores": int(self.cpu)},
                    "memory": {"guest": self.memory},
                    "devices": {
                        "networkInterfaceMultiqueue": True,
                        "disks": [{"name": "system", "disk": {"bus": "virtio"}}],
                        "interfaces": [{"name": "default", "bridge": {}}],
                    },
                },
                "networks": [{"name": "default", "pod": {}}],
                "volumes": [{"name": "system", **disk}],
            }
        }
        if self.live_migration:
            # KubeVirt moves no machine that is bridged to its pod's network unless told that this network lets it keep
            # its address.
            annotations = {"kubevirt.io/allow-pod-bridge-network-live-migration": "true"}
            template["metadata"] = {"annotations": annotations}
        return template


class KubernetesCluster(BaseComposite):
    """A Kubernetes cluster for one environment."""

    def compose(self) -> None:
        """Order the Cluster, then what it owns, then what runs in it or beside it once its API is there."""
        # The library's own values are true whenever they are set, even to false; plain data cannot surprise.
        self.wanted: Manifest = plain(self.spec.parameters)
        self.environment: str = self.wanted["environment"]
        self.namespace = str(self.metadata.namespace or "")
        self.place = self.namespace or str(self.spec.claimRef.namespace or self.environment)
        self.dialect = DIALECTS[str(self.parameters.capiVersion)]
        self.seen_before: dict[str, Manifest] = {}
        if self.is_misplaced() or self.belongs_to_another():
            return
        version = self.wanted["kubernetesVersion"]
        self.version = version if version.startswith("v") else f"v{version}"
        self.machine_templates = {
            "control-plane": self.machine_template("controlPlane"),
            "workers": self.machine_template("worker"),
        }

        self.keep("cluster", self.cluster(), DELETED, self.dialect.available)
        self.keep("infrastructure", self.infrastructure())
        self.control_plane()
        if self.owner():
            self.offer("control-plane", "template", self.machine_templates["control-plane"])
            self.offer("workers", "template", self.machine_templates["workers"])
            self.offer("workers", "bootstrap", self.bootstrap())
            self.workers()
        if self.has_api():
            if self.connect_helm() or self.resources["cni"].observed:
                self.network()
            self.cloud_controller()
        self.report_status()

    # Whose it is

    def is_misplaced(self) -> bool:
        """Refuse a namespace other than the environment's own: in two namespaces one name could be given twice."""
        if self.namespace in ("", self.environment):
            return False
        self.results.fatal(
            "WrongNamespace",
            f"The cluster of environment {self.environment} belongs into namespace {self.environment}; order it there.",
        )
        return True

    def belongs_to_another(self) -> bool:
        """Refuse a cluster that exists already, and say whose it is."""
        if self.resources["cluster"].observed:
            return False
        required = self.requireds.owner("Object", self.object_api(), name=self.name("cluster"))
        if self.namespace:
            required.namespace = self.namespace
        owner = required[0]
        labels = owner.metadata.labels
        if not owner or labels["crossplane.io/composite"] == self.metadata.name:
            return False
        self.results.fatal(
            "ClusterExists",
            f"Object {self.name('cluster')} exists and belongs to {holder(labels)}; choose another environment.",
            claim=True,
        )
        return True

    def name(self, key: str) -> str:
        """Name an object of this cluster."""
        return f"{self.environment}-{key}"

    # Objects of the management cluster, kept by provider-kubernetes

    def object_api(self) -> str:
        """The Object of this style."""
        return NAMESPACED_OBJECT if self.namespace else CLUSTER_OBJECT

    def seen(self, key: str) -> Manifest:
        """What provider-kubernetes last saw of an object."""
        if key not in self.seen_before:
            self.seen_before[key] = plain(self.resources[key].status.atProvider.manifest)
        return self.seen_before[key]

    def ordered(self, key: str) -> Manifest:
        """What it was last told to make of it."""
        return plain(self.resources[key].observed.spec.forProvider.manifest)

    def exists(self, key: str) -> bool:
        """Whether an object has been made."""
        return "uid" in self.seen(key).get("metadata", {})

    def keep(self, key: str, manifest: Manifest, policies: Sequence[str] = KEPT, ready_when: str = "") -> Resource:
        """Keep an object in the management cluster, ready as soon as it is there or when it says so itself."""
        resource = self.resources[key]("Object", self.object_api(), name=self.name(key))
        self.use(resource, self.parameters.kubernetesProviderConfig)
        resource.spec.managementPolicies = list(policies)
        resource.spec.forProvider.manifest = manifest
        if ready_when:
            resource.spec.watch = True
            resource.spec.readiness = {"policy": "DeriveFromCelQuery", "celQuery": ready_when}
        # For half a minute after it has made something, a provider takes what it can not find for not yet there, even
        # what it has just removed. But what was seen once was there.
        if "Delete" in policies and self.exists(key):
            for annotation in CREATION:
                resource.metadata.annotations[annotation] = LONG_AGO
        if resource.observed and not (self.ordered(key) == manifest and is_current(resource)):
            resource.ready = False
        return resource

    def use(self, resource: Resource, provider_config: Any) -> None:
        """Name the platform's connection to a provider."""
        resource.spec.providerConfigRef.name = provider_config
        if self.namespace:
            resource.spec.providerConfigRef.kind = "ClusterProviderConfig"

    def manifest(self, api_version: str, kind: str, name: str, spec: Manifest | None = None) -> Manifest:
        """Describe an object of this cluster."""
        metadata = {"namespace": self.place, "name": name, "labels": {CLUSTER_NAME: self.environment}}
        described: Manifest = {"apiVersion": api_version, "kind": kind, "metadata": metadata}
        return described if spec is None else {**described, "spec": spec}

    def owned(self, manifest: Manifest) -> Manifest:
        """The same object, owned by the Cluster."""
        return {**manifest, "metadata": {**manifest["metadata"], "ownerReferences": [self.owner()]}}

    def owner(self) -> Manifest:
        """Refer to the Cluster as owner, as Cluster API does; {} before it exists."""
        if not self.exists("cluster"):
            return {}
        uid = self.seen("cluster")["metadata"]["uid"]
        return {"apiVersion": self.dialect.api_version(), "kind": "Cluster", "name": self.environment, "uid": uid}

    # The cluster and its nodes

    def cluster(self) -> Manifest:
        """Describe the cluster."""
        control_plane = (self.dialect.api_version("controlplane"), "KubeadmControlPlane", self.name("control-plane"))
        return self.manifest(
            self.dialect.api_version(),
            "Cluster",
            self.environment,
            {
                "paused": self.wanted["paused"],
                "clusterNetwork": {
                    "pods": {"cidrBlocks": [self.wanted["podCIDR"]]},
                    "services": {"cidrBlocks": [self.wanted["serviceCIDR"]]},
                },
                "controlPlaneRef": self.dialect.reference(*control_plane),
                "infrastructureRef": self.dialect.reference(
                    f"{INFRASTRUCTURE}/v1alpha1", "KubevirtCluster", self.environment
                ),
            },
        )

    def infrastructure(self) -> Manifest:
        """Describe how the API is reached: by a Service, or at an address that somebody else forwards."""
        spec: Manifest = {"controlPlaneServiceTemplate": {"spec": {"type": self.wanted["serviceType"]}}}
        if endpoint := self.wanted.get("controlPlaneEndpoint"):
            spec["controlPlaneEndpoint"] = endpoint
        return self.manifest(f"{INFRASTRUCTURE}/v1alpha1", "KubevirtCluster", self.environment, spec)

    def machine_template(self, role: str) -> Manifest:
        """Describe the machines of one role, named by what they are like: a template can not change."""
        image = f"{self.wanted['machineImageRegistry']}/{self.parameters.machineImage}:{self.version}"
        machine = Machine(
            image=image,
            cpu=self.wanted[f"{role}CPU"],
            memory=self.wanted[f"{role}Memory"],
            storage=self.wanted[f"{role}Storage"],
            storage_class=self.wanted.get("storageClass", ""),
            live_migration=self.wanted["enableLiveMigration"],
        )
        virtual_machine = {"metadata": {"namespace": self.place}, "spec": machine.spec()}
        check = {"checkStrategy": str(self.parameters.bootstrapCheck)}
        spec = {"virtualMachineBootstrapCheck": check, "virtualMachineTemplate": virtual_machine}
        key = "control-plane" if role == "controlPlane" else "workers"
        return self.named_by_content(f"{INFRASTRUCTURE}/v1alpha1", "KubevirtMachineTemplate", key, spec)

    def bootstrap(self) -> Manifest:
        """Describe how workers join."""
        spec = {"joinConfiguration": {"nodeRegistration": self.node_registration()}}
        return self.named_by_content(self.dialect.api_version("bootstrap"), "KubeadmConfigTemplate", "workers", spec)

    def named_by_content(self, api_version: str, kind: str, key: str, spec: Manifest) -> Manifest:
        """Describe a template."""
        content = json.dumps(spec, sort_keys=True).encode()
        name = self.name(f"{key}-{hashlib.sha256(content).hexdigest()[:8]}")
        return self.manifest(api_version, kind, name, {"template": {"spec": spec}})

    def node_registration(self) -> Manifest:
        """Leave the rest of a node's introduction to the cloud controller."""
        return self.dialect.kubelet({"cloud-provider": "external"})

    def template_reference(self, template: Manifest) -> Manifest:
        """Refer to a template."""
        return self.dialect.reference(template["apiVersion"], template["kind"], template["metadata"]["name"])

    def deletion(self) -> Manifest:
        """Bound what is waited for when a machine goes, lest one pod keeps it for ever."""
        names = ("nodeDrainTimeout", "nodeDeletionTimeout", "nodeVolumeDetachTimeout")
        return self.dialect.deletion({name: self.wanted[name] for name in names})

    def rollout(self) -> Manifest:
        """Restart all nodes after a time, if one was given."""
        after = self.wanted.get("rolloutAfter")
        return self.dialect.rollout(after) if after else {}

    def control_plane(self) -> None:
        """Compose the control plane."""
        template = self.machine_templates["control-plane"]
        registration = {"nodeRegistration": self.node_registration()}
        manifest = self.manifest(
            self.dialect.api_version("controlplane"),
            "KubeadmControlPlane",
            self.name("control-plane"),
            {
                "replicas": self.wanted["controlPlaneNodes"],
                "version": self.version,
                "machineTemplate": self.dialect.control_plane_machines(
                    self.template_reference(template), self.deletion()
                ),
                "kubeadmConfigSpec": {"initConfiguration": registration, "joinConfiguration": registration},
                **self.rollout(),
            },
        )
        self.repoint("control-plane", manifest, [template_key("control-plane", "template", template)])

    def workers(self) -> None:
        """Compose the workers."""
        name = self.name("workers")
        labels = {CLUSTER_NAME: self.environment, DEPLOYMENT_NAME: name}
        template, bootstrap = self.machine_templates["workers"], self.bootstrap()
        spec: Manifest = {
            "clusterName": self.environment,
            "replicas": self.wanted["workerNodes"],
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "clusterName": self.environment,
                    "version": self.version,
                    "bootstrap": {"configRef": self.template_reference(bootstrap)},
                    "infrastructureRef": self.template_reference(template),
                    **self.deletion(),
                },
            },
            **self.rollout(),
        }
        annotations = self.seen("workers").get("metadata", {}).get("annotations", {})
        if annotations.keys() >= set(AUTOSCALED):
            del spec["replicas"]
        manifest = self.owned(self.manifest(self.dialect.api_version(), "MachineDeployment", name, spec))
        needed = [template_key("workers", "template", template), template_key("workers", "bootstrap", bootstrap)]
        self.repoint("workers", manifest, needed)

    def repoint(self, key: str, manifest: Manifest, templates: list[str]) -> None:
        """Compose machines, and leave them as they are until the templates exist that they are to be made by now.

        All that has changed waits together: a new version with the old image would replace every machine in vain.
        """
        waiting = self.exists(key) and not all(self.exists(template) for template in templates)
        resource = self.keep(key, self.ordered(key) if waiting else manifest, KEPT, self.dialect.available)
        if waiting:
            resource.ready = False

    def offer(self, key: str, part: str, template: Manifest) -> None:
        """Compose a template, and keep the ones before it until no machine is left that was made by them.

        An Object that is merely dropped would leave its template behind; so it is first allowed to delete it.
        """
        current = template_key(key, part, template)
        self.keep(current, self.owned(template))
        for former in self.former(f"{key}-{part}-", current):
            policies = plain(self.resources[former].observed.spec.managementPolicies)
            unused = self.is_rolled_out(key, template)
            if not (unused and "Delete" in policies):
                self.keep(former, self.ordered(former), DELETED if unused else KEPT)

    def former(self, prefix: str, current: str) -> list[str]:
        """The templates of the same kind that were composed before."""
        keys = [str(key) for key, _resource in self.request.observed.resources]
        return [key for key in keys if key.startswith(prefix) and key != current]

    def is_rolled_out(self, key: str, template: Manifest) -> bool:
        """Whether all machines are as wanted: their controller knows the template, and has no other machine left."""
        seen = self.seen(key)
        if not seen or template["metadata"]["name"] not in json.dumps(seen["spec"]):
            return False
        status = seen.get("status", {})
        replicas = seen["spec"].get("replicas")
        observed = status.get("observedGeneration", 0) >= seen["metadata"].get("generation", 1)
        return bool(observed and replicas == status.get("replicas") == up_to_date(status))

    def has_api(self) -> bool:
        """Whether the cluster's API has answered once; what was made then stays when it is out for a while."""
        status = self.seen("cluster").get("status", {})
        initialized = status.get("initialization", {}).get("controlPlaneInitialized") or any(
            condition["type"] == "ControlPlaneInitialized" and condition["status"] == "True"
            for condition in status.get("conditions", [])
        )
        return bool(initialized or self.resources["cni"].observed)

    # The network, in the cluster itself

    def release_api(self) -> str:
        """The Release of this style."""
        return NAMESPACED_RELEASE if self.namespace else CLUSTER_RELEASE

    def connect_helm(self) -> bool:
        """Connect provider-helm to the cluster by the kubeconfig that Cluster API keeps, and say whether it is."""
        connection = self.resources["helm"]("ProviderConfig", self.release_api(), name=self.environment)
        reference = {"namespace": self.place, "name": self.name("kubeconfig"), "key": "value"}
        connection.spec.credentials = {"source": "Secret", "secretRef": reference}
        connection.ready = bool(connection.observed)
        return bool(connection.observed)

    def network(self) -> None:
        """Install the network plugin. It goes with the cluster; to remove it would take an API that may be gone."""
        plugin = self.wanted["networkPlugin"]
        chart = plain(self.parameters.cni[plugin])
        values = merged(chart.get("values", {}), NETWORKS[plugin](self.wanted["podCIDR"], self.wanted["serviceCIDR"]))
        release = self.release("cni", chart, NETWORK_NAMESPACES[plugin], values, KEPT)
        release.spec.providerConfigRef.name = self.environment
        if self.namespace:
            release.spec.providerConfigRef.kind = "ProviderConfig"

    def release(self, key: str, chart: Manifest, namespace: str, values: Manifest, policies: Sequence[str]) -> Resource:
        """Start a release of a chart."""
        release = self.resources[key]("Release", self.release_api(), name=self.name(key))
        release.spec.managementPolicies = list(policies)
        # Without a limit, provider-helm gives up on what fails once.
        release.spec.rollbackLimit = 3
        source = {"name": chart["chart"], "repository": chart["repository"], "version": chart["version"]}
        wanted = {"chart": source, "namespace": namespace, "values": values}
        release.spec.forProvider = wanted
        ordered = plain(release.observed.spec.forProvider)
        # provider-helm adds empty fields to a chart.
        same = source.items() <= ordered.get("chart", {}).items() and values == ordered.get("values", {})
        if release.observed and not (same and is_current(release)):
            release.ready = False
        return release

    # KubeVirt's cloud controller manager, beside the machines

    def cloud_controller(self) -> None:
        """Run the controller that introduces nodes, and gives addresses to Services of type LoadBalancer."""
        key = "cloud-controller-manager"
        controller = plain(self.parameters.kccm)
        if "chart" in controller:
            values = self.filled_in(controller.get("values", {}))
            release = self.release(key, controller, self.place, values, DELETED)
            self.use(release, self.parameters.helmProviderConfig)
            return
        name = self.name(key)
        account = self.owned(self.manifest("v1", "ServiceAccount", name))
        self.keep("cloud-account", account)
        self.keep("cloud-access", self.cloud_access(name))
        config = self.owned(self.manifest("v1", "ConfigMap", self.name("cloud-config")))
        text = CLOUD_CONFIG.format(namespace=self.place, cluster=self.environment)
        self.keep("cloud-config", {**config, "data": {"cloud-config": text}})
        deployment = self.manifest("apps/v1", "Deployment", name, self.cloud_deployment(name, controller["image"]))
        self.keep(key, self.owned(deployment), KEPT, V1Beta2.available)

    def filled_in(self, values: Any) -> Any:
        """Put this cluster's names into the values of a chart: $cluster, $namespace, and $kubeconfig, its Secret's."""
        if isinstance(values, dict):
            return {key: self.filled_in(value) for key, value in values.items()}
        if isinstance(values, list):
            return [self.filled_in(value) for value in values]
        if not isinstance(values, str):
            return values
        names = {"cluster": self.environment, "namespace": self.place, "kubeconfig": self.name("kubeconfig")}
        return Template(values).safe_substitute(names)

    def cloud_access(self, account: str) -> Manifest:
        """Let the controller do in this namespace what the platform allows to such, and nothing elsewhere."""
        group = "rbac.authorization.k8s.io"
        binding = self.owned(self.manifest(f"{group}/v1", "RoleBinding", account))
        return {
            **binding,
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": CLOUD_CONTROLLER_ROLE},
            "subjects": [{"kind": "ServiceAccount", "namespace": self.place, "name": account}],
        }

    def cloud_deployment(self, name: str, image: str) -> Manifest:
        """Describe the controller, which is to this cluster an account, and to its own the administrator."""
        labels = {"app.kubernetes.io/name": "cloud-controller-manager", "app.kubernetes.io/instance": self.environment}
        container = {
            "name": "cloud-controller-manager",
            "image": image,
            "command": ["/bin/kubevirt-cloud-controller-manager"],
            "args": [
                "--cloud-provider=kubevirt",
                "--cloud-config=/etc/cloud/cloud-config",
                "--kubeconfig=/etc/kubernetes/kubeconfig/value",
                "--authentication-skip-lookup=true",
                f"--cluster-name={self.environment}",
            ],
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [
                {"name": "cloud-config", "mountPath": "/etc/cloud", "readOnly": True},
                {"name": "kubeconfig", "mountPath": "/etc/kubernetes/kubeconfig", "readOnly": True},
            ],
        }
        pod = {
            "serviceAccountName": name,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": UNPRIVILEGED,
                "runAsGroup": UNPRIVILEGED,
                "fsGroup": UNPRIVILEGED,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [
                {"name": "cloud-config", "configMap": {"name": self.name("cloud-config")}},
                {"name": "kubeconfig", "secret": {"secretName": self.name("kubeconfig")}},
            ],
        }
        return {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        }

    # What the claim is told

    def report_status(self) -> None:
        """Tell the claim how its cluster is, as Cluster API last said."""
        cluster = self.seen("cluster")
        endpoint = cluster.get("spec", {}).get("controlPlaneEndpoint", {})
        if endpoint.get("host"):
            self.status.clusterEndpoint = url(endpoint)
        self.status.clusterReady = self.is_complete()
        if self.has_api():
            self.status.kubeconfig = self.name("kubeconfig")
        status = cluster.get("status", {})
        conditions = status.get("v1beta2", status).get("conditions", [])
        self.status.clusterConditions = [
            {name: condition.get(name, "") for name in ("type", "status", "reason", "message")}
            for condition in conditions
        ]
        if version := self.seen("control-plane").get("status", {}).get("version"):
            self.status.kubernetesVersion = version
        for field, key in (("controlPlane", "control-plane"), ("workers", "workers")):
            if counted := count(self.seen(key)):
                self.status[field] = counted

    def is_complete(self) -> bool:
        """Whether all that makes a cluster is composed, and ready."""
        return "cni" in self.resources and all(bool(resource.ready) for _key, resource in self.resources)


def plain(value: Any) -> Any:
    """Turn a value of the library's into plain data; {} for none."""
    return json.loads(format(value, "json")) if value else {}


def template_key(key: str, part: str, template: Manifest) -> str:
    """The key of a template, which like its name ends in what tells its content."""
    return f"{key}-{part}-{template['metadata']['name'].rpartition('-')[2]}"


def is_current(resource: Resource) -> bool:
    """Whether a provider's verdict is on what is wanted now; one that does not tell of what it was is believed."""
    generation = resource.observed.metadata.generation
    for condition in resource.observed.status.conditions:
        if condition.type == "Ready" and condition.observedGeneration and generation:
            return int(condition.observedGeneration) >= int(generation)
    return True


def holder(labels: Any) -> str:
    """Say who has a managed resource, by the labels that Crossplane gives to it."""
    if labels["crossplane.io/claim-name"]:
        return f"claim {labels['crossplane.io/claim-namespace']}/{labels['crossplane.io/claim-name']}"
    if labels["crossplane.io/composite"]:
        return f"composite {labels['crossplane.io/composite']}"
    return "no claim"


def seconds(duration: str) -> int:
    """Read a duration such as 1h30m."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", duration))


def url(endpoint: Manifest) -> str:
    """Write where an API is."""
    host = f"[{endpoint['host']}]" if ":" in endpoint["host"] else endpoint["host"]
    return f"https://{host}:{endpoint['port']}"


def up_to_date(status: Manifest) -> int:
    """How many machines are as wanted; v1beta1 has another word for it."""
    number: int = status.get("upToDateReplicas", status.get("updatedReplicas", 0))
    return number


def count(seen: Manifest) -> dict[str, int]:
    """Count machines: those that are wanted, those in service, and those that are as wanted now."""
    if not seen:
        return {}
    status = seen.get("status", {})
    desired = seen["spec"].get("replicas", 0)
    return {"desired": desired, "ready": status.get("readyReplicas", 0), "upToDate": up_to_date(status)}


def merged(values: Manifest, others: Manifest) -> Manifest:
    """Merge values as Helm does; of two the second counts."""
    result = dict(values)
    for key, other in others.items():
        mine = result.get(key)
        result[key] = merged(mine, other) if isinstance(mine, dict) and isinstance(other, dict) else other
    return result


def kube_ovn(pods: str, services: str) -> Manifest:
    """Tell Kube-OVN's chart the ranges; its database runs on the nodes of the control plane."""
    gateway = str(next(ipaddress.ip_network(pods).hosts()))
    return {
        "MASTER_NODES_LABEL": "node-role.kubernetes.io/control-plane=",
        "ipv4": {"POD_CIDR": pods, "POD_GATEWAY": gateway, "SVC_CIDR": services},
    }


def calico(pods: str, services: str) -> Manifest:
    """Tell the chart of Calico's operator."""
    pools = [{"cidr": pods, "encapsulation": "VXLAN"}]
    return {"installation": {"calicoNetwork": {"ipPools": pools}, "serviceCIDRs": [services]}}


def cilium(pods: str, _services: str) -> Manifest:
    """Tell Cilium's chart, which needs no range of Services: Cilium learns each from the API."""
    return {"ipam": {"mode": "cluster-pool", "operator": {"clusterPoolIPv4PodCIDRList": [pods]}}}


NETWORKS = {"kube-ovn": kube_ovn, "calico": calico, "cilium": cilium}
NETWORK_NAMESPACES = {"kube-ovn": "kube-system", "calico": "tigera-operator", "cilium": "kube-system"}
