# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is secret, a result stays true: through both doors, as ansible-runner tells it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import ansible_runner
import pytest

from tests.e2e.runner import never
from tests.testbed.bed import CHECKOUT

NAMESPACE = "no-such-namespace"
# A word of every result, the namespace, a name, and one that is a secret and nothing else.
PLAIN = {"last_state": "failed", "place": NAMESPACE, "state": "database", "truth": "true", "token": "s3cr3t-t0ken"}
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: A Secret into a namespace that does not exist
      pnow.infra.manifests:
        manifests: "{{ manifests }}"
      diff: true
      ignore_errors: true
    - name: The same as a module
      pnow.infra.manifests:
        manifests: "{{ manifests }}"
      ignore_errors: true
      async: 60
      poll: 1
    - name: With an API server that is not there
      pnow.infra.manifests: {host: "http://127.0.0.1:1", api_key: "failed", manifests: "{{ manifests }}"}
      ignore_errors: true
    - name: That as a module
      pnow.infra.manifests: {host: "http://127.0.0.1:1", api_key: "1", manifests: "{{ manifests }}"}
      ignore_errors: true
      async: 60
      poll: 1
"""


def manifest(kind: str, **content: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "database", "namespace": NAMESPACE}, **content}


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What ansible-runner tells of each task, in their order."""
    folder = tmp_path_factory.mktemp("runner")
    (folder / "project").mkdir()
    (folder / "project" / "play.yml").write_text(PLAYBOOK)
    done = ansible_runner.run(
        private_data_dir=str(folder),
        playbook="play.yml",
        inventory="localhost ansible_connection=local ansible_python_interpreter={{ansible_playbook_python}}",
        extravars={"manifests": [manifest("Secret", stringData=PLAIN)]},
        verbosity=4,
        cancel_callback=never,
        quiet=True,
        envvars={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".ansible" / "collections"),
            "ANSIBLE_INJECT_INVOCATION": "1",
        },
    )
    assert PLAIN["token"] not in Path(done.stdout.name).read_text()
    ended = [event for event in done.events if event["event"] in ("runner_on_ok", "runner_on_failed")]
    return [{"event": event["event"], **event["event_data"]["res"]} for event in ended]


def test_a_failure_is_reported_as_one(events: list[dict[str, Any]]) -> None:
    assert [event["event"] for event in events] == ["runner_on_failed"] * 4
    assert [event["changed"] for event in events] == [False] * 4
    assert not any("****" in key for event in events for key in event)
    assert not any(PLAIN["token"] in json.dumps(event) for event in events)


def test_names_stay(events: list[dict[str, Any]]) -> None:
    for event in events[:2]:
        assert f"Secret {NAMESPACE}/database" in event["msg"] or f"namespace {NAMESPACE}" in event["msg"], event["msg"]


def test_the_options_are_shown_without_what_is_secret(events: list[dict[str, Any]]) -> None:
    for event in events[1::2]:
        [shown] = event["invocation"]["module_args"]["manifests"]
        assert shown == manifest("Secret", stringData=dict.fromkeys(PLAIN, "********"))
    assert events[3]["invocation"]["module_args"]["api_key"] == "********"
    assert events[3]["invocation"]["module_args"]["host"] == "http://127.0.0.1:1"
