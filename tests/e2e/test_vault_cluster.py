# SPDX-License-Identifier: GPL-3.0-or-later
"""An application logs in to Vault with its service account, and gets what is its environment's, and nobody else's.

The cluster that it runs in is the management cluster itself: what role vault_cluster needs of a cluster, its kubeconfig
and its TokenReview, every cluster has.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.servers import ask, bootstrap, psql
from tests.testbed.readiness import NotReady, wait_until

ENVIRONMENT, OTHER = "pr-810", "pr-811"
APP = "shop"
MOUNT = f"kubernetes-{ENVIRONMENT}"
NOTE = f"secret/clusters/{ENVIRONMENT}/vault-login"
REVIEWER = ("--namespace=kube-system", "vault-reviewer")
PLAYBOOK = str(Path(__file__).with_name("vault_cluster.yml"))
QUIETLY = (sys.executable, "-m", "tests.quiet")
HOST = """\
    {name}:
      ansible_connection: local
      ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"
      database_enable_backup: false
"""


@pytest.fixture(scope="module")
def inventories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inventories")
    for name in (ENVIRONMENT, OTHER):
        (folder / name).write_text("environments:\n  hosts:\n" + HOST.format(name=name))
        (folder / name).rename(folder / f"{name}.yml")
    return folder


@pytest.fixture(scope="module", autouse=True)
def cluster(inventories: Path) -> Iterator[None]:
    """Two environments with databases, the cluster of the first, and an application in it."""
    bootstrap()
    both = [f"--inventory={inventories}"]
    ask("ansible-playbook", "pnow.infra.provision", *both)
    kubeconfig = ask("kubectl", "config", "view", "--raw", "--flatten")
    secret = ("secret", "generic", f"{ENVIRONMENT}-kubeconfig", f"--namespace={ENVIRONMENT}")
    ask("kubectl", "create", *secret, f"--from-literal=value={kubeconfig}")
    ask("kubectl", "create", "namespace", APP)
    for account in (APP, "stranger"):
        ask("kubectl", "create", "serviceaccount", account, f"--namespace={APP}")
    yield
    ask("kubectl", "delete", "namespace", APP)
    ask("kubectl", "delete", "secret", f"{ENVIRONMENT}-kubeconfig", f"--namespace={ENVIRONMENT}")
    ask("kubectl", "delete", "secret,serviceaccount", *REVIEWER, "--ignore-not-found")
    ask("kubectl", "delete", "clusterrolebinding", REVIEWER[1], "--ignore-not-found")
    ask("vault", "policy", "delete", f"{ENVIRONMENT}-database-application")
    confirmed = f"--extra-vars=confirm={ENVIRONMENT},{OTHER} confirm_environments=2"
    ask("ansible-playbook", "pnow.infra.delete", *both, confirmed)


@pytest.fixture(scope="module")
def play(inventories: Path) -> Play:
    return Play(inventories / f"{ENVIRONMENT}.yml")


class Play:
    """Runs the role; tells how many tasks have changed something."""

    def __init__(self, inventory: Path) -> None:
        self._inventory = inventory

    def __call__(self, state: str = "auth", *arguments: str, quietly: bool = False, **variables: object) -> int:
        extra = {"state": state, "vault_cluster_applications": [{"name": APP}], **variables}
        given = (f"--inventory={self._inventory}", f"--extra-vars={json.dumps(extra)}")
        said = ask(*(QUIETLY if quietly else ()), "ansible-playbook", PLAYBOOK, *given, *arguments)
        recap = re.search(r"changed=(\d+) ", said)
        assert recap is not None, said
        return int(recap[1])


def refused(*command: str, **environment: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert done.returncode != 0, done.stdout
    return done.stderr


def token(account: str = APP) -> str:
    """A token of a service account, made by the cluster."""
    return ask("kubectl", "create", "token", account, f"--namespace={APP}")


def login(jwt: str) -> tuple[str, ...]:
    return "vault", "write", "-format=json", f"auth/{MOUNT}/login", f"role={APP}", f"jwt={jwt}"


def logged_in() -> str:
    return str(json.loads(ask(*login(token())))["auth"]["client_token"])


def as_application(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "VAULT_TOKEN": logged_in()}
    )
    return done.stdout


def no_longer_reviewed() -> None:
    """Raises NotReady as long as the cluster takes Vault's word."""
    if subprocess.run(login(token()), capture_output=True, check=False).returncode == 0:
        raise NotReady("the reviewer's former token is still good")


def credential() -> dict[str, str]:
    issued = json.loads(as_application("vault", "read", "-format=json", f"database/creds/{ENVIRONMENT}-readwrite"))
    return {str(key): str(value) for key, value in issued["data"].items()}


def test_it_is_made_and_then_nothing_is_left_to_do(play: Play) -> None:
    assert play("auth", "--check", quietly=True) > 0
    assert play() > 0
    assert play(quietly=True) == 0


