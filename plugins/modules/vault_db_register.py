#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vault_db_register
short_description: Register a PostgreSQL database with Vault and prove its credentials
version_added: 0.1.0
description:
  - Configures a connection and its roles in Vault's database secrets engine, so that short-lived PostgreSQL logins can
    be read from it. What Vault already has is compared with what is wanted, and only what differs is written.
  - Vault tries a connection before it stores it. A password that Vault has is never sent again, for Vault may have
    rotated it since; only when PostgreSQL refuses Vault's own and takes O(password) is this sent in its place.
  - Logins of a V(readwrite) role act as the owner, so that whatever they create belongs to the owner. Logins of a
    V(readonly) role may read all that the owner has made and will make, and change nothing. When a lease ends, so do
    the sessions of its login.
  - A role is proved by using it. A credential is issued under a child token of its own, logs in, does what the role
    promises, and is revoked while its session is open.
  - What was done is recorded at O(vault_path). A run that was killed, wherever it was, is finished by the next one.
author: pnow.infra contributors (@pnow)
extends_documentation_fragment:
  - pnow.infra.vault
  - pnow.infra.kubernetes_suboptions
  - pnow.infra.attributes
options:
  name:
    description: Name of the connection.
    type: str
    required: true
  mount_point:
    description: Where the database secrets engine is mounted.
    type: str
    default: database
  mount:
    description: Whether to mount a database secrets engine at O(mount_point) if there is none.
    type: bool
    default: false
  host:
    description:
      - Name or IP address of the PostgreSQL server, as Vault reaches it and the host that runs this task. An IPv6
        address may be in brackets.
      - A pooler in transaction mode, such as PgBouncer, may stand before it. In the proof the options alone decide, and
        not the C(PG*) variables of the environment, service and password files, or certificates in the user's home.
    type: str
  port:
    description: Port of the server. It is 5432 unless this or O(connection_secret) says otherwise.
    type: int
  database:
    description: Name of the database.
    type: str
  sslmode:
    description:
      - How connections are encrypted and the server is verified. It is V(verify-full) unless this or
        O(connection_secret) says otherwise.
    type: str
    choices: [disable, allow, prefer, require, verify-ca, verify-full]
  tls_ca:
    description:
      - CA certificates, as PEM text, that the server's certificate is checked against, by Vault and in the proof.
      - Unless given, Vault and the host that runs this task each use those that they trust anyway, and what an earlier
        task has set in Vault is left alone.
    type: str
  tls_certificate:
    description:
      - Certificate, as PEM text, that Vault and the proof show to PostgreSQL. What an earlier task has set is left
        alone unless this is given.
    type: str
  tls_private_key:
    description:
      - Key of O(tls_certificate), as PEM text. Vault does not tell the key that it keeps; it is sent whenever anything
        else about the connection is.
    type: str
  username:
    description:
      - Role that Vault logs in as. It needs C(CREATEROLE), and membership with C(ADMIN OPTION) in every
        O(roles[].owner) and O(roles[].reader).
    type: str
  password:
    description: Password of O(username).
    type: str
  rotate_root:
    description:
      - With V(once), Vault replaces O(password) by one that only Vault knows, as soon as it was registered. O(username)
        must be a login that nobody but Vault uses.
      - That it was done is recorded at O(vault_path), which is required then. How to see and repair each state is in
        the collection's C(docs/recovery.md).
    type: str
    choices: [never, once]
    default: never
  root_rotation_statements:
    description:
      - Statements with which Vault changes its own password, with placeholders C({{name}}) and C({{password}}), instead
        of the usual C(ALTER ROLE).
    type: list
    elements: str
    default: []
  username_template:
    description: Template for the names of the logins; Vault's default when it is empty.
    type: str
    default: ""
  password_policy:
    description: Name of the Vault password policy for the logins' passwords; Vault's default when it is empty.
    type: str
    default: ""
  max_open_connections:
    description: How many connections Vault opens to the database at most.
    type: int
    default: 4
  max_idle_connections:
    description: How many of them it keeps open; V(0) means as many as O(max_open_connections), V(-1) none.
    type: int
    default: 0
  max_connection_lifetime:
    description: How long a connection is used; seconds, or a duration such as V(5m). V(0) means for ever.
    type: str
    default: "0"
  verify_connection:
    description:
      - Whether Vault logs in to the database before it stores a connection. Without it, a password that Vault can not
        use is noticed by the first credential only.
    type: bool
    default: true
  vault_path:
    description:
      - Path of a secret, as C(vault kv get) takes it, in a key-value engine of either version. An application finds
        there, as texts, C(endpoint), C(port), C(database), C(sslmode), C(mount_point), C(connection) and C(roles).
      - Beside them, in custom metadata or with version 1 under keys that begin with C(pnow_infra_), stands which
        registration was proved, whether its password was rotated, and which connection and roles this collection has
        created; each is noted before it is.
      - Vault does not tell who created a connection or a role. Without a record nobody does. O(state=present) then
        takes what is there for its own, and O(state=absent) deletes what was named.
      - Whatever else is there is kept. Nothing is written unless it differs, so versions do not pile up.
    type: str
  connection_secret:
    description:
      - A Kubernetes Secret that provides what no option gives, by its keys C(endpoint), C(port), C(database),
        C(sslmode), C(username) and C(password). It is read by the task itself, and no value of it appears elsewhere. A
        value with a line break, as C(echo) leaves one, is refused.
    type: dict
    suboptions:
      namespace:
        description: Namespace of the Secret.
        type: str
        required: true
      name:
        description: Name of the Secret.
        type: str
        required: true
  roles:
    description:
      - The roles that credentials can be read from. They are all that may use the connection; a role that is not listed
        any more can not issue credentials, and is deleted only with O(purge_roles=true).
      - With O(state=absent) only the names count, and the roles of the record at O(vault_path) are added.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the role.
        type: str
        required: true
      access:
        description: What its credentials may do.
        type: str
        choices: [readwrite, readonly]
        default: readwrite
      owner:
        description: PostgreSQL role that owns the database and all that is created in it. Required.
        type: str
      reader:
        description: PostgreSQL group role that may read what the owner has. Required with O(roles[].access=readonly).
        type: str
      default_ttl:
        description: How long a credential lives unless renewed; seconds, or a duration such as V(90s), V(5m), V(1h30m).
        type: str
        default: 1h
      max_ttl:
        description: How long a credential lives at most.
        type: str
        default: 24h
      creation_statements:
        description:
          - SQL that makes a login, with placeholders C({{name}}), C({{password}}) and C({{expiration}}), instead of the
            collection's own. What O(roles[].access) promises is proved all the same.
        type: list
        elements: str
      revocation_statements:
        description: SQL that ends a login, with placeholder C({{name}}), instead of the collection's own.
        type: list
        elements: str
      renew_statements:
        description: SQL that prolongs a login, with placeholders C({{name}}) and C({{expiration}}).
        type: list
        elements: str
      rollback_statements:
        description: SQL that clears up after a failed creation, with placeholder C({{name}}).
        type: list
        elements: str
  purge_roles:
    description:
      - Whether the roles of this connection that O(roles) does not list are deleted, after all their credentials were
        revoked. It needs a token that may list and read the roles of O(mount_point). By the record at O(vault_path)
        only those count that this collection created.
    type: bool
    default: false
  adopt:
    description:
      - Whether to take over what others have created, by the record at O(vault_path). Unless set, O(state=present)
        refuses a connection or role that is there and that the record does not name, before anything is written, and
        O(state=absent) keeps it, with a warning, and lists it in RV(kept).
      - What was adopted is noted as created, and counts as such from then on.
    type: bool
    default: false
  verify:
    description:
      - When to prove the roles. V(changed) does so if this task changes something, and if O(vault_path) does not record
        that this very registration was proved.
      - It needs to log in to PostgreSQL from where the task runs, and a token that may create child tokens.
    type: str
    choices: [changed, always, never]
    default: changed
  state:
    description:
      - With V(absent), all credentials of the roles are revoked, then the roles, the connection and what is recorded at
        O(vault_path) are deleted.
      - Nothing is forced. Credentials that can not be revoked keep their role and connection, without which nobody
        could revoke them later.
      - A connection that another role or a static role still uses is not deleted; it is refused before any change.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - psycopg >= 3.2.1
