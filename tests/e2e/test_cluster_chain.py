# SPDX-License-Identifier: GPL-3.0-or-later
"""From a cluster's own service account to a table in its environment's database, and to nothing of anybody else's.

The cluster is one of virtual machines, with an API server of its own that Vault asks whose a token is. Its kubeconfig
in Vault is one that ends soon. It needs a test bed with clusters (`up --with clusters`).
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clusters import BEHIND
from tests.e2e.servers import ask, bootstrap, psql
from tests.e2e.test_clusters import QUIETLY

ENVIRONMENT, OTHER = "dev", "staging"
APP = "shop"
SECRET = f"secret/clusters/{ENVIRONMENT}"
LOGIN = f"auth/kubernetes-{ENVIRONMENT}/login"
ACCOUNT = ("serviceaccount/pnow-infra", "--namespace=kube-system")
SMALL = {
    "environment_capabilities": ["database", "cluster"],
    "database_enable_backup": False,
    "cluster_worker_nodes": 1,
    "cluster_kubeconfig_login": "service_account",
    "vault_cluster_applications": [{"name": APP}],
}
MADE = "CREATE TABLE sold (); SELECT tableowner FROM pg_tables WHERE tablename = 'sold'"


def play(verb: str, environment: str, *arguments: str, quietly: bool = False, **variables: object) -> int:
    """How many tasks of a playbook have changed something."""
    given = (f"--inventory=inventories/{environment}", f"--extra-vars={json.dumps(variables)}")
    command = (*(QUIETLY if quietly else ()), "ansible-playbook", f"pnow.infra.{verb}", *given, *arguments)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    recap = re.search(r"changed=(\d+) ", done.stdout)
    assert recap is not None, done.stdout
    return int(recap[1])


@pytest.fixture(scope="module", autouse=True)
def environments() -> Iterator[None]:
    """Of one there is a cluster and a database, of the other a database."""
    bootstrap()
    play("provision", OTHER, environment_capabilities=["database"], database_enable_backup=False)
    play("provision", ENVIRONMENT, **SMALL)
    yield
    for name in (ENVIRONMENT, OTHER):
        play("delete", name, f"--extra-vars=confirm={name}")


class Inside:
    """kubectl in the cluster, by the kubeconfig that is in Vault."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, *arguments: str) -> str:
        self._path.touch(mode=0o600)
        self._path.write_text(ask("vault", "kv", "get", "-field=kubeconfig", SECRET))
        return ask("kubectl", f"--kubeconfig={self._path}", *arguments)


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Inside:
    found = Inside(tmp_path_factory.mktemp("inside") / "kubeconfig")
    found("create", "namespace", APP)
    found("create", "serviceaccount", APP, f"--namespace={APP}")
    return found


@pytest.fixture(scope="module")
def jwt(inside: Inside) -> str:
    """A token of the application's service account, made by the cluster."""
    return inside("create", "token", APP, f"--namespace={APP}", "--duration=1h")


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return found


def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask("vault", "kv", "get", "-format=json", SECRET))["data"]["data"]
    return found


def lifetime() -> int:
    """Of the token in Vault's kubeconfig, in seconds."""
    told = claims(json.loads(kept()["kubeconfig"])["users"][0]["user"]["token"])
    assert told["sub"] == "system:serviceaccount:kube-system:pnow-infra"
    return int(told["exp"] - told["iat"])


