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
  - For whatever Vault tells as it was told, such as ACL policies and roles of auth methods. A number is compared with a
    duration, a text with a list of one.
  - Not for secrets. The fields appear in the diff.
author: pnow.infra contributors (@pnow)
extends_documentation_fragment:
  - pnow.infra.vault
  - pnow.infra.attributes
options:
  path:
    description: Path, as C(vault read) takes it.
    type: str
    required: true
  fields:
    description: Fields, as C(vault write) takes them. Others are left alone. Lists are compared in their order.
    type: dict
    default: {}
  state:
    description: With V(absent), whatever is at the path is deleted.
    type: str
    choices: [present, absent]
    default: present
notes:
  - The token's policies must allow C(read), C(create), C(update) and for O(state=absent) C(delete) on O(path).
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
"""

RETURN = r"""
path:
  description: The path.
  returned: success
  type: str
  sample: sys/policies/acl/dev-application
"""

from ansible_collections.pnow.infra.plugins.module_utils._clients.clock import SystemClock
from ansible_collections.pnow.infra.plugins.module_utils._clients.vault.api import connect
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import STATE, VAULT
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request, Task, run_module
from ansible_collections.pnow.infra.plugins.module_utils._runtime.vault.objects import reconcile_object


def reconcile(request: Request) -> Outcome:
    with connect(request.options, SystemClock(), request.redactor.remember) as api:
        return reconcile_object(request, api)


TASK = Task(
    arguments={
        **VAULT,
        **STATE,
        "path": {"type": "str", "required": True},
        "fields": {"type": "dict", "default": {}},
    },
    reconcile=reconcile,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
