# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster is asked through its own kubeconfig, of which nothing stays behind."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._clients.cluster_api.workloads import WorkloadClusters
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Unauthorized, Unreachable
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import ObjectRef
from tests.unit.plugins.kubeconfigs import certificate
from tests.unit.plugins.scripted import ScriptedClock
from tests.unit.plugins.scripted_api_server import DISCOVERY, ScriptedApiServer, closed_port, refuse, reply

NODES = {"metadata": {}, "items": [{"metadata": {"name": "dev-control-plane-a"}}]}


ACCOUNT = ObjectRef("v1", "ServiceAccount", "someone", "kube-system")


def config(url: str) -> dict[str, Any]:
    return {
        "current-context": "dev",
        "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "dev"}}],
        "clusters": [{"name": "dev", "cluster": {"server": url}}],
        "users": [{"name": "dev", "user": {"token": "a-token-of-dev"}}],
    }


def nodes_are_served(server: ScriptedApiServer) -> None:
    core = {"resources": [{"name": "nodes", "kind": "Node", "namespaced": False}, *DISCOVERY["/api/v1"]["resources"]]}
    server.on("GET /api/v1", reply(200, core))


def test_it_is_asked_with_what_the_kubeconfig_has(
    api_server: ScriptedApiServer, clock: ScriptedClock, temporary: Path
) -> None:
    nodes_are_served(api_server)
    api_server.on("GET /api/v1/nodes", reply(200, NODES))
    with WorkloadClusters(clock).opened(config(api_server.url), math.inf) as workload:
        assert list(temporary.iterdir()) == []
        assert [node["metadata"]["name"] for node in workload.list_objects("v1", "Node")] == ["dev-control-plane-a"]
    (asked,) = api_server.requests("GET /api/v1/nodes")
    assert asked.header("authorization") == ["Bearer a-token-of-dev"]


def test_a_token_is_asked_for(api_server: ScriptedApiServer, clock: ScriptedClock) -> None:
    accounts = {"name": "serviceaccounts", "kind": "ServiceAccount", "namespaced": True}
    api_server.on("GET /api/v1", reply(200, {"resources": [accounts]}))
    path = "POST /api/v1/namespaces/kube-system/serviceaccounts/someone/token"
    api_server.on(path, reply(201, {"status": {"token": "a-new-token"}}))
    with WorkloadClusters(clock).opened(config(api_server.url), math.inf) as workload:
        assert workload.token(ACCOUNT, 3600) == "a-new-token"
    (asked,) = api_server.requests(path)
    assert json.loads(asked.body)["spec"] == {"expirationSeconds": 3600}


def test_a_credential_that_is_refused_is_said(api_server: ScriptedApiServer, clock: ScriptedClock) -> None:
    nodes_are_served(api_server)
    api_server.on("GET /api/v1/nodes", refuse(401, "Unauthorized"), refuse(401, "Unauthorized"))
    with (
        WorkloadClusters(clock).opened(config(api_server.url), math.inf) as workload,
        pytest.raises(Unauthorized),
    ):
        workload.list_objects("v1", "Node")


def test_silence_is_said(clock: ScriptedClock) -> None:
    with (
        WorkloadClusters(clock).opened(config(f"http://127.0.0.1:{closed_port()}"), 5.0) as workload,
        pytest.raises(Unreachable, match="did not answer"),
    ):
        workload.list_objects("v1", "Node")


@pytest.mark.parametrize("year", [2030, 2049, 2050, 2120])
def test_a_certificate_tells_its_end_and_issuer(clock: ScriptedClock, year: int) -> None:
    ends = dt.datetime(year, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    told = WorkloadClusters(clock).certificate(certificate(ends, "some authority")[0])
    assert (told.expires, told.issuer) == (ends, "some authority")


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----",
        *(
            f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(content).decode()}\n-----END CERTIFICATE-----"
            for content in (b"\x30", b"\x30\x80", b"\x30\x02\x30\x00", b"\x30\x7f\x00", b"\x30\x82\xff\xff", b"junk")
        ),
    ],
)
def test_what_is_no_certificate_is_a_value_error(clock: ScriptedClock, pem: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        WorkloadClusters(clock).certificate(pem)


@pytest.mark.parametrize(("text", "parsed"), [("a: [1]", {"a": [1]}), ("a: [", None), ("\t", None)])
def test_what_is_no_yaml_is_nothing(clock: ScriptedClock, text: str, parsed: object) -> None:
    assert WorkloadClusters(clock).parsed(text) == parsed
