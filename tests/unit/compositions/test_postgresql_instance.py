# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQLInstance: what is composed and when, under which names, with which limits, and what is told to whom."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.unit.compositions.conftest import ROLE
from tests.unit.compositions.renderer import CONNECTION, Manifest, Renderer, Rendering, as_ready, password

MAX_POSTGRESQL_NAME = 63
MAX_CRON_JOB_NAME = 52
ORDER: Manifest = {
    "environment": "dev",
    "size": "small",
    "storageGB": 20,
    "enableBackup": False,
    "vaultPath": "secret/database/dev",
}
ROLES = {"user", "reader", "vault"}
ALL = ROLES | {
    "db",
    "vault-administers-user",
    "vault-administers-reader",
    "vault-signals-backends",
    "reader-connects",
    "reader-selects",
}
KINDS = {"user": "Role", "reader": "Role", "vault": "Role", "db": "Database", "reader-selects": "DefaultPrivileges"}
STEADY = ["Observe", "Create", "Delete"]

# The longest names that the schema admits, and the shapes that could be confused with each other.
INSTANCES = [
    {"environment": "dev"},
    {"environment": "pr-1"},
    {"environment": "pr-12"},
    {"environment": "pr-1", "appName": "a2"},
    {"environment": "dev", "appName": "vault"},
    {"environment": "dev", "appName": "reader"},
    {"environment": "dev", "appName": "vault-administers"},
    {"environment": "production", "appName": "a" * 31},
    {"environment": "pr-9999999999", "appName": "a" * 31},
]


@pytest.fixture(scope="session")
def complete(renderer: Renderer) -> Rendering:
    """All that is wanted, seen when everything was there already."""
    return provision(renderer, ORDER)


@pytest.fixture(scope="session")
def backed_up(renderer: Renderer) -> Rendering:
    """The same with backups."""
    return provision(renderer, {**ORDER, "enableBackup": True})


def provision(renderer: Renderer, parameters: Manifest) -> Rendering:
    """Render until nothing new is wanted, each time with all the former as ready."""
    rendering = renderer.render(parameters)
    while True:
        observed = [as_ready(resource) for resource in rendering.resources.values()]
        following = renderer.render(parameters, observed)
        if following.resources.keys() == rendering.resources.keys():
            return following
        rendering = following


def policies(rendering: Rendering, key: str) -> list[str]:
    found: list[str] = rendering.resources[key]["spec"]["managementPolicies"]
    return found


def wanted(rendering: Rendering, key: str) -> Manifest:
    found: Manifest = rendering.resources[key]["spec"]["forProvider"]
    return found


