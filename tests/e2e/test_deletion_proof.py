# SPDX-License-Identifier: GPL-3.0-or-later
"""A deletion ends with what was looked at and found gone; what is somebody else's is named, kept, and hangs nothing."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.servers import ask, bootstrap, psql
from tests.e2e.tasks import run

ENVIRONMENT = "uat"
BACKED_UP = {"database_enable_backup": True}
STATS = re.compile(r"^\tRUN: (.*)$", re.MULTILINE)


def command(verb: str, *arguments: str, **variables: object) -> list[str]:
    given = (f"--inventory=inventories/{ENVIRONMENT}", f"--extra-vars={json.dumps({**BACKED_UP, **variables})}")
    return ["ansible-playbook", f"pnow.infra.{verb}", *given, *arguments]


def deleted(monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[tuple[str, str], dict[str, Any]]]:
    """What a deletion says, and its proof as a program gets it, by kind and name of each thing."""
    monkeypatch.setenv("ANSIBLE_SHOW_CUSTOM_STATS", "true")
    monkeypatch.setenv("ANSIBLE_CALLBACK_RESULT_FORMAT", "json")
    said = ask(*command("delete", confirm=ENVIRONMENT))
    found = STATS.search(said)
    assert found is not None, said
    things = json.loads(found[1])["environment_proof"][ENVIRONMENT]
    return said, {(item["kind"], item["name"]): item for item in things}


@pytest.fixture(scope="module", autouse=True)
def uat() -> Iterator[None]:
    bootstrap()
    ask(*command("provision"))
    yield
    ask(*command("delete", confirm=ENVIRONMENT))
    volume = ("persistentvolumeclaim", "--namespace", "crossplane-system", f"{ENVIRONMENT}-backup")
    ask("kubectl", "delete", *volume, "--ignore-not-found", "--wait=false")


@pytest.fixture
def stranger() -> Iterator[str]:
    """A role that somebody has made by hand, and that owns a table in the database."""
    psql("CREATE ROLE somebody")
    ask("psql", "--dbname", f"{ENVIRONMENT}-db", "-c", "CREATE TABLE kept (); ALTER TABLE kept OWNER TO somebody")
    yield "somebody"
    psql("DROP ROLE somebody")


def test_what_is_left_is_named() -> None:
    """The list of before, looked at while all is there."""
    claim = {
        "api_version": "database.yourdomain.com/v1alpha1",
        "kind": "PostgreSQLInstance",
        "name": f"{ENVIRONMENT}-database",
        "namespace": ENVIRONMENT,
    }
    vault = {"url": os.environ["VAULT_ADDR"], "token": os.environ["VAULT_TOKEN"]}
    secrets = [f"secret/database/{ENVIRONMENT}", "secret/database/nobody"]
    before = run("environment_remains", claims=[claim], namespace=ENVIRONMENT, vault_secrets=secrets, vault=vault)
    assert ("Vault", f"secret/database/{ENVIRONMENT}") in {(item["server"], item["name"]) for item in before["things"]}
    assert "secret/database/nobody" not in {item["name"] for item in before["things"]}
    after = run("environment_remains", known=before["things"], vault=vault)
    assert after["failed"]
    assert not after["changed"]
    assert f"PostgreSQLInstance {ENVIRONMENT}/{ENVIRONMENT}-database in Kubernetes" in after["msg"]
    assert {item["state"] for item in after["things"]} == {"left", "kept"}
    assert all(item["state"] == "left" for item in after["things"] if item["server"] != "Kubernetes")


def test_a_server_that_does_not_tell_is_said_not_to() -> None:
    place = {
        "api_version": "postgresql.sql.crossplane.io/v1alpha1",
        "config_kind": "ProviderConfig",
        "config": "nobody",
    }
    thing = {"server": "PostgreSQL", "kind": "Role", "name": "dev-user", "place": place, "why": ""}
    vault = {"url": os.environ["VAULT_ADDR"], "token": os.environ["VAULT_TOKEN"]}
    (found,) = run("environment_remains", known=[thing], vault=vault)["things"]
    assert found["state"] == "unknown"
    assert "ProviderConfig nobody names no Secret with a login to PostgreSQL" in found["why"]


def test_everything_is_looked_at(stranger: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ask("vault", "read", f"database/creds/{ENVIRONMENT}-readwrite")
    issued = psql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%' AND NOT rolname LIKE '%vault'").splitlines()
    assert issued
    said, things = deleted(monkeypatch)
    gone = [
        ("Namespace", ENVIRONMENT),
        ("PostgreSQLInstance", f"{ENVIRONMENT}/{ENVIRONMENT}-database"),
        ("Database", f"{ENVIRONMENT}-db"),
        ("Role", f"{ENVIRONMENT}-user"),
        ("CronJob", f"crossplane-system/{ENVIRONMENT}-backup"),
        ("path", f"database/config/postgres-{ENVIRONMENT}"),
        ("path", f"database/roles/{ENVIRONMENT}-readwrite"),
        ("secret", f"secret/database/{ENVIRONMENT}"),
        *(("Role", name) for name in issued),
    ]
    assert [(name, things[name]["state"]) for name in gone] == [(name, "gone") for name in gone]
    assert any(kind == "XPostgreSQLInstance" for kind, _name in things)
    assert any(kind == "lease" and item["state"] == "gone" for (kind, _name), item in things.items())
    assert {item["state"] for item in things.values()} == {"gone", "kept"}
    volume = things["PersistentVolumeClaim", f"crossplane-system/{ENVIRONMENT}-backup"]
    assert (volume["state"], volume["why"]) == ("kept", "it outlives the claim on purpose")
    assert things["Role", stranger]["state"] == "kept"
    assert "somebody else made it" in things["Role", stranger]["why"]
    assert re.search(rf"{ENVIRONMENT} +PostgreSQL +Role +{stranger} +kept +somebody else made it", said)
    assert "In all: " in said
    assert "gone" in ask(sys.executable, "-m", "tests.proof", ENVIRONMENT, "--gone")
    assert psql(f"SELECT rolname FROM pg_roles WHERE rolname = '{stranger}'") == stranger
