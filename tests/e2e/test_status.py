# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbook status: what it says of environments is what kubectl sees, and what is away costs its column alone."""

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

ENVIRONMENT = "uat"
QUIETLY = (sys.executable, "-m", "tests.quiet")
ENDS = "2030-01-01T00:00:00Z"
MALICE = "<script>alert(1)</script> {{ lookup('pipe', 'id') }} \x1b[2J\x1b]0;owned\x07 fake: ready"
PRICES = {"currency": "EUR", "per": "month", "storage_gib": 0.5, "sizes": {"database": {"medium": 30}}}

Status = dict[str, Any]


def playbook(verb: str, *arguments: str, **environment: str) -> str:
    """What a playbook says; it must succeed."""
    command = ["ansible-playbook", f"pnow.infra.{verb}", "--inventory", f"inventories/{ENVIRONMENT}", *arguments]
    done = subprocess.run(
        [*QUIETLY, *command] if verb == "status" else command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def given(**variables: object) -> tuple[str, str]:
    return "--extra-vars", json.dumps(variables)


def kubectl(*arguments: str) -> str:
    return subprocess.run(["kubectl", *arguments], stdout=subprocess.PIPE, text=True, check=True, timeout=100).stdout


def seen(kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(kubectl("get", kind, "-n", ENVIRONMENT, "-o", "json"))["items"]
    return found


def status(folder: Path, *arguments: str, **environment: str) -> Status:
    """What the JSON file says of the environment."""
    file = folder / "status.json"
    playbook("status", *given(status_file=str(file)), *arguments, **environment)
    (found,) = json.loads(file.read_text())["environments"]
    return dict(found)


def unreachable(folder: Path) -> Path:
    """A kubeconfig of a server that is not there."""
    away = folder / "kubeconfig"
    live = Path(os.environ["K8S_AUTH_KUBECONFIG"]).read_text()
    away.write_text(re.sub(r"(server: https://[^:\s]+):\d+", r"\1:9", live))
    return away


@pytest.fixture(scope="module", autouse=True)
def _provisioned() -> Iterator[None]:
    # Without backups, for a volume would outlive the environment.
    playbook("provision", *given(database_enable_backup=False))
    yield
    playbook("delete", *given(confirm=ENVIRONMENT))


def test_it_says_what_kubectl_sees(tmp_path: Path) -> None:
    found = status(tmp_path, *given(status_prices=PRICES))
    (claim,) = seen("postgresqlinstances.database.yourdomain.com")
    (instance,) = found["instances"]
    ready = next(each for each in claim["status"]["conditions"] if each["type"] == "Ready")
    assert (found["state"], instance["state"], ready["status"]) == ("ready", "ready", "True")
    assert (instance["name"], instance["since"]) == (claim["metadata"]["name"], ready["lastTransitionTime"])
    assert instance["size"] == claim["spec"]["parameters"]["size"]
    assert found["requested"]["storage_gib"] == claim["spec"]["parameters"]["storageGB"]
    assert found["cost"] == 0.5 * claim["spec"]["parameters"]["storageGB"] + 30
    assert found["clock"] == "API server"
    managed = json.loads(
        kubectl("get", "managed", "-l", f"crossplane.io/claim-name={claim['metadata']['name']}", "-o", "json")
    )
    shown = {(node["kind"], node["name"]) for node in instance["nodes"] if node["depth"] == 2}
    assert shown == {(item["kind"], item["metadata"]["name"]) for item in managed["items"]}
    assert {node["state"] for node in instance["nodes"]} == {"ready"}


def test_files_are_their_owners_alone_and_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    files = [tmp_path / "status.html", tmp_path / "status.json"]
    said = playbook("status", *given(status_file=",".join(map(str, files))))
    assert re.search(r"uat +uat-db +medium +50 GB +- +ready [0-9]", said), said
    assert "0 writes seen" in said
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert files[0].read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({"ANSIBLE_FORCE_COLOR": "1"}, True), ({"NO_COLOR": "1"}, False), ({}, False)],
)
def test_colours_are_where_ansible_has_them(variables: dict[str, str], *, coloured: bool) -> None:
    said = playbook("status", **variables)
    assert ("\x1b[0;32mready" in said) == coloured


