# SPDX-License-Identifier: GPL-3.0-or-later
"""KubernetesCluster: what is composed and when, of which nodes, on which network, and when it is called ready."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.testbed.bed import CHECKOUT
from tests.unit.compositions.renderer import Manifest, Renderer, Rendering

FIRST = {"cluster", "infrastructure", "control-plane"}
BESIDE = {"cloud-account", "cloud-access", "cloud-config", "cloud-controller-manager"}
LATER = {"cni", "helm"} | BESIDE
KEPT = ["Observe", "Create", "Update"]
CHARTS = {"kube-ovn": "kube-ovn", "calico": "tigera-operator", "cilium": "cilium"}
# Ours, whose schemas refuse what upstream's charts would silently ignore.
CHART_FOLDERS = CHECKOUT / "tests" / "testbed" / "charts"
COMBINATIONS = list(itertools.product(CHARTS, (True, False), ("LoadBalancer", "ClusterIP", "NodePort"), ("fast", None)))
VERSIONS = ("v1beta1", "v1beta2")


@pytest.fixture(scope="session")
def defaults(cluster_parameters_schema: dict[str, Any]) -> Manifest:
    """The parameters of a claim that says as little as it may, as the API server completes them."""
    properties = cluster_parameters_schema["properties"]
    named = {"environment": "dev", "vaultPath": "secret/clusters/dev"}
    return {name: schema["default"] for name, schema in properties.items() if "default" in schema} | named


@pytest.fixture(scope="session")
def complete(cluster_renderer: Renderer, defaults: Manifest) -> Rendering:
    """All that is wanted, seen when everything was there already."""
    return provision(cluster_renderer, defaults)


def provision(renderer: Renderer, parameters: Manifest) -> Rendering:
    """Render until nothing new is wanted, each time with all the former as it is when it is ready."""
    rendering = renderer.render(parameters)
    while True:
        following = renderer.render(parameters, everything(rendering))
        if following.resources.keys() == rendering.resources.keys():
            return following
        rendering = following


def everything(rendering: Rendering, **others: Manifest) -> list[Manifest]:
    """What was wanted, as its providers show it once it is ready; `others` are the differences, by key."""
    return [
        others.get(key.replace("-", "_")) or as_provided(resource, HEALTHY.get(key))
        for key, resource in rendering.resources.items()
    ]


def as_provided(resource: Manifest, status: Manifest | None = None, generation: int = 1) -> Manifest:
    """A wanted resource as the API server shows it once its provider is content, and its object has this status."""
    observed = copy.deepcopy(resource)
    observed.pop("ready")
    observed["metadata"] |= {"uid": f"uid of {resource['metadata']['name']}", "generation": generation}
    ready = {"type": "Ready", "status": "True", "reason": "Available", "observedGeneration": generation}
    observed["status"] = {"conditions": [ready]}
    if resource["kind"] == "Object":
        seen = copy.deepcopy(resource["spec"]["forProvider"]["manifest"])
        seen["metadata"] |= {"uid": f"uid of {seen['kind']}", "generation": 1}
        observed["status"]["atProvider"] = {"manifest": {**seen, "status": status or {}}}
    if resource["kind"] == "Release":
        # As provider-helm writes it.
        observed["spec"]["forProvider"] |= {"maxHistory": 20}
        observed["spec"]["forProvider"]["chart"] |= {"pullSecretRef": {"name": "", "namespace": ""}}
    if resource["kind"] == "ProviderConfig":
        del observed["status"]
    return observed


HEALTHY: dict[str, Manifest] = {
    "cluster": {
        "observedGeneration": 1,
        "initialization": {"controlPlaneInitialized": True},
        "conditions": [{"type": "Available", "status": "True", "reason": "Available", "message": ""}],
    },
    "control-plane": {
        "observedGeneration": 1,
        "version": "v1.31.0",
        "replicas": 3,
        "readyReplicas": 3,
        "upToDateReplicas": 3,
    },
    "workers": {"observedGeneration": 1, "replicas": 3, "readyReplicas": 3, "upToDateReplicas": 3},
}


def ordered(rendering: Rendering, key: str) -> Manifest:
    """What is wanted of an object in the management cluster."""
    manifest: Manifest = rendering.resources[key]["spec"]["forProvider"]["manifest"]
    return manifest


def policies(rendering: Rendering, key: str) -> list[str]:
    found: list[str] = rendering.resources[key]["spec"]["managementPolicies"]
    return found


def keys(rendering: Rendering, prefix: str) -> list[str]:
    return sorted(key for key in rendering.resources if key.startswith(prefix))


def template(rendering: Rendering, role: str) -> Manifest:
    """The only template of the machines of a role."""
    [key] = keys(rendering, f"{role}-template-")
    return ordered(rendering, key)


def machine(rendering: Rendering, role: str) -> Manifest:
    """The VirtualMachine that a role's nodes are."""
    spec: Manifest = template(rendering, role)["spec"]["template"]["spec"]["virtualMachineTemplate"]["spec"]
    return spec


