# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose a PostgreSQLInstance: one database, the roles around it, and what each role may do.

function-pythonic runs this file in Crossplane whenever the claim, or a resource composed here, changes.
Platform settings come as `parameters` of the Composition's input: `providerConfig`, `credentialsNamespace`, `sslmode`,
and those of `backup`.

Every object is called `<instance>-<key>`, in Kubernetes as in PostgreSQL, where the instance is the environment, or the
environment and the application. So an instance belongs to one claim: a second one can neither adopt the first one's
database nor drop it.

There are two styles. The composite of a claim is cluster-scoped, as are its managed resources, whose names are unique
therefore. A composite in a namespace has its managed resources and Secrets there; their names are as unique because an
environment's instances are all in the namespace of its name. To them, read "composite" for "claim" here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from crossplane.pythonic import B64Encode, BaseComposite
from crossplane.pythonic.composite import Resource

CLUSTER_API_VERSION = "postgresql.sql.crossplane.io/v1alpha1"
NAMESPACED_API_VERSION = "postgresql.sql.m.crossplane.io/v1alpha1"
CLUSTER_OBJECT = "kubernetes.crossplane.io/v1alpha2"
NAMESPACED_OBJECT = "kubernetes.m.crossplane.io/v1alpha1"

# Fields of provider-sql's Role, and the words in which its status reports them.
PRIVILEGES = {
    "superUser": "SUPERUSER",
    "inherit": "INHERIT",
    "createDb": "CREATEDB",
    "createRole": "CREATEROLE",
    "login": "LOGIN",
    "replication": "REPLICATION",
    "bypassRls": "BYPASSRLS",
}

# Management policies of a role that is as it should be; `role` says why Update is not among them.
STEADY = ["Observe", "Create", "Delete"]

# When a provider began to make something, and when it had made it.
CREATION = ("crossplane.io/external-create-pending", "crossplane.io/external-create-succeeded")
LONG_AGO = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Size:
    """What one size of the claim allows: connections to the database, and settings of the owner's sessions."""

    connections: int
    settings: dict[str, str]


SIZES = {
    "small": Size(20, {"work_mem": "4MB", "statement_timeout": "5min"}),
    "medium": Size(50, {"work_mem": "16MB", "statement_timeout": "15min"}),
    "large": Size(100, {"work_mem": "64MB", "statement_timeout": "1h"}),
}


# What an earlier run did not complete goes first, for it fills the volume. Dumps go once there is a newer one.
# provider-sql publishes an IPv6 address in brackets, as it stands in a URL; libpq takes it without.
DUMP = """\
umask 077
PGHOST="${PGHOST#\\[}"
PGHOST="${PGHOST%\\]}"
rm -f "/backups/$PGDATABASE-"*.unfinished
dump="/backups/$PGDATABASE-$(date -u +%Y%m%dT%H%M%SZ).dump"
pg_dump --format=custom --file="$dump.unfinished"
mv "$dump.unfinished" "$dump"
find /backups -type f -name "$PGDATABASE-*.dump" -mmin "+$((RETENTION_DAYS * 1440))" -delete
"""

# Keys of the Secret that provider-sql writes for a role, by the variables in which libpq reads them.
LOGIN = {"PGHOST": "endpoint", "PGPORT": "port", "PGUSER": "username", "PGPASSWORD": "password"}

# Any user will do but root: the volume is made its group's.
UNPRIVILEGED = 10001


