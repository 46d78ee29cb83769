# SPDX-License-Identifier: GPL-3.0-or-later
"""Composites that are made without a claim, as Crossplane 2 has them, through the same engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InfraError, InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.findings import Finding, Invalid
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest, ObjectRef
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.ports import Served
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.claim_info import describe_claims
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.claims import reconcile_claims
from tests.unit.plugins.claims import GOOD, GROUP, definition, put, role, vanish
from tests.unit.plugins.scripted import (
    ScriptedClock,
    ScriptedKubernetes,
    ScriptedReporter,
    Step,
    conditions,
    ours,
    request,
)

MADE = ObjectRef(GROUP, "Cache", "dev-cache", "dev")
MADE_NAME = {"api_version": GROUP, "kind": "Cache", "name": "dev-cache", "namespace": "dev"}
SECRET = ObjectRef("v1", "Secret", "connection", "dev")
ROLE_BESIDE = ObjectRef("postgresql.sql.m.crossplane.io/v1alpha1", "Role", "dev-user", "dev")


def unclaimed(scope: str = "Namespaced", kind: str = "Cache", **properties: Any) -> Manifest:
    xrd = definition(Established="True")
    del xrd["spec"]["claimNames"]
    xrd["metadata"]["name"] = f"{kind.lower()}s.database.example.org"
    xrd["spec"] |= {"scope": scope, "names": {"kind": kind}}
    schema = {"properties": {"spec": {"properties": {"parameters": {}, **properties}}}}
    xrd["spec"]["versions"] = [{"name": "v1alpha1", "served": True, "schema": {"openAPIV3Schema": schema}}]
    return xrd


def made(**statuses: str) -> Manifest:
    refs = [{"apiVersion": ref.api_version, "kind": ref.kind, "name": ref.name} for ref in (ROLE_BESIDE, SECRET)]
    return ours(
        {
            "apiVersion": GROUP,
            "kind": MADE.kind,
            "metadata": {
                "name": MADE.name,
                "namespace": "dev",
                "uid": "uid-made",
                "generation": 1,
                "labels": {"app.kubernetes.io/managed-by": "pnow.infra"},
            },
            "spec": {"crossplane": {"resourceRefs": refs}},
            "status": {"conditions": conditions(**statuses)},
        }
    )


def beside(**statuses: str) -> Manifest:
    manifest = role(**statuses)
    manifest["apiVersion"] = ROLE_BESIDE.api_version
    manifest["metadata"]["namespace"] = "dev"
    return manifest


def secret() -> Manifest:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "connection", "namespace": "dev", "uid": "u"}}


def modern(clock: ScriptedClock, *objects: Manifest, script: Sequence[Step] = ()) -> ScriptedKubernetes:
    api = ScriptedKubernetes(clock, *objects, script=script)
    api.kinds = {
        "Cache": Served("caches", namespaced=True, categories=("composite",)),
        "ClusterCache": Served("clustercaches", namespaced=False, categories=("composite",)),
        "Secret": Served("secrets", namespaced=True),
    }
    return api


def test_a_composite_without_a_claim_is_awaited_with_all_it_is_composed_of(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    unready = put(made(**GOOD), beside(Synced="True", Ready="False"))
    api = modern(clock, unclaimed(), script=[unready, put(beside(**GOOD)), put(secret())])
    outcome = reconcile_claims(request(reporter, claims=[MADE_NAME]), api, clock)
    assert api.writes == [f"apply {MADE}"]
    assert outcome.facts["claims"][0]["composite"] == MADE.name
    assert clock.now == 3


def test_a_composite_as_wanted_costs_a_read_of_it_and_of_what_it_is_composed_of(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = modern(clock, made(**GOOD), beside(**GOOD), secret())
    assert not reconcile_claims(request(reporter, claims=[MADE_NAME]), api, clock).plan.changed
    assert sorted(api.requests) == sorted(f"get {ref}" for ref in (MADE, ROLE_BESIDE, SECRET))


def test_absent_follows_what_a_composite_is_composed_of(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    gone = [vanish(MADE), vanish(SECRET), vanish(ROLE_BESIDE)]
    api = modern(clock, unclaimed(), made(**GOOD), beside(**GOOD), secret(), script=gone)
    assert reconcile_claims(request(reporter, state="absent", claims=[MADE_NAME]), api, clock).plan.changed
    assert api.writes == [f"delete {MADE}"]
    assert clock.now == 3


@pytest.mark.parametrize(
    ("case", "options", "says"),
    [
        ("no namespace", {"namespace": None}, "Cache dev-cache has no namespace, which a namespaced composite needs"),
        ("cluster-scoped", {"kind": "ClusterCache"}, "ClusterCache dev/dev-cache is in no namespace"),
        ("group", {"kind": "Cash"}, "database.example.org offers Cache, ClusterCache"),
    ],
)
def test_a_wrong_mix_is_explained(
    case: str, options: dict[str, Any], says: str, clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = modern(clock, unclaimed(), unclaimed(scope="Cluster", kind="ClusterCache"))
    with pytest.raises(InfraError) as caught:
        reconcile_claims(request(reporter, claims=[MADE_NAME | options]), api, clock)
    assert says in str(caught.value), case
    assert api.writes == []


def test_a_connection_secret_that_the_definition_does_not_know_is_explained(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = modern(clock, unclaimed())
    api.refuses["dry-run"] = Invalid(MADE, [Finding("spec.writeConnectionSecretToRef", "field not declared in schema")])
    with pytest.raises(InvalidOption, match=r"caches\.database\.example\.org knows no spec\.writeConnectionSecretTo"):
        reconcile_claims(request(reporter, claims=[MADE_NAME | {"connection_secret": "x"}]), api, clock)


def test_a_definition_without_claims_is_explained(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = modern(clock, unclaimed(scope="LegacyCluster"))
    with pytest.raises(InvalidOption, match="which has no claimNames; add them to the definition, or define it in"):
        reconcile_claims(request(reporter, claims=[MADE_NAME]), api, clock)


def test_a_definition_may_have_a_connection_secret_of_its_own(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = modern(clock, unclaimed(writeConnectionSecretToRef={}))
    options = [MADE_NAME | {"connection_secret": "x"}]
    outcome = reconcile_claims(request(reporter, claims=options, wait=False), api, clock)
    assert outcome.facts["claims"][0]["connection_secret"] == "x"


def test_info_needs_the_namespace_too(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    with pytest.raises(InvalidOption, match="add namespace"):
        describe_claims(request(reporter, claims=[MADE_NAME | {"namespace": None}], wait=False), modern(clock), clock)
