# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that are on their way out when they are wanted: awaited, and then made anew with all that was in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.runner import Play
from tests.e2e.servers import ask

NAMESPACE = "leaving"
HELD = ("configmap", "held", "--namespace", NAMESPACE)
OBJECTS = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "held", "namespace": NAMESPACE},
        "data": {"color": "red"},
    },
]
MARK = r"{.metadata.annotations.pnow\.infra/created}"


@pytest.fixture(autouse=True)
def leaving() -> Iterator[None]:
    """Somebody's namespace that is being deleted, and can not go yet."""
    ask("kubectl", "create", "namespace", NAMESPACE)
    ask("kubectl", "create", *HELD, "--from-literal=color=red")
    ask("kubectl", "patch", *HELD, "--patch", json.dumps({"metadata": {"finalizers": ["example.org/hold"]}}))
    ask("kubectl", "delete", "namespace", NAMESPACE, "--wait=false")
    yield
    ask("kubectl", "delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=60s")


def test_what_is_being_deleted_is_awaited_and_made_anew(tmp_path: Path) -> None:
    former = ask("kubectl", "get", *HELD, "--output=jsonpath={.metadata.uid}")
    play = Play(tmp_path, "objects.yml", {"state": "present", "objects": OBJECTS})
    play.said(f"Namespace {NAMESPACE}: being deleted")
    ask("kubectl", "patch", *HELD, "--patch", json.dumps({"metadata": {"finalizers": None}}))
    result = play.result()
    assert not result["failed"], result["msg"]
    assert [entry["created"] for entry in result["objects"]] == [True, True]
    assert ask("kubectl", "get", *HELD, "--output=jsonpath={.metadata.uid}") != former
    assert ask("kubectl", "get", *HELD, f"--output=jsonpath={MARK}{{.data.color}}") == "truered"
