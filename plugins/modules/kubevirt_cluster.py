#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubevirt_cluster
short_description: Make, resize and delete a Kubernetes cluster on KubeVirt, and keep its kubeconfig
version_added: 0.1.0
description:
  - Brings the claim of a C(KubernetesCluster) to the wanted state, as M(pnow.infra.xrd_claim) does with any claim, and
    knows what is behind it, which is Cluster API.
  - What a change means to the machines is told before anything is written. The number of machines changes in place. For
    CPU, memory, larger disks, live migration and the next minor version of Kubernetes, new machines take the place of
    the old ones, one by one. What the cluster there is can not undergo is refused, with the reason; see
    O(allow_replace).
  - A cluster counts as ready when its claim and everything behind it are, its control plane and its workers are as many
    and as new as asked for, and it has stood still for a moment. The conditions of Cluster API's v1beta2 count, and
    those of v1beta1 where there are no others.
  - When a machine has failed for good, the wait ends at once. RV(ignore:blockers) go down to the Machine, the
    KubevirtMachine and the virtual machine, and have the pod and the disruption budget that hold up a drain.
  - Absent means gone, down to the virtual machines.
author: pnow.infra contributors (@pnow)
extends_documentation_fragment:
  - pnow.infra.kubernetes_suboptions
  - pnow.infra.vault_suboptions
  - pnow.infra.attributes
