#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xrd_claim_info
short_description: Read Crossplane claims and what blocks them, or wait for them
version_added: 0.1.0
description:
  - Reads a list of Crossplane claims. For each one that is not ready, the objects that are to blame are read, too.
author: pnow.infra contributors (@pnow)
extends_documentation_fragment:
  - pnow.infra.kubernetes
  - pnow.infra.attributes
options:
  claims:
    description: The claims.
    type: list
    elements: dict
    required: true
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
        required: true
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
"""

RETURN = r"""
claims:
  description: The claims, in the order of the option.
  returned: success
  type: list
  elements: dict
  contains:
    api_version: {description: API group and version., type: str}
    kind: {description: Kind., type: str}
    namespace: {description: Namespace., type: str}
    name: {description: Name., type: str}
    exists: {description: Whether the claim exists., type: bool}
    ready: {description: Whether the claim is ready for its present spec., type: bool}
    synced: {description: Whether Crossplane has accepted the claim., type: bool}
    composite: {description: Name of the composite behind the claim., type: str}
    connection_secret: {description: Name of the Secret with the connection details., type: str}
    status: {description: The claim's status without its conditions., type: dict}
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
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes import connect
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import CLAIM_NAME, KUBERNETES, WAIT
from ansible_collections.pnow.infra.plugins.module_utils._runtime.claims import describe_claims
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request, Task, run_module


def reconcile(request: Request) -> Outcome:
    clock = SystemClock()
    with connect(request.options, clock) as api:
        return describe_claims(request, api, clock)


TASK = Task(
    arguments={
        **KUBERNETES,
        **WAIT,
        "wait": {"type": "bool", "default": False},
        "claims": {"type": "list", "elements": "dict", "required": True, "options": CLAIM_NAME},
    },
    reconcile=reconcile,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