def closed(schema: Any) -> Any:
    """The same schema, refusing fields that the API server would drop without a word."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {"additionalProperties": False} if schema.get("type") == "object" and "properties" in schema else {}
    return {name: closed(value) for name, value in schema.items()} | shut


# What is composed, and when


@pytest.mark.parametrize(
    ("ready", "wanted_now"),
    [
        (set(), ROLES),
        ({"reader"}, ROLES),
        ({"user", "reader"}, ROLES | {"db"}),
        ({"vault"}, ROLES | {"vault-signals-backends"}),
        ({"user", "vault"}, ROLES | {"vault-administers-user", "vault-signals-backends"}),
        (ROLES, ALL - {"reader-connects", "reader-selects"}),
        (ROLES | {"db"}, ALL),
    ],
)
def test_a_resource_is_wanted_once_all_it_depends_on_is_ready(
    renderer: Renderer, complete: Rendering, ready: set[str], wanted_now: set[str]
) -> None:
    rendering = renderer.render(ORDER, [as_ready(complete.resources[key]) for key in ready])
    assert rendering.managed.keys() == wanted_now
    assert not rendering.is_ready


def test_the_composite_is_ready_when_everything_is(complete: Rendering) -> None:
    assert complete.managed.keys() == ALL
    assert complete.is_ready


def test_kinds(complete: Rendering) -> None:
    assert {key: resource["kind"] for key, resource in complete.managed.items()} == {
        key: KINDS.get(key, "Grant") for key in ALL
    }


def test_what_is_composed_fits_the_schemas_of_the_providers(
    backed_up: Rendering, provider_schemas: dict[str, Manifest]
) -> None:
    for resource in backed_up.managed.values():
        spec = provider_schemas[resource["kind"]]["properties"]["spec"]
        Draft202012Validator(closed(spec)).validate(resource["spec"])


def test_only_roles_and_the_database_are_removed_in_postgresql(complete: Rendering) -> None:
    """A grant ends with them; to revoke it first, provider-sql would need a database that may be gone."""
    assert {key for key in ALL if "Delete" in policies(complete, key)} == ROLES | {"db"}


def test_the_database_is_deleted_before_the_roles_it_needs(complete: Rendering) -> None:
    """Along a chain: the garbage collector, which comes to them in any order, could let go of one of several owners."""
    owners = {key: others for key, item in complete.managed.items() if (others := owners_beside_the_composite(item))}
    assert owners == {
        "db": [owner_reference(complete.resources["reader"])],
        "reader": [owner_reference(complete.resources["user"])],
    }


def test_owners_await_their_dependents_however_the_composite_is_deleted(complete: Rendering) -> None:
    waiting = {key for key, item in complete.managed.items() if item["metadata"].get("finalizers")}
    assert waiting == {"user", "reader"}
    assert complete.resources["user"]["metadata"]["finalizers"] == ["foregroundDeletion"]


def test_nothing_waits_for_an_owner_to_be_seen(renderer: Renderer) -> None:
    rendering = renderer.render(ORDER)
    assert rendering.managed.keys() == ROLES
    assert not owners_beside_the_composite(rendering.resources["reader"])


def owners_beside_the_composite(resource: Manifest) -> list[Manifest]:
    return [each for each in resource["metadata"]["ownerReferences"] if not each.get("controller")]


def owner_reference(resource: Manifest) -> Manifest:
    return {
        "apiVersion": resource["apiVersion"],
        "kind": resource["kind"],
        "name": resource["metadata"]["name"],
        "uid": f"uid of {resource['metadata']['name']}",
        "blockOwnerDeletion": True,
    }


def test_every_privilege_of_a_role_is_said(complete: Rendering) -> None:
    granted = {key: {name for name, has in wanted(complete, key)["privileges"].items() if has} for key in ROLES}
    assert granted == {"user": {"inherit", "login"}, "reader": {"inherit"}, "vault": {"inherit", "login", "createRole"}}
    assert all(len(wanted(complete, key)["privileges"]) == 7 for key in ROLES)


def test_vault_may_hand_on_membership_of_owner_and_reader(complete: Rendering) -> None:
    assert wanted(complete, "vault-administers-user") == {
        "role": "dev-vault",
        "memberOf": "dev-user",
        "withOption": "ADMIN",
    }
    assert wanted(complete, "vault-administers-reader") == {
        "role": "dev-vault",
        "memberOf": "dev-reader",
        "withOption": "ADMIN",
    }
    assert wanted(complete, "vault-signals-backends") == {"role": "dev-vault", "memberOf": "pg_signal_backend"}


def test_the_public_may_not_connect_and_readers_may_read(complete: Rendering) -> None:
    assert wanted(complete, "db")["owner"] == "dev-user"
    assert wanted(complete, "reader-connects") == {
        "role": "dev-reader",
        "database": "dev-db",
        "privileges": ["CONNECT"],
        "revokePublicOnDb": True,
    }
    assert wanted(complete, "reader-selects") == {
        "role": "dev-reader",
        "targetRole": "dev-user",
        "database": "dev-db",
        "schema": "public",
        "objectType": "table",
        "privileges": ["SELECT"],
    }


def test_platform_settings_come_from_the_composition(complete: Rendering) -> None:
    assert {resource["spec"]["providerConfigRef"]["name"] for resource in complete.managed.values()} == {
        "postgres-provider"
    }
    assert complete.connection_details["sslmode"] == "verify-full"


# Creation and removal

CREATION = {"crossplane.io/external-create-pending", "crossplane.io/external-create-succeeded"}


def test_what_was_seen_once_is_gone_when_it_is_not_found(backed_up: Rendering) -> None:
    """Or else a provider would wait for half a minute after its creation, however long ago it removed it."""
    told = {key: item["metadata"]["annotations"] for key, item in backed_up.managed.items()}
    confirmed = {key for key, annotations in told.items() if annotations.keys() >= CREATION}
    assert (
        confirmed == ROLES | {"db", "backup-schedule"} == {key for key in told if "Delete" in policies(backed_up, key)}
    )
    assert {told["db"][name] for name in CREATION} == {"1970-01-01T00:00:00Z"}


def test_the_provider_knows_best_what_it_has_not_shown_yet(renderer: Renderer, backed_up: Rendering) -> None:
    created = as_ready(backed_up.resources["vault"])
    created["status"]["conditions"][0]["status"] = "False"
    rendering = renderer.render({**ORDER, "enableBackup": True}, [created])
    assert not any(CREATION & item["metadata"]["annotations"].keys() for item in rendering.managed.values())


def test_who_has_the_role_need_not_ask_whose_it_is(renderer: Renderer, complete: Rendering) -> None:
    """A lookup costs a second call of the function each time. Crossplane shows to a composite what is its own."""
    another = owner_role(complete, {"crossplane.io/composite": "other"})
    rendering = renderer.render(ORDER, [as_ready(complete.resources["user"])], in_the_cluster=[another])
    assert not rendering.fatal


# Roles are left alone until they differ


def seen_in_postgresql(**differences: Any) -> Manifest:
    """What provider-sql reports of the owner role, as it should be but for these differences."""
    clauses = ["NOSUPERUSER", "INHERIT", "NOCREATEDB", "NOCREATEROLE", "LOGIN", "NOREPLICATION", "NOBYPASSRLS"]
    settings = [{"name": "work_mem", "value": "4MB"}, {"name": "statement_timeout", "value": "5min"}]
    return {"atProvider": {"privilegesAsClauses": clauses, "configurationParameters": settings, **differences}}


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ({}, STEADY),
        ({"lastPasswordChange": "2026-01-01T00:00:00Z"}, STEADY),
        ({"privilegesAsClauses": ["SUPERUSER", "INHERIT", "LOGIN"]}, [*STEADY, "Update"]),
        ({"configurationParameters": [{"name": "work_mem", "value": "1GB"}]}, [*STEADY, "Update"]),
        ({"configurationParameters": []}, [*STEADY, "Update"]),
    ],
)
def test_a_role_is_updated_only_when_it_differs(
    renderer: Renderer, complete: Rendering, differences: Manifest, expected: list[str]
) -> None:
    owner = as_ready(complete.resources["user"], seen_in_postgresql(**differences))
    assert policies(renderer.render(ORDER, [owner]), "user") == expected


def test_an_owner_without_a_known_password_gets_one_before_it_is_ready(renderer: Renderer, complete: Rendering) -> None:
    """A role that was in PostgreSQL before the claim; Vault's must not lose the password that Vault knows."""
    observed = [as_ready(complete.resources[key], seen_in_postgresql()) for key in ("user", "reader", "vault")]
    for role in observed:
        role["spec"].pop("writeConnectionSecretToRef", None)
    rendering = renderer.render(ORDER, observed[:2])
    assert "Update" in policies(rendering, "user")
    assert "db" not in rendering.resources
    vault = as_ready(complete.resources["vault"])
    vault["spec"].pop("writeConnectionSecretToRef")
    assert policies(renderer.render(ORDER, [vault]), "vault") == STEADY