options:
  name:
    description: Name of the claim.
    type: str
    required: true
  namespace:
    description: Namespace of the claim and of all objects of the cluster, which must exist.
    type: str
    required: true
  api_domain:
    description: The platform's domain, of which the claim's API group is C(compute.DOMAIN).
    type: str
    default: yourdomain.com
  environment:
    description:
      - Environment of the cluster, after which the C(Cluster) and its machines are named.
      - Needed with O(state=present). With O(state=absent) it tells whose kubeconfig is kept once the claim has gone.
    type: str
  control_plane_nodes:
    description:
      - Number of machines of the control plane, which is odd, for one more than that makes etcd no safer.
      - What is left out here and below is as the platform's definition has it.
    type: int
  control_plane_cpu:
    description: Number of cores of each machine of the control plane, such as V(4).
    type: str
  control_plane_memory:
    description: Memory of each machine of the control plane, such as V(8Gi).
    type: str
  control_plane_storage:
    description: Disk of each machine of the control plane, such as V(50Gi).
    type: str
  control_plane_endpoint:
    description: Address of the cluster's API, where it is not that of the load balancer's Service.
    type: dict
    suboptions:
      host:
        description: Name or IP address.
        type: str
        required: true
      port:
        description: Port.
        type: int
        required: true
  worker_nodes:
    description:
      - Number of workers.
      - Not applied while the C(MachineDeployment) has the annotations of an autoscaler; there is a warning instead.
    type: int
  worker_cpu:
    description: Number of cores of each worker, such as V(4).
    type: str
  worker_memory:
    description: Memory of each worker, such as V(8Gi).
    type: str
  worker_storage:
    description: Disk of each worker, such as V(100Gi).
    type: str
  kubernetes_version:
    description:
      - Version of Kubernetes, in full and quoted, such as V(v1.31.0); the V(v) may be left out.
      - It goes up by one minor version at a time, and never down. Where Cluster API was installed by its operator or by
        C(clusterctl), which remember its version, it is also checked against what that version runs.
    type: raw
  machine_image_registry:
    description: Registry and path of the machines' images.
    type: str
  enable_live_migration:
    description: Whether the virtual machines move to another host when theirs is drained.
    type: bool
  network_plugin:
    description: Which network plugin the cluster has, such as V(kube-ovn), V(calico) or V(cilium).
    type: str
  pod_cidr:
    description: Address range of pods.
    type: str
  service_cidr:
    description: Address range of Services.
    type: str
  service_type:
    description: Type of the Service of the cluster's API in the management cluster, such as V(LoadBalancer).
    type: str
  storage_class:
    description: Storage class of the machines' disks. Without one they have the disk of their image, and lose it.
    type: str
  node_drain_timeout:
    description: How long draining a machine may take before it is deleted all the same, such as V(5m).
    type: str
  node_deletion_timeout:
    description: How long deleting a machine's node may take, such as V(5m).
    type: str
  node_volume_detach_timeout:
    description: How long detaching a machine's volumes may take, such as V(5m).
    type: str
  paused:
    description:
      - Whether Cluster API leaves the cluster alone. The task then waits for no more than that it does.
      - A cluster that somebody else has paused is said to be, and not waited for.
    type: bool
    default: false
  rollout_after:
    description:
      - Machines that are older than this moment (RFC 3339, quoted) are replaced one by one.
      - Left out, that of an earlier run stays, for a rollout that is under way would stop half way.
    type: str
  vault_path:
    description:
      - Path of the secret in Vault that has the cluster's kubeconfig, as C(vault kv get) takes it.
      - Needed with O(state=present).
    type: str
  kubeconfig:
    description:
      - Where the cluster's kubeconfig is kept. It is written when it differs, as after Cluster API has renewed its
        certificate, and only if it opens the cluster from where the task runs. See O(kubeconfig_login).
      - V(path) is the file O(kubeconfig_path). V(vault) is the secret O(vault_path), of version 1 or 2 of a key-value
        engine, with C(kubeconfig), C(server), C(issuer) and C(expires); what else the secret has is left alone.
      - With O(state=absent) it is removed, unless by its cluster's name or its server it is another cluster's, which a
        warning then says.
    type: str
    choices: [none, path, vault]
    default: none
  kubeconfig_path:
    description:
      - The file, which is replaced as a whole and which only its owner may read. A folder that does not exist is made,
        and only its owner may open it.
      - Needed with O(kubeconfig=path).
    type: path
  kubeconfig_login:
    description:
      - What the kubeconfig opens the cluster with.
      - V(certificate) is that of the administrator, as Cluster API makes it, which lasts a year and can not be revoked.
      - V(service_account) is a token of service account C(pnow-infra) in C(kube-system), which the cluster is given and
        binds to C(cluster-admin). It lasts for O(kubeconfig_lifetime) and no longer than the account; once half of its
        life is over, the task replaces it, so it has to run again before the other half is.
    type: str
    choices: [certificate, service_account]
    default: certificate
  kubeconfig_lifetime:
    description:
      - How long the token of O(kubeconfig_login=service_account) lasts, such as V(24h). The cluster's API server may
        allow less, and gives none for less than ten minutes.
    type: str
    default: 24h
  allow_replace:
    description:
      - Whether a change that the cluster there is can not undergo is made by deleting it, with all that runs in it, and
        making it anew.
    type: bool
    default: false
  composition_selector:
    description: Labels of the composition to use.
    type: dict
    default: {}
  labels:
    description: Labels of the claim.
    type: dict
    default: {}
  annotations:
    description: Annotations of the claim.
    type: dict
    default: {}
  state:
    description:
      - Whether the cluster shall exist or not.
      - With V(absent), a claim that this module did not create is left alone, with a warning. See O(adopt).
    type: str
    choices: [present, absent]
    default: present
  adopt:
    description: Whether a claim that was not created by this collection becomes its own, or is deleted all the same.
    type: bool
    default: false
  force_conflicts:
    description: Whether to take over fields that another manager owns with another value, instead of failing.
    type: bool
    default: false
  gitops_owned:
    description: What to do when the claim carries the marks of Argo CD or Flux, as for M(pnow.infra.xrd_claim).
    type: str
    choices: [refuse, apply]
    default: refuse
  wait:
    description: Whether to wait until the wanted state is reached, and not only requested.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long the task may take in all, waiting included; seconds, or a duration such as V(90s), V(20m), V(1h30m).
    type: str
    default: 20m
