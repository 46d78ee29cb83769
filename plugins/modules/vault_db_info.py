#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vault_db_info
short_description: Read a PostgreSQL database's registration with Vault, and what was issued from it
version_added: 0.1.0
description:
  - Reads a connection of Vault's database secrets engine and the roles that may use it, and counts the credentials that
    are out.
  - Names the leases that Vault has given up to revoke. The logins behind them may still work, and nobody will end them
    unless somebody mends the cause.
  - Says where a secret is, for only Vault knows where in its path a mount point ends.
author: pnow.infra contributors (@pnow)
extends_documentation_fragment:
  - pnow.infra.vault
  - pnow.infra.attributes
options:
  name:
    description: Name of the connection. It, or O(vault_path), is required.
    type: str
  mount_point:
    description: Where the database secrets engine is mounted.
    type: str
    default: database
  vault_path:
    description:
      - Path of a secret, as C(vault kv get) takes it, whose place is returned as RV(secret). It need not exist, and is
        not read.
    type: str
notes:
  - The token's policies must allow C(read) on C(MOUNT_POINT/config/NAME) and C(MOUNT_POINT/roles/ROLE). To count
    credentials, also C(list) and C(sudo) on C(sys/leases/lookup/MOUNT_POINT/creds/ROLE), and C(read) and C(sudo) on
    C(sys/leases). Where the last two are not allowed, a warning says so, and nothing is counted.
seealso:
  - module: pnow.infra.vault_db_register
"""

EXAMPLES = r"""
- name: Credentials for the database of dev
  pnow.infra.vault_db_info:
    name: postgres-dev
  register: credentials

- name: Where its facts are
  pnow.infra.vault_db_info:
    vault_path: teams/payments/kv/database/dev
  register: facts    # facts.secret.mount_point is teams/payments/kv

- name: None of them outlives its lease
  ansible.builtin.assert:
    that: credentials.roles | map(attribute='irrevocable_leases') | flatten | length == 0
"""

RETURN = r"""
connection:
  description: The connection, as Vault has it; empty when there is none, or O(name) is not set.
  returned: success
  type: dict
  contains:
    mount_point: {description: Where the secrets engine is mounted., type: str}
    name: {description: Name of the connection., type: str}
    plugin_name: {description: The plugin that talks to the database., type: str}
    connection_url: {description: Where the database is., type: str}
    username: {description: Role that Vault logs in as., type: str}
    allowed_roles: {description: The roles that may use the connection., type: list, elements: str}
    verify_connection: {description: Whether Vault tries the connection before it stores it., type: bool}
  sample:
    mount_point: database
    name: postgres-dev
    plugin_name: postgresql-database-plugin
    connection_url: postgresql://{{username}}:{{password}}@postgres.example.org:5432/dev-db?sslmode=verify-full
    username: dev-vault
    allowed_roles: [dev-readonly, dev-readwrite]
    verify_connection: true
roles:
  description: The roles that may use the connection.
  returned: success
  type: list
  elements: dict
  contains:
    name: {description: Name of the role., type: str}
    exists: {description: Whether Vault has it., type: bool}
    db_name: {description: The connection that it uses., type: str}
    default_ttl: {description: "How long a credential lives unless renewed, in seconds.", type: int}
    max_ttl: {description: "How long it lives at most, in seconds.", type: int}
    leases: {description: How many credentials are out., type: int}
    irrevocable_leases:
      description: The leases that Vault has given up to revoke.
      type: list
      elements: dict
      contains:
        lease_id: {description: The lease., type: str}
        error: {description: Why it could not be revoked., type: str}
secret:
  description: Where the secret at O(vault_path) is.
  returned: with O(vault_path)
  type: dict
  contains:
    mount_point: {description: Where the key-value engine is mounted., type: str}
    path: {description: The path in it., type: str}
    version: {description: The version of the engine., type: int}
  sample: {mount_point: secret, path: database/dev, version: 2}
"""

from ansible_collections.pnow.infra.plugins.module_utils._clients.clock import SystemClock
from ansible_collections.pnow.infra.plugins.module_utils._clients.vault.api import connect
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import VAULT
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request, Task, run_module
from ansible_collections.pnow.infra.plugins.module_utils._runtime.vault.info import describe_registration


def reconcile(request: Request) -> Outcome:
    with connect(request.options, SystemClock(), request.redactor.remember) as api:
        return describe_registration(request, api)


TASK = Task(
    arguments={
        **VAULT,
        "name": {"type": "str"},
        "mount_point": {"type": "str", "default": "database"},
        "vault_path": {"type": "str"},
    },
    reconcile=reconcile,
    constraints={"required_one_of": [["name", "vault_path"]]},
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