notes:
  - The token's policies must allow C(read), C(create), C(update) and C(delete) on C(MOUNT_POINT/config/NAME) and
    C(MOUNT_POINT/roles/ROLE). To prove roles, also C(read) on C(MOUNT_POINT/creds/ROLE), and C(update) on
    C(auth/token/create) and C(sys/leases/revoke). For O(state=absent), also C(update) and C(sudo) on
    C(sys/leases/revoke-prefix/MOUNT_POINT/creds/ROLE), and C(list) on C(MOUNT_POINT/roles) and
    C(MOUNT_POINT/static-roles), to see who else uses the connection. A role that the token may not read counts as one
    that does if the connection admits it; where the token may not list, those are looked for that the connection
    names, with a warning, unless it names patterns. For O(rotate_root=once), C(update) on
    C(MOUNT_POINT/rotate-root/NAME). For O(vault_path), the four on its path, in version 2 of the engine on both its
    C(data/) and its C(metadata/) path. For O(mount=true), C(create) and C(update) on C(sys/mounts/MOUNT_POINT).
  - PostgreSQL 14 or newer is needed.
seealso:
  - module: pnow.infra.xrd_claim
  - module: community.hashi_vault.vault_read
"""

EXAMPLES = r"""
- name: Credentials for the database of dev can be read from Vault
  pnow.infra.vault_db_register:
    name: postgres-dev
    database: dev-db
    connection_secret:
      namespace: crossplane-system
      name: postgresql-dev-vault
    roles:
      - name: dev-readwrite
        owner: dev-user
      - name: dev-readonly
        access: readonly
        owner: dev-user
        reader: dev-reader
        max_ttl: 12h
    vault_path: secret/database/dev
    rotate_root: once

