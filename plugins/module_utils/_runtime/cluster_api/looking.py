# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a cluster from Cluster API's objects, and what blocks it from those behind its machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from ..._domain.cluster_api.cluster import ClusterState, hindrance
from ..._domain.cluster_api.conditions import CLUSTER_LABEL, PAUSED_ANNOTATION, counts_of
from ..._domain.cluster_api.machines import MachineState, infrastructure_hindrance, vm_hindrance
from ..._domain.cluster_api.versions import Version, parsed
from ..._domain.crossplane.readiness import Standing
from ..._domain.crossplane.real_object import kept_by
from ..._domain.errors import Forbidden, NotServed, Rejected
from ..._domain.kubernetes.blockers import Blocker
from ..._domain.kubernetes.manifest import Condition, Manifest, ObjectRef, finalizers, ref_of
from ..._domain.kubernetes.ports import Kubernetes
from ..crossplane.claim_tree import events_of

CORE_GROUP = "cluster.x-k8s.io"
INFRASTRUCTURE = "infrastructure.cluster.x-k8s.io/v1alpha1"
VIRTUAL_MACHINES = "kubevirt.io/v1"

# Below every managed resource: what is wrong with a machine explains what is wrong with them.
DEPTH = 1000

# Who has installed Cluster API remembers the version: its operator, or clusterctl.
_INSTALLERS = (
    ("operator.cluster.x-k8s.io/v1alpha2", "CoreProvider", ("status", "installedVersion")),
    ("clusterctl.cluster.x-k8s.io/v1alpha3", "Provider", ("version",)),
)


def kept_in(manifests: Iterable[Manifest | None]) -> dict[str, ObjectRef]:
    """The objects of Cluster API that managed resources keep, one of each kind."""
    refs = (kept_by(manifest) for manifest in manifests if manifest)
    return {ref.kind: ref for ref in refs if ref and ref.api_version.partition("/")[0].endswith(CORE_GROUP)}


def state_behind(api: Kubernetes, standing: Standing) -> ClusterState | None:
    """The cluster behind a claim; None as long as there is none."""
    return state_of(api, kept_in(node.manifest for node in standing.behind))


def state_of(api: Kubernetes, kept: Mapping[str, ObjectRef]) -> ClusterState | None:
    """The cluster among the objects that are kept; None as long as it does not exist."""
    ref = kept.get("Cluster")
    cluster = _read(api, ref)
    if ref is None or cluster is None:
        return None
    machines = _members(api, ref, "Machine")
    infrastructure = {}
    if machines:
        listed = _members(api, ref, "KubevirtMachine", INFRASTRUCTURE)
        infrastructure = {ref_of(item).name: item for item in listed}
    states = [MachineState(each, infrastructure.get(MachineState(each).infrastructure_name)) for each in machines]
    return ClusterState(
        cluster=cluster,
        control_plane=_read(api, kept.get("KubeadmControlPlane")),
        deployments=_members(api, ref, "MachineDeployment"),
        machines=states,
    )


def installed_version(api: Kubernetes) -> Version | None:
    """The version of Cluster API's core, as far as those who install it tell."""
    for api_version, kind, path in _INSTALLERS:
        with suppress(Forbidden, NotServed):
            for provider in api.list_objects(api_version, kind):
                if kind == "Provider" and provider.get("type") != "CoreProvider":
                    continue
                value = provider
                for name in path:
                    value = (value or {}).get(name) or {}
                if isinstance(value, str) and (version := parsed(value)):
                    return version
    return None


def blockers_behind(api: Kubernetes, state: ClusterState) -> list[Blocker]:
    """What keeps a cluster, down to its virtual machines."""
    found = list(_owners(api, state))
    if state.paused:
        why = f"nothing is done about it as long as it has spec.paused or annotation {PAUSED_ANNOTATION}"
        found.append(Blocker(state.ref, Condition("Paused", "True", "", why), DEPTH, terminal=True))
    for machine in [each for each in state.unready if each.failure] or state.unready:
        found += _machine_blockers(api, machine)
    return found


def members_of(api: Kubernetes, cluster: ObjectRef) -> dict[ObjectRef, Manifest]:
    """What goes with a cluster, its machines last: what holds one of them is what there is to say."""
    machines = _members(api, cluster, "Machine")
    infrastructure = _members(api, cluster, "KubevirtMachine", INFRASTRUCTURE)
    owners = [*_members(api, cluster, "MachineDeployment"), *_members(api, cluster, "MachineSet")]
    names = [ref_of(item).name for item in infrastructure]
    places = [
        ObjectRef(VIRTUAL_MACHINES, kind, name, cluster.namespace)
        for kind in ("VirtualMachineInstance", "VirtualMachine")
        for name in names
    ]
    vms = [vm for place in places if (vm := _read(api, place)) is not None]
    return {ref_of(item): item for item in (*owners, *infrastructure, *vms, *machines)}


def _members(api: Kubernetes, cluster: ObjectRef, kind: str, api_version: str = "") -> list[Manifest]:
    """The objects of a kind that belong to a cluster, as far as they may be read."""
    labels = f"{CLUSTER_LABEL}={cluster.name}"
    with suppress(Forbidden, NotServed):
        return api.list_objects(api_version or cluster.api_version, kind, cluster.namespace, labels)
    return []


def _read(api: Kubernetes, ref: ObjectRef | None) -> Manifest | None:
    """An object, if it exists and may be read."""
    with suppress(Forbidden, NotServed, Rejected):
        return api.get(ref) if ref else None
    return None


def _owners(api: Kubernetes, state: ClusterState) -> Iterator[Blocker]:
    """What the cluster and the owners of machines say; a MachineSet that makes none says it by its events only."""
    for depth, owner in enumerate((state.cluster, state.control_plane, *state.deployments)):
        wrong = hindrance(owner) if owner else None
        if owner and wrong:
            yield Blocker(ref_of(owner), wrong, DEPTH + depth)
    for machine_set in _members(api, state.ref, "MachineSet"):
        counts = counts_of(machine_set)
        if counts.existing < counts.desired:
            condition = Condition("Replicas", "False", "", f"{counts.existing} of {counts.desired} machines were made")
            made = Blocker(ref_of(machine_set), condition, DEPTH + 10)
            yield made.with_events(events_of(api, made.ref, machine_set))


def _machine_blockers(api: Kubernetes, machine: MachineState) -> Iterator[Blocker]:
    yield _told(api, machine.machine, machine.hindrance, DEPTH + 20, terminal=bool(machine.failure))
    infrastructure = machine.infrastructure
    if infrastructure is None:
        return
    wrong = infrastructure_hindrance(infrastructure)
    if wrong is None:
        return
    yield _told(api, infrastructure, wrong, DEPTH + 21)
    for depth, kind in enumerate(("VirtualMachine", "VirtualMachineInstance"), DEPTH + 22):
        ref = ObjectRef(VIRTUAL_MACHINES, kind, ref_of(infrastructure).name, machine.ref.namespace)
        vm = _read(api, ref)
        condition = vm_hindrance(vm) if vm else None
        if vm and condition:
            yield _told(api, vm, condition, depth)


def _told(api: Kubernetes, manifest: Manifest, condition: Condition, depth: int, *, terminal: bool = False) -> Blocker:
    held = tuple(finalizers(manifest)) if condition.type == "Deleting" else ()
    ref = ref_of(manifest)
    return Blocker(ref, condition, depth, held, terminal=terminal).with_events(events_of(api, ref, manifest))
