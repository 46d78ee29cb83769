#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_remains
short_description: Prove that what an environment had is gone
version_added: 0.1.0
description:
  - Before a deletion, lists what there is of the claims that are to go. That is what stands behind them, the databases
    and roles in PostgreSQL, what Vault has, and leases.
  - After it, given that list as O(known), looks for each of these things again, and fails when one of them is left.
  - What outlives its claim on purpose, such as a volume with backups, and what somebody else has made, is kept and said
    to be.
  - PostgreSQL is asked with the login that Crossplane's provider has, if its Secret may be read. What can not be looked
    at is unknown, and said to be.
  - It writes nothing.
author: pnow.infra contributors (@pnow)
extends_documentation_fragment:
  - pnow.infra.kubernetes_suboptions
  - pnow.infra.vault_suboptions
  - pnow.infra.attributes
options:
  claims:
    description: The claims that are to go.
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
  namespace:
    description: The namespace, if it is to go, too.
    type: str
  vault_paths:
    description: Paths in Vault, as C(vault read) takes them.
    type: list
    elements: str
    default: []
  vault_secrets:
    description: Secrets in Vault, as C(vault kv get) takes them.
    type: list
    elements: str
    default: []
  vault_leases:
    description: Paths in Vault below which there may be leases, as C(vault list sys/leases/lookup/PATH) takes them.
    type: list
    elements: str
    default: []
  known:
    description: What an earlier task has returned in RV(things).
    type: list
    elements: dict
notes:
  - Connections have options of their own, O(kubernetes) and O(vault), so C(module_defaults) of the action groups do not
    reach this module; environment variables do.
"""

EXAMPLES = r"""
- name: What there is
  pnow.infra.environment_remains:
    claims: "{{ database_status.claims }}"
    namespace: dev
  register: before

- name: All of it is gone
  pnow.infra.environment_remains:
    known: "{{ before.things }}"
"""

RETURN = r"""
things:
  description: What there is, or was.
  returned: always
  type: list
  elements: dict
  contains:
    server: {description: "Kubernetes, PostgreSQL or Vault.", type: str}
    kind: {description: What it is., type: str}
    name: {description: Its name., type: str}
    place: {description: What finds it again., type: dict}
    state: {description: "With O(known), gone, left, kept or unknown.", type: str}
    why: {description: Why it is kept or unknown., type: str}
"""

from ansible_collections.pnow.infra.plugins.module_utils._clients.clock import SystemClock
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes.api import connect
from ansible_collections.pnow.infra.plugins.module_utils._clients.postgresql.sessions import PostgreSQLServers
from ansible_collections.pnow.infra.plugins.module_utils._clients.vault import api as vault
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import CLAIM_NAME, KUBERNETES, VAULT
from ansible_collections.pnow.infra.plugins.module_utils._runtime.environment.remains import Servers, remains
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request, Task, run_module


def reconcile(request: Request) -> Outcome:
    clock, options = SystemClock(), request.options
    with (
        connect(options["kubernetes"], clock, request.reporter.warn) as api,
        vault.connect(options["vault"], clock, request.redactor.remember) as keeper,
    ):
        return remains(request, Servers(api, keeper, PostgreSQLServers()))


TEXTS = {"type": "list", "elements": "str", "default": []}

TASK = Task(
    arguments={
        "kubernetes": {"type": "dict", "apply_defaults": True, "options": KUBERNETES},
        "vault": {"type": "dict", "apply_defaults": True, "options": VAULT},
        "claims": {"type": "list", "elements": "dict", "default": [], "options": CLAIM_NAME},
        "namespace": {"type": "str"},
        "vault_paths": TEXTS,
        "vault_secrets": {**TEXTS, "no_log": False},
        "vault_leases": TEXTS,
        "known": {"type": "list", "elements": "dict"},
    },
    reconcile=reconcile,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