def test_a_resize_updates_owner_and_database_and_renames_nothing(renderer: Renderer, complete: Rendering) -> None:
    observed = {key: as_ready(resource) for key, resource in complete.resources.items()}
    observed["user"] = as_ready(complete.resources["user"], seen_in_postgresql())
    resized = renderer.render({**ORDER, "size": "large"}, observed.values())
    assert "Update" in policies(resized, "user")
    assert wanted(resized, "db")["connectionLimit"] > wanted(complete, "db")["connectionLimit"]
    assert names(resized) == names(complete)


# One claim for one instance


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            {
                "crossplane.io/composite": "other-claim-x7k2p",
                "crossplane.io/claim-namespace": "dev",
                "crossplane.io/claim-name": "dev-database",
            },
            "Role dev-user exists and belongs to claim dev/dev-database; choose another environment or appName.",
        ),
        (
            {"crossplane.io/composite": "other"},
            "Role dev-user exists and belongs to composite other; choose another environment or appName.",
        ),
        ({}, "Role dev-user exists and belongs to no claim; choose another environment or appName."),
    ],
)
def test_an_instance_that_belongs_to_another_is_refused(
    renderer: Renderer, complete: Rendering, labels: dict[str, str], message: str
) -> None:
    rendering = renderer.render(ORDER, in_the_cluster=[owner_role(complete, labels)])
    assert rendering.fatal == [message]
    assert not rendering.resources


