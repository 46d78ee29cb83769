# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked for after a deletion, on the API server and in Vault; PostgreSQL is asked in tests/e2e."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Failed, Unreachable
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest
from ansible_collections.pnow.infra.plugins.module_utils._runtime.environment.remains import Servers, remains
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, ScriptedReporter, ours, request
from tests.unit.plugins.scripted_vault import ScriptedVault

CLAIM = ours(
    {
        "apiVersion": "example.org/v1",
        "kind": "Database",
        "metadata": {"name": "dev-database", "namespace": "dev"},
        "spec": {"resourceRef": {"apiVersion": "example.org/v1", "kind": "XDatabase", "name": "dev-database-x"}},
    }
)
COMPOSITE: Manifest = {
    "apiVersion": "example.org/v1",
    "kind": "XDatabase",
    "metadata": {"name": "dev-database-x", "uid": "2"},
    "spec": {},
}
NAMESPACE = ours({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dev"}})


@pytest.fixture
def api() -> ScriptedKubernetes:
    return ScriptedKubernetes(ScriptedClock(), CLAIM, COMPOSITE, NAMESPACE)


@pytest.fixture
def vault() -> ScriptedVault:
    return ScriptedVault()


def asked(api: ScriptedKubernetes, vault: ScriptedVault, **options: Any) -> list[dict[str, Any]]:
    given = {
        "claims": [{"api_version": "example.org/v1", "kind": "Database", "name": "dev-database", "namespace": "dev"}],
        "namespace": "dev",
        "vault_paths": ["database/roles/dev-readwrite"],
        "vault_secrets": [],
        "vault_leases": [],
        "known": None,
        **options,
    }
    servers = Servers(api, vault, vault.server)  # type: ignore[arg-type]
    things: list[dict[str, Any]] = remains(request(ScriptedReporter(), **given), servers).facts["things"]
    return things


def states(things: list[dict[str, Any]]) -> dict[str, str]:
    return {f"{item['kind']} {item['name']}": item["state"] for item in things}


def test_what_there_is(api: ScriptedKubernetes, vault: ScriptedVault) -> None:
    vault.stored["database/roles/dev-readwrite"] = {"db_name": "postgres-dev"}
    found = states(asked(api, vault))
    assert {"Database dev/dev-database", "Namespace dev", "path database/roles/dev-readwrite"} <= found.keys()


def test_what_is_gone_is_said_to_be(api: ScriptedKubernetes, vault: ScriptedVault) -> None:
    before = asked(api, vault)
    api.objects.clear()
    assert set(states(asked(api, vault, known=before)).values()) == {"gone"}


def test_what_is_left_is_named(api: ScriptedKubernetes, vault: ScriptedVault) -> None:
    before = asked(api, vault)
    del api.objects[next(ref for ref in api.objects if ref.kind == "Namespace")]
    with pytest.raises(Failed, match=r"not all is gone: .*Database dev/dev-database in Kubernetes"):
        asked(api, vault, known=before)


def test_a_namespace_with_something_of_somebody_else_is_kept(api: ScriptedKubernetes, vault: ScriptedVault) -> None:
    before = [item for item in asked(api, vault) if item["kind"] == "Namespace"]
    api.objects.clear()
    api.put(NAMESPACE)
    api.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "notes", "namespace": "dev", "uid": "3"}})
    (found,) = asked(api, vault, known=before)
    assert found["state"] == "kept"
    assert "ConfigMap" in found["why"]


def test_a_server_that_is_away_is_unknown(api: ScriptedKubernetes, vault: ScriptedVault) -> None:
    before = asked(api, vault)
    api.refuses["get"] = Unreachable("it does not answer")
    found = asked(api, vault, known=before)
    assert {(item["state"], item["why"]) for item in found} == {("unknown", "it does not answer")}
