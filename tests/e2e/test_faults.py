# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims while something is wrong behind them: the task says so in a sentence, and the next run converges.

Also that progress is seen while a task runs, and without secrets, by whoever runs playbooks through ansible-runner.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.runner import Event, Play
from tests.e2e.servers import CLAIMS, COMPOSITES, ask, bed, bootstrap, stopped

ENVIRONMENT = "pr-9300"
NAMESPACE = "faults"
CLAIM = (CLAIMS, f"{ENVIRONMENT}-database", "--namespace", NAMESPACE)
ROLE = ("roles.postgresql.sql.crossplane.io", f"{ENVIRONMENT}-user")
PAUSED = "crossplane.io/paused"
HOLD = "example.org/hold"
# As much as an API server stores in one object, nearly.
LONG = 1_000_000

Start = Callable[..., Play]


@pytest.fixture(scope="module", autouse=True)
def namespace() -> Iterator[None]:
    bootstrap()
    ask("kubectl", "create", "namespace", NAMESPACE)
    yield
    ask("kubectl", "delete", CLAIMS, "--namespace", NAMESPACE, "--all", "--timeout=180s")
    ask("kubectl", "delete", "namespace", NAMESPACE, "--timeout=60s")


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Starts a playbook about the one claim of this file."""
    names = {"environment_name": ENVIRONMENT, "namespace_name": NAMESPACE, "state": "present", "size": "small"}

    def started(playbook: str = "claim.yml", **variables: Any) -> Play:
        # A folder of its own: ansible-runner would add the variables of the run before.
        return Play(tmp_path_factory.mktemp("run"), playbook, {**names, **variables})

    return started


@pytest.fixture
def claim(start: Start) -> None:
    """The claim, ready."""
    succeeds(start())


def succeeds(play: Play) -> Event:
    result = play.result()
    assert not result["failed"], result["msg"]
    return result


def converges(start: Start, **variables: Any) -> None:
    succeeds(start(**variables))
    assert not succeeds(start(**variables))["changed"]


def refused(result: Event) -> str:
    """The one sentence with which a task failed."""
    message: str = result["msg"]
    assert result["failed"]
    assert "Traceback" not in message
    assert message.isprintable()
    assert len(message) < 1000
    return message


def patch_status(folder: Path, *conditions: dict[str, str]) -> None:
    patch = folder / "status.json"
    patch.write_text(json.dumps({"status": {"conditions": conditions}}))
    ask("kubectl", "patch", *CLAIM, "--subresource=status", "--type=merge", f"--patch-file={patch}")


def condition(name: str, status: str, message: str = "") -> dict[str, str]:
    moment = "2026-01-01T00:00:00Z"
    return {"type": name, "status": status, "reason": "Patched", "message": message, "lastTransitionTime": moment}


def test_the_provider_is_stopped(start: Start, request: pytest.FixtureRequest) -> None:
    stopped("provider-sql", request)
    result = start(limit="12s").result()
    assert "Provider provider-sql Healthy=False" in refused(result)
    assert [item["kind"] for item in result["blockers"]][:2] == ["Provider", "Role"]
    bed("start", "provider-sql")
    converges(start)


@pytest.mark.usefixtures("claim")
def test_progress_is_seen_while_the_task_runs(start: Start) -> None:
    play = start(size="medium")
    assert succeeds(play)["changed"]
    kinds = [event["event"] for event in play.events]
    during = play.events[kinds.index("runner_on_start") + 1 : kinds.index("runner_on_ok")]
    assert {event["event"] for event in during} == {"verbose"}
    assert f"patch PostgreSQLInstance {NAMESPACE}/{ENVIRONMENT}-database" in during[0]["stdout"]
    assert during[-1]["stdout"].endswith("-database: ready")


def test_progress_has_no_secrets(start: Start) -> None:
    play = start()
    succeeds(play)
    told = json.dumps(play.events)
    secret = ask("kubectl", "get", "secret", "--all-namespaces", "--output=json")
    for item in json.loads(secret)["items"]:
        for key in ("password", "tls.key", "credentials"):
            if value := item.get("data", {}).get(key):
                assert value not in told
                assert base64.b64decode(value).decode() not in told
    assert os.environ["PGPASSWORD"] not in told


def test_the_api_server_restarts_during_the_wait(start: Start, request: pytest.FixtureRequest) -> None:
    stopped("crossplane", request)
    play = start(size="large")
    play.said("ObservedGenerationIsOld")
    bed("stop", "kube-apiserver")
    play.said("still waiting: the Kubernetes API at https://127.0.0.1")
    bed("start", "kube-apiserver")
    play.said("the Kubernetes API answers again")
    bed("start", "crossplane")
    assert succeeds(play)["changed"]
    converges(start, size="large")


@pytest.mark.usefixtures("claim")
def test_a_stale_ready_is_not_accepted(start: Start, request: pytest.FixtureRequest) -> None:
    stopped("crossplane", request)
    ask("kubectl", "patch", *CLAIM, "--type=merge", "--patch", '{"spec": {"parameters": {"size": "medium"}}}')
    ready = '--output=jsonpath={.status.conditions[?(@.type=="Ready")].status}'
    assert ask("kubectl", "get", *CLAIM, ready) == "True"
    result = start(size="medium", limit="4s").result()
    assert "its controller has not looked at the latest change yet" in refused(result)
    assert not result["changed"]
    bed("start", "crossplane")
    converges(start, size="medium")


def test_a_provider_config_that_does_not_exist(start: Start, request: pytest.FixtureRequest) -> None:
    request.addfinalizer(bootstrap)
    converges(start, state="absent")
    point_at("nowhere")
    message = refused(start().result(within=30))
    assert f"Role {ENVIRONMENT}-" in message
    assert '"nowhere" not found' in message
    bootstrap()
    converges(start)


def test_no_composition_matches(start: Start) -> None:
    other = {"environment_name": "pr-9301"}
    message = refused(start(**other, selector={"no": "such"}).result(within=30))
    assert "no compatible Compositions found" in message
    assert "XPostgreSQLInstance pr-9301-database" in message
    converges(start, **other, state="absent")


def point_at(provider_config: str) -> None:
    """Lets the composition name another ProviderConfig, as if the platform's own playbook had been told to."""
    composition = json.loads(ask("kubectl", "get", "composition", COMPOSITES, "--output=json"))
    composition["spec"]["pipeline"][0]["input"]["parameters"]["providerConfig"] = provider_config
    wanted = {**composition, "metadata": {"name": COMPOSITES}}
    command = ("kubectl", "apply", "--server-side", "--force-conflicts", "--field-manager=pnow.infra", "--filename=-")
    ask(*command, given=json.dumps(wanted))