def test_an_instance_of_ones_own_is_not_refused(renderer: Renderer, complete: Rendering) -> None:
    own = complete.resources["user"]["metadata"]["labels"]
    rendering = renderer.render(ORDER, in_the_cluster=[owner_role(complete, own)])
    assert not rendering.fatal
    assert rendering.resources.keys() == ROLES


def test_an_environment_orders_in_its_own_namespace(renderer: Renderer, style: str) -> None:
    """Names of namespaced resources are unique in one namespace only."""
    rendering = renderer.render(ORDER, namespace="elsewhere")
    refused = ["Databases of environment dev belong into namespace dev; order this one there."]
    assert rendering.fatal == (refused if style == "namespaced" else [])
    assert bool(rendering.resources) == (style == "claims")


def owner_role(complete: Rendering, labels: dict[str, str]) -> Manifest:
    """The owner's Role as the cluster has it, with these labels."""
    role = as_ready(complete.resources["user"])
    role["metadata"]["labels"] = labels
    return role


# Sizes

SIZES = {
    "small": (20, {"work_mem": "4MB", "statement_timeout": "5min"}),
    "medium": (50, {"work_mem": "16MB", "statement_timeout": "15min"}),
    "large": (100, {"work_mem": "64MB", "statement_timeout": "1h"}),
}


@pytest.mark.parametrize("size", SIZES)
def test_size_sets_limits_and_the_status_tells_them(renderer: Renderer, complete: Rendering, size: str) -> None:
    connections, settings = SIZES[size]
    roles = [as_ready(complete.resources[key]) for key in ROLES]
    rendering = renderer.render({**ORDER, "size": size}, roles)
    assert wanted(rendering, "db")["connectionLimit"] == connections
    parameters = wanted(rendering, "user")["configurationParameters"]
    assert {parameter["name"]: parameter["value"] for parameter in parameters} == settings
    assert rendering.composite["status"]["connectionLimit"] == connections
    assert rendering.composite["status"]["settings"] == settings


def test_the_readme_tells_the_sizes() -> None:
    readme = (ROLE / "README.md").read_text()
    for size, (connections, settings) in SIZES.items():
        assert f"| {size} | {connections} | {settings['work_mem']} | {settings['statement_timeout']} |" in readme


# Names


def names(rendering: Rendering) -> dict[str, str]:
    return {key: resource["metadata"]["name"] for key, resource in rendering.managed.items()}


def postgresql_names(rendering: Rendering) -> set[str]:
    database: dict[str, str] = rendering.composite["status"]["database"]
    return {database[key] for key in ("name", "owner", "reader", "vaultRole")}


def test_objects_have_one_name_in_kubernetes_and_postgresql(complete: Rendering) -> None:
    assert names(complete) == {key: f"dev-{key}" for key in ALL}
    for key, resource in complete.managed.items():
        assert resource["metadata"]["annotations"]["crossplane.io/external-name"] == f"dev-{key}"


def test_an_application_has_names_of_its_own(renderer: Renderer) -> None:
    rendering = renderer.render({**ORDER, "appName": "shop"})
    assert rendering.composite["status"]["database"] == {
        "name": "dev-shop-db",
        "owner": "dev-shop-user",
        "reader": "dev-shop-reader",
        "vaultRole": "dev-shop-vault",
        "sslmode": "verify-full",
    }


