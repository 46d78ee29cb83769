# SPDX-License-Identifier: GPL-3.0-or-later
"""What other people have in and around an environment, under names that are as near to its own as can be."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

from tests.e2e.servers import ask, psql

Manifest = dict[str, Any]

POD = {"containers": [{"name": "web", "image": "example.org/web:1"}]}
LABELS = {"app": "stranger"}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": POD}
SELECTOR = {"matchLabels": LABELS}
DATABASE_API = "database.yourdomain.com/v1alpha1"
SQL_API = "postgresql.sql.crossplane.io/v1alpha1"


def manifest(api_version: str, kind: str, name: str, namespace: str = "", **content: Any) -> Manifest:
    metadata = {"name": name, "labels": LABELS} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def in_namespace(namespace: str, environment: str) -> list[Manifest]:
    """Objects of twenty-two kinds: a claim that nobody looks after, what looks as if we had made it, and others."""
    claim = manifest(
        *(DATABASE_API, "PostgreSQLInstance", f"{environment}-stranger-database", namespace),
        spec={
            "parameters": {"environment": environment, "appName": "stranger", "vaultPath": "secret/database/stranger"},
            "compositeDeletePolicy": "Foreground",
        },
    )
    claim["metadata"]["annotations"] = {"crossplane.io/paused": "true", "pnow.infra/created": "true"}
    copied = manifest("v1", "ConfigMap", f"{environment}-copied", namespace, data={"color": "blue"})
    copied["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "pnow.infra"}
    copied["metadata"]["annotations"] = {"pnow.infra/created": "true"}
    return [claim, copied, *_ordinary(namespace)]


def _ordinary(namespace: str) -> Iterator[Manifest]:
    def one(api_version: str, kind: str, **content: Any) -> Manifest:
        return manifest(api_version, kind, "stranger", namespace, **content)

    workload = {"replicas": 0, "selector": SELECTOR, "template": TEMPLATE}
    job = {"suspend": True, "template": {"spec": {**POD, "restartPolicy": "Never"}}}
    subject = {"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "Role", "name": "stranger", "apiGroup": "rbac.authorization.k8s.io"}
    backend = {"service": {"name": "stranger", "port": {"number": 80}}}
    yield one("v1", "Secret", stringData={"word": "theirs"})
    yield one("v1", "ServiceAccount")
    yield one("v1", "Service", spec={"selector": LABELS, "ports": [{"port": 80}]})
    yield one("v1", "PersistentVolumeClaim", spec=_volume_claim())
    yield one("v1", "ResourceQuota", spec={"hard": {"count/widgets.example.org": "10"}})
    yield one("v1", "LimitRange", spec={"limits": [{"type": "Container", "max": {"cpu": "2"}}]})
    yield one("v1", "PodTemplate", template=TEMPLATE)
    yield one("v1", "ReplicationController", spec={"replicas": 0, "selector": LABELS, "template": TEMPLATE})
    yield one("apps/v1", "Deployment", spec=workload)
    yield one("apps/v1", "StatefulSet", spec={**workload, "serviceName": "stranger"})
    yield one("apps/v1", "DaemonSet", spec={"selector": SELECTOR, "template": TEMPLATE})
    yield one("apps/v1", "ReplicaSet", spec=workload)
    yield one("batch/v1", "Job", spec=job)
    yield one("batch/v1", "CronJob", spec={"schedule": "0 3 * * *", "suspend": True, "jobTemplate": {"spec": job}})
    yield one("rbac.authorization.k8s.io/v1", "Role", rules=[])
    yield one("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef=role, subjects=[subject])
    yield one("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}})
    yield one("networking.k8s.io/v1", "Ingress", spec={"defaultBackend": backend})
    yield one("policy/v1", "PodDisruptionBudget", spec={"minAvailable": 1, "selector": SELECTOR})
    yield one("discovery.k8s.io/v1", "EndpointSlice", addressType="IPv4", endpoints=[])


def _volume_claim() -> Manifest:
    return {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "none"}


def around(environment: str) -> list[Manifest]:
    """Objects of eight cluster-scoped kinds; the database objects among them are looked after by nobody."""
    near = f"{environment}-stranger"
    definition = {
        "group": "example.org",
        "names": {"kind": "Widget", "plural": "widgets"},
        "scope": "Namespaced",
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}},
        ],
    }
    managed = [
        manifest(SQL_API, "Role", f"{near}-user", spec={"forProvider": {}}),
        manifest(SQL_API, "Database", f"{near}-db", spec={"forProvider": {}}),
    ]
    for item in managed:
        item["metadata"]["annotations"] = {"crossplane.io/paused": "true"}
    subject = {"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "ClusterRole", "name": near, "apiGroup": "rbac.authorization.k8s.io"}
    volume = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": "/nowhere"},
        "storageClassName": "none",
    }
    return [
        *managed,
        manifest("rbac.authorization.k8s.io/v1", "ClusterRole", near, rules=[]),
        manifest("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", near, roleRef=role, subjects=[subject]),
        manifest("v1", "PersistentVolume", near, spec=volume),
        manifest("storage.k8s.io/v1", "StorageClass", near, provisioner="example.org/none"),
        manifest("scheduling.k8s.io/v1", "PriorityClass", near, value=7),
        manifest("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.org", spec=definition),
    ]


def kubectl(verb: str, manifests: list[Manifest], *arguments: str) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": manifests}
    ask("kubectl", verb, "--filename=-", *arguments, given=json.dumps(listed))


def in_postgresql(environment: str) -> None:
    """A database with a schema, a table and privileges; roles, and memberships of one in the other."""
    near = f"{environment}-stranger"
    psql(f"CREATE ROLE \"{near}-user\" LOGIN PASSWORD 'theirs'")
    psql(f'CREATE ROLE "{near}-reader" CONNECTION LIMIT 3')
    psql(f'GRANT "{near}-reader" TO "{near}-user" WITH ADMIN OPTION')
    psql(f'CREATE DATABASE "{near}-db" OWNER "{near}-user"')
    psql(f'GRANT CONNECT ON DATABASE "{near}-db" TO "{near}-reader"')
    inside = f"""
        CREATE SCHEMA theirs AUTHORIZATION "{near}-user";
        CREATE TABLE theirs.things (name text);
        ALTER TABLE theirs.things OWNER TO "{near}-user";
        GRANT SELECT ON theirs.things TO "{near}-reader";
        ALTER DEFAULT PRIVILEGES FOR ROLE "{near}-user" GRANT SELECT ON TABLES TO "{near}-reader";
    """
    ask("psql", "--dbname", f"{near}-db", "-Atc", inside)


def not_in_postgresql(environment: str) -> None:
    near = f"{environment}-stranger"
    psql(f'DROP DATABASE IF EXISTS "{near}-db" WITH (FORCE)')
    psql(f'DROP ROLE IF EXISTS "{near}-user"')
    psql(f'DROP ROLE IF EXISTS "{near}-reader"')


def in_vault(environment: str) -> None:
    """A connection with a role, a lease and a static role; policies, secrets, and who may log in."""
    near = f"{environment}-stranger"
    host, port, user, password = (ask("printenv", name) for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD"))
    url = f"postgresql://{{{{username}}}}:{{{{password}}}}@{host}:{port}/postgres?sslmode=disable"
    login = (f"connection_url={url}", f"username={user}", f"password={password}")
    allowed = ("plugin_name=postgresql-database-plugin", "allowed_roles=*")
    ask("vault", "write", f"database/config/postgres-{near}", *allowed, *login)
    statement = """creation_statements=CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}'"""
    for role in (f"{environment}-readwrite-stranger", f"{near}-readonly"):
        ask("vault", "write", f"database/roles/{role}", f"db_name=postgres-{near}", statement)
    ask("vault", "read", f"database/creds/{near}-readonly")
    static = (f"db_name=postgres-{near}", f"username={near}-user", "rotation_period=24h")
    ask("vault", "write", f"database/static-roles/{near}-static", *static)
    for policy in (f"{environment}-readwrite", near):
        rules = 'path "secret/data/stranger" { capabilities = ["read"] }'
        ask("vault", "policy", "write", policy, "-", given=rules)
    for path in (f"database/{near}", f"database/{environment}/stranger", f"clusters/{environment}"):
        ask("vault", "kv", "put", f"secret/{path}", "word=theirs")
    ask("vault", "auth", "enable", f"-path=approle-{near}", "approle")
    ask("vault", "write", f"auth/approle-{near}/role/{environment}", f"token_policies={near}")


def not_in_vault(environment: str) -> None:
    near = f"{environment}-stranger"
    for command in _removals(environment, near):
        subprocess.run(["vault", *command], capture_output=True, check=False)


def _removals(environment: str, near: str) -> Iterator[tuple[str, ...]]:
    yield "lease", "revoke", "-sync", "-prefix", f"database/creds/{near}-readonly"
    for path in (f"static-roles/{near}-static", f"roles/{environment}-readwrite-stranger", f"roles/{near}-readonly"):
        yield "delete", f"database/{path}"
    yield "delete", f"database/config/postgres-{near}"
    for policy in (f"{environment}-readwrite", near):
        yield "policy", "delete", policy
    for path in (f"database/{near}", f"database/{environment}/stranger", f"clusters/{environment}"):
        yield "kv", "metadata", "delete", f"secret/{path}"
    yield "auth", "disable", f"approle-{near}"