- name: Without Kubernetes, and proved even if nothing changed
  pnow.infra.vault_db_register:
    name: postgres-dev
    host: postgres.example.org
    database: dev-db
    username: dev-vault
    password: "{{ dev_vault_password }}"
    roles:
      - name: dev-readwrite
        owner: dev-user
    verify: always

- name: No credentials for the database of dev
  pnow.infra.vault_db_register:
    name: postgres-dev
    roles:
      - name: dev-readwrite
      - name: dev-readonly
    vault_path: secret/database/dev
    state: absent
"""

RETURN = r"""
connection:
  description: The connection; empty with O(state=absent).
  returned: success
  type: dict
  sample:
    mount_point: database
    name: postgres-dev
    host: postgres.example.org
    port: 5432
    database: dev-db
    sslmode: verify-full
    username: dev-vault
roles:
  description: Names of the roles that credentials can be read from.
  returned: success
  type: list
  elements: str
  sample: [dev-readwrite, dev-readonly]
kept:
  description: The paths of what was not deleted, because others have created it.
  returned: with O(state=absent)
  type: list
  elements: str
  sample: [database/config/postgres-dev]
irrevocable_leases:
  description: The leases that Vault has given up to revoke, as far as the token may see them.
  returned: when O(state=absent) fails because credentials could not be revoked
  type: list
  elements: dict
  contains:
    lease_id: {description: The lease., type: str}
    error: {description: Why it could not be revoked., type: str}
verified:
  description: What was proved of each role; empty when nothing was.
  returned: success
  type: list
  elements: dict
  contains:
    role: {description: Name of the role., type: str}
    access: {description: What its credentials may do., type: str}
    proved: {description: What a fresh credential has done or undergone., type: list, elements: str}
  sample:
    - role: dev-readwrite
      access: readwrite
      proved:
        - logged in
        - created and filled a table
        - made it for dev-user
        - dropped the table
        - been revoked
        - lost its open session
        - lost the right to log in
"""

from functools import partial
from typing import Any

from ansible_collections.pnow.infra.plugins.module_utils._clients.clock import SystemClock
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes import api as kubernetes
from ansible_collections.pnow.infra.plugins.module_utils._clients.postgresql.sessions import PostgreSQLServers
from ansible_collections.pnow.infra.plugins.module_utils._clients.vault import api as vault
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import ADOPT, KUBERNETES, STATE, VAULT
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request, Task, run_module
from ansible_collections.pnow.infra.plugins.module_utils._runtime.vault.registration import reconcile_registration

SECRET = {"namespace": {"type": "str", "required": True}, "name": {"type": "str", "required": True}}

ROLE = {
    "name": {"type": "str", "required": True},
    "access": {"type": "str", "choices": ["readwrite", "readonly"], "default": "readwrite"},
    "owner": {"type": "str"},
    "reader": {"type": "str"},
    "default_ttl": {"type": "str", "default": "1h"},
    "max_ttl": {"type": "str", "default": "24h"},
    "creation_statements": {"type": "list", "elements": "str"},
    "revocation_statements": {"type": "list", "elements": "str"},
    "renew_statements": {"type": "list", "elements": "str"},
    "rollback_statements": {"type": "list", "elements": "str"},
}

CONNECTION: dict[str, dict[str, Any]] = {
    "host": {"type": "str"},
    "port": {"type": "int"},
    "database": {"type": "str"},
    "sslmode": {"type": "str", "choices": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]},
    "tls_ca": {"type": "str"},
    "tls_certificate": {"type": "str"},
    "tls_private_key": {"type": "str", "no_log": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "rotate_root": {"type": "str", "choices": ["never", "once"], "default": "never"},
    "root_rotation_statements": {"type": "list", "elements": "str", "default": []},
    "username_template": {"type": "str", "default": ""},
    "password_policy": {"type": "str", "default": "", "no_log": False},
    "max_open_connections": {"type": "int", "default": 4},
    "max_idle_connections": {"type": "int", "default": 0},
    "max_connection_lifetime": {"type": "str", "default": "0"},
    "verify_connection": {"type": "bool", "default": True},
}


def reconcile(request: Request) -> Outcome:
    clock = SystemClock()
    cluster = partial(kubernetes.connect, request.options["kubernetes"], clock, request.reporter.warn)
    with vault.connect(request.options, clock, request.redactor.remember, permit=request.permit) as api:
        return reconcile_registration(request, api, cluster, PostgreSQLServers())


TASK = Task(
    arguments={
        **VAULT,
        **STATE,
        **ADOPT,
        "kubernetes": {"type": "dict", "apply_defaults": True, "options": KUBERNETES},
        "connection_secret": {"type": "dict", "no_log": False, "options": SECRET},
        "name": {"type": "str", "required": True},
        "mount_point": {"type": "str", "default": "database"},
        "mount": {"type": "bool", "default": False},
        **CONNECTION,
        "vault_path": {"type": "str"},
        "roles": {"type": "list", "elements": "dict", "default": [], "options": ROLE},
        "purge_roles": {"type": "bool", "default": False},
        "verify": {"type": "str", "choices": ["changed", "always", "never"], "default": "changed"},
    },
    reconcile=reconcile,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
