# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is taken away from a protected environment, whichever way a hurried person tries; then in two runs it is.

Production is the environment. What it has is seen by kubectl, psql and vault; that nothing was written, by audit logs.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.servers import CLAIMS, COMPOSITES, ask, bootstrap, psql

ENVIRONMENT = "production"
INVENTORY = "inventories/production"
QUIETLY = (sys.executable, "-m", "tests.quiet")
THERE = ("--namespace", ENVIRONMENT)
CONFIRMED = {"confirm": ENVIRONMENT}
WITHOUT_BACKUP = {"database_enable_backup": False}


def command(verb: str, *inventories: str, **variables: object) -> list[str]:
    given = [f"--inventory={inventory}" for inventory in inventories or (INVENTORY,)]
    return ["ansible-playbook", f"pnow.infra.{verb}", *given, f"--extra-vars={json.dumps(variables)}"]


def play(verb: str, *inventories: str, quietly: bool = False, **variables: object) -> str:
    return ask(*(QUIETLY if quietly else ()), *command(verb, *inventories, **WITHOUT_BACKUP, **variables))


def refused(*asked: str) -> str:
    """The message of a playbook that must fail, and must not have written anything."""
    done = subprocess.run([*QUIETLY, *asked], stdout=subprocess.PIPE, text=True, check=False, timeout=200)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stdout
    assert "0 writes seen" in done.stdout, done.stdout
    return " ".join(done.stdout.split())


def denied(*asked: str) -> str:
    """What kubectl is told by somebody who does not let it."""
    done = subprocess.run(["kubectl", *asked], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0, done.stdout
    return done.stderr


def usable() -> None:
    assert "revoked" in ask(sys.executable, "-m", "tests.proof", ENVIRONMENT)


def copied(folder: Path, name: str, **variables: object) -> str:
    """A copy of production's inventory with variables of its own."""
    shutil.copytree(INVENTORY, folder / name)
    text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in variables.items())
    (folder / name / "host_vars" / ENVIRONMENT / "protection.yml").write_text(text)
    return str(folder / name)


@pytest.fixture(scope="module", autouse=True)
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    bootstrap()
    play("provision")
    usable()
    yield
    changed = copied(tmp_path_factory.mktemp("end"), "inventory", environment_protected=False)
    play("provision", changed)
    play("delete", changed, **CONFIRMED)


def test_a_second_run_changes_nothing() -> None:
    assert re.search(r"changed=0 ", play("provision", quietly=True))


def test_the_cluster_remembers() -> None:
    namespace = json.loads(ask("kubectl", "get", "namespace", ENVIRONMENT, "--output=json"))
    assert namespace["metadata"]["annotations"]["pnow.infra/protected"] == "true"
    kept = ask("kubectl", "get", "usages.protection.crossplane.io", *THERE, "--output=jsonpath={.items[*].spec.of}")
    assert json.loads(kept)["resourceRef"] == {"name": f"{ENVIRONMENT}-database"}


@pytest.mark.parametrize(
    "forced",
    [
        {},
        {"environment_protected": False, "confirm_environments": 1, "environment_adopt": True},
        {"__environment_guard": {"protected": False, "guarded": False}, "__environment_verb": "provision"},
        {"database_status": {"claims": []}, "environment_plan": []},
        {"environment_capabilities": [], "environment_api_domain": "example.org", "ansible_check_mode": True},
        {"ansible_connection": "local", "groups": {}, "ansible_play_hosts_all": []},
    ],
)
def test_no_extra_variable_helps(forced: dict[str, object]) -> None:
    said = refused(*command("delete", **CONFIRMED, **forced))
    assert "is protected" in said or "on the command line" in said


def test_another_host_that_calls_itself_production_does_not_help() -> None:
    said = refused(*command("delete", "inventories/dev", environment_name=ENVIRONMENT, **CONFIRMED))
    assert f"environment {ENVIRONMENT} is protected, as its last provision recorded" in said


