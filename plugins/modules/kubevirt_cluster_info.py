#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubevirt_cluster_info
short_description: Read or await Kubernetes clusters on KubeVirt, down to their machines
version_added: 0.1.0
description:
  - Reads the claims of C(KubernetesCluster), one or all, each with the cluster that Cluster API has made for it.
  - What changing a cluster would mean to its machines is told by M(pnow.infra.kubevirt_cluster) in check mode.
author: pnow.infra contributors (@pnow)
extends_documentation_fragment:
  - pnow.infra.kubernetes
  - pnow.infra.attributes
options:
  name:
    description: Name of the claim. All claims are read unless this is set.
    type: str
  namespace:
    description: Namespace of the claim, or of the claims to list; they are listed in all namespaces unless this is set.
    type: str
  api_domain:
    description: The platform's domain, of which the claims' API group is C(compute.DOMAIN).
    type: str
    default: yourdomain.com
  environment:
    description: Lists only the claims of this environment.
    type: str
  wait:
    description:
      - Whether to wait until the clusters are ready, as M(pnow.infra.kubevirt_cluster) does.
      - In check mode nothing is awaited.
    type: bool
    default: false
  wait_timeout:
    description:
      - How long the task may take in all; seconds, or a duration such as V(90s), V(20m), V(1h30m).
    type: str
    default: 20m
seealso:
  - module: pnow.infra.kubevirt_cluster
"""

EXAMPLES = r"""
- name: The cluster of dev
  pnow.infra.kubevirt_cluster_info:
    name: dev-cluster
    namespace: dev
  register: dev

- name: All clusters of the platform
  pnow.infra.kubevirt_cluster_info:
  register: platform
"""

RETURN = r"""
clusters:
  description: The claims, each with the cluster behind it as far as there is one.
  returned: success
  type: list
  elements: dict
  contains:
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
    conditions: {description: The claim's conditions with their age., type: list, elements: dict}
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
    progress: {description: "How far the cluster is, in words.", type: str}
    cluster_conditions:
      description: The Cluster's own conditions with C(type), C(status) and C(reason), v1beta2's where it has them.
      type: list
      elements: dict
    upgrades:
      description: The minor versions of Kubernetes that the cluster may be brought to, its own included.
      type: list
      elements: str
    blockers:
      description: The objects that are to blame when it is not ready, as in the failed result of that module.
      type: list
      elements: dict
  sample:
    - name: dev-cluster
      namespace: dev
      ready: false
      progress: "control plane 1/1, workers 1/2; dev-workers-x7k2p: waiting for bootstrap data"
      upgrades: [v1.31, v1.32]
cluster_api:
  description:
    - Which C(version) of Cluster API is installed, and the C(first) and C(last) minor version of Kubernetes it runs.
    - Empty where it was installed by something that does not remember its version, or the version is not known here.
  returned: success
  type: dict
  sample: {version: v1.13.6, first: v1.30, last: v1.36}
"""

from ansible_collections.pnow.infra.plugins.module_utils._clients.clock import SystemClock
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes.api import connect
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import CLUSTER_NAME, KUBERNETES, WAIT
from ansible_collections.pnow.infra.plugins.module_utils._runtime.cluster_api.cluster_info import describe_clusters
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request, Task, run_module


def reconcile(request: Request) -> Outcome:
    clock = SystemClock()
    with connect(request.options, clock, request.reporter.warn) as api:
        return describe_clusters(request, api, clock)


TASK = Task(
    arguments={
        **KUBERNETES,
        **CLUSTER_NAME,
        "name": {"type": "str"},
        "namespace": {"type": "str"},
        "environment": {"type": "str"},
        **WAIT,
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "str", "default": "20m"},
    },
    reconcile=reconcile,
    constraints={"required_by": {"name": ["namespace"]}},
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