def test_no_two_instances_share_a_name_and_none_is_too_long(
    renderer: Renderer, parameters_schema: dict[str, Any]
) -> None:
    seen: set[str] = set()
    for instance in INSTANCES:
        parameters = {**ORDER, **instance}
        Draft202012Validator(parameters_schema).validate(parameters)
        found = postgresql_names(renderer.render(parameters))
        assert len(found) == 4
        assert max(len(name.encode()) for name in found) <= MAX_POSTGRESQL_NAME
        assert not seen & found, instance
        seen |= found


def test_names_of_different_instances_cannot_meet_in_kubernetes(complete: Rendering) -> None:
    """Were one key the end of another, instance dev-x's first could be instance dev's second."""
    for one, other in itertools.permutations(complete.resources.values(), 2):
        keys = [
            resource["metadata"]["annotations"]["crossplane.io/composition-resource-name"] for resource in (one, other)
        ]
        assert one["kind"] != other["kind"] or not keys[0].endswith(f"-{keys[1]}")


@pytest.mark.parametrize(
    "parameters",
    [
        {"environment": "test"},
        {"environment": "DEV"},
        {"environment": "pr-0"},
        {"environment": "pr-01"},
        {"environment": "pr--1"},
        {"environment": "pr-1e3"},
        {"environment": "pr-99999999999"},
        {"appName": ""},
        {"appName": "1st"},
        {"appName": "shop-"},
        {"appName": "-shop"},
        {"appName": "Shop"},
        {"appName": "shöp"},
        {"appName": "shop.app"},
        {"appName": 'x"; DROP ROLE postgres; --'},
        {"appName": "{{ shop }}"},
        {"appName": "a" * 32},
        {"size": "huge"},
        {"storageGB": 0},
        {"storageGB": "20"},
        {"enableBackup": "no"},
        {"vaultPath": ""},
    ],
)
def test_the_schema_refuses(parameters_schema: dict[str, Any], parameters: Manifest) -> None:
    assert not Draft202012Validator(parameters_schema).is_valid({**ORDER, **parameters})


# Backups


def composed(rendering: Rendering, key: str) -> Manifest:
    manifest: Manifest = wanted(rendering, key)["manifest"]
    return manifest


def pod(rendering: Rendering) -> Manifest:
    template: Manifest = composed(rendering, "backup-schedule")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return template


def variables(rendering: Rendering) -> Manifest:
    entries = pod(rendering)["containers"][0]["env"]
    return {entry["name"]: entry.get("value") or entry["valueFrom"]["secretKeyRef"] for entry in entries}


def volume_seen(backed_up: Rendering, phase: str, storage: str, storage_class: str = "standard") -> Manifest:
    """The Object of the volume as its provider last saw it."""
    manifest = composed(backed_up, "backup-volume")
    spec = {"resources": {"requests": {"storage": storage}}, "storageClassName": storage_class}
    seen = {**manifest, "spec": {**manifest["spec"], **spec}, "status": {"phase": phase}}
    return as_ready(backed_up.resources["backup-volume"], {"atProvider": {"manifest": seen}})


def test_backups_are_wanted_at_once_when_they_are_enabled(renderer: Renderer, complete: Rendering) -> None:
    rendering = renderer.render({**ORDER, "enableBackup": True})
    assert rendering.managed.keys() == ROLES | {"backup-volume", "backup-schedule"}
    assert not {key for key in complete.resources if key.startswith("backup")}
    assert "backup" not in complete.composite["status"]


def test_the_composite_is_ready_when_its_backup_exists(renderer: Renderer, backed_up: Rendering) -> None:
    assert backed_up.is_ready
    others = [as_ready(resource) for key, resource in backed_up.resources.items() if key != "backup-schedule"]
    assert not renderer.render({**ORDER, "enableBackup": True}, others).is_ready


def test_the_longest_name_is_one_for_a_cron_job(renderer: Renderer) -> None:
    rendering = renderer.render({**ORDER, **INSTANCES[-1], "enableBackup": True})
    assert len(composed(rendering, "backup-schedule")["metadata"]["name"]) == MAX_CRON_JOB_NAME