def test_a_later_task_does_not_help() -> None:
    """Where the guard is stepped over, the Usage is met before anything was deleted."""
    said = refused(*command("delete", **CONFIRMED), "--start-at-task=Databases that there are")
    assert "environment_protected is true in the inventory of environment production" in said


def test_a_copied_inventory_does_not_help(tmp_path: Path) -> None:
    copy = copied(tmp_path, "copy", environment_protected=False)
    assert "as its last provision recorded" in refused(*command("delete", copy, **CONFIRMED))


def test_a_second_inventory_with_the_same_name_does_not_help(tmp_path: Path) -> None:
    copy = copied(tmp_path, "copy", environment_protected=False)
    assert "as its last provision recorded" in refused(*command("delete", INVENTORY, copy, **CONFIRMED))
    said = refused(*command("provision", INVENTORY, copy))
    assert "is protected, and more than one inventory has it" in said


def test_provision_does_not_take_it_from_the_command_line() -> None:
    assert "does not count" in refused(*command("provision", environment_protected=False))
    said = refused(*command("provision", "inventories/dev", environment_name=ENVIRONMENT, database_storage_gb=200))
    assert "size from large to small takes something away, and the environment is protected" in said


def test_nothing_is_made_smaller() -> None:
    for verb in ("provision", "resize"):
        said = refused(*command(verb, **WITHOUT_BACKUP, database_size="small"))
        assert "size from large to small takes something away, and the environment is protected" in said


def test_kubectl_is_stopped() -> None:
    for target in ((CLAIMS, f"{ENVIRONMENT}-database", *THERE), ("namespace", ENVIRONMENT), (CLAIMS, "--all", *THERE)):
        assert "environment_protected is true" in denied("delete", *target, "--wait=false")
    assert ask("kubectl", "get", CLAIMS, *THERE, "--output=jsonpath={.items[*].metadata.deletionTimestamp}") == ""
    usable()


def test_it_ends_with_the_inventory_in_a_run_of_its_own(tmp_path: Path) -> None:
    changed = copied(tmp_path, "changed", environment_protected=False)
    both = tmp_path / "both.yml"
    both.write_text("- import_playbook: pnow.infra.provision\n- import_playbook: pnow.infra.delete\n")
    done = subprocess.run(
        ["ansible-playbook", str(both), *command("", changed, **WITHOUT_BACKUP, **CONFIRMED)[2:]],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 2
    assert "was protected until this very run" in " ".join(done.stdout.split())
    usable()
    assert "pnow.infra/protected" not in ask("kubectl", "get", "namespace", ENVIRONMENT, "--output=yaml")
    assert ask("kubectl", "get", "usages.protection.crossplane.io,clusterusages", "-A", "--output=name") == ""
    assert re.search(r"changed=0 ", play("provision", changed, quietly=True))
    assert "is not confirmed" in refused(*command("delete", changed, **WITHOUT_BACKUP))
    assert "by its inventory" in refused(*command("delete", **CONFIRMED))
    play("delete", changed, **CONFIRMED)
    assert "gone" in ask(sys.executable, "-m", "tests.proof", ENVIRONMENT, "--gone")
    label = f"crossplane.io/claim-namespace={ENVIRONMENT}"
    assert ask("kubectl", "get", f"{COMPOSITES},managed", "-l", label, "--output=name") == ""
    assert psql(f"SELECT count(*) FROM pg_database WHERE datname LIKE '{ENVIRONMENT}%'") == "0"


def test_many_are_not_deleted_without_their_number() -> None:
    several = ("dev", "staging", "uat", "sandbox")
    all_six = [f"inventories/{name}" for name in (*several, "preprod", "production")]
    confirm = ",".join(several)
    said = refused(*command("delete", *all_six, confirm=confirm))
    assert "4 of the 6 environments in the inventory would be deleted in this run" in said
    said = refused(*command("delete", *all_six, confirm="dev,uat", confirm_environments=3))
    assert (
        "2 of the 6 environments in the inventory would be deleted in this run, and confirm_environments is 3" in said
    )