def refused(*command: str, **environment: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert done.returncode != 0, done.stdout
    return done.stderr


def logged_in(jwt: str) -> str:
    said = ask("vault", "write", "-format=json", LOGIN, f"role={APP}", f"jwt={jwt}")
    return str(json.loads(said)["auth"]["client_token"])


def credential(token: str) -> dict[str, str]:
    """What libpq needs, issued to whom a token of Vault belongs."""
    done = subprocess.run(
        ["vault", "read", "-format=json", f"database/creds/{ENVIRONMENT}-readwrite"],
        env={**os.environ, "VAULT_TOKEN": token},
        capture_output=True,
        text=True,
        check=True,
    )
    issued = json.loads(done.stdout)["data"]
    return {"PGUSER": issued["username"], "PGPASSWORD": issued["password"], "PGDATABASE": f"{ENVIRONMENT}-db"}


def test_a_kubeconfig_that_ends_with_its_day(inside: Inside) -> None:
    assert lifetime() == 24 * 3600
    assert inside("auth", "whoami", "--output=jsonpath={.status.userInfo.username}").endswith(":kube-system:pnow-infra")
    assert len(inside("get", "nodes", "--output=name").split()) == 2
    assert play("provision", ENVIRONMENT, quietly=True, **SMALL) == 0
    before = kept()
    shorter = {**SMALL, "cluster_kubeconfig_lifetime": "10m"}
    assert play("provision", ENVIRONMENT, "--check", quietly=True, **shorter) == 1
    assert play("provision", ENVIRONMENT, **shorter) == 1
    assert lifetime() == 600
    assert kept()["expires"] < before["expires"]
    assert inside("auth", "can-i", "*", "*", "--all-namespaces") == "yes"


def test_it_ends_with_its_account(inside: Inside) -> None:
    inside("delete", *ACCOUNT)
    ended = json.loads(kept()["kubeconfig"])
    assert play("provision", ENVIRONMENT, **SMALL) == 1
    assert json.loads(kept()["kubeconfig"])["users"] != ended["users"]
    assert len(inside("get", "nodes", "--output=name").split()) == 2
    assert play("provision", ENVIRONMENT, quietly=True, **SMALL) == 0


def test_a_token_of_the_cluster_makes_a_table(jwt: str) -> None:
    done = subprocess.run(
        ["psql", "-Atc", MADE],
        env={**os.environ, **credential(logged_in(jwt))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == f"{ENVIRONMENT}-user"


def test_it_gets_nothing_of_another_environment(jwt: str) -> None:
    token = logged_in(jwt)
    for path in (
        f"database/creds/{OTHER}-readwrite",
        f"database/creds/{OTHER}-readonly",
        f"secret/data/database/{OTHER}",
    ):
        assert "permission denied" in refused("vault", "read", path, VAULT_TOKEN=token)
    other = LOGIN.replace(ENVIRONMENT, OTHER)
    assert "permission denied" in refused("vault", "write", other, f"role={APP}", f"jwt={jwt}", VAULT_TOKEN="")
    login = {**credential(token), "PGDATABASE": f"{OTHER}-db"}
    assert "permission denied for database" in refused("psql", "-Atc", "SELECT 1", **login)


def test_after_its_deletion_it_gets_nothing_at_all(jwt: str) -> None:
    token = logged_in(jwt)
    login = credential(token)
    assert psql(f"SELECT count(*) FROM pg_roles WHERE rolname = '{login['PGUSER']}'") == "1"
    play("delete", ENVIRONMENT, f"--extra-vars=confirm={ENVIRONMENT}", **SMALL)
    assert "permission denied" in refused("vault", "write", LOGIN, f"role={APP}", f"jwt={jwt}", VAULT_TOKEN="")
    assert "permission denied" in refused("vault", "token", "lookup", VAULT_TOKEN=token)
    assert "permission denied" in refused("vault", "read", f"database/creds/{ENVIRONMENT}-readwrite", VAULT_TOKEN=token)
    assert psql(f"SELECT count(*) FROM pg_roles WHERE rolname = '{login['PGUSER']}'") == "0"
    assert refused("psql", "-Atc", "SELECT 1", **login)
    assert ask("kubectl", "get", BEHIND, f"--namespace={ENVIRONMENT}", "--ignore-not-found", "--output=name") == ""
    assert f"kubernetes-{ENVIRONMENT}/" not in json.loads(ask("vault", "auth", "list", "-format=json"))
    assert "No value found" in refused("vault", "kv", "metadata", "get", SECRET)
