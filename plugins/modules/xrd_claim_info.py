#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xrd_claim_info
short_description: Read or await Crossplane claims, and say what blocks them
version_added: 0.1.0
description:
  - Reads Crossplane claims, given by name or listed by kind, namespace and labels.
  - A claim counts as ready when everything behind it is, as for M(pnow.infra.xrd_claim). For each one that is not
    ready, events of the objects that are to blame are read, too.
  - Composites that are made without a claim (of a definition whose C(scope) is V(Namespaced) or V(Cluster)) are read in
    the same way.
author: pnow.infra contributors (@pnow)
extends_documentation_fragment:
  - pnow.infra.kubernetes
  - pnow.infra.attributes
options:
  claims:
    description:
      - The claims, by name.
      - Either this option, or O(api_version) and O(kind), must be given.
    type: list
    elements: dict
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
        description:
          - Namespace of the claim.
          - Needed for everything but a cluster-scoped composite.
        type: str
  api_version:
    description: API group and version of the claims to list.
    type: str
  kind:
    description: Kind of the claims to list.
    type: str
  namespace:
    description: Namespace of the claims to list; all namespaces when it is not set.
    type: str
  label_selectors:
    description: Label selectors that the claims to list must meet, all of them.
    type: list
    elements: str
    default: []
  environment:
    description: Lists only claims whose C(spec.parameters.environment), or C(spec.environment), is this.
    type: str
  tree:
    description:
      - Whether to read everything behind each claim, too, with conditions and events. It costs two requests per object.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until the claims are ready. A claim is ready when it, its composite and every managed resource
        behind it are ready for what they presently specify.
      - In check mode nothing is awaited.
    type: bool
    default: false
  wait_timeout:
    description:
      - How long the task may take in all; seconds, or a duration such as V(90s), V(5m), V(1h30m).
    type: str
    default: 5m
seealso:
  - module: pnow.infra.xrd_claim
"""

EXAMPLES = r"""
- name: The state of the database of dev
  pnow.infra.xrd_claim_info:
    claims:
      - api_version: database.yourdomain.com/v1alpha1
        kind: PostgreSQLInstance
        name: dev-database
        namespace: dev
  register: database

- name: All databases of the platform
  pnow.infra.xrd_claim_info:
    api_version: database.yourdomain.com/v1alpha1
    kind: PostgreSQLInstance
  register: databases

- name: Everything behind the databases of staging
  pnow.infra.xrd_claim_info:
    api_version: database.yourdomain.com/v1alpha1
    kind: PostgreSQLInstance
    environment: staging
    tree: true
  register: staging
"""

RETURN = r"""
claims:
  description: The claims, in the order of the option, or as the API server lists them.
  returned: success
  type: list
  elements: dict
  contains:
    api_version: {description: API group and version., type: str}
    kind: {description: Kind., type: str}
    namespace: {description: Namespace., type: str}
    name: {description: Name., type: str}
    exists: {description: Whether the claim exists., type: bool}
    created: {description: "Whether this collection created the claim, or adopted it.", type: bool}
    ready: {description: Whether the claim and all behind it are ready for what they specify., type: bool}
    synced: {description: Whether Crossplane has accepted the claim., type: bool}
    composite:
      description:
        - Name of the composite behind the claim; of the composite itself where there is no claim.
        - Empty as long as Crossplane has not looked at it.
      type: str
    connection_secret: {description: Name of the Secret with the connection details., type: str}
    parameters: {description: What the claim asks for under C(spec.parameters)., type: dict}
    spec: {description: What it asks for beside them., type: dict}
    status: {description: The claim's status without its conditions., type: dict}
    conditions:
      description: The claim's conditions.
      type: list
      elements: dict
      contains: &condition
        type: {description: Type., type: str}
        status: {description: "True, False or Unknown.", type: str}
        reason: {description: Reason., type: str}
        message: {description: Message., type: str}
        since: {description: Since when (RFC 3339)., type: str}
        age: {description: "How long that is, for example V(2m05s).", type: str}
    tree:
      description: The claim and everything behind it, each followed by what it is made of.
      returned: when O(tree) is set
      type: list
      elements: dict
      contains:
        depth: {description: Distance from the claim., type: int}
        api_version: {description: API group and version., type: str}
        kind: {description: Kind., type: str}
        namespace: {description: Namespace; empty for a cluster-scoped object., type: str}
        name: {description: Name., type: str}
        exists: {description: Whether the object exists., type: bool}
        ready: {description: Whether it is ready for its present spec., type: bool}
        deleting: {description: Whether it is being deleted., type: bool}
        age: {description: "Time since its creation, for example V(3h12m).", type: str}
        finalizers: {description: Who wants to act before it goes., type: list, elements: str}
        conditions: {description: Its conditions., type: list, elements: dict, contains: *condition}
        events: {description: The newest events about it., type: list, elements: str}
    blockers:
      description: The objects that keep the claim from being ready, causes first.
      type: list
      elements: dict
      contains:
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
"""

from ansible_collections.pnow.infra.plugins.module_utils._clients.clock import SystemClock
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes.api import connect
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import CLAIM_NAME, KUBERNETES, WAIT
from ansible_collections.pnow.infra.plugins.module_utils._runtime.caches.settling import CacheParticulars
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.claim_info import describe_claims
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request, Task, run_module


def reconcile(request: Request) -> Outcome:
    clock = SystemClock()
    with connect(request.options, clock, request.reporter.warn) as api:
        return describe_claims(request, api, clock, CacheParticulars())


TASK = Task(
    arguments={
        **KUBERNETES,
        **WAIT,
        "wait": {"type": "bool", "default": False},
        "claims": {"type": "list", "elements": "dict", "options": CLAIM_NAME},
        "api_version": {"type": "str"},
        "kind": {"type": "str"},
        "namespace": {"type": "str"},
        "label_selectors": {"type": "list", "elements": "str", "default": []},
        "environment": {"type": "str"},
        "tree": {"type": "bool", "default": False},
    },
    constraints={
        "required_one_of": [("claims", "kind")],
        "mutually_exclusive": [("claims", "kind"), ("claims", "environment")],
        "required_together": [("api_version", "kind")],
    },
    reconcile=reconcile,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