def closed(schema: Any) -> Any:
    """The same schema, refusing fields that the API server would drop without a word."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {"additionalProperties": False} if schema.get("type") == "object" and "properties" in schema else {}
    return {name: closed(value) for name, value in schema.items()} | shut


def fits(manifests: Iterable[Manifest], schemas: dict[tuple[str, str], Manifest]) -> set[str]:
    """Hold Cluster API's objects to their schemas, and say which kinds there were."""
    kinds = set()
    for manifest in manifests:
        if "cluster.x-k8s.io/" not in manifest["apiVersion"]:
            continue
        schema = closed(schemas[manifest["apiVersion"], manifest["kind"]])
        # The API server knows of metadata what a schema leaves out.
        schema["properties"]["metadata"] = {}
        Draft202012Validator(schema).validate(manifest)
        kinds.add(manifest["kind"])
    return kinds


def manifests(rendering: Rendering) -> list[Manifest]:
    return [ordered(rendering, key) for key, item in rendering.resources.items() if item["kind"] == "Object"]


# What is composed, and when


def test_the_cluster_comes_first_then_what_it_owns_then_what_needs_its_api(
    cluster_renderer: Renderer, defaults: Manifest, complete: Rendering
) -> None:
    first = cluster_renderer.render(defaults)
    assert first.resources.keys() == FIRST
    seen = [as_provided(resource) for resource in first.resources.values()]
    second = cluster_renderer.render(defaults, seen)
    [machines] = keys(second, "workers-template-")
    assert second.resources.keys() == FIRST | {
        "workers",
        machines,
        *keys(second, "control-plane-template-"),
        *keys(second, "workers-bootstrap-"),
    }
    assert complete.resources.keys() == second.resources.keys() | LATER
    assert not first.is_ready
    assert not second.is_ready
    assert complete.is_ready


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("plugin", "live", "service", "storage"), COMBINATIONS)
def test_every_combination_fits_the_schemas(
    *,
    cluster_renderer: Renderer,
    defaults: Manifest,
    cluster_parameters_schema: dict[str, Any],
    provider_schemas: dict[str, Manifest],
    cluster_api_schemas: dict[tuple[str, str], Manifest],
    version: str,
    plugin: str,
    live: bool,
    service: str,
    storage: str | None,
) -> None:
    chosen = {"networkPlugin": plugin, "enableLiveMigration": live, "serviceType": service}
    order = {**defaults, **chosen, **({"storageClass": storage} if storage else {})}
    order |= {"rolloutAfter": "2026-01-01T00:00:00Z", "controlPlaneEndpoint": {"host": "10.0.0.1", "port": 6443}}
    Draft202012Validator(cluster_parameters_schema).validate(order)
    rendering = provision(cluster_renderer.with_platform(capiVersion=version), order)
    for resource in rendering.managed.values():
        spec = provider_schemas[resource["kind"]]["properties"]["spec"]
        Draft202012Validator(closed(spec)).validate(resource["spec"])
    assert fits(manifests(rendering), cluster_api_schemas) == {
        "Cluster",
        "KubevirtCluster",
        "KubeadmControlPlane",
        "KubevirtMachineTemplate",
        "MachineDeployment",
        "KubeadmConfigTemplate",
    }
    assert rendering.is_ready
    assert ordered(rendering, "infrastructure")["spec"]["controlPlaneServiceTemplate"] == {"spec": {"type": service}}
    for role, size in (("control-plane", "50Gi"), ("workers", "100Gi")):
        shows_storage_and_migration(machine(rendering, role), live, storage, size)
    release = rendering.resources["cni"]["spec"]["forProvider"]
    assert release["chart"]["name"] == CHARTS[plugin]
    schema = json.loads((CHART_FOLDERS / CHARTS[plugin] / "values.schema.json").read_text())
    Draft202012Validator(schema).validate(release["values"])