@pytest.mark.usefixtures("claim")
@pytest.mark.parametrize("kind", [CLAIMS, COMPOSITES])
def test_paused_is_said(kind: str, start: Start) -> None:
    composite = ask("kubectl", "get", *CLAIM, "--output=jsonpath={.spec.resourceRef.name}")
    paused = CLAIM if kind == CLAIMS else (COMPOSITES, composite)
    ask("kubectl", "annotate", *paused, f"{PAUSED}=true")
    try:
        message = refused(start(size="large").result(within=30))
    finally:
        ask("kubectl", "annotate", *paused, f"{PAUSED}-")
    assert f"{paused[1]} Synced=False ReconcilePaused" in message
    converges(start, size="large")
    converges(start)


@pytest.mark.usefixtures("claim")
def test_a_malicious_status_is_shown_inert(start: Start, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    stopped("crossplane", request)
    evil = "{{ lookup('pipe', 'id') }} \x1b[2J\x1b]0;title\x07 \u202e \r\n" + "x" * LONG
    patch_status(tmp_path, condition("Synced", "True"), condition("Ready", "False", evil))
    play = start(limit="4s")
    message = refused(play.result())
    assert "{{ lookup('pipe', 'id') }}" in message
    assert all("\x1b[2J" not in line and len(line) < 500 for line in play.lines)
    told = start("told.yml").result()["msg"]
    assert told.startswith("{{ lookup('pipe', 'id') }}")
    assert told.isprintable()
    assert len(told) <= 1000
    bed("start", "crossplane")
    converges(start)


@pytest.mark.usefixtures("claim")
def test_a_finalizer_holds_a_deletion(start: Start) -> None:
    composite = ask("kubectl", "get", *CLAIM, "--output=jsonpath={.spec.resourceRef.name}")
    held = json.loads(ask("kubectl", "get", COMPOSITES, composite, "--output=jsonpath={.metadata.finalizers}"))
    hold(composite, [*held, HOLD])
    try:
        result = start(state="absent", limit="10s").result()
    finally:
        left = json.loads(ask("kubectl", "get", COMPOSITES, composite, "--output=jsonpath={.metadata.finalizers}"))
        hold(composite, [name for name in left if name != HOLD])
    assert f"XPostgreSQLInstance {composite}" in refused(result)
    assert {HOLD} <= {name for item in result["leftovers"] for name in item["finalizers"]}
    assert HOLD in left
    converges(start, state="absent")


def hold(composite: str, finalizers: list[str]) -> None:
    patch = json.dumps({"metadata": {"finalizers": finalizers}})
    ask("kubectl", "patch", COMPOSITES, composite, "--type=merge", "--patch", patch)
