# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims, end to end through the engine: exact writes, honest waiting, proved deletion, blame."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import (
    Failed,
    FieldConflict,
    Forbidden,
    InfraError,
    InvalidOption,
    NotServed,
    OtherVersion,
    TimedOut,
    Unreachable,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.creation import NOT_OURS, is_ours
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.findings import Finding, Invalid
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.gitops import GitOpsOwned
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest, ObjectRef
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.claim_info import describe_claims
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.claims import reconcile_claims
from tests.unit.plugins.claims import (
    CLAIM,
    COMPOSITE,
    GOOD,
    GROUP,
    NAME,
    OPTIONS,
    ROLE,
    claim,
    composite,
    definition,
    nothing,
    put,
    role,
    server,
    silent,
    vanish,
    vanish_all,
)
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, ScriptedReporter, request


def test_a_new_claim_is_applied_once_and_awaited(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    ready = put(claim(**GOOD), composite(**GOOD), role(**GOOD))
    api = server(clock, script=[ready])
    outcome = reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock)
    assert outcome.plan.changed
    assert api.writes == [f"apply {CLAIM}"]
    assert outcome.facts["claims"][0] | NAME == outcome.facts["claims"][0]
    assert outcome.facts["claims"][0]["ready"]
    assert outcome.facts["claims"][0]["composite"] == COMPOSITE.name
    assert outcome.facts["claims"][0]["status"] == {"database": {"name": "dev-db"}}


BEHIND = [f"get {COMPOSITE}", f"get {ROLE}"]


def test_a_claim_as_wanted_costs_a_read_of_it_and_of_what_is_behind_it(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = server(clock, claim(**GOOD), composite(**GOOD), role(**GOOD))
    outcome = reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock)
    assert not outcome.plan.changed
    assert outcome.plan.diff == []
    assert api.requests == [f"get {CLAIM}", *BEHIND]


# One state, one verdict


def unsynced(manifest: Manifest, message: str) -> Manifest:
    """As it was before it could not be brought up to date: still ready."""
    synced = manifest["status"]["conditions"][0]
    manifest["status"]["conditions"][0] = {**synced, "status": "False", "reason": "ReconcileError", "message": message}
    return manifest


LOST = unsynced(composite(**GOOD), 'cannot get Composition: compositions "widget-nosuch" not found')
STUCK = unsynced(role(**GOOD), "cannot alter role: connection refused")


@pytest.mark.parametrize(
    ("behind", "error", "named"),
    [([LOST, role(**GOOD)], Failed, COMPOSITE), ([composite(**GOOD), STUCK], TimedOut, ROLE)],
    ids=["composite", "managed resource"],
)
@pytest.mark.parametrize("size", ["small", "medium"], ids=["nothing to do", "a change"])
def test_a_claim_that_calls_itself_ready_is_not_believed(
    size: str, behind: list[Manifest], error: type[InfraError], named: ObjectRef, clock: ScriptedClock
) -> None:
    """Whether the run writes or not, waits or not, or only reads."""
    reporter = ScriptedReporter()
    for manifest in behind:
        if manifest["kind"] == COMPOSITE.kind:
            manifest["spec"]["parameters"] = {"size": size}
    settled = put(claim(size, 2, **GOOD), *behind)
    options = {**OPTIONS, "parameters": {"size": size}}
    api = server(clock, claim(**GOOD), *behind, script=[settled])
    with pytest.raises(error, match=str(named)):
        reconcile_claims(request(reporter, claims=[options]), api, clock)
    for checked in (True, False):
        again = reconcile_claims(request(reporter, claims=[options], wait=False, check_mode=checked), api, clock)
        assert not again.plan.changed
        assert not again.facts["claims"][0]["ready"]
    told = describe_claims(request(reporter, claims=[NAME], wait=False), api, clock).facts["claims"][0]
    assert (told["ready"], told["blockers"][0]["name"]) == (False, named.name)
    with pytest.raises(error, match=str(named)):
        reconcile_claims(request(reporter, claims=[options]), api, clock)


