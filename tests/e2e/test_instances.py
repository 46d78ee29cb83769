# SPDX-License-Identifier: GPL-3.0-or-later
"""An environment with two databases, its own and that of an application: made in one run, changed, and deleted.

Together, alone, after the inventory has forgotten one, and beside what other people have in the namespace.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing

import psycopg
import pytest

from tests.e2e.servers import CLAIMS, ask, bootstrap, psql

ENVIRONMENT = "staging"
APP = "orders"
BOTH = {"database_instances": [{}, {"app_name": APP, "size": "large", "storage_gb": 7, "enable_backup": False}]}
ALONE: dict[str, list[object]] = {"database_instances": [{}]}
QUIETLY = (sys.executable, "-m", "tests.quiet")
THERE = ("--namespace", ENVIRONMENT)
CONFIRMED = f"--extra-vars=confirm={ENVIRONMENT}"
API_VERSION = "database.yourdomain.com/v1alpha1"
KIND = "PostgreSQLInstance"

Inventory = Mapping[str, object]
Session = psycopg.Connection[tuple[object, ...]]


def command(verb: str, inventory: Inventory, *arguments: str) -> tuple[str, ...]:
    variables = json.dumps({"database_enable_backup": False, **inventory})
    given = (f"--inventory=inventories/{ENVIRONMENT}", f"--extra-vars={variables}")
    return "ansible-playbook", f"pnow.infra.{verb}", *given, *arguments


def play(verb: str, inventory: Inventory, *arguments: str, quietly: tuple[str, ...] = ()) -> str:
    return ask(*quietly, *command(verb, inventory, *arguments))


def refused(verb: str, inventory: Inventory, *arguments: str) -> str:
    """The message of a playbook that fails before it has written anything."""
    done = subprocess.run(
        [*QUIETLY, *command(verb, inventory, *arguments)], stdout=subprocess.PIPE, text=True, check=False, timeout=200
    )
    assert done.returncode == 2, done.stdout
    assert "0 writes seen" in done.stdout
    return " ".join(done.stdout.split())


def changes(output: str) -> int:
    recap = re.search(r"changed=(\d+) ", output)
    assert recap is not None, output
    return int(recap[1])


def usable(*arguments: str) -> None:
    assert "revoked" in ask(sys.executable, "-m", "tests.proof", ENVIRONMENT, *arguments)


def gone(*arguments: str) -> None:
    assert "gone" in ask(sys.executable, "-m", "tests.proof", ENVIRONMENT, "--gone", *arguments)


def databases() -> list[str]:
    return psql(f"SELECT datname FROM pg_database WHERE datname LIKE '{ENVIRONMENT}-%' ORDER BY 1").splitlines()


def there(*what: str) -> bool:
    return bool(ask("kubectl", "get", *what, "--ignore-not-found", "--output=name"))


@pytest.fixture(scope="module", autouse=True)
def platform() -> Iterator[None]:
    bootstrap()
    yield
    play("delete", BOTH, CONFIRMED)


def provision_both() -> None:
    play("provision", BOTH)
    usable()
    usable("--app", APP)


def test_both_are_made_in_one_run() -> None:
    assert changes(play("provision", BOTH, "--check", quietly=QUIETLY)) > 0
    provision_both()
    assert changes(play("provision", BOTH, quietly=QUIETLY)) == 0


def test_each_has_what_its_entry_says() -> None:
    limits = psql(f"SELECT datname, datconnlimit FROM pg_database WHERE datname LIKE '{ENVIRONMENT}-%' ORDER BY 1")
    assert limits.splitlines() == [f"{ENVIRONMENT}-db|50", f"{ENVIRONMENT}-{APP}-db|100"]
    secret = ("secret", *THERE, f"postgres-connection-{APP}", "--output", "go-template={{.data.database|base64decode}}")
    assert ask("kubectl", "get", *secret) == f"{ENVIRONMENT}-{APP}-db"
    facts = json.loads(ask("vault", "kv", "get", "-format=json", f"secret/database/{ENVIRONMENT}-{APP}"))["data"][
        "data"
    ]
    assert facts["connection"] == f"postgres-{ENVIRONMENT}-{APP}"
    assert facts["roles"] == f"{ENVIRONMENT}-{APP}-readwrite,{ENVIRONMENT}-{APP}-readonly"


def test_a_resize_is_one_instances() -> None:
    smaller = {"database_instances": [{}, {"app_name": APP, "size": "medium", "storage_gb": 7, "enable_backup": False}]}
    assert changes(play("resize", smaller)) == 1
    limits = psql(f"SELECT datconnlimit FROM pg_database WHERE datname LIKE '{ENVIRONMENT}-%' ORDER BY datname")
    assert limits.split() == ["50", "50"]
    assert changes(play("resize", BOTH, "--extra-vars=database_size=small")) == 1
    limits = psql(f"SELECT datconnlimit FROM pg_database WHERE datname LIKE '{ENVIRONMENT}-%' ORDER BY datname")
    assert limits.split() == ["20", "100"]


def test_what_left_the_inventory_is_shown_and_not_deleted() -> None:
    play("provision", ALONE)
    usable("--app", APP)
    shown = play("status", ALONE, quietly=QUIETLY)
    assert re.search(rf"{ENVIRONMENT} +{ENVIRONMENT}-db .* 2 roles, 0 leases\s", shown)
    assert re.search(rf"{ENVIRONMENT} +{ENVIRONMENT}-{APP}-db +large .* 2 roles, 0 leases +not in the inventory", shown)


def test_a_deletion_names_what_there_is() -> None:
    said = refused("delete", ALONE)
    has = f"{ENVIRONMENT}-database, {ENVIRONMENT}-{APP}-database (not in the inventory)"
    assert f"It has {has}. If it is the one you mean" in said


def test_one_is_deleted_alone() -> None:
    confirmed = f"--extra-vars=confirm={ENVIRONMENT}-{APP}"
    assert changes(play("delete", ALONE, confirmed, "--check", quietly=QUIETLY)) > 0
    play("delete", ALONE, confirmed)
    gone("--app", APP)
    usable()
    assert changes(play("delete", ALONE, confirmed, quietly=QUIETLY)) == 0


def test_nothing_is_deleted_when_vault_can_not_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    provision_both()
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    assert "127.0.0.1:9" in refused("delete", BOTH, CONFIRMED)
    monkeypatch.undo()
    usable()


@pytest.fixture
def usage() -> Iterator[str]:
    """The reason why the application's database is in use."""
    of = {"apiVersion": API_VERSION, "kind": KIND, "resourceRef": {"name": f"{ENVIRONMENT}-{APP}-database"}}
    manifest = {
        "apiVersion": "protection.crossplane.io/v1beta1",
        "kind": "Usage",
        "metadata": {"name": "audit", "namespace": ENVIRONMENT},
        "spec": {"of": of, "reason": "audited until May"},
    }
    ask("kubectl", "apply", "--filename=-", given=json.dumps(manifest))
    yield "audited until May"
    ask("kubectl", "delete", "usages.protection.crossplane.io", *THERE, "audit")


