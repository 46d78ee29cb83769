# SPDX-License-Identifier: GPL-3.0-or-later
"""When an object counts as ready, and when waiting ends at once."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.crossplane.readiness import CROSSPLANE_RULE
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.readiness import (
    XRD_OFFERED,
    assess,
    assess_by_kind,
    rule_for,
)


def claim(*conditions: tuple[str, str, int], generation: int = 2, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"generation": generation, **metadata},
        "status": {
            "conditions": [
                {"type": name, "status": status, "reason": "Because", "observedGeneration": observed}
                for name, status, observed in conditions
            ]
        },
    }


@pytest.mark.parametrize(
    ("case", "manifest", "phase", "says"),
    [
        ("fresh", claim(("Synced", "True", 2), ("Ready", "True", 2)), "ready", "ready"),
        ("no observed generation", claim(("Synced", "True", 0), ("Ready", "True", 0)), "ready", "ready"),
        (
            "stale Ready",
            claim(("Synced", "True", 2), ("Ready", "True", 1)),
            "progressing",
            "Ready=Unknown ObservedGenerationIsOld",
        ),
        ("not synced", claim(("Synced", "False", 2), ("Ready", "True", 2)), "progressing", "Synced=False Because"),
        ("no conditions yet", claim(), "progressing", "Synced=Unknown NotReportedYet"),
        ("nonexistent", None, "progressing", "Exists=False"),
        (
            "on its way out",
            claim(("Synced", "True", 2), ("Ready", "True", 2), deletionTimestamp="2026-01-01T00:00:00Z"),
            "progressing",
            "being deleted",
        ),
        (
            "paused",
            {"status": {"conditions": [{"type": "Synced", "status": "False", "reason": "ReconcilePaused"}]}},
            "failed",
            "Synced=False ReconcilePaused",
        ),
        (
            "conditions of a wrong type",
            {"status": {"conditions": "none"}},
            "progressing",
            "Synced=Unknown NotReportedYet",
        ),
        ("a status of a wrong type", {"status": []}, "progressing", "Synced=Unknown NotReportedYet"),
    ],
)
def test_claims(case: str, manifest: dict[str, Any] | None, phase: str, says: str) -> None:
    verdict = assess(manifest, CROSSPLANE_RULE)
    assert (verdict.phase.value, str(verdict)) == (phase, says), case


@pytest.mark.parametrize(
    ("manifest", "wanted"),
    [
        ({"apiVersion": "pkg.crossplane.io/v1", "kind": "Provider"}, ("Installed", "Healthy")),
        ({"apiVersion": "apiextensions.crossplane.io/v2", "kind": "CompositeResourceDefinition"}, ("Established",)),
    ],
)
def test_each_kind_has_its_rule(manifest: dict[str, Any], wanted: tuple[str, ...]) -> None:
    rule = rule_for(manifest)
    assert rule is not None
    assert rule.wanted == wanted


def test_a_definition_with_claims_must_also_offer_them() -> None:
    manifest = {
        "apiVersion": "apiextensions.crossplane.io/v1",
        "kind": "CompositeResourceDefinition",
        "spec": {"claimNames": {"kind": "PostgreSQLInstance"}},
    }
    assert rule_for(manifest) is XRD_OFFERED


def test_a_kind_of_the_same_name_in_another_group_has_no_rule() -> None:
    assert rule_for({"apiVersion": "example.org/v1", "kind": "Provider"}) is None
    assert assess({"metadata": {}}, None).ready


def test_a_secret_that_the_cluster_fills_in() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token"}
    assert str(assess_by_kind(secret)) == "Issued=False NoToken"
    assert assess_by_kind({**secret, "data": {"token": "eA=="}}).ready
    assert assess_by_kind({"apiVersion": "v1", "kind": "Secret", "type": "Opaque"}).ready
    assert not assess_by_kind(None).ready


@pytest.mark.parametrize(
    ("spec", "conditions", "phase"),
    [
        ({}, [], "progressing"),
        ({}, [("Complete", "True", 0)], "ready"),
        ({}, [("Failed", "True", 0)], "failed"),
        ({}, [("Failed", "False", 0)], "progressing"),
        ({"suspend": True}, [], "ready"),
    ],
)
def test_a_job_is_ready_when_it_is_done(
    spec: dict[str, Any], conditions: list[tuple[str, str, int]], phase: str
) -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "spec": spec, **claim(*conditions)}
    assert assess_by_kind(job).phase.value == phase
