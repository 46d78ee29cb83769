# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan predicts is what provision then does, by the audit logs of Kubernetes and Vault; then a plan is empty."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.servers import ask, bootstrap

ENVIRONMENT = "sandbox"
INVENTORY = f"inventories/{ENVIRONMENT}"
QUIETLY = (sys.executable, "-m", "tests.quiet")
PROTECTED = {"environment_protected": True}

# What Vault is asked to do for a proof, which leaves nothing behind; and what a run notes of itself.
PASSING = re.compile(r"auth/token/|sys/leases/|.*/creds/|/.*/namespaces/pnow-infra/|/.*/events\b")
WROTE = re.compile(r"^wrote: \w+ (\S+) (?:by .*|in Vault)$", re.MULTILINE)

Plan = list[dict[str, Any]]


def command(verb: str, inventory: str = INVENTORY, **variables: object) -> list[str]:
    given = (f"--inventory={inventory}", f"--extra-vars={json.dumps({'database_enable_backup': False, **variables})}")
    return ["ansible-playbook", f"pnow.infra.{verb}", *given]


def planned(folder: Path, inventory: str = INVENTORY, **variables: object) -> Plan:
    """The plan, whose making wrote nothing, without what stays as it is."""
    file = folder / "plan.json"
    ask(*QUIETLY, *command("plan", inventory, plan_file=str(file), **variables))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    told = json.loads(file.read_text())
    plan = [entry for entry in told["environments"][ENVIRONMENT] if entry["action"] != "nothing"]
    assert told["changes"] == len(plan)
    return plan


def written(inventory: str = INVENTORY, **variables: object) -> set[str]:
    """What provision writes to, by the audit logs: the last part of a path of Kubernetes, and paths of Vault."""
    asked = [*QUIETLY, *command("provision", inventory, **variables)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=300)
    assert "failed=0" in done.stdout, done.stdout
    paths = [path.partition("?")[0] for path in WROTE.findall(done.stderr)]
    return {path.rpartition("/")[2] if path.startswith("/") else path for path in paths if not PASSING.match(path)}


def named(plan: Plan) -> set[str]:
    """The same of what a plan names."""
    return {re.split("[ /]", entry["object"])[-1] if " " in entry["object"] else entry["object"] for entry in plan}


@pytest.fixture(scope="module", autouse=True)
def platform() -> Iterator[None]:
    bootstrap()
    yield
    ask(*command("delete", confirm=ENVIRONMENT))


@pytest.fixture(scope="module")
def protecting(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The inventory, with protection in it."""
    folder = tmp_path_factory.mktemp("inventory")
    for file in Path(INVENTORY).rglob("*.yml"):
        copy = folder / file.relative_to(INVENTORY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.read_text())
    (folder / "host_vars" / ENVIRONMENT / "protection.yml").write_text(json.dumps(PROTECTED))
    return str(folder)


def test_from_nothing(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    assert {entry["action"] for entry in plan} == {"create"}
    assert written() == named(plan)
    assert planned(tmp_path) == []
    assert written() == set()


def test_a_change_and_a_new_instance(tmp_path: Path) -> None:
    more = {"database_size": "medium", "database_instances": [{}, {"app_name": "orders", "storage_gb": 7}]}
    plan = planned(tmp_path, **more)
    (change,) = [entry for entry in plan if entry["action"] == "change"]
    assert (change["instance"], change["effect"]) == (ENVIRONMENT, "in place")
    assert change["before"] == {"spec.parameters.size": "large"}
    assert change["after"] == {"spec.parameters.size": "medium"}
    assert {entry["instance"] for entry in plan if entry["action"] == "create"} == {f"{ENVIRONMENT}-orders"}
    assert written(**more) == named(plan)
    assert planned(tmp_path, **more) == []


def test_protection_comes_and_goes_as_predicted(tmp_path: Path, protecting: str) -> None:
    more = {"database_size": "medium", "database_instances": [{}, {"app_name": "orders", "storage_gb": 7}]}
    for inventory in (protecting, INVENTORY):
        plan = planned(tmp_path, inventory, **more)
        assert {entry["capability"] for entry in plan} == {"environment"}
        assert written(inventory, **more) == named(plan)
        assert planned(tmp_path, inventory, **more) == []


def test_a_pipeline_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_SHOW_CUSTOM_STATS", "true")
    monkeypatch.setenv("ANSIBLE_CALLBACK_RESULT_FORMAT", "json")
    more = {"database_size": "medium", "database_instances": [{}, {"app_name": "orders", "storage_gb": 7}]}
    assert '"environment_plan_changes": 0' in ask(*command("plan", plan_fail_on_change=True, **more))
    done = subprocess.run(
        command("plan", plan_fail_on_change=True, **{**more, "database_size": "small"}),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 2
    assert '"environment_plan_changes": 1' in done.stdout
    assert "size medium -> small" in done.stdout


def test_what_left_the_inventory_is_told(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    assert "not in the inventory" in ask(*command("plan", plan_file=str(file), database_size="medium"))
    plan = json.loads(file.read_text())["environments"][ENVIRONMENT]
    (found,) = [entry for entry in plan if not entry["in_inventory"]]
    assert (found["instance"], found["action"]) == (f"{ENVIRONMENT}-orders", "nothing")


def test_two_environments_on_two_clusters_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One inventory names the test bed's servers, the other servers that are away; so does the process for both."""
    kubeconfig, away = os.environ["K8S_AUTH_KUBECONFIG"], tmp_path / "away.kubeconfig"
    away.write_text(re.sub(r"https://[^\s\"]+", "https://127.0.0.1:9", Path(kubeconfig).read_text()))
    hosts = {
        ENVIRONMENT: {"environment_kubeconfig": kubeconfig, "environment_vault_url": os.environ["VAULT_ADDR"]},
        "dev": {"environment_kubeconfig": str(away), "environment_vault_url": "http://127.0.0.1:9"},
    }
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(json.dumps({"environments": {"hosts": {n: {**v, **local} for n, v in hosts.items()}}}))
    monkeypatch.setenv("K8S_AUTH_HOST", "https://127.0.0.1:9")
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    monkeypatch.setenv("ANSIBLE_HASHI_VAULT_ADDR", "http://127.0.0.1:9")
    asked = command("plan", str(inventory), database_storage_gb=500)
    done = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False, timeout=300)
    assert re.search(rf"{ENVIRONMENT} +: ok=\d+ .*failed=0", done.stdout), done.stdout
    assert re.search(r"dev +: ok=\d+ .*failed=1", done.stdout), done.stdout
    assert "127.0.0.1:9" in done.stdout
    assert re.search(rf"{ENVIRONMENT} +database +PostgreSQLInstance {ENVIRONMENT}/", done.stdout)