def shows_storage_and_migration(spec: Manifest, live: bool, storage: str | None, size: str) -> None:
    image = "quay.io/capk/ubuntu-2204-container-disk:v1.31.0"
    running = spec["template"]["spec"]
    annotations = spec["template"].get("metadata", {}).get("annotations", {})
    assert running["evictionStrategy"] == ("LiveMigrate" if live else "External")
    assert bool(annotations) == live
    if not storage:
        assert "dataVolumeTemplates" not in spec
        assert running["volumes"] == [{"name": "system", "containerDisk": {"image": image}}]
        return
    [volume] = spec["dataVolumeTemplates"]
    assert running["volumes"] == [{"name": "system", "dataVolume": {"name": volume["metadata"]["name"]}}]
    assert volume["spec"] == {
        "source": {"registry": {"url": f"docker://{image}"}},
        "pvc": {
            "accessModes": ["ReadWriteMany" if live else "ReadWriteOnce"],
            "resources": {"requests": {"storage": size}},
            "storageClassName": storage,
        },
    }


def test_names_are_the_environments(complete: Rendering) -> None:
    assert {key: item["metadata"]["name"] for key, item in complete.resources.items()} == {
        key: "dev" if key == "helm" else f"dev-{key}" for key in complete.resources
    }
    named = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests(complete)}
    assert named >= {
        ("Cluster", "dev"),
        ("KubevirtCluster", "dev"),
        ("KubeadmControlPlane", "dev-control-plane"),
        ("MachineDeployment", "dev-workers"),
        ("Deployment", "dev-cloud-controller-manager"),
        ("ConfigMap", "dev-cloud-config"),
    }


def test_everything_is_in_the_claims_namespace(cluster_renderer: Renderer, defaults: Manifest, style: str) -> None:
    rendering = cluster_renderer.render(defaults, namespace="elsewhere")
    if style == "namespaced":
        refused = ["The cluster of environment dev belongs into namespace dev; order it there."]
        assert rendering.fatal == refused
        assert not rendering.resources
        return
    assert {manifest["metadata"]["namespace"] for manifest in manifests(rendering)} == {"elsewhere"}


def test_references_lead_to_what_is_composed(complete: Rendering) -> None:
    composed = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests(complete)}
    cluster, workers = ordered(complete, "cluster")["spec"], ordered(complete, "workers")["spec"]["template"]["spec"]
    control_plane = ordered(complete, "control-plane")["spec"]["machineTemplate"]["spec"]
    for reference in (
        cluster["infrastructureRef"],
        cluster["controlPlaneRef"],
        control_plane["infrastructureRef"],
        workers["infrastructureRef"],
        workers["bootstrap"]["configRef"],
    ):
        assert (reference["kind"], reference["name"]) in composed


# Nodes


def test_every_shape_reaches_the_machines(cluster_renderer: Renderer, defaults: Manifest) -> None:
    shapes = {"controlPlaneCPU": "2", "controlPlaneMemory": "4Gi", "workerCPU": "8", "workerMemory": "32Gi"}
    counts = {"controlPlaneNodes": 1, "workerNodes": 7}
    rendering = provision(cluster_renderer, {**defaults, **shapes, **counts})
    for role, cores, memory in (("control-plane", 2, "4Gi"), ("workers", 8, "32Gi")):
        domain = machine(rendering, role)["template"]["spec"]["domain"]
        assert (domain["cpu"], domain["memory"]) == ({"cores": cores}, {"guest": memory})
    assert ordered(rendering, "control-plane")["spec"]["replicas"] == 1
    assert ordered(rendering, "workers")["spec"]["replicas"] == 7


@pytest.mark.parametrize("written", ["1.32.1", "v1.32.1"])
def test_a_version_is_the_same_with_and_without_its_letter(
    cluster_renderer: Renderer, defaults: Manifest, written: str
) -> None:
    order = {**defaults, "kubernetesVersion": written, "machineImageRegistry": "registry.example.org/nodes"}
    rendering = provision(cluster_renderer, order)
    assert ordered(rendering, "control-plane")["spec"]["version"] == "v1.32.1"
    assert ordered(rendering, "workers")["spec"]["template"]["spec"]["version"] == "v1.32.1"
    image = "registry.example.org/nodes/ubuntu-2204-container-disk:v1.32.1"
    assert machine(rendering, "workers")["template"]["spec"]["volumes"][0]["containerDisk"] == {"image": image}