def test_a_file_that_can_not_be(tmp_path: Path) -> None:
    for file, says in {"status.txt": "is neither JSON nor a page", "no/status.json": "can not be written"}.items():
        command = ["ansible-playbook", "pnow.infra.status", "--inventory", f"inventories/{ENVIRONMENT}"]
        done = subprocess.run(
            [*command, *given(status_file=str(tmp_path / file))],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=200,
        )
        assert done.returncode == 2
        assert says in " ".join(done.stdout.split())
        assert "Traceback" not in done.stdout


def test_vault_is_away(tmp_path: Path) -> None:
    found = status(tmp_path, VAULT_ADDR="https://127.0.0.1:9")
    assert found["state"] == "unknown"
    assert [(remark["severity"], remark["subject"]) for remark in found["remarks"]] == [("unknown", "Vault")]
    (instance,) = found["instances"]
    assert (instance["state"], instance["credentials"]) == ("ready", "?")


def test_kubernetes_is_away(tmp_path: Path) -> None:
    """What can not be seen is not absent, and Vault is asked all the same."""
    found = status(tmp_path, K8S_AUTH_KUBECONFIG=str(unreachable(tmp_path)))
    assert (found["state"], found["clock"]) == ("unknown", "this machine")
    (instance,) = found["instances"]
    assert (instance["state"], instance["credentials"]) == ("unknown", "2 roles, 0 leases")
    (remark,) = found["remarks"]
    assert (remark["severity"], remark["subject"]) == ("unknown", "Database")
    assert "did not answer" in remark["told"]


def test_one_of_two_management_clusters_is_away(tmp_path: Path) -> None:
    """The environments of the other one are shown as they are."""
    host = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "environment_kubeconfig": str(unreachable(tmp_path)),
    }
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"environments": {"hosts": {"sandbox": host}}}))
    file = tmp_path / "status.json"
    playbook("status", "--inventory", str(inventory), *given(status_file=str(file)))
    states = {each["name"]: each["state"] for each in json.loads(file.read_text())["environments"]}
    assert states == {ENVIRONMENT: "ready", "sandbox": "unknown"}


def test_drift_is_what_provision_would_change_and_changes_nothing(tmp_path: Path) -> None:
    (before,) = seen("postgresqlinstances.database.yourdomain.com")
    assert status(tmp_path, *given(status_drift=True, database_enable_backup=False))["drift"] == {
        "changes": [],
        "told": "",
    }
    found = status(tmp_path, *given(status_drift=True, database_enable_backup=False, database_size="large"))
    (change,) = found["drift"]["changes"]
    assert (change["capability"], change["instance"], change["action"]) == ("database", ENVIRONMENT, "change")
    assert change["what"] == "size medium → large"
    (after,) = seen("postgresqlinstances.database.yourdomain.com")
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert status(tmp_path)["drift"] is None


def test_a_text_that_somebody_has_written_stays_text(tmp_path: Path) -> None:
    """Whoever may write a history, or an object's status, writes neither on the page nor to the terminal."""
    run = {"run": "x", "verb": MALICE, "user": MALICE, "result": MALICE, "began": "2026-01-01T00:00:00Z"}
    history = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"history-{ENVIRONMENT}", "namespace": "pnow-infra"},
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "pnow-infra"}}
    objects = {"apiVersion": "v1", "kind": "List", "items": [namespace, {**history, "data": {"runs": json.dumps(run)}}]}
    apply = ["kubectl", "apply", "-f", "-"]
    subprocess.run(apply, input=json.dumps(objects), text=True, check=True, stdout=subprocess.DEVNULL)
    try:
        page = tmp_path / "status.html"
        said = playbook("status", *given(status_file=str(page)))
    finally:
        kubectl("delete", "configmap", "-n", "pnow-infra", f"history-{ENVIRONMENT}")
    assert "alert(1)" in said
    assert "lookup(&#x27;pipe&#x27;, &#x27;id&#x27;)" in page.read_text()
    assert "<script" not in page.read_text()
    assert "\x1b" not in said + page.read_text()