notes:
  - Connections have options of their own, O(kubernetes) and O(vault), so C(module_defaults) of the action groups do not
    reach this module; environment variables do.
  - Beside the claim, the caller needs to read the objects of Cluster API and KubeVirt in O(namespace), for whether the
    cluster is ready and why not, and with O(kubeconfig) the Secret of the kubeconfig.
seealso:
  - module: pnow.infra.kubevirt_cluster_info
  - module: pnow.infra.xrd_claim
"""

EXAMPLES = r"""
- name: The cluster of dev is ready, and its kubeconfig is in Vault
  pnow.infra.kubevirt_cluster:
    name: dev-cluster
    namespace: dev
    environment: dev
    control_plane_nodes: 1
    worker_nodes: 2
    worker_memory: 4Gi
    kubernetes_version: v1.31.0
    vault_path: secret/clusters/dev
    kubeconfig: vault
    wait_timeout: 20m

- name: What would more memory for the workers mean?
  pnow.infra.kubevirt_cluster:
    name: dev-cluster
    namespace: dev
    environment: dev
    control_plane_nodes: 1
    worker_nodes: 2
    worker_memory: 8Gi
    kubernetes_version: v1.31.0
    vault_path: secret/clusters/dev
  check_mode: true
  register: would # would.resize is rolling

- name: The cluster of dev is gone, down to its virtual machines, and so is its kubeconfig
  pnow.infra.kubevirt_cluster:
    name: dev-cluster
    namespace: dev
    environment: dev
    vault_path: secret/clusters/dev
    kubeconfig: vault
    state: absent

- name: A kubeconfig for today
  pnow.infra.kubevirt_cluster:
    name: dev-cluster
    namespace: dev
    environment: dev
    vault_path: secret/clusters/dev
    kubeconfig: path
    kubeconfig_path: ~/.kube/dev
    kubeconfig_login: service_account
    kubeconfig_lifetime: 8h
