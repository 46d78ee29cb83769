# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests: order, readiness by kind, secrets that stay secret, objects of others."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import (
    DryRunRefused,
    Forbidden,
    InvalidOption,
    NotServed,
    TimedOut,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.contents import Contents
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.creation import MARK, NOT_OURS
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest, ObjectRef
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.manifests import reconcile_manifests
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, ScriptedReporter, conditions, ours, request

PASSWORD = "correct horse battery"
ENCODED = base64.b64encode(PASSWORD.encode()).decode()
NAMESPACE: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dev", "labels": {"ours": "yes"}}}
SECRET: Manifest = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "admin", "namespace": "dev"},
    "stringData": {"password": PASSWORD},
}
PROVIDER: Manifest = {
    "apiVersion": "pkg.crossplane.io/v1",
    "kind": "Provider",
    "metadata": {"name": "provider-sql"},
    "spec": {"package": "example.org/provider-sql:v1"},
}


CONFIG: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "dev"}}


def theirs(manifest: Manifest) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "uid": f"uid-{manifest['metadata']['name']}"}}


def test_objects_are_applied_in_order_and_then_left_alone(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock)
    asked = request(reporter, manifests=[NAMESPACE, SECRET])
    assert reconcile_manifests(asked, api, clock).plan.changed
    assert api.writes == ["apply Namespace dev", "apply Secret dev/admin"]
    assert not reconcile_manifests(asked, api, clock).plan.changed
    assert len(api.writes) == 2


