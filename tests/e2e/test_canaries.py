# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret leaves a task: not in what AWX would keep of a run at full verbosity, not in a log, not in a file.

The secrets are those that Vault has seen or made, from an audit log that hides none.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import ansible_runner
import pytest

from tests.e2e.conftest import NewPostgreSQL, NewVault
from tests.e2e.postgresql_servers import installed
from tests.e2e.runner import never
from tests.e2e.worlds import World, new_world
from tests.testbed.bed import CHECKOUT

PASSWORD = "cAn4ry'\"\\ %@/:ü"
WRONG = "wr0ng-c4nary"
SECRET_FIELDS = {"client_token", "password", "secret_id"}
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: In the controller
      pnow.infra.vault_db_register: "{{ wanted }}"
      diff: true
    - name: As a module
      pnow.infra.vault_db_register: "{{ wanted | combine({'max_open_connections': 7}) }}"
      async: 60
      poll: 1
    - name: Failing, in the controller
      pnow.infra.vault_db_register: "{{ wanted | combine({'port': 1}) }}"
      ignore_errors: true
    - name: Failing, as a module
      pnow.infra.vault_db_register: "{{ wanted | combine({'secret_id': wrong}) }}"
      ignore_errors: true
      async: 60
      poll: 1
    - name: Described
      pnow.infra.vault_db_info: "{{ info }}"
    - name: Absent
      pnow.infra.vault_db_register: "{{ wanted | combine({'state': 'absent'}) }}"
      diff: true
"""


@pytest.fixture(scope="module")
def world(new_vault: NewVault, new_postgresql: NewPostgreSQL) -> World:
    return new_world(new_vault, new_postgresql, installed()["16"], "app")


@pytest.fixture(scope="module")
def folder(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run at full verbosity has left, with all that Ansible can be told to keep."""
    folder = tmp_path_factory.mktemp("runner")
    literal = PASSWORD.replace("'", "''")
    world.postgresql.psql(f"ALTER ROLE vault PASSWORD '{literal}'")
    world.vault.vault("audit", "enable", "file", f"file_path={folder / 'audit.jsonl'}", "log_raw=true")
    login = world.approle()
    wanted = world.options(password=PASSWORD, rotate_root="once", verify="always", **login)
    info = {name: wanted[name] for name in ("name", "mount_point", *login)}
    project = folder / "project"
    project.mkdir()
    (project / "play.yml").write_text(PLAYBOOK)
    (project / "group_vars").mkdir()
    (project / "group_vars" / "all.json").write_text(json.dumps({"wanted": wanted, "info": info, "wrong": WRONG}))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VAULT_")}
    done = ansible_runner.run(
        private_data_dir=str(folder),
        playbook="play.yml",
        inventory="localhost ansible_connection=local ansible_python_interpreter={{ansible_playbook_python}}",
        verbosity=4,
        cancel_callback=never,
        quiet=True,
        envvars={
            **environment,
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".ansible" / "collections"),
            "ANSIBLE_LOG_PATH": str(folder / "kept" / "log"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "kept" / "local"),
            "ANSIBLE_REMOTE_TMP": str(folder / "kept" / "remote"),
            "ANSIBLE_ASYNC_DIR": str(folder / "kept" / "async"),
            "ANSIBLE_KEEP_REMOTE_FILES": "1",
            "TMPDIR": str(folder / "kept"),
        },
    )
    assert done.status == "successful", done.stdout.read()[-3000:]
    assert done.stats["ignored"] == {"localhost": 2}
    return folder


def secrets_in(entry: Any) -> Iterator[str]:
    """The values of secret fields, at any depth."""
    for name, value in entry.items() if isinstance(entry, dict) else ():
        if name in SECRET_FIELDS and isinstance(value, str) and value:
            yield value
        yield from secrets_in(value)


@pytest.fixture(scope="module")
def secrets(folder: Path) -> set[str]:
    entries = [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]
    found = {secret for entry in entries for secret in secrets_in(entry)}
    # One password was given and one was wrong; the rest are logins, and what Vault has issued from three proofs.
    assert {PASSWORD, WRONG} <= found
    assert len(found) >= 12
    return found


def forms(secret: str) -> set[str]:
    """The ways in which a secret may be written down; base64 at each of the three places where it may begin."""
    raw = secret.encode()
    shifted = {base64.b64encode(b"x" * shift + raw)[4 * bool(shift) : -4].decode() for shift in range(3)}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    return {secret, raw.hex(), quote(secret, safe=""), quote_plus(secret)} | shifted | escaped


def found_in(file: Path, secrets: set[str]) -> int:
    text = file.read_text(errors="replace")
    return sum(form in text for secret in secrets for form in forms(secret))


def test_events_and_output_of_a_run(folder: Path, secrets: set[str]) -> None:
    files = [file for file in (folder / "artifacts").rglob("*") if file.is_file()]
    events = [file for file in files if file.parent.name == "job_events"]
    assert len(events) > 20
    assert any("pnow_infra_proof" in file.read_text() or "logged in" in file.read_text() for file in events)
    assert [file for file in files if found_in(file, secrets)] == []


def test_files_that_a_run_leaves(folder: Path, secrets: set[str]) -> None:
    """Of a module that runs elsewhere, Ansible itself sends the options in a file, its folder private to its owner."""
    files = [file for file in (folder / "kept").rglob("*") if file.is_file()]
    sent = [file for file in files if file.name == "AnsiballZ_vault_db_register.py"]
    assert len(sent) == 2
    assert all(found_in(file, secrets) for file in sent), "the scan finds what is there"
    assert {file.parent.stat().st_mode & 0o077 for file in sent} == {0}
    others = [file for file in files if file not in sent]
    assert "log" in {file.name for file in others}
    assert [file for file in others if found_in(file, secrets)] == []