"""

RETURN = r"""
cluster:
  description: The claim, as an entry of RV(pnow.infra.xrd_claim#module:claims), and the cluster behind it.
  returned: success
  type: dict
  contains: &cluster
    api_version: {description: API group and version of the claim., type: str}
    kind: {description: Kind of the claim., type: str}
    namespace: {description: Namespace., type: str}
    name: {description: Name of the claim., type: str}
    exists: {description: Whether the claim exists., type: bool}
    created: {description: "Whether this collection created the claim, or adopted it.", type: bool}
    ready: {description: Whether the cluster is ready for what its claim asks for., type: bool}
    synced: {description: Whether Crossplane has accepted the claim., type: bool}
    composite: {description: Name of the composite behind the claim., type: str}
    connection_secret: {description: Always empty., type: str}
    parameters: {description: What the claim asks for., type: dict}
    spec: {description: What it asks for beside them., type: dict}
    status: {description: The claim's status without its conditions., type: dict}
    endpoint: {description: URL of the cluster's API., type: str}
    kubernetes_version: {description: The oldest version of the control plane's machines., type: str}
    control_plane: {description: "Machines of the control plane: C(desired), C(ready), C(up_to_date).", type: dict}
    workers: {description: "Workers: C(desired), C(ready), C(up_to_date).", type: dict}
    autoscaled: {description: The MachineDeployments that an autoscaler scales., type: list, elements: str}
    paused: {description: Whether Cluster API leaves the cluster alone., type: bool}
    deleting: {description: Whether the cluster is being deleted., type: bool}
    machines:
      description: Each machine with C(name), C(control_plane), C(ready), C(phase), C(state), C(version) and C(node).
      type: list
      elements: dict
    blockers: {description: Always empty here; see the failed result., type: list, elements: dict}
resize:
  description:
    - What the changes mean to a cluster that exists, V(in_place), V(rolling) or V(replace); empty when nothing changes.
  returned: with O(state=present)
  type: str
  sample: rolling
changes:
  description: The options that change, each with C(option), C(before), C(after), C(way) and C(why) it is impossible.
  returned: with O(state=present)
  type: list
  elements: dict
  sample: [{option: worker_memory, before: 4Gi, after: 8Gi, way: rolling, why: ""}]
kubeconfig:
  description:
    - Where the kubeconfig is kept, its C(server), and who has issued its certificate or token until when (C(issuer),
      C(expires)). Empty when it is not kept.
  returned: with O(state=present)
  type: dict
  sample:
    vault_path: secret/clusters/dev
    server: https://10.20.30.40:6443
    issuer: kubernetes
    expires: "2027-01-31T12:00:00Z"
kept:
  description: The claim and its composite, if they were left alone because they are somebody else's.
  returned: with O(state=absent)
  type: list
  elements: dict
blockers:
  description: When the task failed waiting, the objects that are not ready or not gone, causes first, at most 25.
  returned: failure
  type: list
  elements: dict
  contains: &blocker
    api_version: {description: API group and version., type: str}
    kind: {description: Kind., type: str}
    namespace: {description: Namespace; empty for a cluster-scoped object., type: str}
    name: {description: Name., type: str}
    condition: {description: The condition that is not as it should be., type: str}
    reason: {description: Its reason., type: str}
    message: {description: Its message., type: str}
    since: {description: Since when (RFC 3339)., type: str}
    finalizers: {description: What holds an object that is being deleted., type: list, elements: str}
    events: {description: The newest events about the object., type: list, elements: str}
leftovers:
  description: When the task failed waiting for a deletion, the objects that are left, causes first, at most 25.
  returned: failure
  type: list
  elements: dict
  contains: *blocker
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.pnow.infra.plugins.module_utils._clients.clock import SystemClock
from ansible_collections.pnow.infra.plugins.module_utils._clients.cluster_api.workloads import WorkloadClusters
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes.api import connect
from ansible_collections.pnow.infra.plugins.module_utils._clients.vault import api as vault
from ansible_collections.pnow.infra.plugins.module_utils._domain.vault.ports import Vault
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import (
    ADOPT,
    CLUSTER,
    FORCE,
    GITOPS,
    KUBERNETES,
    STATE,
    VAULT,
    WAIT,
)
from ansible_collections.pnow.infra.plugins.module_utils._runtime.cluster_api.clusters import Servers, reconcile_cluster
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request, Task, run_module


def reconcile(request: Request) -> Outcome:
    clock = SystemClock()
    management = connect(request.options["kubernetes"], clock, request.reporter.warn, permit=request.permit)
    with management as api, _vault(request, clock) as keeper:
        return reconcile_cluster(request, Servers(api, WorkloadClusters(clock), clock, keeper))


@contextmanager
def _vault(request: Request, clock: SystemClock) -> Iterator[Vault | None]:
    if request.options["kubeconfig"] != "vault":
        yield None
        return
    with vault.connect(request.options["vault"], clock, request.redactor.remember, permit=request.permit) as api:
        yield api


TASK = Task(
    arguments={
        "kubernetes": {"type": "dict", "apply_defaults": True, "options": KUBERNETES},
        "vault": {"type": "dict", "apply_defaults": True, "options": VAULT},
        **CLUSTER,
        "kubeconfig": {"type": "str", "choices": ["none", "path", "vault"], "default": "none", "no_log": False},
        "kubeconfig_path": {"type": "path"},
        "kubeconfig_login": {"type": "str", "choices": ["certificate", "service_account"], "default": "certificate"},
        "kubeconfig_lifetime": {"type": "str", "default": "24h"},
        "allow_replace": {"type": "bool", "default": False},
        **STATE,
        **ADOPT,
        **FORCE,
        **GITOPS,
        **WAIT,
        "wait_timeout": {"type": "str", "default": "20m"},
    },
    reconcile=reconcile,
    constraints={
        "required_if": [
            ("state", "present", ("environment", "vault_path")),
            ("kubeconfig", "path", ("kubeconfig_path",)),
            ("kubeconfig", "vault", ("vault_path",)),
        ]
    },
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