def test_an_object_with_nothing_but_a_name_is_made(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    bare = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bare"}}
    api = ScriptedKubernetes(clock)
    assert reconcile_manifests(request(reporter, manifests=[bare]), api, clock).plan.changed
    assert api.writes == ["apply Namespace bare"]
    assert not reconcile_manifests(request(reporter, manifests=[bare]), api, clock).plan.changed


def test_objects_are_deleted_in_the_opposite_order(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock, ours(NAMESPACE), ours(SECRET), script=[lambda server: server.objects.clear()])
    reconcile_manifests(request(reporter, state="absent", manifests=[NAMESPACE, SECRET]), api, clock)
    assert api.writes == ["delete Secret dev/admin", "delete Namespace dev"]


def test_an_object_without_our_labels_is_left_alone(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    given_away = ours({**NAMESPACE, "metadata": {"name": "dev", "labels": {"ours": "no"}}})
    api = ScriptedKubernetes(clock, given_away)
    assert not reconcile_manifests(request(reporter, state="absent", manifests=[NAMESPACE]), api, clock).plan.changed
    assert api.writes == []
    why = "it does not carry the labels of its manifest; set adopt to delete it all the same"
    assert reporter.warnings == [f"Namespace dev is left alone: {why}"]


# Whose an object is


def test_a_new_object_is_marked_and_then_left_alone(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock)
    asked = request(reporter, manifests=[NAMESPACE])
    outcome = reconcile_manifests(asked, api, clock)
    assert outcome.plan.diff[0]["after"]["metadata"]["annotations"] == {MARK: "true"}
    assert outcome.facts["objects"][0]["created"]
    again = reconcile_manifests(asked, api, clock)
    assert (again.plan.changed, again.facts["objects"][0]["created"]) == (False, True)


@pytest.mark.parametrize("check_mode", [True, False])
def test_an_object_that_is_met_is_used_and_not_deleted(
    check_mode: bool, clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = ScriptedKubernetes(clock, theirs(NAMESPACE))
    used = reconcile_manifests(request(reporter, manifests=[NAMESPACE], check_mode=check_mode), api, clock)
    assert (used.plan.changed, used.facts["objects"][0]["created"]) == (False, False)
    asked = request(reporter, state="absent", manifests=[NAMESPACE], check_mode=check_mode)
    spared = reconcile_manifests(asked, api, clock)
    assert not spared.plan.changed
    assert api.writes == []
    assert spared.facts["kept"] == [
        {"api_version": "v1", "kind": "Namespace", "namespace": "", "name": "dev", "why": NOT_OURS}
    ]
    assert reporter.warnings == [f"Namespace dev is left alone: {NOT_OURS}"]


def test_an_adopted_object_is_ours_from_then_on(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock, theirs(NAMESPACE), script=[lambda server: server.objects.clear()])
    adopt = request(reporter, manifests=[NAMESPACE], adopt=True)
    outcome = reconcile_manifests(adopt, api, clock)
    assert outcome.plan.diff[0]["after"]["metadata"]["annotations"] == {MARK: "true"}
    assert outcome.facts["objects"][0]["created"]
    assert not reconcile_manifests(adopt, api, clock).plan.changed
    reconcile_manifests(request(reporter, state="absent", manifests=[NAMESPACE]), api, clock)
    assert api.writes == ["apply Namespace dev", "delete Namespace dev"]


def test_a_copy_of_an_object_of_ours_is_adopted_like_any_other(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    copied = theirs({**NAMESPACE, "metadata": {**NAMESPACE["metadata"], "annotations": {MARK: "true"}}})
    api = ScriptedKubernetes(clock, copied)
    assert not reconcile_manifests(request(reporter, manifests=[NAMESPACE]), api, clock).plan.changed
    adopt = request(reporter, manifests=[NAMESPACE], adopt=True)
    assert reconcile_manifests(adopt, api, clock).plan.changed
    assert not reconcile_manifests(adopt, api, clock).plan.changed


def test_what_is_adopted_may_be_deleted_at_once(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock, theirs(NAMESPACE), script=[lambda server: server.objects.clear()])
    reconcile_manifests(request(reporter, state="absent", manifests=[NAMESPACE], adopt=True), api, clock)
    assert api.writes == ["delete Namespace dev"]
    assert reporter.warnings == []


def test_who_is_slower_than_somebody_else_marks_nothing(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    class Crowded(ScriptedKubernetes):
        def create(self, manifest: Manifest) -> Manifest | None:
            self.put(theirs({**NAMESPACE, "metadata": {"name": "dev"}}))
            return super().create(manifest)

    api = Crowded(clock)
    outcome = reconcile_manifests(request(reporter, manifests=[NAMESPACE]), api, clock)
    assert outcome.plan.changed
    assert not outcome.facts["objects"][0]["created"]
    (live,) = api.objects.values()
    assert live["metadata"]["labels"] == {"ours": "yes"}
    assert MARK not in live["metadata"].get("annotations", {})


def test_an_object_on_its_way_out_is_awaited_and_made_anew_with_what_was_in_it(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    leaving = theirs(NAMESPACE)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    held = ours({"apiVersion": "v1", "kind": "Secret", "metadata": SECRET["metadata"], "data": {"password": ENCODED}})
    api = ScriptedKubernetes(clock, leaving, held, script=[lambda server: server.objects.clear()])
    predicted = reconcile_manifests(request(reporter, manifests=[NAMESPACE, SECRET], check_mode=True), api, clock)
    assert api.writes == []
    real = reconcile_manifests(request(reporter, manifests=[NAMESPACE, SECRET]), api, clock)
    assert api.writes == ["apply Namespace dev", "apply Secret dev/admin"]
    assert real.plan.diff == predicted.plan.diff
    assert any("Namespace dev: being deleted" in line for line in reporter.lines)


def test_one_that_does_not_go_is_told(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    leaving = theirs(NAMESPACE)
    leaving["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.org/hold"]}
    api = ScriptedKubernetes(clock, leaving)
    with pytest.raises(TimedOut, match=r"Namespace dev Deleting=True, held by example.org/hold"):
        reconcile_manifests(request(reporter, manifests=[NAMESPACE]), api, clock)
    assert api.writes == []


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_namespace_with_something_of_somebody_elses_is_kept(
    check_mode: bool, clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = ScriptedKubernetes(clock, ours(NAMESPACE), ours(SECRET), theirs(CONFIG))
    asked = request(reporter, state="absent", manifests=[NAMESPACE], check_mode=check_mode)
    outcome = reconcile_manifests(asked, api, clock)
    assert not outcome.plan.changed
    assert api.writes == []
    why = (
        "it holds an object that this collection did not create, ConfigMap dev/theirs; delete what is not needed first"
    )
    assert reporter.warnings == [f"Namespace dev is left alone: {why}"]
    assert [entry["why"] for entry in outcome.facts["kept"]] == [why]


def test_adoption_of_a_namespace_is_not_one_of_its_contents(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock, theirs(NAMESPACE), theirs(CONFIG))
    asked = request(reporter, state="absent", manifests=[NAMESPACE], adopt=True)
    assert not reconcile_manifests(asked, api, clock).plan.changed
    both = request(reporter, state="absent", manifests=[NAMESPACE, CONFIG], adopt=True, wait=False)
    assert reconcile_manifests(both, api, clock).plan.changed
    assert api.writes == ["delete ConfigMap dev/theirs", "delete Namespace dev"]


def test_a_secret_whose_claim_is_gone_does_not_keep_its_namespace(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    claim = {"apiVersion": "example.org/v1", "kind": "Database", "name": "db", "uid": "uid-db"}
    left = theirs({**SECRET, "metadata": {**SECRET["metadata"], "ownerReferences": [claim]}})
    asked = request(reporter, state="absent", manifests=[NAMESPACE], wait=False)
    assert reconcile_manifests(asked, ScriptedKubernetes(clock, ours(NAMESPACE), left), clock).plan.changed
    elsewhere = ScriptedKubernetes(clock, ours(NAMESPACE), left)
    # A cluster-scoped owner: the API server does not mind that a namespace is named.
    elsewhere.objects |= {ObjectRef("example.org/v1", "Database", "db", "dev"): {"metadata": {"uid": "uid-db"}}}
    elsewhere.contents = lambda _namespace: Contents([left])  # type: ignore[method-assign]
    assert not reconcile_manifests(asked, elsewhere, clock).plan.changed
    blind = ScriptedKubernetes(clock, ours(NAMESPACE), left)
    blind.refuses["get Database"] = Forbidden("may not get")
    assert not reconcile_manifests(asked, blind, clock).plan.changed


def test_a_namespace_whose_contents_are_not_known_is_kept(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock, ours(NAMESPACE))
    api.unlisted = ["jane may not list secrets in namespace dev"]
    asked = request(reporter, state="absent", manifests=[NAMESPACE])
    assert not reconcile_manifests(asked, api, clock).plan.changed
    assert "jane may not list secrets in namespace dev" in reporter.warnings[0]


def test_a_deletion_that_can_not_be_tried_is_made(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock, ours(SECRET), script=[lambda server: server.objects.clear()])
    api.refuses["try delete"] = DryRunRefused("a webhook does not support dry run")
    reconcile_manifests(request(reporter, state="absent", manifests=[SECRET]), api, clock)
    assert api.writes == ["delete Secret dev/admin"]


def test_nobody_brings_a_mark(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    brought = {**NAMESPACE, "metadata": {"name": "dev", "annotations": {MARK: "true"}}}
    api = ScriptedKubernetes(clock)
    with pytest.raises(InvalidOption, match=f"Namespace dev is given annotation {MARK}"):
        reconcile_manifests(request(reporter, manifests=[brought]), api, clock)
    assert api.writes == []


def test_a_secret_is_compared_and_never_shown(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    asked = request(reporter, manifests=[SECRET])
    outcome = reconcile_manifests(asked, ScriptedKubernetes(clock), clock)
    encoded = base64.b64encode(PASSWORD.encode()).decode()
    shown = str((outcome.plan.diff, outcome.facts))
    assert PASSWORD not in shown
    assert encoded not in shown
    assert outcome.plan.diff[0]["after"]["data"] == {"password": "******** (new)"}
    assert asked.redactor.text(f"says {encoded}") == "says ********"


def test_a_package_is_awaited_until_it_is_healthy(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    def healthy(server: ScriptedKubernetes) -> None:
        for live in server.objects.values():
            live["status"] = {"conditions": conditions(Installed="True", Healthy="True")}

    api = ScriptedKubernetes(clock, script=[healthy])
    reconcile_manifests(request(reporter, manifests=[PROVIDER]), api, clock)
    assert clock.now == 1


def test_a_kind_that_discovery_lists_a_little_later_is_awaited(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = ScriptedKubernetes(clock)
    api.refuses["get"] = NotServed("not yet")
    clock.at(1.0, api.refuses.clear)
    assert reconcile_manifests(request(reporter, manifests=[NAMESPACE]), api, clock).plan.changed


def test_a_kind_that_stays_unserved_is_said_soon(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock)
    api.refuses["get"] = NotServed("not served")
    with pytest.raises(NotServed):
        reconcile_manifests(request(reporter, manifests=[NAMESPACE]), api, clock)
    assert clock.now == pytest.approx(5, abs=1)


def test_a_package_that_stays_unhealthy_is_blamed(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    def unhealthy(server: ScriptedKubernetes) -> None:
        for live in server.objects.values():
            live["status"] = {"conditions": conditions(Installed="True", Healthy="False: cannot pull package")}

    api = ScriptedKubernetes(clock, script=[unhealthy])
    with pytest.raises(TimedOut, match="Provider provider-sql Healthy=False Scripted: cannot pull package"):
        reconcile_manifests(request(reporter, manifests=[PROVIDER]), api, clock)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"kind": "Namespace", "metadata": {"name": "dev"}}, r"manifests\[1\] has no apiVersion"),
        ({"apiVersion": "v1", "metadata": {"name": "dev"}}, r"manifests\[1\] has no kind"),
        ({"apiVersion": "v1", "kind": "Namespace"}, r"manifests\[1\] \(Namespace\) has no metadata.name"),
        ({"apiVersion": "v1", "kind": "Namespace", "metadata": "dev"}, r"has no metadata.name"),
    ],
)
def test_what_is_no_manifest_is_refused_before_anything_is_sent(
    entry: dict[str, Any], says: str, clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = ScriptedKubernetes(clock)
    with pytest.raises(InvalidOption, match=says):
        reconcile_manifests(request(reporter, manifests=[NAMESPACE, entry]), api, clock)
    assert api.requests == []
