# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong in an inventory, or on the command line, is said by every verb before anything is changed."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

VERBS = ("provision", "resize", "status", "delete")
QUIETLY = (sys.executable, "-m", "tests.quiet")


def refused(verb: str, *arguments: str) -> str:
    """The message of a playbook for uat, which must fail, write nothing and leave uat without even a namespace."""
    command = [*QUIETLY, "ansible-playbook", f"pnow.infra.{verb}", "--inventory", "inventories/uat", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=200)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stdout
    assert "0 writes seen" in done.stdout
    assert not re.search(r"changed=[1-9]", done.stdout), done.stdout
    there = ["kubectl", "get", "namespace", "uat", "prod", "--ignore-not-found"]
    assert subprocess.run(there, stdout=subprocess.PIPE, check=True).stdout == b""
    return " ".join(done.stdout.split())


def given(**variables: object) -> tuple[str, str]:
    return "--extra-vars", json.dumps(variables)


def test_values_that_can_not_be() -> None:
    """All that is wrong is said at once."""
    wrong = {
        "environment_capabilities": ["databse", "database"],
        "database_size": "huge",
        "database_storage_gb": "many",
        "database_instances": [{}, {"size": "tiny"}, {"app_name": "orders", "sise": "small"}],
        "vault_database_ttl": "1h",
        "vault_database_default_ttl": "48h",
    }
    said = refused("provision", *given(**wrong))
    assert "uat: environment_capabilities has databse, which no environment can have; " in said
    assert "value of database_size must be one of: small, medium, large, got: huge; " in said
    assert "argument 'database_storage_gb' is of type str and we were unable to convert to int" in said
    assert "value of size must be one of: small, medium, large, got: tiny found in database_instances; " in said
    assert "database_instances.sise. Supported parameters include: app_name, enable_backup, size, storage_gb" in said
    assert "database_instances has the environment's own more than once; " in said
    assert "role vault_database does not know vault_database_ttl; it knows vault_database_default_ttl, vault_" in said
    assert "is 48h, and no credential lives longer than 24h; raise vault_database_max_ttl, or lower it. Nothing" in said


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"database_storage_gb": 0}, "parameters.storageGB is 0"),
        ({"environment_name": "prod"}, "parameters.environment is 'prod'"),
        ({"database_instances": [{}, {"app_name": "a" * 60}]}, "63"),
        ({"database_instances": "orders"}, "of type str and we were unable to convert to dict"),
    ],
)
def test_what_the_platform_does_not_take(variables: dict[str, object], says: str) -> None:
    assert says in refused("provision", *given(**variables))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_what_no_role_knows_any_more(verb: str) -> None:
    formerly = {
        "database_app_name": "orders",
        "vault_database_app_name": "orders",
        "vault_database_environment": "dev",
        "vault_database_api_domain": "example.org",
        "database_vault_path": "secret/orders",
    }
    said = refused(verb, *given(**formerly, confirm="uat"))
    for name, instead in {
        "database_app_name": "give the application an entry in database_instances, as {app_name: orders}",
        "vault_database_app_name": "give the application an entry in database_instances, as {app_name: orders}",
        "vault_database_environment": "environment_name says which environment it is",
        "vault_database_api_domain": "environment_api_domain is the one of all capabilities",
        "database_vault_path": "database_vault_folder says where every instance has a secret of its own name",
    }.items():
        assert f"there is no variable {name} any more; {instead}" in said


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_what_is_misspelt(verb: str) -> None:
    durations = {"database_wait_timeout": "5min", "environment_wait_timeout": "soon", "vault_database_max_ttl": "2d1"}
    wrong = {"database_sise": "small", **durations}
    said = refused(verb, *given(**wrong, confirm="uat"))
    assert "role database does not know database_sise; it knows database_enable_backup, database_instances" in said
    for name, value in durations.items():
        assert f"{name} is '{value}', which is not a duration; write seconds or a form like 90s, 5m, 1h30m" in said


def test_two_hosts_of_one_name() -> None:
    said = refused("provision", "--inventory", "inventories/staging", *given(environment_name="uat"))
    assert "uat and staging are both environment uat; give each an environment_name of its own" in said


def test_a_deletion_is_confirmed_by_name() -> None:
    for confirm in ("", "dev,uatx,uat-,dev-orders"):
        assert "Deleting environment uat is not confirmed. It has no claims. If" in refused(
            "delete", *given(confirm=confirm)
        )