class PostgreSQLInstance(BaseComposite):
    """A PostgreSQL database for one environment, or for one application of an environment."""

    def compose(self) -> None:
        """Order resources so that each is created once all it depends on is ready."""
        # The library's own values are true whenever they are set, even to false; plain data cannot surprise.
        self.wanted: dict[str, Any] = json.loads(format(self.spec.parameters, "json"))
        self.namespace = str(self.metadata.namespace) if self.metadata.namespace else ""
        self.provider_api = NAMESPACED_API_VERSION if self.namespace else CLUSTER_API_VERSION
        if self.is_misplaced() or self.belongs_to_another():
            return

        size = SIZES[self.wanted["size"]]
        owner = self.role("user", {"login": True}, size.settings)
        self.require_password(owner)
        reader = self.role("reader", {})
        vault = self.role("vault", {"login": True, "createRole": True})
        database = self.database(owner, reader, size.connections)
        # PostgreSQL drops no role that a database still needs.
        delete_after(reader, database)
        delete_after(owner, reader)

        self.membership("vault-administers-user", vault, owner)
        self.membership("vault-administers-reader", vault, reader)
        self.signal_backends(vault)
        self.connect(reader, database)
        self.select(reader, owner, database)
        if self.wanted["enableBackup"]:
            self.back_up()

        self.publish_connection(owner)
        self.report_status(size)

    def is_misplaced(self) -> bool:
        """Refuse a namespace other than the environment's own: in two namespaces one name could be given twice."""
        environment = self.wanted["environment"]
        if self.namespace in ("", environment):
            return False
        self.results.fatal(
            "WrongNamespace",
            f"Databases of environment {environment} belong into namespace {environment}; order this one there.",
        )
        return True

    def belongs_to_another(self) -> bool:
        """Refuse an instance that exists already, and say whose it is.

        The API server would refuse two controllers of one object as well, but with a message that few would understand.
        Crossplane shows a composite no resources but its own, so that whoever has the role need not ask for it.
        """
        if self.resources["user"].observed:
            return False
        required = self.requireds.owner("Role", self.provider_api, name=self.name("user"))
        if self.namespace:
            required.namespace = self.namespace
        owner = required[0]
        labels = owner.metadata.labels
        if not owner or labels["crossplane.io/composite"] == self.metadata.name:
            return False
        self.results.fatal(
            "InstanceExists",
            f"Role {self.name('user')} exists and belongs to {holder(labels)}; choose another environment or appName.",
            claim=True,
        )
        return True

    def name(self, key: str = "") -> str:
        """Name one object of this instance, or the instance; the schema of the claim keeps all of them short enough."""
        parts = (self.wanted["environment"], self.wanted.get("appName"), key)
        return "-".join(part for part in parts if part)

    def provided(self, key: str, kind: str, api_version: str, provider_config: Any, policies: list[str]) -> Resource:
        """Start a resource of some provider."""
        resource = self.resources[key](kind, api_version, name=self.name(key))
        resource.spec.providerConfigRef.name = provider_config
        if self.namespace:
            resource.spec.providerConfigRef.kind = "ClusterProviderConfig"
        resource.spec.managementPolicies = policies
        # For half a minute after it has made something, a provider takes what it can not find for not yet there, even
        # what it has just removed. But what was seen once was there: neither server shows what it stores with delay.
        if "Delete" in policies and resource.conditions.Ready.status:
            for annotation in CREATION:
                resource.metadata.annotations[annotation] = LONG_AGO
        return resource

    def managed(self, key: str, kind: str, policies: list[str], *after: Resource) -> Resource:
        """Start a managed resource of provider-sql that is created after others are ready."""
        resource = self.provided(key, kind, self.provider_api, self.parameters.providerConfig, policies)
        resource.externalName = self.name(key)
        for dependency in after:
            resource.addDependency(dependency)
        return resource

    def role(self, key: str, granted: dict[str, bool], settings: dict[str, str] | None = None) -> Resource:
        """Compose a role with exactly the granted privileges; one that may log in gets a Secret with its password."""
        privileges = dict.fromkeys(PRIVILEGES, False) | {"inherit": True} | granted
        # provider-sql takes every role for outdated and would ALTER it at each poll; if the Secret were lost, it would
        # even reset a password that Vault has rotated. So it may update a role only when the role is seen to differ.
        role = self.managed(key, "Role", STEADY)
        if differs(role, privileges, settings or {}):
            role.spec.managementPolicies = [*STEADY, "Update"]
        role.spec.forProvider.privileges = privileges
        if settings:
            role.spec.forProvider.configurationParameters = [
                {"name": name, "value": value} for name, value in settings.items()
            ]
        if privileges["login"]:
            reference = self.secret_reference(key)
            role.spec.writeConnectionSecretToRef.name = reference["name"]
            if not self.namespace:
                role.spec.writeConnectionSecretToRef.namespace = reference["namespace"]
        return role

    def require_password(self, owner: Resource) -> None:
        """Hold the owner for ready when its password is known; a role that was there before the claim gets a new one.

        So it is after a loss of the cluster. Vault's role keeps the password that Vault may have rotated.
        """
        if owner.conditions.Ready.status and not owner.connection.password:
            owner.spec.managementPolicies = [*STEADY, "Update"]
            owner.ready = False

    def secret_reference(self, key: str) -> dict[str, Any]:
        """Say where the credentials of a role are kept: with the platform, unless its role is in a namespace."""
        namespace = self.namespace or str(self.parameters.credentialsNamespace)
        return {"namespace": namespace, "name": f"postgresql-{self.name(key)}"}

    def database(self, owner: Resource, reader: Resource, connections: int) -> Resource:
        """Compose the database; its owner may do all in it without a grant."""
        database = self.managed("db", "Database", ["Observe", "Create", "Update", "Delete"], owner, reader)
        # template0 allows any encoding, and unlike template1 no open session can ever be in its way.
        database.spec.forProvider = {
            "owner": self.name(owner.name),
            "template": "template0",
            "encoding": "UTF8",
            "connectionLimit": connections,
        }
        return database

    def grant(self, key: str, kind: str, parameters: dict[str, Any], *after: Resource) -> None:
        """Compose a grant that ends with its role or its database.

        Without the policy Delete nothing is revoked: provider-sql would first have to log in to a database that may be
        gone, and the claim's deletion would never end.
        """
        grant = self.managed(key, kind, ["Observe", "Create", "Update"], *after)
        grant.spec.forProvider = parameters

    def membership(self, key: str, member: Resource, group: Resource) -> None:
        """Make a role a member of another that may pass this membership on, as Vault does for each credential."""
        parameters = {"role": self.name(member.name), "memberOf": self.name(group.name), "withOption": "ADMIN"}
        self.grant(key, "Grant", parameters, member, group)

    def signal_backends(self, vault: Resource) -> None:
        """Let Vault's role end the sessions of a credential that it revokes."""
        parameters = {"role": self.name(vault.name), "memberOf": "pg_signal_backend"}
        self.grant("vault-signals-backends", "Grant", parameters, vault)

    def connect(self, reader: Resource, database: Resource) -> None:
        """Let readers connect, and nobody else but the owner and its members."""
        parameters = {
            "role": self.name(reader.name),
            "database": self.name(database.name),
            "privileges": ["CONNECT"],
            "revokePublicOnDb": True,
        }
        self.grant("reader-connects", "Grant", parameters, reader, database)

    def select(self, reader: Resource, owner: Resource, database: Resource) -> None:
        """Let readers read every table that the owner will create in schema public; a new database has none yet."""
        parameters = {
            "role": self.name(reader.name),
            "targetRole": self.name(owner.name),
            "database": self.name(database.name),
            "schema": "public",
            "objectType": "table",
            "privileges": ["SELECT"],
        }
        self.grant("reader-selects", "DefaultPrivileges", parameters, reader, owner, database)

    def back_up(self) -> None:
        """Dump the database on a schedule onto a volume that outlives the claim, lest both are deleted by one mistake.

        Nothing waits for the database: a dump that comes too early fails, and the next one does not.
        """
        volume = self.object("backup-volume", ["Observe", "Create", "Update"])
        volume.spec.forProvider.manifest = self.volume_claim(volume.status.atProvider.manifest)
        schedule = self.object("backup-schedule", ["Observe", "Create", "Update", "Delete"])
        schedule.spec.forProvider.manifest = self.cron_job()
        self.status.backup = {
            "namespace": self.secret_reference("user")["namespace"],
            "cronJob": self.name("backup"),
            "volume": self.name("backup"),
            "schedule": self.parameters.backup.schedule,
            "retentionDays": self.parameters.backup.retentionDays,
        }
        succeeded = schedule.status.atProvider.manifest.status.lastSuccessfulTime
        if succeeded:
            self.status.backup.lastSuccess = succeeded

    def object(self, key: str, policies: list[str]) -> Resource:
        """Start a managed resource of provider-kubernetes, which keeps an object of any kind."""
        api_version = NAMESPACED_OBJECT if self.namespace else CLUSTER_OBJECT
        return self.provided(key, "Object", api_version, self.parameters.backup.providerConfig, policies)

    def backup_manifest(self, api_version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        """Describe an object of the backup, beside the owner's Secret; its labels tell what it is without the claim."""
        namespace = self.secret_reference("user")["namespace"]
        labels = {"app.kubernetes.io/component": "backup", "app.kubernetes.io/instance": self.name()}
        metadata = {"namespace": namespace, "name": self.name("backup"), "labels": labels}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}

    def volume_claim(self, seen: Any) -> dict[str, Any]:
        """Describe the volume for dumps; one that exists already can only grow, and only once it is bound."""
        gibibytes = self.wanted["storageGB"]
        storage_class = str(self.parameters.backup.storageClass or "")
        if seen:
            held = whole_gibibytes(str(seen.spec.resources.requests.storage))
            gibibytes = max(held, gibibytes) if str(seen.status.phase) == "Bound" else held
            storage_class = str(seen.spec.storageClassName or "")
        spec: dict[str, Any] = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": f"{gibibytes}Gi"}},
        }
        if storage_class:
            spec["storageClassName"] = storage_class
        return self.backup_manifest("v1", "PersistentVolumeClaim", spec)

    def cron_job(self) -> dict[str, Any]:
        """Describe the schedule. A dump that hangs is ended, and one that was missed is made up for within the hour."""
        return self.backup_manifest(
            "batch/v1",
            "CronJob",
            {
                "schedule": self.parameters.backup.schedule,
                "timeZone": "Etc/UTC",
                "concurrencyPolicy": "Forbid",
                "startingDeadlineSeconds": 3600,
                "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 3,
                "jobTemplate": {
                    "spec": {
                        "backoffLimit": 2,
                        "activeDeadlineSeconds": 6 * 3600,
                        "template": {"spec": self.dump_pod()},
                    }
                },
            },
        )

    def dump_pod(self) -> dict[str, Any]:
        """Describe the pod that dumps the database as its owner; it can do nothing else to the cluster or its node."""
        container: dict[str, Any] = {
            "name": "pg-dump",
            "image": self.parameters.backup.image,
            "command": ["/bin/sh", "-euc", DUMP],
            "env": self.login(),
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": "backups", "mountPath": "/backups"}],
        }
        pod = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": UNPRIVILEGED,
                "runAsGroup": UNPRIVILEGED,
                "fsGroup": UNPRIVILEGED,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": "backups", "persistentVolumeClaim": {"claimName": self.name("backup")}}],
        }
        if authority := self.parameters.backup.caConfigMap:
            container["env"].append({"name": "PGSSLROOTCERT", "value": "/authority/ca.crt"})
            container["volumeMounts"].append({"name": "authority", "mountPath": "/authority", "readOnly": True})
            pod["volumes"].append({"name": "authority", "configMap": {"name": authority}})
        elif str(self.parameters.sslmode) == "verify-full":
            # The image's own authorities, which libpq accepts with this mode only.
            container["env"].append({"name": "PGSSLROOTCERT", "value": "system"})
        return pod

    def login(self) -> list[dict[str, Any]]:
        """Tell pg_dump by variables where to log in, and leave the secrets among them in their Secret."""
        secret = self.secret_reference("user")["name"]
        secret_variables = [
            {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}} for name, key in LOGIN.items()
        ]
        plain = {
            "PGDATABASE": self.name("db"),
            "PGSSLMODE": self.parameters.sslmode,
            "RETENTION_DAYS": str(int(self.parameters.backup.retentionDays)),
        }
        return secret_variables + [{"name": name, "value": value} for name, value in plain.items()]

    def publish_connection(self, owner: Resource) -> None:
        """Fill the claim's connection Secret with all that a client of the database needs."""
        details = {key: owner.connection[key] for key in ("username", "password", "endpoint", "port")}
        details |= {"database": self.name("db"), "sslmode": self.parameters.sslmode}
        if not self.namespace:
            for key, value in details.items():
                self.connection[key] = value
        elif self.spec.writeConnectionSecretToRef.name:
            # Crossplane gives connection Secrets to claims only.
            secret = self.resources.connection("Secret", "v1", name=self.spec.writeConnectionSecretToRef.name)
            secret.type = "connection.crossplane.io/v1alpha1"
            for key, value in details.items():
                secret.data[key] = B64Encode(value)

    def report_status(self, size: Size) -> None:
        """Tell the claim what it got, without any secret."""
        self.status.database = {
            "name": self.name("db"),
            "owner": self.name("user"),
            "reader": self.name("reader"),
            "vaultRole": self.name("vault"),
            "sslmode": self.parameters.sslmode,
        }
        self.status.vaultSecretRef = self.secret_reference("vault")
        self.status.connectionLimit = size.connections
        self.status.settings = size.settings
        self.status.storageGB = self.wanted["storageGB"]


