#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xrd_claim
short_description: Manage Crossplane claims exactly, wait for them and say why when they do not become ready
version_added: 0.1.0
description:
  - Brings a list of Crossplane claims to the wanted state, all of them at once, within one deadline.
  - A claim whose owned fields are as wanted is not written to. Otherwise it is applied on the server side with strict
    field validation; a field that is no longer wanted is removed. A claim is never replaced.
  - Before the first write the API server is asked by a dry run of the very apply, in check mode, too. What it would not
    change is not written. What it refuses is an error that names what the definition knows or allows instead.
  - A claim counts as ready when it, its composite and every managed resource behind it are ready for what they
    presently specify; also when the task has nothing to change, and in its result when it does not wait.
  - A claim that has a composition already is refused when it asks for another one in a way that Crossplane does not
    obey, as by another O(claims[].composition_selector).
  - When that fails, the result's RV(ignore:blockers) name the objects that are to blame, causes first, down to what
    C(Objects) of provider-kubernetes keep, and Crossplane's packages that do not work.
  - Absent means gone. The composite and the managed resources are followed by their uids until none of them exists.
    Finalizers are never removed, and nothing is deleted when a Usage of Crossplane says that one of them is in use.
  - Only what this module created is deleted by it. A claim that it creates gets annotation C(pnow.infra/created), which
    counts only where the API server records that this collection applied it. A claim that exists already gets what is
    asked for, and stays somebody else's.
  - Where a definition has no claims, as Crossplane 2 prefers it (C(scope) is V(Namespaced) or V(Cluster)), the same
    options make the composite itself, with Crossplane's own fields under C(spec.crossplane). The API server knows which
    it is. Wherever this module speaks of a claim, such a composite is meant, too.
author: pnow.infra contributors (@pnow)
extends_documentation_fragment:
  - pnow.infra.kubernetes
  - pnow.infra.wait
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
        description:
          - Namespace of the claim, which must exist.
          - Needed for everything but a cluster-scoped composite.
        type: str
      parameters:
        description: The claim's C(spec.parameters).
        type: dict
        default: {}
      spec:
        description:
          - Fields directly under the claim's C(spec), as many definitions have them, in place of O(claims[].parameters)
            or beside them.
          - Fields that have an option of their own, such as C(parameters) and C(compositionRef), are refused here.
        type: dict
        default: {}
      composition_selector:
        description:
          - Labels of the composition to use.
          - Crossplane selects once; O(claims[].composition_ref) moves a claim later.
        type: dict
        default: {}
      composition_ref:
        description:
          - Name of the composition to use.
          - To move a claim for which Crossplane has selected one, O(force_conflicts) is needed, too.
        type: str
      composition_revision_selector:
        description: Labels of the revision of the composition to use.
        type: dict
        default: {}
      composition_revision_ref:
        description:
          - Name of the revision of the composition to use.
          - Needs O(claims[].composition_update_policy=Manual), or Crossplane would replace it with the newest revision.
        type: str
      composition_update_policy:
        description: Whether the composite follows new revisions of its composition by itself.
        type: str
        choices: [Automatic, Manual]
      connection_secret:
        description:
          - Name of the Secret in the claim's namespace that receives the connection details.
          - Crossplane writes it for claims only. For a composite without one, the definition must have a field
            C(spec.writeConnectionSecretToRef), and the composition must write the Secret.
        type: str
      labels:
        description: Labels of the claim, in addition to the one that marks it as managed by this collection.
        type: dict
        default: {}
      annotations:
        description: Annotations of the claim.
        type: dict
        default: {}
  state:
    description:
      - Whether the claims shall exist or not.
      - With V(absent), a claim that this module did not create is left alone, with a warning, and listed in
        RV(ignore:kept). See O(adopt).
    type: str
    choices: [present, absent]
    default: present
  adopt:
    description:
      - Whether claims that exist and were not created by this collection become its own.
      - With O(state=present) they are marked as such; with O(state=absent) they are deleted, too. Without it they are
        deleted by nobody but their owners.
    type: bool
    default: false
  force_conflicts:
    description: Whether to take over fields that another manager owns with another value, instead of failing.
    type: bool
    default: false
  gitops_owned:
    description:
      - What to do when a claim that would be changed or deleted carries the marks of Argo CD or Flux.
      - With V(refuse) the task fails and says who keeps the claim. With V(apply) it is changed all the same.
    type: str
    choices: [refuse, apply]
    default: refuse
