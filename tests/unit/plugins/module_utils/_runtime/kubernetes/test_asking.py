# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server is asked, its refusals count, and where it can not be asked that is said once."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import (
    DryRunRefused,
    Forbidden,
    InfraError,
    NamespaceMissing,
    NotServed,
    Rejected,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.findings import Finding, Invalid
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest, ref_of
from ansible_collections.pnow.infra.plugins.module_utils._runtime.kubernetes.applying import Apply, plan_apply
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, ScriptedReporter, request


def made(kind: str, name: str, namespace: str = "dev", **fields: Any) -> Manifest:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": fields.pop("api_version", "v1"), "kind": kind, "metadata": metadata, **fields}


NAMESPACE = made("Namespace", "dev", "")
MAP = made("ConfigMap", "settings", data={"a": "1"})
POD = made("Pod", "app", spec={})


def planned(
    api: ScriptedKubernetes, reporter: ScriptedReporter, *desired: Manifest, check_mode: bool = False
) -> list[Apply]:
    observed = {ref_of(manifest): api.objects.get(ref_of(manifest)) for manifest in desired}
    return plan_apply(request(reporter, check_mode=check_mode), api, desired, observed)


@pytest.mark.parametrize("check_mode", [True, False])
def test_what_is_as_wanted_is_not_asked_for(check_mode: bool, clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock, MAP)
    assert planned(api, reporter, MAP, check_mode=check_mode) == []
    assert api.requests == []


def test_what_would_be_stored_is_the_diff(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock)
    api.stores = lambda manifest: {**manifest, "data": {"a": "01"}, "immutable": False}
    (apply,) = planned(api, reporter, MAP)
    assert (apply.verb, apply.before, apply.after) == ("create", {}, {"data": {"a": "01"}})
    assert apply.manifest == MAP
    assert api.requests == ["dry-run ConfigMap dev/settings"]


def test_what_would_be_stored_as_it_is_is_no_change(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock, {**MAP, "data": {"a": "01"}})
    api.stores = lambda manifest: {**manifest, "data": {"a": "01"}, "status": {"now": "other"}}
    assert planned(api, reporter, MAP) == []


def test_what_is_being_deleted_is_not_asked_for(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    leaving = {**MAP, "metadata": {**MAP["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    api = ScriptedKubernetes(clock, leaving)
    assert [apply.verb for apply in planned(api, reporter, MAP)] == ["create"]
    assert api.requests == []


@pytest.mark.parametrize("missing", [NamespaceMissing("no namespace"), NotServed("no kind")])
def test_what_an_earlier_task_would_have_made_is_planned_without_a_word(
    missing: InfraError, clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = ScriptedKubernetes(clock)
    api.refuses["dry-run ConfigMap dev/settings"] = missing
    (apply,) = planned(api, reporter, MAP, check_mode=True)
    assert apply.after == {"data": {"a": "1"}}
    assert reporter.warnings == []
    with pytest.raises(type(missing)):
        planned(api, reporter, MAP)


def test_a_namespace_of_the_same_task_is_enough(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    for missing in (NamespaceMissing("no namespace"), Forbidden("nothing is allowed there")):
        api = ScriptedKubernetes(clock)
        api.refuses["dry-run ConfigMap dev/settings"] = missing
        assert [apply.target for apply in planned(api, reporter, NAMESPACE, MAP)] == [
            "Namespace dev",
            "ConfigMap dev/settings",
        ]
    assert reporter.warnings == []


def test_a_definition_is_asked_for_in_a_namespace_that_exists(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    twin = ref_of(made("ConfigMap", "settings", "default"))
    for refusal, counts in ((Invalid(twin, [Finding("data.a", "odd")]), True), (Rejected("not in default"), False)):
        api = ScriptedKubernetes(clock)
        api.refuses |= {"dry-run ConfigMap dev/settings": NamespaceMissing("no namespace")}
        api.refuses |= {"dry-run ConfigMap default/settings": refusal}
        if counts:
            with pytest.raises(Invalid, match=r"refuses ConfigMap dev/settings: data\.a: odd"):
                planned(api, reporter, MAP, check_mode=True)
        else:
            assert planned(api, reporter, MAP, check_mode=True)


def test_a_namesake_in_that_namespace_says_nothing(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock, made("ConfigMap", "settings", "default", immutable=True))
    api.refuses["dry-run ConfigMap dev/settings"] = NamespaceMissing("no namespace")
    api.refuses["dry-run ConfigMap default/settings"] = Invalid(ref_of(MAP), [Finding("data", "immutable")])
    assert planned(api, reporter, MAP, check_mode=True)


def forbidden(reason: str) -> Rejected:
    return Rejected(f'the API server refuses to patch Pod dev/app: pods "app" is forbidden: {reason}')


@pytest.mark.parametrize(
    ("earlier", "refusal", "cured"),
    [
        (made("ServiceAccount", "runner"), forbidden('serviceaccount "runner" not found'), True),
        (made("ServiceAccount", "run"), forbidden('serviceaccount "runner" not found'), False),
        (made("ServiceAccount", "app"), forbidden("its image is not signed"), False),
        (made("ServiceAccount", "app"), forbidden('serviceaccount "app" not found'), True),
        (made("PriorityClass", "high", ""), forbidden("no PriorityClass with name high was found"), True),
        (made("ResourceQuota", "team"), forbidden("exceeded quota: team, requested: pods=1"), True),
        (made("ServiceAccount", "odd"), Invalid(ref_of(POD), [Finding("spec", "is odd")]), False),
        (
            made("CustomResourceDefinition", "x", "", spec={"group": ""}),
            Invalid(ref_of(POD), [Finding("spec.new", "Required value")]),
            True,
        ),
        (
            made("CustomResourceDefinition", "x", "", spec={"group": "example.org"}),
            Invalid(ref_of(POD), [Finding("spec.new", "Required value")]),
            False,
        ),
    ],
)
def test_a_refusal_that_an_earlier_object_of_the_task_may_cure_is_none(
    earlier: Manifest, refusal: InfraError, cured: bool, clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = ScriptedKubernetes(clock)
    api.refuses["dry-run Pod dev/app"] = refusal
    with nullcontext() if cured else pytest.raises(type(refusal)):
        assert len(planned(api, reporter, earlier, POD)) == 2


def test_who_may_look_and_not_write_may_run_in_check_mode(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock)
    api.refuses["dry-run"] = Forbidden("jane may not patch configmaps", next_step="grant it")
    assert len(planned(api, reporter, MAP, POD, check_mode=True)) == 2
    assert reporter.warnings == [
        "what would change is not known from the API server itself: jane may not patch configmaps; grant it"
    ]
    with pytest.raises(Forbidden):
        planned(api, reporter, MAP)


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_server_that_can_not_be_asked_is_said_once(
    check_mode: bool, clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = ScriptedKubernetes(clock, {**MAP, "data": {"a": "0"}})
    api.refuses["dry-run"] = DryRunRefused("webhook x does not support dry run")
    first, second = planned(api, reporter, MAP, POD, check_mode=check_mode)
    assert (first.before, first.after, second.verb) == ({"data": {"a": "0"}}, {"data": {"a": "1"}}, "create")
    assert len(reporter.warnings) == 1
