#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: manifests
short_description: Apply Kubernetes manifests exactly and wait for them
version_added: 0.1.0
description:
  - Brings a list of Kubernetes objects to the wanted state by server-side apply, and waits until they are ready.
  - An object whose owned fields are as wanted is not written to. Owned are the fields in the manifest, and those that
    this module applied earlier; a field that is no longer in the manifest is removed.
  - Where they are not, the API server is asked by a dry run of the very apply. What it would not change is not written;
    what it refuses (schema, immutable fields, quotas, admission) is refused before the first write. In check mode it is
    the same request, so that the diff is what the server would store.
  - What an earlier object of the task has to make first, as a namespace, can only be compared here. Who may not write
    can run in check mode all the same, and is warned.
  - Ready means, by kind, for a C(CompositeResourceDefinition) established and offered, for a C(Provider) or C(Function)
    installed and healthy, for a C(CustomResourceDefinition) established, for a C(Usage) or C(ClusterUsage) in force,
    for a Secret that the cluster puts a service account's token into that it is there, and for any other kind that it
    exists.
  - Only what this module created is deleted by it. An object that it creates gets annotation C(pnow.infra/created),
    which counts only where the API server records that this collection applied it. An object that exists already gets
    the fields that it is given, and stays somebody else's.
  - A namespace goes with all that is in it, so one that holds objects of somebody else's is kept. What the cluster
    itself puts there, and what goes with its owner, does not count.
author: pnow.infra contributors (@pnow)
extends_documentation_fragment:
  - pnow.infra.kubernetes
  - pnow.infra.wait
  - pnow.infra.attributes
options:
  manifests:
    description:
      - The objects, applied in this order and deleted in the opposite one. Each may be named once.
      - C(stringData) of a Secret is compared with and sent as C(data). Values of a Secret never appear in a result.
    type: list
    elements: raw
    required: true
  state:
    description:
      - Whether the objects shall exist or not.
      - With V(present), an object that is being deleted is awaited, and then created.
      - With V(absent), an object is deleted if this module created it and it carries the labels given in its manifest;
        any other is left alone, with a warning, and listed in RV(ignore:kept). See O(adopt).
    type: str
    choices: [present, absent]
    default: present
  adopt:
    description:
      - Whether objects that exist and were not created by this collection become its own.
      - With O(state=present) they are marked as such; with O(state=absent) they are deleted, too. Without it they are
        deleted by nobody but their owners.
      - It is about the objects of O(manifests), not about what else a namespace among them holds.
    type: bool
    default: false
  force_conflicts:
    description: Whether to take over fields that another manager owns with another value, instead of failing.
    type: bool
    default: false
seealso:
  - module: pnow.infra.xrd_claim
"""

EXAMPLES = r"""
- name: A namespace of the platform
  pnow.infra.manifests:
    manifests:
      - apiVersion: v1
        kind: Namespace
        metadata:
          name: dev
          labels:
            app.kubernetes.io/managed-by: pnow.infra

- name: The provider for PostgreSQL, installed and healthy
  pnow.infra.manifests:
    manifests:
      - apiVersion: pkg.crossplane.io/v1
        kind: Provider
        metadata:
          name: provider-sql
        spec:
          package: xpkg.crossplane.io/crossplane-contrib/provider-sql:v0.16.0
    wait_timeout: 10m
"""

RETURN = r"""
objects:
  description: The objects the task was about.
  returned: success
  type: list
  elements: dict
  contains:
    api_version: {description: API group and version., type: str}
    kind: {description: Kind., type: str}
    namespace: {description: Namespace; empty for a cluster-scoped object., type: str}
    name: {description: Name., type: str}
    created:
      description: Whether this collection created the object, or adopted it.
      returned: when O(state=present)
      type: bool
kept:
  description: The objects that were left alone because they, or what is in them, are somebody else's.
  returned: when O(state=absent)
  type: list
  elements: dict
  contains:
    api_version: {description: API group and version., type: str}
    kind: {description: Kind., type: str}
    namespace: {description: Namespace; empty for a cluster-scoped object., type: str}
    name: {description: Name., type: str}
    why: {description: Why it is left alone., type: str}
blockers:
  description: When the task failed waiting, the objects that are not ready, causes first, at most 25.
  returned: failure
  type: list
  elements: dict
leftovers:
  description: When the task failed waiting for a deletion, the objects that are left.
  returned: failure
  type: list
  elements: dict
"""

from ansible_collections.pnow.infra.plugins.module_utils._clients.clock import SystemClock
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes.api import connect
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import ADOPT, FORCE, KUBERNETES, STATE, WAIT
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.manifests import reconcile_manifests
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request, Task, run_module


def reconcile(request: Request) -> Outcome:
    clock = SystemClock()
    with connect(request.options, clock, request.reporter.warn, permit=request.permit) as api:
        return reconcile_manifests(request, api, clock)


TASK = Task(
    arguments={
        **KUBERNETES,
        **WAIT,
        **STATE,
        **ADOPT,
        **FORCE,
        "manifests": {"type": "list", "elements": "raw", "required": True},
    },
    reconcile=reconcile,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