@pytest.mark.parametrize(
    ("version", "written"),
    [("v1beta1", {"cloud-provider": "external"}), ("v1beta2", [{"name": "cloud-provider", "value": "external"}])],
)
def test_kubelets_leave_their_nodes_to_the_cloud_controller(
    cluster_renderer: Renderer, defaults: Manifest, version: str, written: Any
) -> None:
    rendering = provision(cluster_renderer.with_platform(capiVersion=version), defaults)
    [bootstrap] = keys(rendering, "workers-bootstrap-")
    configured = ordered(rendering, "control-plane")["spec"]["kubeadmConfigSpec"]
    joining = ordered(rendering, bootstrap)["spec"]["template"]["spec"]["joinConfiguration"]
    for part in (configured["initConfiguration"], configured["joinConfiguration"], joining):
        assert part == {"nodeRegistration": {"kubeletExtraArgs": written}}


def test_a_machine_that_goes_is_not_waited_for_without_end(cluster_renderer: Renderer, defaults: Manifest) -> None:
    order = {**defaults, "nodeDrainTimeout": "1h30m", "nodeDeletionTimeout": "90s"}
    rendering = provision(cluster_renderer, order)
    expected = {
        "nodeDrainTimeoutSeconds": 5400,
        "nodeDeletionTimeoutSeconds": 90,
        "nodeVolumeDetachTimeoutSeconds": 300,
    }
    assert ordered(rendering, "control-plane")["spec"]["machineTemplate"]["spec"]["deletion"] == expected
    assert ordered(rendering, "workers")["spec"]["template"]["spec"]["deletion"] == expected


def test_pause_and_restart(cluster_renderer: Renderer, defaults: Manifest, complete: Rendering) -> None:
    after = "2026-01-01T00:00:00Z"
    rendering = cluster_renderer.render({**defaults, "paused": True, "rolloutAfter": after}, everything(complete))
    assert ordered(rendering, "cluster")["spec"]["paused"]
    for key in ("control-plane", "workers"):
        assert ordered(rendering, key)["spec"]["rollout"] == {"after": after}
        assert "rollout" not in ordered(complete, key)["spec"]
    assert not ordered(complete, "cluster")["spec"]["paused"]


def test_replicas_of_an_autoscaler_are_left_to_it(
    cluster_renderer: Renderer, defaults: Manifest, complete: Rendering
) -> None:
    prefix = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-"
    workers = as_provided(complete.resources["workers"], HEALTHY["workers"])
    seen = workers["status"]["atProvider"]["manifest"]
    seen["metadata"]["annotations"] = {f"{prefix}min-size": "2", f"{prefix}max-size": "9"}
    seen["spec"]["replicas"] = 6
    rendering = cluster_renderer.render(defaults, everything(complete, workers=workers))
    assert "replicas" not in ordered(rendering, "workers")["spec"]
    assert rendering.composite["status"]["workers"]["desired"] == 6


# A change of what machines are like


@pytest.mark.parametrize(
    ("key", "role", "change"),
    [
        ("workers", "workers", {"workerMemory": "16Gi"}),
        ("workers", "workers", {"workerCPU": "8"}),
        ("control-plane", "control-plane", {"controlPlaneMemory": "16Gi"}),
        ("control-plane", "control-plane", {"kubernetesVersion": "v1.32.0"}),
    ],
)
def test_machines_are_repointed_once_the_new_template_exists(
    *, cluster_renderer: Renderer, defaults: Manifest, complete: Rendering, key: str, role: str, change: Manifest
) -> None:
    order = {**defaults, **change}
    [former] = keys(complete, f"{role}-template-")
    seen = everything(complete)
    announced = cluster_renderer.render(order, seen)
    [new] = set(keys(announced, f"{role}-template-")) - {former}
    assert ordered(announced, key) == ordered(complete, key), "machines can not be made by what is not there"
    assert not announced.is_ready
    assert not announced.composite["status"]["clusterReady"]

    seen.append(as_provided(announced.resources[new]))
    repointed = cluster_renderer.render(order, seen)
    assert ordered(repointed, new)["metadata"]["name"] in str(ordered(repointed, key)["spec"])
    assert ordered(repointed, former) == ordered(complete, former)
    assert policies(repointed, former) == KEPT


