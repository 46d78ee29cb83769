# SPDX-License-Identifier: GPL-3.0-or-later
"""Registrations of one database, one task after another against the same scripted Vault."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest
from ansible_collections.pnow.infra.plugins.module_utils._domain.redact import Redactor
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request
from ansible_collections.pnow.infra.plugins.module_utils._runtime.vault.registration import reconcile_registration
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, ScriptedReporter
from tests.unit.plugins.scripted_vault import ScriptedVault

ROLE: dict[str, Any] = {
    "name": "dev-readwrite",
    "access": "readwrite",
    "owner": "dev-user",
    "reader": None,
    "default_ttl": "1h",
    "max_ttl": "24h",
}
READONLY: dict[str, Any] = {**ROLE, "name": "dev-readonly", "access": "readonly", "reader": "dev-reader"}
OPTIONS: dict[str, Any] = {
    "name": "postgres-dev",
    "mount_point": "database",
    "mount": False,
    "host": "db.example.org",
    "port": 5432,
    "database": "dev-db",
    "sslmode": None,
    "tls_ca": None,
    "tls_certificate": None,
    "tls_private_key": None,
    "root_rotation_statements": [],
    "username_template": "",
    "password_policy": "",
    "max_open_connections": 4,
    "max_idle_connections": 0,
    "max_connection_lifetime": "0",
    "verify_connection": True,
    "rotate_root": "never",
    "vault_path": None,
    "purge_roles": False,
    "adopt": False,
    "username": "dev-vault",
    "password": "first-password",
    "connection_secret": None,
    "roles": [ROLE, READONLY],
    "verify": "never",
    "state": "present",
}
CONFIG = "database/config/postgres-dev"
ROLES = ["database/roles/dev-readwrite", "database/roles/dev-readonly"]
SECRET: Manifest = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "vault-login", "namespace": "crossplane-system"},
    "data": {
        "endpoint": base64.b64encode(b"10.0.0.7").decode(),
        "username": base64.b64encode(b"dev-vault").decode(),
        "password": base64.b64encode(b"secret-password").decode(),
    },
}


class Run:
    """One task after another against the same Vault."""

    def __init__(self, *objects: Manifest) -> None:
        self.vault = ScriptedVault()
        self.kubernetes = ScriptedKubernetes(ScriptedClock(), *objects)
        self.reporter = ScriptedReporter()
        self.redactor = Redactor()

    def __call__(self, *, check_mode: bool = False, **options: Any) -> Outcome:
        self.vault.requests.clear()
        self.vault.passwords.clear()
        request = Request({**OPTIONS, **options}, check_mode, self.reporter, self.redactor)
        return reconcile_registration(request, self.vault, self._cluster, self.vault.server)

    @contextmanager
    def _cluster(self) -> Iterator[ScriptedKubernetes]:
        yield self.kubernetes
