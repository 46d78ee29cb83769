# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster is asked through its own kubeconfig, of which nothing stays behind."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._clients.cluster_api.workloads import WorkloadClusters
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Unauthorized, Unreachable
from tests.unit.plugins.scripted import ScriptedClock
from tests.unit.plugins.scripted_api_server import DISCOVERY, ScriptedApiServer, closed_port, refuse, reply

NODES = {"metadata": {}, "items": [{"metadata": {"name": "dev-control-plane-a"}}]}


def config(url: str) -> str:
    return json.dumps(
        {
            "current-context": "dev",
            "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "dev"}}],
            "clusters": [{"name": "dev", "cluster": {"server": url}}],
            "users": [{"name": "dev", "user": {"token": "a-token-of-dev"}}],
        }
    )


def nodes_are_served(server: ScriptedApiServer) -> None:
    core = {"resources": [{"name": "nodes", "kind": "Node", "namespaced": False}, *DISCOVERY["/api/v1"]["resources"]]}
    server.on("GET /api/v1", reply(200, core))


def test_it_asks_for_what_only_the_known_may_read(
    api_server: ScriptedApiServer, clock: ScriptedClock, temporary: Path
) -> None:
    nodes_are_served(api_server)
    api_server.on("GET /api/v1/nodes", reply(200, NODES))
    WorkloadClusters(clock).require_answer(config(api_server.url), math.inf)
    (asked,) = api_server.requests("GET /api/v1/nodes")
    assert asked.header("authorization") == ["Bearer a-token-of-dev"]
    assert asked.query["limit"] == "1"
    assert list(temporary.iterdir()) == []


def test_a_credential_that_is_refused_is_said(
    api_server: ScriptedApiServer, clock: ScriptedClock, temporary: Path
) -> None:
    nodes_are_served(api_server)
    api_server.on("GET /api/v1/nodes", refuse(401, "Unauthorized"), refuse(401, "Unauthorized"))
    with pytest.raises(Unauthorized):
        WorkloadClusters(clock).require_answer(config(api_server.url), math.inf)
    assert list(temporary.iterdir()) == []


def test_silence_is_said(clock: ScriptedClock, temporary: Path) -> None:
    with pytest.raises(Unreachable, match="did not answer"):
        WorkloadClusters(clock).require_answer(config(f"http://127.0.0.1:{closed_port()}"), 5.0)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(("text", "parsed"), [("a: [1]", {"a": [1]}), ("a: [", None), ("\t", None)])
def test_what_is_no_yaml_is_nothing(clock: ScriptedClock, text: str, parsed: object) -> None:
    assert WorkloadClusters(clock).parsed(text) == parsed