def test_a_claim_that_nobody_has_looked_at_is_blamed_before_its_composite(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    behind = [composite(**GOOD), role(**GOOD)]
    unseen = claim("medium", **GOOD)
    unseen["metadata"]["generation"] = 2
    medium = {**OPTIONS, "parameters": {"size": "medium"}}
    with pytest.raises(TimedOut, match=rf"{CLAIM} Synced=Unknown ObservedGenerationIsOld: its controller") as caught:
        reconcile_claims(request(reporter, claims=[medium]), server(clock, unseen, *behind), clock)
    assert [item["kind"] for item in caught.value.facts["blockers"]] == [CLAIM.kind, COMPOSITE.kind]


def test_who_may_not_look_behind_claims_is_told_so(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, claim(**GOOD), composite(**GOOD), role(**GOOD))
    api.refuses[f"get {COMPOSITE.kind}"] = Forbidden("may not get it")
    facts = reconcile_claims(request(reporter, claims=[OPTIONS], wait=False), api, clock).facts
    assert facts["claims"][0]["ready"]
    assert describe_claims(request(reporter, claims=[NAME], wait=False), api, clock).facts["claims"][0]["ready"]
    only = "whether claims are ready is only known from what they say of themselves: may not get it"
    assert reporter.warnings == [only, only]
    with pytest.raises(Forbidden):
        reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock)


def test_check_mode_predicts_the_real_run_and_writes_nothing(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    changed = [{**OPTIONS, "parameters": {"size": "medium"}}]
    settled = put(claim("medium", 2, **GOOD), composite("medium", **GOOD), role(**GOOD))
    api = server(clock, claim(**GOOD), script=[settled])
    predicted = reconcile_claims(request(reporter, check_mode=True, claims=changed), api, clock)
    assert api.writes == []
    real = reconcile_claims(request(reporter, claims=changed), api, clock)
    assert predicted.plan.changed
    assert predicted.plan.diff == real.plan.diff
    assert real.plan.diff[0]["before"]["spec"]["parameters"] == {"size": "small"}
    assert real.plan.diff[0]["after"]["spec"]["parameters"] == {"size": "medium"}


def test_check_mode_before_the_platform_exists(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock)
    api.refuses["get"] = api.refuses["list"] = NotServed("not served")
    assert reconcile_claims(request(reporter, check_mode=True, claims=[OPTIONS]), api, clock).plan.changed
    with pytest.raises(NotServed):
        reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock)