def rolling(
    complete: Rendering, repointed: Rendering, replicas: int, up_to_date: int, generation: int = 1
) -> list[Manifest]:
    """All of a cluster whose workers are being replaced."""
    status = {**HEALTHY["workers"], "replicas": replicas, "upToDateReplicas": up_to_date}
    workers = as_provided(repointed.resources["workers"], status)
    workers["status"]["atProvider"]["manifest"]["metadata"]["generation"] = generation
    return everything(repointed, workers=workers)


def resized(renderer: Renderer, defaults: Manifest, complete: Rendering) -> tuple[Manifest, Rendering, str]:
    """An order of larger workers, what it becomes once they are repointed, and the key of the former template."""
    order = {**defaults, "workerMemory": "16Gi"}
    [former] = keys(complete, "workers-template-")
    repointed = renderer.render(order, everything(renderer.render(order, everything(complete))))
    return order, repointed, former


@pytest.mark.parametrize(("replicas", "up_to_date", "generation"), [(4, 1, 1), (4, 3, 1), (3, 2, 1), (3, 3, 2)])
def test_the_former_template_stays_while_a_machine_is_left(
    *,
    cluster_renderer: Renderer,
    defaults: Manifest,
    complete: Rendering,
    replicas: int,
    up_to_date: int,
    generation: int,
) -> None:
    order, repointed, former = resized(cluster_renderer, defaults, complete)
    seen = rolling(complete, repointed, replicas, up_to_date, generation)
    assert policies(cluster_renderer.render(order, seen), former) == KEPT


def test_the_former_template_goes_once_all_machines_are_new(
    cluster_renderer: Renderer, defaults: Manifest, complete: Rendering
) -> None:
    order, repointed, former = resized(cluster_renderer, defaults, complete)
    released = cluster_renderer.render(order, rolling(complete, repointed, 3, 3))
    assert policies(released, former) == [*KEPT, "Delete"]
    dropped = cluster_renderer.render(order, everything(released))
    assert former not in dropped.resources
    assert dropped.is_ready


def test_a_change_taken_back_returns_to_the_former_template(
    cluster_renderer: Renderer, defaults: Manifest, complete: Rendering
) -> None:
    _first, repointed, former = resized(cluster_renderer, defaults, complete)
    back = cluster_renderer.render(defaults, rolling(complete, repointed, 4, 1))
    assert ordered(back, "workers") == ordered(complete, "workers")
    assert policies(back, former) == KEPT


def test_what_does_not_change_machines_makes_no_template(
    cluster_renderer: Renderer, defaults: Manifest, complete: Rendering
) -> None:
    order = {**defaults, "workerNodes": 5, "controlPlaneNodes": 5, "nodeDrainTimeout": "1m", "vaultPath": "elsewhere"}
    rendering = cluster_renderer.render(order, everything(complete))
    assert rendering.resources.keys() == complete.resources.keys()
    assert ordered(rendering, "workers")["spec"]["replicas"] == 5


# Creation and removal


def test_only_the_cluster_is_deleted_and_all_the_rest_is_its_own(complete: Rendering) -> None:
    assert {key for key in complete.resources if key != "helm" and "Delete" in policies(complete, key)} == {"cluster"}
    owner = {
        "apiVersion": "cluster.x-k8s.io/v1beta2",
        "kind": "Cluster",
        "name": "dev",
        "uid": "uid of Cluster",
    }
    for key, item in complete.resources.items():
        if item["kind"] == "Object" and key not in FIRST:
            assert ordered(complete, key)["metadata"]["ownerReferences"] == [owner]


def test_what_cluster_api_adopts_is_left_to_it(complete: Rendering) -> None:
    """It is found by the Cluster's references, and its owner is written by Cluster API alone."""
    for key in FIRST:
        assert "ownerReferences" not in ordered(complete, key)["metadata"]


def test_the_network_never_holds_up_a_deletion(complete: Rendering) -> None:
    """Its API goes with the cluster."""
    assert policies(complete, "cni") == KEPT


@pytest.mark.parametrize(
    ("labels", "holder"),
    [
        ({"crossplane.io/claim-namespace": "a", "crossplane.io/claim-name": "b"}, "claim a/b"),
        ({"crossplane.io/composite": "other"}, "composite other"),
        ({}, "no claim"),
    ],
)
def test_a_cluster_that_belongs_to_another_is_refused(
    cluster_renderer: Renderer, defaults: Manifest, complete: Rendering, labels: dict[str, str], holder: str
) -> None:
    another = as_provided(complete.resources["cluster"])
    another["metadata"]["labels"] = labels
    rendering = cluster_renderer.render(defaults, in_the_cluster=[another])
    assert rendering.fatal == [f"Object dev-cluster exists and belongs to {holder}; choose another environment."]
    assert not rendering.resources