def test_the_volume_outlives_the_claim_and_the_schedule_does_not(backed_up: Rendering) -> None:
    assert "Delete" not in policies(backed_up, "backup-volume")
    assert "Delete" in policies(backed_up, "backup-schedule")


def test_the_dump_gets_its_login_from_the_owners_secret(backed_up: Rendering) -> None:
    secret = backed_up.resources["user"]["spec"]["writeConnectionSecretToRef"]
    place = backed_up.composite["status"]["vaultSecretRef"]["namespace"]
    assert composed(backed_up, "backup-schedule")["metadata"]["namespace"] == place
    assert variables(backed_up) == {
        "PGHOST": {"name": secret["name"], "key": "endpoint"},
        "PGPORT": {"name": secret["name"], "key": "port"},
        "PGUSER": {"name": secret["name"], "key": "username"},
        "PGPASSWORD": {"name": secret["name"], "key": "password"},
        "PGDATABASE": "dev-db",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "system",
        "RETENTION_DAYS": "14",
    }


@pytest.mark.parametrize(("published", "host"), [("[::1]", "::1"), ("db.example.org", "db.example.org")])
def test_libpq_gets_an_address_without_brackets(
    backed_up: Rendering, tmp_path: Path, published: str, host: str
) -> None:
    """The pod's own script, with a pg_dump that writes where it would connect to."""
    dumper = tmp_path / "pg_dump"
    dumper.write_text('#!/bin/sh\necho "$PGHOST" > "${2#--file=}"\n')
    dumper.chmod(0o755)
    [shell, flags, script] = pod(backed_up)["containers"][0]["command"]
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PGDATABASE": "d", "RETENTION_DAYS": "1"}
    script = script.replace("/backups", str(tmp_path))
    subprocess.run([shell, flags, script], env={**environment, "PGHOST": published}, check=True)
    [dump] = tmp_path.glob("*.dump")
    assert dump.read_text() == f"{host}\n"


def test_an_authority_of_ones_own_is_believed(renderer: Renderer) -> None:
    private = renderer.with_platform(backup={"caConfigMap": "postgresql-ca"})
    rendering = private.render({**ORDER, "enableBackup": True})
    assert variables(rendering)["PGSSLROOTCERT"] == "/authority/ca.crt"
    assert {"name": "authority", "configMap": {"name": "postgresql-ca"}} in pod(rendering)["volumes"]


def test_without_verification_no_authority_is_named(renderer: Renderer) -> None:
    rendering = renderer.with_platform(sslmode="require").render({**ORDER, "enableBackup": True})
    assert "PGSSLROOTCERT" not in variables(rendering)


def test_the_pod_can_do_nothing_but_dump(backed_up: Rendering) -> None:
    container = pod(backed_up)["containers"][0]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(backed_up)["securityContext"]["runAsNonRoot"]
    assert not pod(backed_up)["automountServiceAccountToken"]
    assert container["resources"]["limits"]