@pytest.mark.parametrize(
    ("case", "behind"),
    [
        ("the composite has the old parameters", [composite("small", **GOOD), role(**GOOD)]),
        ("the managed resource has not seen its new spec", [composite("medium", **GOOD), role(generation=2, **GOOD)]),
        ("the composite is not ready", [composite("medium", Synced="True", Ready="False"), role(**GOOD)]),
    ],
)
def test_a_changed_claim_is_not_ready_before_everything_behind_it_is(
    case: str, behind: list[Manifest], clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    claimed_ready = put(claim("medium", 2, **GOOD), *behind)
    settled = put(composite("medium", **GOOD), role(**GOOD))
    api = server(clock, claim(**GOOD), script=[claimed_ready, nothing, nothing, nothing, settled])
    changed = [{**OPTIONS, "parameters": {"size": "medium"}}]
    reconcile_claims(request(reporter, claims=changed), api, clock)
    assert clock.now >= 5, case


def test_behind_a_settled_claim_nobody_looks_again(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    other = {**claim(Synced="True", Ready="False"), "spec": {"parameters": {"size": "small"}}}
    other["metadata"] = {**other["metadata"], "name": "other", "uid": "uid-other"}
    ready = put(claim(**GOOD), composite(**GOOD), role(**GOOD))
    published = claim(**GOOD)
    published["status"]["connectionDetails"] = {"lastPublishedTime": "2026-01-01T00:00:00Z"}
    both_ready = put(published, {**other, "status": claim(**GOOD)["status"]})
    api = server(clock, other, script=[ready, put(published), both_ready])
    options = request(reporter, claims=[OPTIONS, {**OPTIONS, "name": "other"}], gitops_owned="apply")
    reconcile_claims(options, api, clock)
    assert api.requests.count(f"get {COMPOSITE}") == 1


def test_a_timeout_blames_the_managed_resource(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    stuck = put(
        claim(Synced="True", Ready="False: Claim is waiting for composite resource to become Ready"),
        composite(Synced="True", Ready="False: Unready resources: owner"),
        role(Synced="False: cannot create role: connection refused"),
    )
    api = server(clock, script=[stuck])
    with pytest.raises(TimedOut, match="connection refused") as caught:
        reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock)
    assert caught.value.facts["changed"] is True
    assert [item["kind"] for item in caught.value.facts["blockers"]] == [
        "Role",
        "XPostgreSQLInstance",
        "PostgreSQLInstance",
    ]
    assert caught.value.facts["blockers"][0]["events"] == ["Told: about dev-user"]
    assert clock.now == pytest.approx(60, abs=1)


def test_a_paused_claim_stops_the_wait_early(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    paused = claim(Synced="False")
    paused["status"]["conditions"][0]["reason"] = "ReconcilePaused"
    api = server(clock, paused)
    with pytest.raises(Failed, match="ReconcilePaused"):
        reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock)
    assert clock.now == 2


def test_an_outage_is_said_and_survived(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    ready = put(claim(**GOOD), composite(**GOOD), role(**GOOD))
    api = server(clock, script=[silent] * 12 + [ready])
    assert reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock).facts["claims"][0]["ready"]
    said = "\n".join(reporter.lines)
    assert "[1s of 1m00s] still waiting: the Kubernetes API at https://example.org did not answer" in said
    assert "the Kubernetes API is unreachable for 10s" in said
    assert "the Kubernetes API answers again" in said


def test_an_outage_until_the_end_is_a_timeout_that_says_so(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    def breaks(api: ScriptedKubernetes) -> None:
        put(claim(Synced="True", Ready="False"))(api)
        api.refuses["get"] = Unreachable("the Kubernetes API did not answer")

    with pytest.raises(TimedOut, match="Reachable=False: the Kubernetes API did not answer"):
        reconcile_claims(request(reporter, claims=[OPTIONS]), server(clock, script=[breaks]), clock)
    assert clock.now == pytest.approx(60, abs=1)


def test_not_being_asked_any_more_is_no_trouble(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, script=[nothing] * 59 + [silent])
    with pytest.raises(TimedOut):
        reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock)
    assert not [line for line in reporter.lines if "still waiting" in line]


def test_an_outage_while_looking_behind_a_claim_is_survived(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    def breaks(api: ScriptedKubernetes) -> None:
        put(claim(**GOOD), composite(**GOOD), role(**GOOD))(api)
        api.refuses["get"] = Unreachable("gone")

    def mends(api: ScriptedKubernetes) -> None:
        api.refuses.clear()

    api = server(clock, script=[breaks, mends])
    assert reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock).facts["claims"][0]["ready"]


def test_without_waiting_nothing_is_awaited(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    outcome = reconcile_claims(request(reporter, claims=[OPTIONS], wait=False), server(clock), clock)
    assert (outcome.plan.changed, outcome.facts["claims"][0]["ready"], clock.now) == (True, False, 0)


def test_a_field_of_another_manager_is_only_taken_when_asked(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, claim("medium", **GOOD))
    api.refuses["apply"] = FieldConflict("kubectl owns .spec.parameters.size")
    with pytest.raises(FieldConflict) as caught:
        reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock)
    assert caught.value.facts["changed"] is False
    reconcile_claims(request(reporter, claims=[OPTIONS], wait=False, force_conflicts=True), api, clock)
    assert api.writes[-1] == f"apply --force {CLAIM}"


def test_a_claim_on_its_way_out_is_awaited_and_made_anew(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    leaving = claim(**GOOD)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    ready = put(claim(**GOOD), composite(**GOOD), role(**GOOD))
    api = server(clock, leaving, script=[vanish(CLAIM), ready])
    assert reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock).plan.changed
    assert api.writes == [f"apply {CLAIM}"]


def test_absent_follows_everything_behind_the_claim(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    gone = [vanish(CLAIM), vanish(COMPOSITE), vanish(ROLE)]
    api = server(clock, claim(**GOOD), composite(**GOOD), role(**GOOD), script=gone)
    outcome = reconcile_claims(request(reporter, state="absent", claims=[NAME]), api, clock)
    assert outcome.plan.changed
    assert api.writes == [f"delete {CLAIM}"]
    assert clock.now == 3


def test_absent_again_changes_nothing(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock)
    assert not reconcile_claims(request(reporter, state="absent", claims=[NAME]), api, clock).plan.changed
    assert api.writes == []


@pytest.mark.parametrize("objects", [[], [claim(**GOOD)]], ids=["its claim is gone", "its claim has another"])
def test_absent_ends_a_composite_that_no_claim_is_bound_to(
    objects: list[Manifest], clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    lost = composite(**GOOD)
    lost["metadata"] |= {
        "name": "dev-database-older",
        "uid": "uid-older",
        "labels": {"crossplane.io/claim-name": "dev-database", "crossplane.io/claim-namespace": "dev"},
    }
    api = server(clock, *objects, lost, role(**GOOD), script=[vanish_all])
    outcome = reconcile_claims(request(reporter, state="absent", claims=[NAME]), api, clock)
    assert outcome.plan.changed
    assert "delete XPostgreSQLInstance dev-database-older" in api.writes


def test_absent_in_check_mode_deletes_nothing(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, claim(**GOOD))
    outcome = reconcile_claims(request(reporter, check_mode=True, state="absent", claims=[NAME]), api, clock)
    assert outcome.plan.changed
    assert api.writes == []


def test_absent_joins_a_deletion_under_way(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    leaving = claim(**GOOD)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    gone = vanish(CLAIM, COMPOSITE, ROLE)
    api = server(clock, leaving, composite(**GOOD), role(**GOOD), script=[gone])
    assert not reconcile_claims(request(reporter, state="absent", claims=[NAME]), api, clock).plan.changed
    assert api.writes == []
    assert clock.now == 1


def test_what_is_left_is_named_with_its_finalizers(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    held = role(Synced="False: cannot drop role: other objects depend on it")
    held["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    api = server(clock, claim(**GOOD), composite(**GOOD), held, script=[vanish(CLAIM, COMPOSITE)])
    with pytest.raises(TimedOut, match=r"other objects depend on it, held by example\.org/hold") as caught:
        reconcile_claims(request(reporter, state="absent", claims=[NAME]), api, clock)
    assert [item["name"] for item in caught.value.facts["leftovers"]] == [ROLE.name]


def test_a_namesake_made_meanwhile_does_not_keep_absent_waiting(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    namesake = claim(**GOOD)
    namesake["metadata"]["uid"] = "uid-of-another"
    api = server(clock, claim(**GOOD), script=[put(namesake)])
    reconcile_claims(request(reporter, state="absent", claims=[NAME]), api, clock)
    assert clock.now == 1


def test_the_same_claim_twice_is_refused(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock)
    with pytest.raises(InvalidOption, match=r"claims\[1\] is PostgreSQLInstance dev/dev-database again"):
        reconcile_claims(request(reporter, claims=[OPTIONS, OPTIONS]), api, clock)
    assert api.requests == []


@pytest.mark.parametrize(
    ("case", "options", "says"),
    [
        ("version", {"api_version": "database.example.org/v2"}, "which serves v1alpha1"),
        ("kind", {"kind": "PostgreSQLInstanze"}, "database.example.org offers PostgreSQLInstance"),
        ("composite", {"kind": "XPostgreSQLInstance"}, "name the claim's kind, PostgreSQLInstance"),
    ],
)
def test_a_claim_is_checked_before_anything_is_sent(
    case: str, options: dict[str, Any], says: str, clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    for check_mode in (True, False):
        api = server(clock)
        with pytest.raises(InfraError) as caught:
            reconcile_claims(request(reporter, check_mode=check_mode, claims=[OPTIONS | options]), api, clock)
        assert says in str(caught.value), case
        assert api.writes == []


UNSUPPORTED = Finding("spec.parameters.size", 'Unsupported value: "tiny": supported values: "small", "medium"')
UNDECLARED = Finding("spec.parameters.sise", "field not declared in schema")


@pytest.mark.parametrize(
    ("finding", "parameters", "told"),
    [
        (UNSUPPORTED, {"size": "tiny"}, "parameters.size is 'tiny', allowed are small, medium"),
        (UNDECLARED, {"sise": "small"}, "parameters.sise is not known, did you mean size?"),
    ],
)
def test_what_the_server_refuses_is_told_in_the_words_of_the_definition(
    finding: Finding, parameters: dict[str, Any], told: str, clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    wrong = {**OPTIONS, "parameters": parameters}
    for check_mode in (True, False):
        api = server(clock)
        api.refuses["dry-run"] = Invalid(CLAIM, [finding])
        with pytest.raises(InvalidOption) as caught:
            reconcile_claims(request(reporter, check_mode=check_mode, claims=[wrong]), api, clock)
        assert caught.value.message == f"{CLAIM}: {told}"
        assert api.writes == []


def test_what_the_server_refuses_is_told_to_who_may_not_read_definitions(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = server(clock)
    api.refuses |= {
        "list": Forbidden("not allowed to list"),
        "dry-run": Invalid(CLAIM, [Finding("spec.parameters.size", "Required value")]),
    }
    with pytest.raises(
        Invalid, match=r"refuses PostgreSQLInstance dev/dev-database: spec\.parameters\.size is missing"
    ):
        reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock)


def test_a_claim_that_the_server_would_not_change_is_as_wanted(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    def defaulted(manifest: Manifest) -> Manifest:
        pools = [{"size": 3, **pool} for pool in manifest["spec"]["parameters"]["pools"]]
        manifest["spec"]["parameters"]["pools"] = pools
        return manifest

    pooled = [{**OPTIONS, "parameters": {"pools": [{"name": "a"}]}}]
    api = server(clock)
    api.stores = defaulted
    assert reconcile_claims(request(reporter, claims=pooled, wait=False), api, clock).plan.changed
    assert api.objects[CLAIM]["spec"]["parameters"] == {"pools": [{"size": 3, "name": "a"}]}
    again = reconcile_claims(request(reporter, claims=pooled, wait=False), api, clock)
    assert again.plan.diff == []
    assert api.writes == [f"apply {CLAIM}"]


def test_a_conflict_with_gitops_is_told_as_such(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    kept = claim("medium", **GOOD)
    kept["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": "infra-dev:x/K:dev/db"}
    api = server(clock, kept)
    api.refuses["dry-run"] = FieldConflict("argocd owns .spec.parameters.size")
    with pytest.raises(GitOpsOwned):
        reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock)
    with pytest.raises(FieldConflict):
        reconcile_claims(request(reporter, claims=[OPTIONS], gitops_owned="apply"), api, clock)


def test_a_label_that_is_no_text_is_refused_before_anything_is_sent(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = server(clock)
    with pytest.raises(InvalidOption, match=r"claims\[0\]\.labels\.tier is the number 1 and not text; quote it"):
        reconcile_claims(request(reporter, claims=[{**OPTIONS, "labels": {"tier": 1}}]), api, clock)
    assert api.requests == []


def test_a_definition_that_is_not_offered_is_said(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock, definition(Established="True", Offered="False: name is taken"))
    with pytest.raises(Failed, match="is not offered: Offered=False Scripted name is taken"):
        reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock)


def test_who_may_not_read_definitions_may_still_claim(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock)
    api.refuses["list"] = Forbidden("not allowed to list")
    assert reconcile_claims(request(reporter, claims=[OPTIONS], wait=False), api, clock).plan.changed
    assert reporter.warnings == []


@pytest.mark.parametrize(
    ("marks", "owner"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "infra-dev:x/K:dev/db"}}, "Argo CD application infra-dev"),
        (
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "infra", "kustomize.toolkit.fluxcd.io/namespace": "flux"}},
            "Flux Kustomization flux/infra",
        ),
    ],
)
@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_claim_that_gitops_keeps_is_only_changed_when_asked(
    state: str, marks: dict[str, Any], owner: str, clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    kept = claim("medium", **GOOD)
    kept["metadata"] |= {key: {**kept["metadata"][key], **added} for key, added in marks.items()}
    api = server(clock, kept)
    with pytest.raises(GitOpsOwned, match=owner):
        reconcile_claims(request(reporter, state=state, claims=[OPTIONS]), api, clock)
    assert api.writes == []
    reconcile_claims(request(reporter, state=state, claims=[OPTIONS], wait=False, gitops_owned="apply"), api, clock)
    assert len(api.writes) == 1


def test_a_managed_resource_that_can_not_be_mended_ends_the_wait(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    wrong = role(Synced='False: connect failed: cannot get ProviderConfig: providerconfigs "x" not found')
    wrong["status"]["conditions"][0]["reason"] = "ReconcileError"
    waiting = put(claim(Synced="True", Ready="False"), composite(Synced="True", Ready="False"), wrong)
    with pytest.raises(Failed, match=r'Role dev-user Synced=False ReconcileError: connect failed: .*"x" not found'):
        reconcile_claims(request(reporter, claims=[OPTIONS]), server(clock, script=[waiting]), clock)
    assert clock.now < 10


def test_an_open_circuit_breaker_is_said(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    hindered = composite(Synced="True", Ready="False", Responsive="False: Too many watch events from role")
    waiting = put(claim(Synced="True", Ready="False"), hindered, role(**GOOD))
    ready = put(claim(**GOOD), composite(**GOOD))
    reconcile_claims(request(reporter, claims=[OPTIONS]), server(clock, script=[waiting, nothing, ready]), clock)
    assert any("Responsive=False Scripted (Too many watch events from role)" in line for line in reporter.lines)


def test_leaving_an_option_out_removes_its_field(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    live = claim(**GOOD)
    live["spec"]["compositionUpdatePolicy"] = "Manual"
    live["metadata"]["managedFields"] = [
        {"manager": "pnow.infra", "operation": "Apply", "fieldsV1": {"f:spec": {"f:compositionUpdatePolicy": {}}}}
    ]
    outcome = reconcile_claims(request(reporter, claims=[OPTIONS], wait=False), server(clock, live), clock)
    assert outcome.plan.diff[0]["before"]["spec"]["compositionUpdatePolicy"] == "Manual"
    assert "compositionUpdatePolicy" not in outcome.plan.diff[0]["after"]["spec"]


def test_who_may_not_read_composites_may_still_claim(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock)
    api.refuses[f"list {COMPOSITE.kind}"] = Forbidden("not allowed to list")
    assert reconcile_claims(request(reporter, claims=[OPTIONS], wait=False), api, clock).plan.changed


# Two composites of one claim


def older_composite() -> Manifest:
    older = composite(**GOOD)
    labels = {"crossplane.io/claim-name": CLAIM.name, "crossplane.io/claim-namespace": CLAIM.namespace}
    older["metadata"] |= {"name": "dev-database-older", "uid": "uid-older", "labels": labels}
    older["spec"]["claimRef"] = {"apiVersion": GROUP, "kind": CLAIM.kind, "name": CLAIM.name, "namespace": "dev"}
    return older


TWO = (
    f"XPostgreSQLInstance dev-database-older was made for {CLAIM}, too, which is bound to {COMPOSITE}; "
    "delete the composite that is not needed"
)


@pytest.mark.parametrize(
    ("size", "status", "warnings"),
    [
        pytest.param("small", "True", [], id="nothing to do"),
        pytest.param("medium", "True", [TWO], id="a change"),
        pytest.param("small", "False", [TWO], id="not ready"),
        pytest.param("medium", "False", [TWO], id="a change that does not get ready"),
    ],
)
def test_two_composites_of_one_claim_are_told_when_there_is_a_reason_to_look(
    size: str, status: str, warnings: list[str], clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    live = claim(Synced="True", Ready=status)
    bound = put(claim(size, 2, Synced="True", Ready=status), composite(size, **GOOD), role(**GOOD))
    api = server(clock, live, composite(**GOOD), role(**GOOD), older_composite(), script=[bound])
    try:
        reconcile_claims(request(reporter, claims=[{**OPTIONS, "parameters": {"size": size}}]), api, clock)
    except TimedOut:
        assert status == "False"
    assert reporter.warnings == warnings


def test_a_claim_that_is_ready_for_something_else_is_not_done(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, script=[put(claim("medium", 2, **GOOD), composite("medium", **GOOD), role(**GOOD))])
    with pytest.raises(Failed, match=r"is ready, but spec\.parameters\.size did not stay as it was") as caught:
        reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock)
    assert caught.value.facts["changed"]


def test_what_was_applied_in_another_version_is_said_again_first(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    def remembers(manifest: Manifest) -> Manifest:
        sizes.append(manifest["spec"]["parameters"]["size"])
        if "small" not in sizes:
            raise OtherVersion("failed to prune fields")
        return manifest

    sizes: list[str] = []
    ready = put(claim("medium", 2, **GOOD), composite("medium", **GOOD), role(**GOOD))
    before = claim(**GOOD)
    size = {"f:spec": {"f:parameters": {"f:size": {}}}}
    before["metadata"]["managedFields"] = [{"manager": "pnow.infra", "operation": "Apply", "fieldsV1": size}]
    api = server(clock, before, script=[ready])
    api.stores = remembers
    options = {**OPTIONS, "parameters": {"size": "medium"}}
    assert reconcile_claims(request(reporter, claims=[options]), api, clock).plan.changed
    assert sizes == ["medium", "medium", "small", "medium"]  # the first is only asked for


# Claims of somebody else's


def theirs(live: Manifest) -> Manifest:
    """As kubectl makes it of an exported manifest."""
    metadata = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
    return {**live, "metadata": metadata}


def test_a_new_claim_is_marked_as_ours(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock)
    outcome = reconcile_claims(request(reporter, claims=[OPTIONS], wait=False), api, clock)
    assert outcome.facts["claims"][0]["created"]
    assert is_ours(api.objects[CLAIM])


def test_a_claim_of_somebody_elses_is_changed_and_stays_theirs(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = server(clock, theirs(claim("medium", **GOOD)))
    outcome = reconcile_claims(request(reporter, claims=[OPTIONS], wait=False), api, clock)
    assert outcome.plan.changed
    assert not outcome.facts["claims"][0]["created"]
    assert not is_ours(api.objects[CLAIM])


def test_absent_leaves_a_claim_of_somebody_elses_with_everything_behind_it(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = server(clock, theirs(claim(**GOOD)), composite(**GOOD), older_composite(), role(**GOOD))
    outcome = reconcile_claims(request(reporter, state="absent", claims=[NAME]), api, clock)
    assert not outcome.plan.changed
    assert api.writes == []
    assert [entry["name"] for entry in outcome.facts["kept"]] == [CLAIM.name]
    assert outcome.facts["claims"][0]["exists"]
    assert reporter.warnings == [f"{CLAIM} is left alone: {NOT_OURS}"]


def test_absent_deletes_it_when_it_is_adopted(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, theirs(claim(**GOOD)), composite(**GOOD), role(**GOOD), script=[vanish_all])
    outcome = reconcile_claims(request(reporter, state="absent", claims=[NAME], adopt=True), api, clock)
    assert outcome.plan.changed
    assert outcome.facts["kept"] == []
    assert api.writes == [f"delete {CLAIM}"]


def test_a_composite_that_a_claim_of_somebody_elses_left_behind_is_left_alone(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    orphan = older_composite()
    orphan["metadata"]["annotations"] = {}
    api = server(clock, orphan)
    outcome = reconcile_claims(request(reporter, state="absent", claims=[NAME]), api, clock)
    assert api.writes == []
    assert [entry["name"] for entry in outcome.facts["kept"]] == [orphan["metadata"]["name"]]


def test_a_deletion_that_would_be_refused_is_known_before_the_first(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    second = claim(**GOOD)
    second["metadata"] |= {"name": "dev-other", "uid": "uid-other"}
    api = server(clock, claim(**GOOD), second)
    api.refuses[f"try delete {CLAIM.kind}"] = Forbidden("may not delete")
    asked = request(reporter, state="absent", claims=[NAME, {**NAME, "name": "dev-other"}], check_mode=True)
    with pytest.raises(Forbidden):
        reconcile_claims(asked, api, clock)
    assert api.writes == []
