#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_info
short_description: Read what is behind an environment's claims, its last runs, and when its kubeconfigs end
version_added: 0.1.0
description:
  - Reads what playbook C(status) shows of an environment beside the state of its claims.
  - What can not be read is named in RV(unread) and is no failure, for a status is asked for when something is wrong.
author: pnow.infra contributors (@pnow)
extends_documentation_fragment:
  - pnow.infra.kubernetes
  - pnow.infra.attributes
options:
  name:
    description: Name of the environment.
    type: str
    required: true
  namespace:
    description: Namespace of the environment; called like it unless this is set.
    type: str
  claims:
    description: Claims, of any kind, behind which to look.
    type: list
    elements: dict
    default: []
    suboptions:
      api_version:
        description: API group and version of the claim.
        type: str
        required: true
      kind:
        description: Kind of the claim.
        type: str
        required: true
      name:
        description: Name of the claim.
        type: str
        required: true
      namespace:
        description: Namespace of the claim.
        type: str
  kubeconfigs:
    description: Names of Secrets in which Cluster API keeps kubeconfigs. One that does not exist is passed over.
    type: list
    elements: str
    default: []
seealso:
  - module: pnow.infra.environment_status
  - module: pnow.infra.xrd_claim_info
"""

EXAMPLES = r"""
- name: What is behind the database of dev, and who was here last
  pnow.infra.environment_info:
    name: dev
    claims:
      - api_version: database.yourdomain.com/v1alpha1
        kind: PostgreSQLInstance
        namespace: dev
        name: dev-database
  register: dev    # dev.runs[-1].verb is provision
"""

RETURN = r"""
now:
  description: The API server's time (RFC 3339), to reckon ages and expiries by; empty when it does not tell.
  returned: success
  type: str
  sample: "2026-11-26T12:00:00Z"
trees:
  description:
    - The claims, each with C(kind), C(namespace), C(name) and C(nodes), the tree of M(pnow.infra.xrd_claim_info).
  returned: success
  type: list
  elements: dict
certificates:
  description: Each certificate in a kubeconfig, with C(what) it is and when it C(expires) (RFC 3339).
  returned: success
  type: list
  elements: dict
  sample: [{what: kubeconfig of dev, expires: "2027-11-23T10:00:00Z"}]
runs:
  description: The last runs of verbs on the environment, the oldest first, as they were recorded.
  returned: success
  type: list
  elements: dict
unread:
  description: What could not be read, with C(what) it is and C(msg), the reason.
  returned: success
  type: list
  elements: dict
"""

from ansible_collections.pnow.infra.plugins.module_utils._clients.clock import SystemClock
from ansible_collections.pnow.infra.plugins.module_utils._clients.cluster_api.workloads import WorkloadClusters
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes.api import connect
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import CLAIM_NAME, KUBERNETES
from ansible_collections.pnow.infra.plugins.module_utils._runtime.overview.info import describe_environment
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request, Task, run_module


def reconcile(request: Request) -> Outcome:
    clock = SystemClock()
    with connect(request.options, clock, request.reporter.warn) as api:
        return describe_environment(request, api, WorkloadClusters(clock), clock)


TASK = Task(
    arguments={
        **KUBERNETES,
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str"},
        "claims": {"type": "list", "elements": "dict", "default": [], "options": CLAIM_NAME},
        "kubeconfigs": {"type": "list", "elements": "str", "default": []},
    },
    reconcile=reconcile,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