# The network


@pytest.mark.parametrize(
    ("plugin", "namespace", "values"),
    [
        (
            "kube-ovn",
            "kube-system",
            {
                "MASTER_NODES_LABEL": "node-role.kubernetes.io/control-plane=",
                "ipv4": {"POD_CIDR": "10.1.0.0/16", "POD_GATEWAY": "10.1.0.1", "SVC_CIDR": "10.2.0.0/16"},
            },
        ),
        (
            "calico",
            "tigera-operator",
            {
                "installation": {
                    "calicoNetwork": {"ipPools": [{"cidr": "10.1.0.0/16", "encapsulation": "VXLAN"}]},
                    "serviceCIDRs": ["10.2.0.0/16"],
                }
            },
        ),
        (
            "cilium",
            "kube-system",
            {"ipam": {"mode": "cluster-pool", "operator": {"clusterPoolIPv4PodCIDRList": ["10.1.0.0/16"]}}},
        ),
    ],
)
def test_the_network_gets_the_claims_addresses(
    cluster_renderer: Renderer, defaults: Manifest, plugin: str, namespace: str, values: Manifest
) -> None:
    order = {**defaults, "networkPlugin": plugin, "podCIDR": "10.1.0.0/16", "serviceCIDR": "10.2.0.0/16"}
    rendering = provision(cluster_renderer, order)
    release = rendering.resources["cni"]["spec"]
    assert release["forProvider"]["values"] == values
    assert release["forProvider"]["namespace"] == namespace
    assert release["rollbackLimit"] == 3
    assert ordered(rendering, "cluster")["spec"]["clusterNetwork"] == {
        "pods": {"cidrBlocks": ["10.1.0.0/16"]},
        "services": {"cidrBlocks": ["10.2.0.0/16"]},
    }


def test_the_platforms_values_are_merged_with_the_claims(cluster_renderer: Renderer, defaults: Manifest) -> None:
    chart = {"chart": "own", "repository": "https://charts.example.org", "version": "1.2.3"}
    values = {"operator": {"replicas": 1}, "ipam": {"mode": "kubernetes", "operator": {"clusterPoolIPv4MaskSize": 25}}}
    platform = cluster_renderer.with_platform(cni={"cilium": {**chart, "values": values}})
    wanted = provision(platform, {**defaults, "networkPlugin": "cilium"}).resources["cni"]["spec"]["forProvider"]
    assert wanted["chart"] == {"name": "own", "repository": chart["repository"], "version": chart["version"]}
    assert wanted["values"] == {
        "operator": {"replicas": 1},
        "ipam": {
            "mode": "cluster-pool",
            "operator": {"clusterPoolIPv4MaskSize": 25, "clusterPoolIPv4PodCIDRList": ["10.244.0.0/16"]},
        },
    }


def test_the_network_is_installed_in_the_cluster_itself(complete: Rendering, style: str) -> None:
    reference = {"name": "dev", **({} if style == "claims" else {"kind": "ProviderConfig"})}
    assert complete.resources["cni"]["spec"]["providerConfigRef"] == reference
    credentials = complete.resources["helm"]["spec"]["credentials"]
    secret = {"namespace": "dev", "name": "dev-kubeconfig", "key": "value"}
    assert credentials == {"source": "Secret", "secretRef": secret}


def test_the_network_stays_while_the_api_is_out(
    cluster_renderer: Renderer, defaults: Manifest, complete: Rendering
) -> None:
    lost = as_provided(complete.resources["cluster"], {"observedGeneration": 1, "conditions": []})
    rendering = cluster_renderer.render(defaults, everything(complete, cluster=lost))
    assert rendering.resources.keys() == complete.resources.keys()


# The cloud controller


def test_the_cloud_controller_has_its_kubeconfig_and_its_namespace(complete: Rendering) -> None:
    deployment = ordered(complete, "cloud-controller-manager")["spec"]["template"]["spec"]
    [container] = deployment["containers"]
    assert container["image"] == "quay.io/kubevirt/kubevirt-cloud-controller-manager:v0.5.1"
    assert "--cluster-name=dev" in container["args"]
    assert "--kubeconfig=/etc/kubernetes/kubeconfig/value" in container["args"]
    assert {"name": "kubeconfig", "secret": {"secretName": "dev-kubeconfig"}} in deployment["volumes"]
    config = ordered(complete, "cloud-config")["data"]["cloud-config"]
    assert "namespace: dev\n" in config
    assert "  cluster.x-k8s.io/cluster-name: dev\n" in config
    assert "creationPollTimeout: 60" in config