def test_nothing_is_deleted_when_one_is_in_use(usage: str) -> None:
    assert usage in refused("delete", ALONE, CONFIRMED)
    usable()
    usable("--app", APP)


def test_both_are_deleted_in_order() -> None:
    """With a credential and a session of the owner in each; one is not in the inventory, and has an IPv6 address."""
    in_ipv6 = base64.b64encode(f"[::ffff:{os.environ['PGHOST']}]".encode()).decode()
    patch = json.dumps({"data": {"endpoint": in_ipv6}})
    ask("kubectl", "patch", "secret", *THERE, f"postgres-connection-{APP}", "--patch", patch)
    with ExitStack() as stack:
        owners = []
        for app in ("", f"-{APP}"):
            ask("vault", "read", f"database/creds/{ENVIRONMENT}{app}-readwrite")
            owners.append(stack.enter_context(closing(session(secret(f"postgres-connection{app}")))))
        play("delete", ALONE, CONFIRMED)
        assert not any(alive(owner) for owner in owners)
    gone()
    gone("--app", APP)
    assert databases() == []
    assert not there("namespace", ENVIRONMENT)
    assert changes(play("delete", BOTH, CONFIRMED, quietly=QUIETLY)) == 0


def secret(name: str) -> dict[str, str]:
    """What a Secret says."""
    encoded = json.loads(ask("kubectl", "get", "secret", *THERE, name, "--output=json"))["data"]
    return {key: base64.b64decode(value).decode() for key, value in encoded.items()}