def test_dumps_never_overlap_and_end(backed_up: Rendering) -> None:
    schedule = composed(backed_up, "backup-schedule")["spec"]
    assert (schedule["schedule"], schedule["timeZone"]) == ("0 2 * * *", "Etc/UTC")
    assert schedule["concurrencyPolicy"] == "Forbid"
    assert schedule["startingDeadlineSeconds"] > 0
    assert schedule["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 0


@pytest.mark.parametrize(
    ("seen", "ordered", "expected"),
    [
        (("Bound", "20Gi"), 20, "20Gi"),
        (("Bound", "20Gi"), 30, "30Gi"),
        (("Bound", "50Gi"), 20, "50Gi"),
        (("Bound", "1Ti"), 2000, "2000Gi"),
        (("Bound", "2Ti"), 2000, "2048Gi"),
        # The API server lets only bound volumes grow.
        (("Pending", "20Gi"), 30, "20Gi"),
        (("Lost", "20Gi"), 30, "20Gi"),
        # Not asked for here: then it is up to the API server.
        (("Bound", "500M"), 20, "20Gi"),
    ],
)
def test_a_volume_grows_once_it_is_bound_and_never_shrinks(
    renderer: Renderer, backed_up: Rendering, seen: tuple[str, str], ordered: int, expected: str
) -> None:
    order = {**ORDER, "enableBackup": True, "storageGB": ordered}
    rendering = renderer.render(order, [volume_seen(backed_up, *seen)])
    spec = composed(rendering, "backup-volume")["spec"]
    assert spec["resources"] == {"requests": {"storage": expected}}
    assert spec["storageClassName"] == "standard"


def test_only_a_new_volume_gets_the_platforms_storage_class(renderer: Renderer, backed_up: Rendering) -> None:
    slow = renderer.with_platform(backup={"storageClass": "slow"})
    order = {**ORDER, "enableBackup": True}
    assert composed(slow.render(order), "backup-volume")["spec"]["storageClassName"] == "slow"
    kept = slow.render(order, [volume_seen(backed_up, "Bound", "20Gi", storage_class="fast")])
    assert composed(kept, "backup-volume")["spec"]["storageClassName"] == "fast"
    assert "storageClassName" not in composed(backed_up, "backup-volume")["spec"]


def test_the_status_says_how_the_database_is_backed_up(renderer: Renderer, backed_up: Rendering) -> None:
    manifest = {**composed(backed_up, "backup-schedule"), "status": {"lastSuccessfulTime": "2026-01-01T02:00:09Z"}}
    schedule = as_ready(backed_up.resources["backup-schedule"], {"atProvider": {"manifest": manifest}})
    rendering = renderer.render({**ORDER, "enableBackup": True}, [schedule])
    told = {
        "namespace": backed_up.composite["status"]["vaultSecretRef"]["namespace"],
        "cronJob": "dev-backup",
        "volume": "dev-backup",
        "schedule": "0 2 * * *",
        "retentionDays": 14,
    }
    assert backed_up.composite["status"]["backup"] == told
    assert rendering.composite["status"]["backup"] == {**told, "lastSuccess": "2026-01-01T02:00:09Z"}


# What is told to whom


def test_the_connection_secret_has_all_a_client_needs(complete: Rendering) -> None:
    assert complete.connection_details == {
        "username": "dev-user",
        "password": password(complete.resources["user"]),
        "endpoint": "postgres.example.org",
        "port": "5432",
        "database": "dev-db",
        "sslmode": "verify-full",
    }


def test_the_connection_secret_has_only_keys_that_the_xrd_lets_through(complete: Rendering, xrd: Manifest) -> None:
    let_through = xrd["spec"].get("connectionSecretKeys", complete.connection_details)
    assert set(complete.connection_details) == set(let_through)


def test_a_connection_secret_is_composed_where_crossplane_writes_none(complete: Rendering, style: str) -> None:
    assert bool(complete.connection) == (style == "claims")
    composed = complete.resources.get("connection", {})
    assert composed.get("metadata", {}).get("name") == (None if style == "claims" else CONNECTION)


def test_vaults_credentials_are_where_the_status_says(complete: Rendering, style: str) -> None:
    reference = complete.composite["status"]["vaultSecretRef"]
    namespace = {"claims": "crossplane-system", "namespaced": "dev"}[style]
    assert reference == {"namespace": namespace, "name": "postgresql-dev-vault"}
    role = complete.resources["vault"]
    written = {"namespace": role["metadata"].get("namespace"), **role["spec"]["writeConnectionSecretToRef"]}
    assert written == reference
    assert password(complete.resources["vault"]) not in complete.connection_details.values()


def test_the_status_and_the_resources_hold_no_password(complete: Rendering) -> None:
    told = f"{complete.composite} {complete.resources}"
    assert not re.search(r"password of", told)


def test_the_status_fits_its_schema(backed_up: Rendering, xrd: Manifest) -> None:
    schema = xrd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    status = {name: value for name, value in backed_up.composite["status"].items() if name != "conditions"}
    assert set(status) == set(schema["properties"])
    Draft202012Validator(closed(schema)).validate(status)