seealso:
  - module: pnow.infra.xrd_claim_info
  - module: pnow.infra.manifests
"""

EXAMPLES = r"""
- name: The database of dev exists and is ready
  pnow.infra.xrd_claim:
    claims:
      - api_version: database.yourdomain.com/v1alpha1
        kind: PostgreSQLInstance
        name: dev-database
        namespace: dev
        parameters:
          environment: dev
          size: small
          storageGB: 20
          vaultPath: secret/database/dev
        composition_selector:
          crossplane.io/xrd: xpostgresqlinstances.database.yourdomain.com
        connection_secret: postgres-connection
    wait_timeout: 5m
  register: database

- name: A composite in a namespace, of a definition without claims, stays with one revision of its composition
  pnow.infra.xrd_claim:
    claims:
      - api_version: cache.example.org/v1
        kind: Cache
        name: dev-cache
        namespace: dev
        parameters:
          memoryGB: 2
        composition_update_policy: Manual
        composition_revision_ref: caches-4f1d2a9

- name: A claim of a definition whose fields are directly under spec
  pnow.infra.xrd_claim:
    claims:
      - api_version: example.crossplane.io/v1
        kind: App
        name: my-app
        namespace: dev
        spec:
          image: nginx
          replicas: 2

- name: The database of dev is gone, and so is everything behind it
  pnow.infra.xrd_claim:
    state: absent
    claims:
      - api_version: database.yourdomain.com/v1alpha1
        kind: PostgreSQLInstance
        name: dev-database
        namespace: dev
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
    blockers: {description: Always empty here; see the failed result., type: list, elements: dict}
  sample:
    - api_version: database.yourdomain.com/v1alpha1
      kind: PostgreSQLInstance
      namespace: dev
      name: dev-database
      exists: true
      created: true
      ready: true
      synced: true
      composite: dev-database-x7k2p
      connection_secret: postgres-connection
      parameters: {environment: dev, size: small, storageGB: 20, vaultPath: secret/database/dev}
      spec: {}
      status: {}
      blockers: []
effects:
  description:
    - What the changes mean to caches that exist, which are claims of kind C(RedisInstance). Nothing is told of other
      kinds.
  returned: when O(state=present)
  type: list
  elements: dict
  contains:
    name: {description: Name of the claim., type: str}
    option: {description: "What changes, as role P(pnow.infra.cache#role) calls it.", type: str}
    before: {description: Its value in the claim., type: raw}
    after: {description: Its value from now on., type: raw}
    effect: {description: "V(in place), or V(rolling): pods are replaced one by one.", type: str}
    what: {description: The change in words., type: str}
    why: {description: What it means to those who use the cache., type: str}
  sample: []
kept:
  description: The claims, and composites made for them, that were left alone because they are somebody else's.
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

from ansible_collections.pnow.infra.plugins.module_utils._clients.clock import SystemClock
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes.api import connect
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import (
    ADOPT,
    CLAIM,
    FORCE,
    GITOPS,
    KUBERNETES,
    STATE,
    WAIT,
)
from ansible_collections.pnow.infra.plugins.module_utils._runtime.caches.settling import CacheParticulars
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.claims import reconcile_claims
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request, Task, run_module


def reconcile(request: Request) -> Outcome:
    clock = SystemClock()
    with connect(request.options, clock, request.reporter.warn, permit=request.permit) as api:
        return reconcile_claims(request, api, clock, CacheParticulars())


TASK = Task(
    arguments={
        **KUBERNETES,
        **WAIT,
        **STATE,
        **ADOPT,
        **FORCE,
        **GITOPS,
        "claims": {"type": "list", "elements": "dict", "required": True, "options": CLAIM},
    },
    reconcile=reconcile,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