def test_the_cloud_controller_may_act_in_its_namespace_only(complete: Rendering) -> None:
    binding = ordered(complete, "cloud-access")
    assert binding["kind"] == "RoleBinding"
    assert binding["roleRef"]["name"] == "platform-api-cloud-controller-manager"
    account = "dev-cloud-controller-manager"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "namespace": "dev", "name": account}]
    assert ordered(complete, "cloud-account")["metadata"]["name"] == account
    assert ordered(complete, "cloud-controller-manager")["spec"]["template"]["spec"]["serviceAccountName"] == account


def test_a_chart_of_the_platform_takes_its_place(cluster_renderer: Renderer, defaults: Manifest, style: str) -> None:
    chart = {"chart": "kccm", "repository": "oci://registry.example.org/charts", "version": "0.7.0"}
    values = {"infraClusterLabels": ["cluster.x-k8s.io/cluster-name=$cluster"], "secret": "$kubeconfig", "replicas": 1}
    platform = cluster_renderer.with_platform(kccm={**chart, "values": values})
    rendering = provision(platform, defaults)
    assert not rendering.resources.keys() & (BESIDE - {"cloud-controller-manager"})
    release = rendering.resources["cloud-controller-manager"]
    assert release["kind"] == "Release"
    assert release["spec"]["forProvider"]["namespace"] == "dev"
    assert release["spec"]["forProvider"]["values"] == {
        "infraClusterLabels": ["cluster.x-k8s.io/cluster-name=dev"],
        "secret": "dev-kubeconfig",
        "replicas": 1,
    }
    kind = {} if style == "claims" else {"kind": "ClusterProviderConfig"}
    assert release["spec"]["providerConfigRef"] == {"name": "helm-provider", **kind}
    assert "Delete" in release["spec"]["managementPolicies"]


# When it is ready


@pytest.mark.parametrize("key", ["cluster", "control-plane", "workers", "cni", "cloud-controller-manager"])
def test_the_claim_is_ready_when_all_of_it_is(
    cluster_renderer: Renderer, defaults: Manifest, complete: Rendering, key: str
) -> None:
    out = as_provided(complete.resources[key], HEALTHY.get(key))
    out["status"]["conditions"][0]["status"] = "False"
    others = [as_provided(item, HEALTHY.get(name)) for name, item in complete.resources.items() if name != key]
    rendering = cluster_renderer.render(defaults, [*others, out])
    assert not rendering.is_ready
    assert not rendering.composite["status"]["clusterReady"]
    assert complete.composite["status"]["clusterReady"]


@pytest.mark.parametrize("change", [{"workerNodes": 5}, {"controlPlaneNodes": 1}, {"paused": True}])
def test_what_was_ready_before_a_change_is_not_ready_with_it(
    cluster_renderer: Renderer, defaults: Manifest, complete: Rendering, change: Manifest
) -> None:
    rendering = cluster_renderer.render({**defaults, **change}, everything(complete))
    assert not rendering.is_ready
    assert not rendering.composite["status"]["clusterReady"]


@pytest.mark.parametrize("key", ["workers", "cni"])
def test_a_verdict_on_what_was_wanted_before_does_not_count(
    cluster_renderer: Renderer, defaults: Manifest, complete: Rendering, key: str
) -> None:
    stale = as_provided(complete.resources[key], HEALTHY.get(key))
    stale["metadata"]["generation"] = 2
    rendering = cluster_renderer.render(defaults, everything(complete, **{key: stale}))
    assert not rendering.is_ready


def test_objects_are_watched_and_say_themselves_whether_they_are_available(complete: Rendering) -> None:
    watched = {key for key, item in complete.resources.items() if item["spec"].get("watch")}
    assert watched == {"cluster", "control-plane", "workers", "cloud-controller-manager"}
    for key in watched:
        readiness = complete.resources[key]["spec"]["readiness"]
        assert readiness["policy"] == "DeriveFromCelQuery"
        assert "observedGeneration >= object.metadata.generation" in readiness["celQuery"]


# What the claim is told


