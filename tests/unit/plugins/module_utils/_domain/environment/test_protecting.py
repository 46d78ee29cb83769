# SPDX-License-Identifier: GPL-3.0-or-later
"""The Usages of a protected environment."""

from __future__ import annotations

from ansible_collections.pnow.infra.plugins.module_utils._domain.environment.protecting import NEW, OLD, usages

CLAIM = {
    "api_version": "database.example.org/v1alpha1",
    "kind": "PostgreSQLInstance",
    "namespace": "production",
    "name": "production-database",
    "composite": "production-database-x7k2p",
}


def test_crossplane_2_keeps_the_namespace_and_each_claim() -> None:
    namespace, claim = usages("production", [CLAIM], [OLD, NEW])
    assert (namespace["apiVersion"], namespace["kind"]) == (NEW, "ClusterUsage")
    assert namespace["spec"]["of"] == {"apiVersion": "v1", "kind": "Namespace", "resourceRef": {"name": "production"}}
    assert (claim["kind"], claim["metadata"]["namespace"]) == ("Usage", "production")
    assert claim["spec"]["of"]["resourceRef"] == {"name": "production-database"}
    assert claim["metadata"]["labels"]["pnow.infra/environment"] == "production"


def test_crossplane_1_keeps_the_composite_once_there_is_one() -> None:
    namespace, composite = usages("production", [CLAIM, {**CLAIM, "composite": ""}], [OLD])
    assert namespace["spec"]["of"]["kind"] == "Namespace"
    assert composite["spec"]["of"] == {
        "apiVersion": "database.example.org/v1alpha1",
        "kind": "XPostgreSQLInstance",
        "resourceRef": {"name": "production-database-x7k2p"},
    }
    assert "namespace" not in composite["metadata"]


def test_a_cluster_without_usages_keeps_nothing() -> None:
    assert usages("production", [CLAIM], []) == []
