# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's rules: which image a reference is, what variables say, how a pod stands, how volumes are written."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.testbed.bed import Bed
from tests.testbed.node import network, specification, status, variables, volumes
from tests.testbed.node.images import Image, Images
from tests.testbed.node.status import Known
from tests.testbed.node.variables import Unresolved

BUILDS = {name: Path("/built", name) for name in ("valkey-8", "valkey-9", "redis", "postgresql")}
IMAGE = Image("i", {}, {}, ["entry"], ["default"], {"PATH": "/bin"}, user=0, folder="/", folders=[], instead={})
RUNNING, DONE = {"running": {}}, {"terminated": {"exitCode": 0}}
BAD, WAITING = {"terminated": {"exitCode": 1}}, {"waiting": {"reason": "any"}}


@pytest.mark.parametrize(
    ("reference", "programs"),
    [
        ("valkey/valkey:8.1.3", ["valkey-8"]),
        ("docker.io/valkey/valkey:8.1.3@sha256:0123", ["valkey-8"]),
        ("registry.example.org:5000/mirror/valkey/valkey:9.0.1", ["valkey-8", "valkey-9"]),
        ("valkey/valkey:7.2", None),
        ("valkey/valkey", None),
        ("notvalkey/valkey:8", None),
        ("bitnami/redis:8.2", ["redis", "valkey-8"]),
        ("docker.io/library/postgres:18.1", ["postgresql"]),
        ("busybox", []),
        ("nowhere/none:1", None),
    ],
)
def test_an_image_is_known_by_the_end_of_its_name_and_its_tag(reference: str, programs: list[str] | None) -> None:
    found = Images(BUILDS).find(reference)
    assert (found and list(found.programs)) == (programs if programs is None else [f"/opt/{each}" for each in programs])


@pytest.mark.parametrize(
    ("text", "expanded"),
    [("$(A)", "1"), ("$$(A)", "$(A)"), ("$(B)", "$(B)"), ("$A ${A} $(A", "$A ${A} $(A"), ("$$$(A)", "$1")],
)
def test_references_are_replaced_by_what_is_known(text: str, expanded: str) -> None:
    assert variables.expand(text, {"A": "1"}) == expanded


async def _read(resource: str, name: str) -> Mapping[str, Any] | None:
    held = {"a": base64.b64encode(b"secret").decode() if resource == "secrets" else "plain"}
    return {"data": held} if name == "there" else None


def resolve(*entries: Mapping[str, Any], sources: Any = ()) -> dict[str, str]:
    pod = {"metadata": {"name": "p", "labels": {"l": "v"}}, "spec": {}, "status": {"podIP": "10.0.0.2"}}
    container = {"env": entries, "envFrom": sources, "resources": {"limits": {"memory": "1Gi", "cpu": "1500m"}}}
    return asyncio.run(variables.resolve(pod, container, {"P": "q"}, _read))


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ({"secretKeyRef": {"name": "there", "key": "a"}}, "secret"),
        ({"configMapKeyRef": {"name": "there", "key": "a"}}, "plain"),
        ({"configMapKeyRef": {"name": "not", "key": "a", "optional": True}}, None),
        ({"fieldRef": {"fieldPath": "metadata.labels['l']"}}, "v"),
        ({"fieldRef": {"fieldPath": "status.podIP"}}, "10.0.0.2"),
        ({"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}, "1024"),
        ({"resourceFieldRef": {"resource": "limits.cpu"}}, "2"),
    ],
)
def test_a_variable_comes_from_what_it_names(source: Mapping[str, Any], value: str | None) -> None:
    assert resolve({"name": "A", "valueFrom": source}).get("A") == value


def test_what_is_missing_is_named() -> None:
    with pytest.raises(Unresolved, match='secret "not" not found'):
        resolve({"name": "A", "valueFrom": {"secretKeyRef": {"name": "not", "key": "a"}}})
    with pytest.raises(Unresolved, match="couldn't find key b in ConfigMap there"):
        resolve({"name": "A", "valueFrom": {"configMapKeyRef": {"name": "there", "key": "b"}}})


