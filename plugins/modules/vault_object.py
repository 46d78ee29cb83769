#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vault_object
short_description: Keep a policy, a role or another setting in Vault as it should be
version_added: 0.1.0
description:
  - Reads what is at a path, compares the given fields with it, and writes only if one differs.
  - Vault gives a field back in a type of its own, and a field is compared as Vault reads it into that type. So V(1h) is
    3600, V(dev,prod) a list, V("true") a boolean, C(10.0.0.1/32) the address, and V(720h) the same as C(720h0m0s).
    The order of a list that Vault sorts does not matter.
  - Secrets, which Vault takes and does not give back, such as the password of a user, are neither compared nor shown.
    See O(update_secrets). Nor is any value of a key-value secret shown.
author: pnow.infra contributors (@pnow)
extends_documentation_fragment:
  - pnow.infra.vault
  - pnow.infra.attributes
options:
  path:
    description: Path, as C(vault read) takes it. A name in it may have spaces, such as C(identity/group/name/Team A).
    type: str
    required: true
  fields:
    description:
      - Fields, as C(vault write) takes them. Others, and those that are null, are left alone, as far as the engine lets
        them; some reset what a write does not have.
      - With O(state=absent), what is at the path is deleted only if it is as these fields say. Otherwise it is kept,
        with a warning, and RV(kept) has the fields that are not.
    type: dict
    default: {}
  update_secrets:
    description:
      - Whether the fields that Vault does not give back are written although something is there already. That is a
        change in every run.
      - Unless set, they are written on creation only, because somebody may have changed them since, as a user does a
        password; and where Vault says that it has none, as it does by C(token_reviewer_jwt_set). The exception is
        C(auth/MOUNT/config) of the methods C(kubernetes) and C(jwt), which resets what a write does not have; they are
        part of every write to it.
    type: bool
    default: false
  state:
    description:
      - With V(absent), whatever is at the path is deleted. Vault does not tell who has created it; give O(fields) to
        delete nothing but what is as this task would make it.
    type: str
    choices: [present, absent]
    default: present
notes:
  - The token's policies must allow C(read), C(create), C(update) and for O(state=absent) C(delete) on O(path).
  - A secret of version 2 of the key-value engine is written only if nobody else has written it since it was read.
    Nowhere else does Vault offer to check that.
"""

EXAMPLES = r"""
- name: Applications of dev may read credentials
  pnow.infra.vault_object:
    path: sys/policies/acl/dev-application
    fields:
      policy: |
        path "database/creds/dev-readwrite" {
          capabilities = ["read"]
        }

- name: A user, whose password is set once
  pnow.infra.vault_object:
    path: auth/userpass/users/jane
    fields:
      password: "{{ jane_first_password }}"
      token_policies: [dev-application]
      token_ttl: 1h

- name: A role that no application uses any more, unless it was changed by hand
  pnow.infra.vault_object:
    path: auth/approle/role/reporting
    fields:
      token_policies: [dev-application]
    state: absent
"""

RETURN = r"""
path:
  description: The path.
  returned: success
  type: str
  sample: sys/policies/acl/dev-application
kept:
  description: The fields that are not as given, so that nothing was deleted.
  returned: with O(state=absent)
  type: list
  elements: str
  sample: [policy]
"""

from ansible_collections.pnow.infra.plugins.module_utils._clients.clock import SystemClock
from ansible_collections.pnow.infra.plugins.module_utils._clients.vault.api import connect
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import STATE, VAULT
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request, Task, run_module
from ansible_collections.pnow.infra.plugins.module_utils._runtime.vault.objects import reconcile_object


def reconcile(request: Request) -> Outcome:
    with connect(request.options, SystemClock(), request.redactor.remember, permit=request.permit) as api:
        return reconcile_object(request, api)


TASK = Task(
    arguments={
        **VAULT,
        **STATE,
        "path": {"type": "str", "required": True},
        # Not all of them are secrets, but which of them are only the engine knows.
        "fields": {"type": "dict", "default": {}, "no_log": True},
        "update_secrets": {"type": "bool", "default": False, "no_log": False},
    },
    reconcile=reconcile,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
