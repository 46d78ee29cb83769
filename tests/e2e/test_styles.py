# SPDX-License-Identifier: GPL-3.0-or-later
"""An environment from nothing to nothing in one style of the platform API, with the inventory and roles of any other.

$PNOW_STYLE (default: namespaced) is the style, which is offered under a domain of its own: beside the default one, that
all other tests use. `make matrix` runs this on a test bed for each style and version of Crossplane.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.servers import ask, psql
from tests.e2e.tasks import refused, run
from tests.testbed.bed import load
from tests.testbed.crossplane import V1

STATE = Path(os.environ["PNOW_TESTBED_STATE"])
STYLE = os.environ.get("PNOW_STYLE", "namespaced")
DOMAIN = f"{STYLE}.example.org"
API_VERSION = f"database.{DOMAIN}/v1alpha1"
ENVIRONMENT = "sandbox"
CLAIM = {
    "api_version": API_VERSION,
    "kind": "PostgreSQLInstance",
    "name": f"{ENVIRONMENT}-database",
    "namespace": ENVIRONMENT,
}
PARAMETERS = {"environment": ENVIRONMENT, "vaultPath": f"secret/database/{ENVIRONMENT}"}
PLATFORM = ("--namespace", "crossplane-system")
QUIETLY = (sys.executable, "-m", "tests.quiet")


def bootstrap(style: str) -> tuple[str, ...]:
    """The command that offers the platform in a style."""
    settings = (f"@{os.environ['PNOW_TESTBED_VARS']}", f"platform_api_style={style} platform_api_domain={DOMAIN}")
    extra = [f"--extra-vars={each}" for each in settings]
    return "ansible-playbook", "pnow.infra.bootstrap", "--inventory=inventories/management", *extra


def play(verb: str, *arguments: str, quietly: tuple[str, ...] = ()) -> str:
    """What a playbook of the collection says of the environment."""
    settings = {"environment_api_domain": DOMAIN, "database_enable_backup": True}
    given = (f"--inventory=inventories/{ENVIRONMENT}", f"--extra-vars={json.dumps(settings)}")
    return ask(*quietly, "ansible-playbook", f"pnow.infra.{verb}", *given, *arguments)


def changes(output: str) -> int:
    recap = re.search(r"changed=(\d+) ", output)
    assert recap is not None, output
    return int(recap[1])


def proof(*arguments: str) -> str:
    return ask(sys.executable, "-m", "tests.proof", ENVIRONMENT, f"--style={STYLE}", f"--domain={DOMAIN}", *arguments)


@pytest.fixture(scope="module", autouse=True)
def platform() -> None:
    ask(*bootstrap(STYLE))


def test_the_platform_is_offered_once() -> None:
    assert changes(ask(*QUIETLY, *bootstrap(STYLE))) == 0


@pytest.mark.skipif(load(STATE).crossplane != V1, reason="Crossplane 2 knows both styles")
def test_a_style_that_crossplane_does_not_know_is_refused() -> None:
    command = [*QUIETLY, *bootstrap("namespaced")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=400)
    assert done.returncode == 2
    assert "Composites in namespaces need Crossplane 2" in done.stdout


def test_check_mode_before_there_is_anything() -> None:
    assert changes(play("provision", "--check", quietly=QUIETLY)) > 0


def test_an_environment_is_provisioned() -> None:
    play("provision")
    assert "Ready" in proof()


def test_a_second_run_writes_nothing() -> None:
    assert changes(play("provision", quietly=QUIETLY)) == 0


def test_a_resize_arrives() -> None:
    predicted = changes(play("resize", "--extra-vars=database_size=medium", "--check", quietly=QUIETLY))
    assert changes(play("resize", "--extra-vars=database_size=medium")) == predicted == 1
    assert psql(f"SELECT datconnlimit FROM pg_database WHERE datname = '{ENVIRONMENT}-db'") == "50"
    assert changes(play("resize", "--extra-vars=database_size=medium", quietly=QUIETLY)) == 0


def test_status_shows_it() -> None:
    assert re.search(rf"{ENVIRONMENT} +{ENVIRONMENT}-db +medium +200 GB .* ready ", play("status", quietly=QUIETLY))


def test_what_was_made_is_described() -> None:
    (described,) = run("xrd_claim_info", claims=[CLAIM], tree=True)["claims"]
    location = ".spec.resourceRef.name" if STYLE == "claims" else ".metadata.name"
    where = ("--namespace", ENVIRONMENT, f"postgresqlinstances.database.{DOMAIN}", CLAIM["name"])
    assert described["composite"] == ask("kubectl", "get", *where, "--output", f"jsonpath={{{location}}}")
    assert described["connection_secret"] == "postgres-connection"
    assert {(each["kind"], each["ready"]) for each in described["tree"]} >= {("Role", True), ("Database", True)}


def test_the_connection_secret_is_the_owners() -> None:
    shown = "{{.data.username | base64decode}} {{.data.database | base64decode}}"
    secret = ("secret", "--namespace", ENVIRONMENT, "postgres-connection", "--output", f"go-template={shown}")
    assert ask("kubectl", "get", *secret) == f"{ENVIRONMENT}-user {ENVIRONMENT}-db"


def test_it_is_backed_up_where_its_owners_password_is() -> None:
    (described,) = run("xrd_claim_info", claims=[CLAIM])["claims"]
    backup = described["status"]["backup"]
    place = ("--namespace", backup["namespace"])
    assert backup["namespace"] == described["status"]["vaultSecretRef"]["namespace"]
    assert (
        ask("kubectl", "get", "cronjob", backup["cronJob"], *place, "--output", "jsonpath={.spec.schedule}")
        == "0 2 * * *"
    )
    assert ask("kubectl", "get", "persistentvolumeclaim", backup["volume"], *place, "--output", "name")


@pytest.mark.parametrize(
    ("mix", "says"),
    [
        ({"namespace": None}, "add namespace"),
        ({"kind": "XPostgreSQLInstance"}, "XPostgreSQLInstance"),
        ({"parameters": {"size": "tiny"}}, "parameters.size is 'tiny', allowed are small, medium, large"),
    ],
    ids=["no namespace", "kind of a claim's composite", "parameter"],
)
def test_a_wrong_mix_is_explained(mix: dict[str, object], says: str) -> None:
    assert says in refused("xrd_claim", claims=[{**CLAIM, "parameters": PARAMETERS, **mix}])


@pytest.mark.skipif(STYLE == "claims", reason="a claim may be in any namespace")
def test_an_environment_orders_in_its_own_namespace() -> None:
    misplaced = {**CLAIM, "name": "misplaced", "namespace": "default"}
    said = run("xrd_claim", claims=[{**misplaced, "parameters": PARAMETERS}], wait_timeout="1m")["msg"]
    assert f"belong into namespace {ENVIRONMENT}; order this one there" in said
    assert "failed" not in run("xrd_claim", state="absent", claims=[misplaced])
    assert "Ready" in proof()


@pytest.mark.skipif(STYLE == "claims", reason="the platform has claims deleted in the foreground")
def test_a_composite_that_kubectl_deletes_takes_everything_along() -> None:
    """In the background: it is gone at once, its database follows, and the roles after that."""
    environment = "pr-7501"
    place = ("--namespace", environment)
    ask("kubectl", "create", "namespace", environment)
    ordered = {**CLAIM, "name": "database", "namespace": environment}
    assert run("xrd_claim", claims=[{**ordered, "parameters": {**PARAMETERS, "environment": environment}}])["changed"]
    ask("kubectl", "delete", *place, f"postgresqlinstances.database.{DOMAIN}", "database", "--cascade=background")
    role = f"roles.postgresql.sql.m.crossplane.io/{environment}-user"
    ask("kubectl", "wait", "--for=delete", role, *place, "--timeout=5m")
    left = "SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles"
    assert environment not in psql(left)
    ask("kubectl", "delete", "namespace", environment)


def test_nothing_is_left() -> None:
    """Nothing but the volume with dumps, on purpose: with claims it is the platform's, else it keeps the namespace."""
    play("delete", f"--extra-vars=confirm={ENVIRONMENT}")
    assert "gone" in proof("--gone")
    place = PLATFORM if STYLE == "claims" else ("--namespace", ENVIRONMENT)
    ask("kubectl", "delete", "persistentvolumeclaim", f"{ENVIRONMENT}-backup", *place, "--timeout=60s")
    play("delete", f"--extra-vars=confirm={ENVIRONMENT}")
    assert not ask("kubectl", "get", "namespace", ENVIRONMENT, "--ignore-not-found", "--output=name")


def test_a_second_deletion_writes_nothing() -> None:
    assert changes(play("delete", f"--extra-vars=confirm={ENVIRONMENT}", quietly=QUIETLY)) == 0