def session(login: dict[str, str]) -> Session:
    return psycopg.connect(
        host=login["endpoint"].strip("[]"),
        port=login["port"],
        dbname=login["database"],
        user=login["username"],
        password=login["password"],
        sslmode=login["sslmode"],
        autocommit=True,
    )


def alive(somebody: Session) -> bool:
    try:
        somebody.execute("SELECT")
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def decoy() -> Iterator[dict[str, str]]:
    """A login to a database that is nobody's business here, in a Secret that somebody has made in the namespace."""
    psql('CREATE DATABASE "decoy"')
    server = {
        "endpoint": "PGHOST",
        "port": "PGPORT",
        "username": "PGUSER",
        "password": "PGPASSWORD",
        "sslmode": "PGSSLMODE",
    }
    login = {"database": "decoy", **{key: os.environ[name] for key, name in server.items()}}
    provision_both()
    data = [f"--from-literal={key}={value}" for key, value in login.items()]
    ask("kubectl", "create", "secret", "generic", *THERE, "made-by-hand", *data)
    yield login
    ask("kubectl", "delete", "secret", *THERE, "made-by-hand")
    psql('DROP DATABASE "decoy" WITH (FORCE)')


def test_a_secret_that_is_not_the_claims_own_is_not_read(decoy: dict[str, str]) -> None:
    moved = {"spec": {"writeConnectionSecretToRef": {"name": "made-by-hand"}}}
    ask("kubectl", "patch", CLAIMS, *THERE, f"{ENVIRONMENT}-database", "--type=merge", "--patch", json.dumps(moved))
    with closing(session(decoy)) as somebody:
        play("delete", BOTH, CONFIRMED)
        gone()
        gone("--app", APP)
        assert alive(somebody)
    assert there("secret", *THERE, "made-by-hand")


OTHERS = f"{ENVIRONMENT}-reports-database"


@pytest.fixture
def claim_of_somebody_else() -> Iterator[str]:
    """A claim that kubectl has made in the environment's namespace, with its database."""
    parameters = {
        "environment": ENVIRONMENT,
        "appName": "reports",
        "enableBackup": False,
        "vaultPath": "secret/reports",
    }
    manifest = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": OTHERS, "namespace": ENVIRONMENT},
        "spec": {"parameters": parameters, "writeConnectionSecretToRef": {"name": "reports"}},
    }
    provision_both()
    ask("kubectl", "apply", "--filename=-", given=json.dumps(manifest))
    ask("kubectl", "wait", *THERE, f"{CLAIMS}/{OTHERS}", "--for=condition=Ready", "--timeout=180s")
    yield f"{OTHERS} (somebody else's, not in the inventory)"
    ask("kubectl", "delete", *THERE, CLAIMS, OTHERS, "--timeout=180s")


def test_a_claim_of_somebody_else_is_named_and_kept(claim_of_somebody_else: str) -> None:
    with closing(session(secret("reports"))) as somebody:
        said = " ".join(play("delete", BOTH, CONFIRMED).split())
        assert claim_of_somebody_else in said
        gone("--app", APP)
        assert databases() == [f"{ENVIRONMENT}-reports-db"]
        assert there(CLAIMS, *THERE, OTHERS)
        assert alive(somebody)
    assert changes(play("delete", BOTH, CONFIRMED, quietly=QUIETLY)) == 0


def test_the_namespace_goes_once_it_is_nobody_elses() -> None:
    assert there("namespace", ENVIRONMENT)
    play("delete", ALONE, CONFIRMED)
    assert not there("namespace", ENVIRONMENT)
