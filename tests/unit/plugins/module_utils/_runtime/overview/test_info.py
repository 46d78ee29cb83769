# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of an environment beside the state of its claims."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.pnow.infra.plugins.module_utils._clients.cluster_api.workloads import WorkloadClusters
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Forbidden
from ansible_collections.pnow.infra.plugins.module_utils._domain.overview.certificates import certificates_in
from ansible_collections.pnow.infra.plugins.module_utils._runtime.overview.info import describe_environment
from tests.unit.plugins.certificates import Authority
from tests.unit.plugins.claims import COMPOSITE, GOOD, NAME, ROLE, claim, composite, role, server
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, ScriptedReporter, request


def read(api: ScriptedKubernetes, reporter: ScriptedReporter, **options: Any) -> dict[str, Any]:
    given = {"name": "dev", "namespace": None, "claims": [], "kubeconfigs": [], **options}
    clusters = WorkloadClusters(api.clock)
    return dict(describe_environment(request(reporter, **given), api, clusters, api.clock).facts)


def history(*lines: str) -> dict[str, Any]:
    metadata = {"name": "history-dev", "namespace": "pnow-infra"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"runs": "\n".join(lines)}}


def kubeconfig(pem: bytes) -> str:
    encoded = base64.b64encode(pem).decode()
    authority = f"clusters:\n- cluster:\n    certificate-authority-data: {encoded}\n"
    return f"{authority}users:\n- user:\n    client-certificate-data: {encoded}\n"


def test_there_is_nothing(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    found = read(server(clock), reporter, kubeconfigs=["dev-kubeconfig"])
    assert found == {"trees": [], "certificates": [], "runs": [], "unread": [], "now": "1970-01-01T00:00:00Z"}


def test_what_is_behind_claims_and_why_it_is_not_ready(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, claim(**GOOD), composite(**GOOD), role(Synced="False: why"))
    (tree,) = read(api, reporter, claims=[NAME])["trees"]
    assert (tree["kind"], tree["name"]) == (NAME["kind"], NAME["name"])
    assert [(node["name"], node["ready"]) for node in tree["nodes"]] == [
        (NAME["name"], True),
        (COMPOSITE.name, True),
        (ROLE.name, False),
    ]
    # Events are asked for where they explain something.
    assert [node["events"] for node in tree["nodes"]] == [[], [], [f"Told: about {ROLE.name}"]]


def test_the_history_is_read_and_what_is_no_run_is_passed_over(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = server(clock, history(json.dumps({"run": "a"}), "[1]", "{", json.dumps({"run": "b"})))
    assert read(api, reporter)["runs"] == [{"run": "a"}, {"run": "b"}]


def test_what_may_not_be_read_costs_itself_alone(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, history(json.dumps({"run": "a"})))
    api.refuses["get Secret"] = Forbidden("you may not get secrets", next_step="ask")
    found = read(api, reporter, kubeconfigs=["dev-kubeconfig"])
    assert found["unread"] == [{"what": "Kubeconfigs", "msg": "you may not get secrets; ask"}]
    assert found["runs"] == [{"run": "a"}]


def test_when_a_kubeconfig_ends(clock: ScriptedClock, reporter: ScriptedReporter, tmp_path: Path) -> None:
    pem = Authority(tmp_path, "cluster").path.read_bytes()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "dev-kubeconfig", "namespace": "dev"},
        "data": {"value": base64.b64encode(kubeconfig(pem).encode()).decode()},
    }
    found = read(server(clock, secret), reporter, kubeconfigs=["dev-kubeconfig"])["certificates"]
    assert [entry["what"] for entry in found] == ["authority of dev", "kubeconfig of dev"]
    assert all(datetime.fromisoformat(entry["expires"]) > datetime.now(UTC) for entry in found)


def test_what_is_no_certificate_has_no_end(clock: ScriptedClock) -> None:
    certificate = WorkloadClusters(clock).certificate
    assert list(certificates_in(kubeconfig(b"nothing"), "dev", certificate)) == []
    assert list(certificates_in("client-certificate-data: AA", "dev", certificate)) == []
