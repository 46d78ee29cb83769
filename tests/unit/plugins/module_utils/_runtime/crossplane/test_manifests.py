# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests: order, readiness by kind, secrets that stay secret, objects of others."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption, NotServed, TimedOut
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.manifests import reconcile_manifests
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, ScriptedReporter, conditions, request

PASSWORD = "correct horse battery"
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
    live = [{**manifest, "metadata": {**manifest["metadata"], "uid": "u"}} for manifest in (NAMESPACE, SECRET)]
    api = ScriptedKubernetes(clock, *live, script=[lambda server: server.objects.clear()])
    reconcile_manifests(request(reporter, state="absent", manifests=[NAMESPACE, SECRET]), api, clock)
    assert api.writes == ["delete Secret dev/admin", "delete Namespace dev"]


def test_an_object_without_our_labels_is_left_alone(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    theirs = {**NAMESPACE, "metadata": {"name": "dev", "uid": "u", "labels": {"kubernetes.io/metadata.name": "dev"}}}
    api = ScriptedKubernetes(clock, theirs)
    assert not reconcile_manifests(request(reporter, state="absent", manifests=[NAMESPACE]), api, clock).plan.changed
    assert api.writes == []
    assert reporter.warnings == ["Namespace dev is left alone: it does not carry the labels of its manifest"]


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