def test_later_variables_know_earlier_ones() -> None:
    found = resolve({"name": "B", "value": "$(x_a)"}, sources=[{"prefix": "x_", "configMapRef": {"name": "there"}}])
    assert found == {"P": "q", "x_a": "plain", "B": "plain"}


@pytest.mark.parametrize(
    ("container", "argv"),
    [
        ({}, ["entry", "default"]),
        ({"args": ["$(A)"]}, ["entry", "1"]),
        ({"command": ["sh"]}, ["sh"]),
        ({"command": ["sh"], "args": ["-c"]}, ["sh", "-c"]),
    ],
)
def test_a_command_takes_the_place_of_the_images(container: Mapping[str, Any], argv: list[str]) -> None:
    assert specification.arguments(container, IMAGE, {"A": "1"}) == argv


def test_root_is_refused_where_it_is_not_wanted(tmp_path: Path) -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"securityContext": {"runAsNonRoot": True}}}
    place = specification.Place(tmp_path, {})
    with pytest.raises(Unresolved, match="image will run as root"):
        specification.compose(pod, {"name": "c"}, IMAGE, {}, place)
    allowed = specification.compose(pod, {"name": "c", "securityContext": {"runAsUser": 5}}, IMAGE, {}, place)
    assert (allowed["user"], allowed["group"]) == (5, 0)


@pytest.mark.parametrize(
    ("policy", "inits", "containers", "phase"),
    [
        ("Always", [], [RUNNING], "Running"),
        ("Always", [], [RUNNING, WAITING], "Pending"),
        ("Always", [RUNNING], [WAITING], "Pending"),
        ("Always", [BAD], [WAITING], "Pending"),
        ("Never", [BAD], [WAITING], "Failed"),
        ("Always", [DONE], [BAD], "Running"),
        ("Never", [], [DONE, RUNNING], "Running"),
        ("Never", [], [DONE, DONE], "Succeeded"),
        ("Never", [], [DONE, BAD], "Failed"),
        ("OnFailure", [], [BAD], "Running"),
        ("OnFailure", [], [DONE], "Succeeded"),
    ],
)
def test_the_phase_of_a_pod(policy: str, inits: list[Any], containers: list[Any], phase: str) -> None:
    def known(states: list[Any]) -> list[Known]:
        return [Known("c", "i", dict(state)) for state in states]

    assert status.phase(policy, known(inits), known(containers)) == phase


def test_a_container_that_waits_for_its_next_run_is_of_a_running_pod() -> None:
    assert status.phase("Always", [], [Known("c", "i", dict(WAITING), last=dict(BAD))]) == "Running"


def test_a_condition_that_stays_keeps_its_time() -> None:
    before = [{"type": "Ready", "status": "True", "lastTransitionTime": "then"}]
    now = {"Ready": ("True", "", ""), "Initialized": ("True", "", "")}
    assert [each["lastTransitionTime"] for each in status.merged(before, now, "now")] == ["then", "now"]


def test_a_volume_is_replaced_at_once(tmp_path: Path) -> None:
    volumes.write(tmp_path, {"a": b"1", "sub/b": b"2"})
    first = (tmp_path / "..data").readlink()
    volumes.write(tmp_path, {"a": b"1", "sub/b": b"2"})
    assert (tmp_path / "..data").readlink() == first
    volumes.write(tmp_path, {"a": b"3"})
    assert (tmp_path / "a").read_bytes() == b"3"
    assert not (tmp_path / "sub").exists()
    assert not (tmp_path / first).exists()


def test_a_bed_has_networks_of_its_own(bed: Bed) -> None:
    pods, services = network.pods(bed), network.services(bed)
    assert not pods.overlaps(services)
    assert network.on_machine(str(pods[7])) == f"127.{str(pods[7])[3:]}"