def test_the_status_tells_endpoint_version_counts_and_conditions(
    cluster_renderer: Renderer, defaults: Manifest, complete: Rendering, cluster_xrd: Manifest
) -> None:
    cluster = as_provided(complete.resources["cluster"], HEALTHY["cluster"])
    cluster["status"]["atProvider"]["manifest"]["spec"]["controlPlaneEndpoint"] = {"host": "10.0.0.1", "port": 6443}
    told = cluster_renderer.render(defaults, everything(complete, cluster=cluster)).composite["status"]
    told.pop("conditions")
    assert told == {
        "clusterEndpoint": "https://10.0.0.1:6443",
        "clusterReady": True,
        "kubeconfig": "dev-kubeconfig",
        "kubernetesVersion": "v1.31.0",
        "controlPlane": {"desired": 3, "ready": 3, "upToDate": 3},
        "workers": {"desired": 3, "ready": 3, "upToDate": 3},
        "clusterConditions": [{"type": "Available", "status": "True", "reason": "Available", "message": ""}],
    }
    schema = cluster_xrd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert set(told) == set(schema["properties"])
    Draft202012Validator(closed(schema)).validate(told)


def test_cluster_apis_older_words_are_understood(cluster_renderer: Renderer, defaults: Manifest) -> None:
    old = cluster_renderer.with_platform(capiVersion="v1beta1")
    rendering = old.render(defaults)
    conditions = [{"type": "ControlPlaneInitialized", "status": "True"}, {"type": "Ready", "status": "True"}]
    control_plane = {"observedGeneration": 1, "replicas": 3, "readyReplicas": 2, "updatedReplicas": 3}
    seen = [
        as_provided(rendering.resources["cluster"], {"conditions": conditions}),
        as_provided(rendering.resources["control-plane"], control_plane),
    ]
    following = old.render(defaults, seen)
    assert "helm" in following.resources
    assert following.composite["status"]["controlPlane"] == {"desired": 3, "ready": 2, "upToDate": 3}


# What the schema holds a claim to


@pytest.mark.parametrize(
    "parameters",
    [
        {"environment": "test"},
        {"controlPlaneNodes": 0},
        {"controlPlaneNodes": 7},
        {"workerNodes": 0},
        {"workerNodes": 11},
        {"workerCPU": 4},
        {"workerCPU": "500m"},
        {"workerMemory": "8"},
        {"workerMemory": "8GB"},
        {"workerStorage": "0Gi"},
        {"kubernetesVersion": "1.31"},
        {"kubernetesVersion": 1.31},
        {"kubernetesVersion": "latest"},
        {"networkPlugin": "flannel"},
        {"serviceType": "ExternalName"},
        {"podCIDR": "10.244.0.0"},
        {"podCIDR": "10.244.0.0/33"},
        {"nodeDrainTimeout": "5"},
        {"nodeDrainTimeout": ""},
        {"storageClass": ""},
        {"controlPlaneEndpoint": {"port": 6443}},
        {"vaultPath": ""},
    ],
)
def test_the_schema_refuses(
    cluster_parameters_schema: dict[str, Any], defaults: Manifest, parameters: Manifest
) -> None:
    assert not Draft202012Validator(cluster_parameters_schema).is_valid({**defaults, **parameters})


def test_what_a_claim_may_leave_out(cluster_parameters_schema: dict[str, Any], defaults: Manifest) -> None:
    """The defaults of the seed, and those that came after it."""
    assert cluster_parameters_schema["required"] == ["environment", "vaultPath"]
    assert {name: value for name, value in defaults.items() if name not in ("environment", "vaultPath")} == {
        "controlPlaneNodes": 3,
        "workerNodes": 3,
        "controlPlaneCPU": "4",
        "controlPlaneMemory": "8Gi",
        "controlPlaneStorage": "50Gi",
        "workerCPU": "4",
        "workerMemory": "8Gi",
        "workerStorage": "100Gi",
        "kubernetesVersion": "v1.31.0",
        "machineImageRegistry": "quay.io/capk",
        "enableLiveMigration": True,
        "networkPlugin": "kube-ovn",
        "podCIDR": "10.244.0.0/16",
        "serviceCIDR": "10.96.0.0/12",
        "serviceType": "LoadBalancer",
        "nodeDrainTimeout": "5m",
        "nodeDeletionTimeout": "5m",
        "nodeVolumeDetachTimeout": "5m",
        "paused": False,
    }
