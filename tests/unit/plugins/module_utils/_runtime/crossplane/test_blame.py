# SPDX-License-Identifier: GPL-3.0-or-later
"""Behind the managed resources: real objects, packages, and Usages."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Forbidden, InUse, NotServed, TimedOut
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest, ObjectRef
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.ports import Served
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.claim_info import describe_claims
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.claims import reconcile_claims
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.manifests import reconcile_manifests
from tests.unit.plugins.claims import (
    COMPOSITE,
    GOOD,
    NAME,
    OPTIONS,
    ROLE,
    claim,
    composite,
    put,
    role,
    server,
    vanish,
    vanish_all,
)
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, ScriptedReporter, conditions, ours, request

OBJECT = ObjectRef("kubernetes.crossplane.io/v1alpha2", "Object", "dev-backup-volume")
VOLUME = ObjectRef("v1", "PersistentVolumeClaim", "dev-backup", "platform")
DELETED = "2026-01-01T00:00:00Z"
WAITING = {"Synced": "True", "Ready": "False"}


def keeping() -> Manifest:
    """A composite whose only resource is an Object."""
    manifest = composite(**WAITING)
    manifest["spec"]["resourceRefs"] = [{"apiVersion": OBJECT.api_version, "kind": OBJECT.kind, "name": OBJECT.name}]
    return manifest


def kept(seen: Manifest | None = None, **statuses: str) -> Manifest:
    """The Object of a volume; ``seen`` is the volume as the provider saw it."""
    wanted = {"apiVersion": "v1", "kind": VOLUME.kind, "metadata": {"name": VOLUME.name, "namespace": VOLUME.namespace}}
    return {
        "apiVersion": OBJECT.api_version,
        "kind": OBJECT.kind,
        "metadata": {"name": OBJECT.name, "uid": "uid-object", "generation": 1},
        "spec": {"forProvider": {"manifest": wanted}},
        "status": {"conditions": conditions(**statuses), "atProvider": {"manifest": seen}},
    }


def volume(uid: str = "uid-volume", **metadata: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": VOLUME.kind,
        "metadata": {"name": VOLUME.name, "namespace": VOLUME.namespace, "uid": uid, **metadata},
    }


def held() -> Manifest:
    return volume(deletionTimestamp=DELETED, finalizers=["kubernetes.io/pvc-protection"])


def blamed(api: ScriptedKubernetes, clock: ScriptedClock, reporter: ScriptedReporter) -> list[dict[str, Any]]:
    outcome = describe_claims(request(reporter, claims=[NAME], wait=False), api, clock)
    found: list[dict[str, Any]] = outcome.facts["claims"][0]["blockers"]
    return found


# Real objects


def test_the_real_object_is_the_cause(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, claim(**WAITING), keeping(), kept(held(), Synced="False: being deleted"), held())
    first, second, *_others = blamed(api, clock, reporter)
    assert (first["kind"], first["condition"]) == (VOLUME.kind, "Deleting=True")
    assert first["finalizers"] == ["kubernetes.io/pvc-protection"]
    assert first["events"] == ["Told: about dev-backup"]
    assert second["kind"] == "Object"


def test_a_missing_real_object_follows_from_what_its_object_says(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = server(clock, claim(**WAITING), keeping(), kept(Synced="False: cannot create object: it is invalid"))
    found = blamed(api, clock, reporter)
    assert found[0]["message"] == "cannot create object: it is invalid"
    assert (VOLUME.kind, "Exists=False") in [(item["kind"], item["condition"]) for item in found]


@pytest.mark.parametrize("error", [Forbidden("may not get it"), NotServed("is not served")])
def test_a_real_object_that_can_not_be_read_is_named(
    error: Forbidden | NotServed, clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = server(clock, claim(**WAITING), keeping(), kept(Synced="False: why"))
    api.refuses[f"get {VOLUME.kind}"] = error
    found = {item["kind"]: item for item in blamed(api, clock, reporter)}
    assert found[VOLUME.kind]["condition"] == "Exists=Unknown"
    assert found[VOLUME.kind]["message"] == error.message
    assert found["Object"]["message"] == "why"


def test_a_namesake_here_of_an_object_elsewhere_is_not_blamed(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    elsewhere = held()
    api = server(clock, claim(**WAITING), keeping(), kept(elsewhere, Synced="False: why"), volume(uid="another"))
    assert blamed(api, clock, reporter)[0]["condition"] == "Deleting=True"


def test_a_real_object_that_is_fine_is_not_blamed(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, claim(**WAITING), keeping(), kept(volume(), Synced="False: why"), volume())
    assert VOLUME.kind not in [item["kind"] for item in blamed(api, clock, reporter)]


def test_what_holds_a_real_object_holds_the_deletion(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    leaving = kept(held(), **GOOD)
    leaving["metadata"]["deletionTimestamp"] = DELETED
    api = server(clock, claim(**GOOD), keeping(), leaving, held(), script=[vanish(COMPOSITE)])
    with pytest.raises(TimedOut, match=r"PersistentVolumeClaim platform/dev-backup Deleting=True, held by") as caught:
        reconcile_claims(request(reporter, state="absent", claims=[NAME]), api, clock)
    assert [item["kind"] for item in caught.value.facts["leftovers"]][:2] == [VOLUME.kind, "Object"]


# Packages


def package(kind: str = "Provider", name: str = "provider-sql", **statuses: str) -> Manifest:
    return {
        "apiVersion": "pkg.crossplane.io/v1",
        "kind": kind,
        "metadata": {"name": name, "uid": f"uid-{name}", "generation": 1},
        "status": {
            "conditions": conditions(**(statuses or {"Installed": "True", "Healthy": "False: it is not running"}))
        },
    }


def revision() -> Manifest:
    """What provider-sql has installed."""
    return {
        "apiVersion": "pkg.crossplane.io/v1",
        "kind": "ProviderRevision",
        "metadata": {"name": "provider-sql-1", "labels": {"pkg.crossplane.io/package": "provider-sql"}},
        "status": {"objectRefs": [{"kind": "CustomResourceDefinition", "name": "roles.postgresql.sql.crossplane.io"}]},
    }


def test_an_unhealthy_package_explains_a_silent_resource(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    other = package(name="a-provider", Installed="False: no such image")
    silent = put(claim(**WAITING), composite(**WAITING), role(), other, package(), revision())
    with pytest.raises(TimedOut, match="Provider provider-sql Healthy=False Scripted: it is not running") as caught:
        reconcile_claims(request(reporter, claims=[OPTIONS]), server(clock, script=[silent]), clock)
    names = [item["name"] for item in caught.value.facts["blockers"]]
    assert (names[:2], names[-1]) == (["provider-sql", "dev-user"], "a-provider")


def test_a_resource_that_says_why_comes_before_packages(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    broken = package("Function", "function-other", Installed="False: no such image")
    api = server(clock, claim(**WAITING), composite(**WAITING), role(Synced="False: why"), package(), broken)
    kinds = [item["kind"] for item in blamed(api, clock, reporter)]
    assert (kinds[0], kinds[-2:]) == ("Role", ["Provider", "Function"])


def test_packages_are_only_looked_for_when_something_fails(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, claim(**GOOD), composite(**GOOD), role(**GOOD), package())
    assert blamed(api, clock, reporter) == []
    assert reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock).facts["claims"][0]["ready"]
    assert not [asked for asked in api.requests if "Provider" in asked]


def test_who_may_not_list_packages_gets_the_rest(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, claim(**WAITING), composite(**WAITING), role(Synced="False: why"), package())
    api.refuses["list Provider"] = Forbidden("may not list")
    assert blamed(api, clock, reporter)[0]["kind"] == "Role"


def test_a_kind_that_is_served_no_longer_is_waited_for_and_explained(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    api = server(clock, script=[put(claim(**WAITING), composite(**WAITING), package(), revision())])
    api.refuses[f"get {ROLE.kind}"] = NotServed("does not serve Role")
    with pytest.raises(TimedOut, match="Provider provider-sql") as caught:
        reconcile_claims(request(reporter, claims=[OPTIONS]), api, clock)
    assert caught.value.facts["blockers"][1]["reason"] == "NotServed"


def test_a_deletion_that_a_stopped_provider_holds(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    leaving = role(**GOOD)
    leaving["metadata"]["deletionTimestamp"] = DELETED
    api = server(clock, claim(**GOOD), composite(**GOOD), leaving, package(), revision(), script=[vanish(COMPOSITE)])
    with pytest.raises(TimedOut, match="Provider provider-sql Healthy=False") as caught:
        reconcile_claims(request(reporter, state="absent", claims=[NAME]), api, clock)
    assert "Provider" not in [item["kind"] for item in caught.value.facts["leftovers"]]
    assert caught.value.facts["blockers"][0]["kind"] == "Provider"


# Usages


def in_use(manifest: Manifest) -> Manifest:
    manifest["metadata"]["labels"] = {**manifest["metadata"].get("labels", {}), "crossplane.io/in-use": "true"}
    return manifest


def usage(of: ObjectRef, name: str = "keep", **spec: Any) -> Manifest:
    return {
        "apiVersion": "protection.crossplane.io/v1beta1",
        "kind": "ClusterUsage",
        "metadata": {"name": name, "uid": f"uid-{name}"},
        "spec": {"of": {"apiVersion": of.api_version, "kind": of.kind, "resourceRef": {"name": of.name}}, **spec},
    }


@pytest.mark.parametrize("check_mode", [True, False])
def test_what_is_in_use_is_not_deleted(check_mode: bool, clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, claim(**GOOD), in_use(composite(**GOOD)), role(**GOOD), usage(COMPOSITE, reason="production"))
    with pytest.raises(
        InUse, match=r"is in use .*reason: production; nothing was deleted; remove ClusterUsage keep first"
    ):
        reconcile_claims(request(reporter, check_mode=check_mode, state="absent", claims=[NAME]), api, clock)
    assert api.writes == []


def test_usages_are_only_looked_for_when_something_is_in_use(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, claim(**GOOD), composite(**GOOD), role(**GOOD), script=[vanish_all])
    reconcile_claims(request(reporter, state="absent", claims=[NAME]), api, clock)
    assert not [asked for asked in api.requests if "Usage" in asked]


def test_a_usage_among_what_goes_holds_nothing(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    """So a composition has one resource deleted before another."""
    by = {"apiVersion": COMPOSITE.api_version, "kind": COMPOSITE.kind, "resourceRef": {"name": COMPOSITE.name}}
    api = server(clock, claim(**GOOD), composite(**GOOD), in_use(role(**GOOD)), usage(ROLE, by=by), script=[vanish_all])
    assert reconcile_claims(request(reporter, state="absent", claims=[NAME]), api, clock).plan.changed


def test_who_may_not_read_usages_is_left_to_the_webhook(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, in_use(claim(**GOOD)), composite(**GOOD), role(**GOOD), usage(COMPOSITE), script=[vanish_all])
    api.refuses["list ClusterUsage"] = Forbidden("may not list")
    assert reconcile_claims(request(reporter, state="absent", claims=[NAME]), api, clock).plan.changed


def test_any_manifest_in_use_is_kept(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = ScriptedKubernetes(clock, ours(in_use(role(**GOOD))), usage(ROLE, reason="r"))
    api.kinds[ROLE.kind] = Served("roles", namespaced=False)
    unwanted = {"apiVersion": ROLE.api_version, "kind": ROLE.kind, "metadata": {"name": ROLE.name}}
    with pytest.raises(InUse, match="Role dev-user is in use"):
        reconcile_manifests(request(reporter, state="absent", manifests=[unwanted]), api, clock)
    assert api.writes == []
