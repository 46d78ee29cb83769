# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong in an inventory is said in one sentence, before anything is changed."""

from __future__ import annotations

import re
import subprocess

import pytest

PLAYBOOK = ["ansible-playbook", "pnow.infra.provision", "--inventory", "inventories/uat"]


def refused(*arguments: str) -> str:
    """The message of playbook provision, which must fail and leave uat without even a namespace."""
    done = subprocess.run([*PLAYBOOK, *arguments], stdout=subprocess.PIPE, text=True, check=False, timeout=200)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stdout
    assert not re.search(r"changed=[1-9]", done.stdout), done.stdout
    there = ["kubectl", "get", "namespace", "uat", "prod", "--ignore-not-found"]
    assert subprocess.run(there, stdout=subprocess.PIPE, check=True).stdout == b""
    return " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("database_size=huge", "uat: value of database_size must be one of: small, medium, large, got: huge. Nothing"),
        ("database_storage_gb=many", "uat: argument 'database_storage_gb' is of type str and we were unable to"),
        ("database_sise=small", "uat sets database_sise, which role database does not know; it knows database_api_"),
        ("vault_database_ttl=1h", "uat sets vault_database_ttl, which role vault_database does not know"),
        ("database_storage_gb=0", "parameters.storageGB is 0"),
        ("environment_name=prod database_environment=prod", "parameters.environment is 'prod'"),
        ("database_app_name=" + "a" * 60, "63"),
    ],
)
def test_a_value_that_can_not_be(variable: str, says: str) -> None:
    assert says in refused("--extra-vars", variable)


def test_two_hosts_of_one_name() -> None:
    said = refused("--inventory", "inventories/staging", "--extra-vars", "environment_name=uat")
    assert "uat and staging are both environment uat; give each an environment_name of its own" in said