def whole_gibibytes(quantity: str) -> int:
    """Read a size that was asked for here, as the API server writes it; 0 for any other."""
    factor = {"Gi": 1, "Ti": 1024, "Pi": 1024 * 1024}.get(quantity[-2:], 0)
    return factor and factor * int(quantity[:-2])


def holder(labels: Any) -> str:
    """Say who has a managed resource, by the labels that Crossplane gives to it."""
    if labels["crossplane.io/claim-name"]:
        return f"claim {labels['crossplane.io/claim-namespace']}/{labels['crossplane.io/claim-name']}"
    if labels["crossplane.io/composite"]:
        return f"composite {labels['crossplane.io/composite']}"
    return "no claim"


def delete_after(resource: Resource, dependent: Resource) -> None:
    """Have Kubernetes delete a resource only once a dependent of it is gone, however the composite is deleted.

    One dependent has one such owner: of two, the garbage collector lets go of that which it comes to first. So what is
    needed by all is deleted along a chain. Without the finalizer, which Kubernetes removes itself, a composite that
    is deleted in the background would leave the owner deleted and waiting, and the dependent undeleted, for ever.
    """
    resource.metadata.finalizers = ["foregroundDeletion"]
    if resource.observed:
        dependent.metadata.ownerReferences = [
            {
                "apiVersion": resource.apiVersion,
                "kind": resource.kind,
                "name": resource.observed.metadata.name,
                "uid": resource.observed.metadata.uid,
                "blockOwnerDeletion": True,
            }
        ]


def differs(role: Resource, privileges: dict[str, bool], settings: dict[str, str]) -> bool:
    """Compare a role with what provider-sql last saw of it in PostgreSQL; before that it cannot differ."""
    seen = role.status.atProvider
    if not seen.privilegesAsClauses:
        return False
    wanted_clauses = {word if privileges[field] else f"NO{word}" for field, word in PRIVILEGES.items()}
    seen_settings = {str(item.name): str(item.value) for item in seen.configurationParameters}
    return {str(clause) for clause in seen.privilegesAsClauses} != wanted_clauses or seen_settings != settings