def test_the_reviewer_may_review_tokens_and_nothing_else() -> None:
    reviewer = "--as=system:serviceaccount:kube-system:vault-reviewer"
    allowed = ask("kubectl", "auth", "can-i", "--list", reviewer, "--no-headers").splitlines()
    kinds = {line.split()[0] for line in allowed if not line.startswith(" ") and not line.startswith("[")}
    assert kinds == {
        "tokenreviews.authentication.k8s.io",
        "subjectaccessreviews.authorization.k8s.io",
        # What everybody may who is authenticated.
        "selfsubjectreviews.authentication.k8s.io",
        "selfsubjectaccessreviews.authorization.k8s.io",
        "selfsubjectrulesreviews.authorization.k8s.io",
    }


def test_an_application_makes_a_table_with_its_credential() -> None:
    issued = credential()
    user = {"PGUSER": issued["username"], "PGPASSWORD": issued["password"], "PGDATABASE": f"{ENVIRONMENT}-db"}
    done = subprocess.run(
        ["psql", "-Atc", "CREATE TABLE sold (); SELECT tableowner FROM pg_tables WHERE tablename = 'sold'"],
        env={**os.environ, **user},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == f"{ENVIRONMENT}-user"


def test_it_gets_nothing_of_another_environment() -> None:
    said = refused("vault", "read", f"database/creds/{OTHER}-readwrite", VAULT_TOKEN=logged_in())
    assert "permission denied" in said


def test_nobody_else_logs_in() -> None:
    assert "service account name not authorized" in refused(*login(token("stranger")))
    assert "permission denied" in refused(*login("e30.e30.e30"))


def test_a_rotated_token_is_given_to_vault(play: Play) -> None:
    ask("kubectl", "delete", "secret", *REVIEWER)
    # The API server remembers for a moment whose a token was.
    wait_until(no_longer_reviewed, 60)
    assert play() > 0
    assert logged_in()
    assert play(quietly=True) == 0


def test_a_token_that_vault_lost_is_given_again(play: Play) -> None:
    config = json.loads(ask("vault", "read", "-format=json", f"auth/{MOUNT}/config"))["data"]
    kept = [f"{name}={config[name]}" for name in ("kubernetes_host", "kubernetes_ca_cert", "disable_local_ca_jwt")]
    ask("vault", "write", f"auth/{MOUNT}/config", *kept)
    assert play() == 1
    assert json.loads(ask("vault", "read", "-format=json", f"auth/{MOUNT}/config"))["data"]["token_reviewer_jwt_set"]


def test_a_token_of_somebody_else_is_found_by_the_proof(play: Play, inventories: Path) -> None:
    config = json.loads(ask("vault", "read", "-format=json", f"auth/{MOUNT}/config"))["data"]
    kept = [f"{name}={config[name]}" for name in ("kubernetes_host", "kubernetes_ca_cert", "disable_local_ca_jwt")]
    ask("vault", "write", f"auth/{MOUNT}/config", *kept, f"token_reviewer_jwt={token('stranger')}")
    extra = json.dumps({"state": "auth", "vault_cluster_verify": "always"})
    inventory = f"--inventory={inventories / ENVIRONMENT}.yml"
    done = subprocess.run(
        ["ansible-playbook", PLAYBOOK, inventory, f"--extra-vars={extra}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stdout
    assert f"No service account of cluster {ENVIRONMENT} can log in" in " ".join(done.stdout.split()), done.stdout
    ask("vault", "kv", "metadata", "delete", NOTE)
    assert play() > 0
    assert logged_in()


def test_who_may_no_longer_log_in_loses_the_role(play: Play) -> None:
    gone = [{"name": APP, "state": "absent"}]
    assert play(vault_cluster_applications=gone) == 1
    assert "invalid role name" in refused(*login(token()))
    assert play(vault_cluster_applications=gone, quietly=True) == 0
    assert play() == 1


def test_what_is_deleted_gives_nothing_any_more(play: Play) -> None:
    issued, before = credential(), logged_in()
    user = issued["username"]
    assert psql(f"SELECT count(*) FROM pg_roles WHERE rolname = '{user}'") == "1"
    assert play("absent", "--check", quietly=True) > 0
    assert play("absent") > 0
    assert "permission denied" in refused(*login(token()), VAULT_TOKEN="")
    assert "permission denied" in refused("vault", "token", "lookup", VAULT_TOKEN=before)
    assert psql(f"SELECT count(*) FROM pg_roles WHERE rolname = '{user}'") == "0"
    assert f"{MOUNT}/" not in json.loads(ask("vault", "auth", "list", "-format=json"))
    assert "No value found" in refused("vault", "kv", "metadata", "get", NOTE)
    assert play("absent", quietly=True) == 0
