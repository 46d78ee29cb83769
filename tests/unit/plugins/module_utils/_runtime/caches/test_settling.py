# SPDX-License-Identifier: GPL-3.0-or-later
"""Caches, end to end through the engine of claims: what is told, what is awaited, what is blamed, what has to go."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Failed, Forbidden, NotServed, TimedOut
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest
from ansible_collections.pnow.infra.plugins.module_utils._runtime.caches.settling import CacheParticulars
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.claim_info import describe_claims
from ansible_collections.pnow.infra.plugins.module_utils._runtime.crossplane.claims import reconcile_claims
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome
from tests.unit.plugins.caches import (
    CLAIM,
    GROUP,
    OPTIONS,
    PARAMETERS,
    POD,
    RELEASE,
    SERVER,
    VOLUME,
    claim,
    pod,
    release,
    server,
    volume,
    whole,
    workload,
)
from tests.unit.plugins.claims import nothing, put, vanish_all
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, ScriptedReporter, request

NAME = {key: OPTIONS[key] for key in ("api_version", "kind", "name", "namespace")}
NO_CHART = 'False: failed to pull chart: chart "no-such" version "1" not found in http://x repository'


def run(api: ScriptedKubernetes, reporter: ScriptedReporter, **options: Any) -> Outcome:
    parameters = {**PARAMETERS, **options.pop("parameters", {})}
    wanted = [{**OPTIONS, "parameters": parameters}]
    task = request(reporter, claims=wanted, **{"wait_timeout": "5m", **options})
    return reconcile_claims(task, api, api.clock, CacheParticulars())


def info(api: ScriptedKubernetes, reporter: ScriptedReporter, **options: Any) -> dict[str, Any]:
    task = request(reporter, claims=[NAME], wait=False, **options)
    found: dict[str, Any] = describe_claims(task, api, api.clock, CacheParticulars()).facts["claims"][0]
    return found


def broken(**others: Manifest) -> list[Manifest]:
    return whole(claim=claim("False"), **others)


def test_changes_are_told_before_they_are_made(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, *whole())
    outcome = run(api, reporter, check_mode=True, parameters={"memoryGB": 2})
    assert [(each["name"], each["effect"]) for each in outcome.facts["effects"]] == [("dev-redis", "rolling")]
    assert api.writes == []
    assert run(api, reporter, check_mode=True).facts["effects"] == []
    assert run(server(clock), reporter, check_mode=True).facts["effects"] == []


def test_a_cache_is_ready_when_its_pods_are_whatever_its_providers_saw(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    assert info(server(clock, *whole()), reporter)["ready"]
    api = server(clock, *whole(workload=workload(ready=0), pod=pod("False")))
    found = info(api, reporter)
    assert not found["ready"]
    assert [(each["kind"], each["message"]) for each in found["blockers"]] == [
        ("Pod", ""),
        ("StatefulSet", "0 of 1 pods are ready; Told: about dev-redis"),
    ]
    api.refuses["get StatefulSet"] = Forbidden("no", next_step="ask")
    assert info(api, reporter)["ready"]


def test_it_is_awaited_until_they_are(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, *broken(), script=[nothing, put(*whole(workload=workload(ready=0))), nothing, put(workload())])
    assert run(api, reporter).facts["claims"][0]["ready"]


@pytest.mark.parametrize(
    ("objects", "says"),
    [
        ({"release": release("pending-install", "Initial install underway", Ready="False", Synced="True")}, "Initial"),
        ({"workload": workload(ready=0), "pod": pod("False", PodScheduled="False: 0/1 nodes")}, "0/1 nodes"),
        ({"volume": volume("Pending"), "workload": workload(ready=0), "pod": pod()}, "Told: about dev-redis"),
        (
            {"workload": workload(ready=0, revision="b"), "pod": pod("False", ("CrashLoopBackOff", "back-off 10s"))},
            "back-off 10s; it is of an older revision",
        ),
    ],
)
def test_what_may_pass_is_waited_for_and_named(
    clock: ScriptedClock, reporter: ScriptedReporter, objects: dict[str, Manifest], says: str
) -> None:
    with pytest.raises(TimedOut) as error:
        run(server(clock, *broken(**objects)), reporter, wait_timeout="2m")
    assert says in error.value.message


def test_an_image_that_can_not_be_had_ends_the_wait(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    pulling = pod("False", ("ImagePullBackOff", "Back-off pulling image nowhere"))
    with pytest.raises(Failed) as error:
        run(server(clock, *broken(workload=workload(ready=0), pod=pulling)), reporter)
    assert "Back-off pulling image nowhere" in error.value.message
    assert clock.now < 120


def test_so_does_a_chart_that_does_not_exist_unless_it_comes_to_be(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    missing = release("", Synced=NO_CHART, Ready="False")
    with pytest.raises(Failed) as error:
        run(server(clock, *broken(release=missing)), reporter)
    assert "no-such" in error.value.message
    late = [nothing] * 30
    api = server(clock, *broken(release=missing), script=[*late, put(*whole())])
    assert run(api, reporter).facts["claims"][0]["ready"]


def test_a_release_that_fails_again_and_again_ends_it_in_helms_words(
    clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    def failed(times: int) -> Manifest:
        return release("failed", "failed pre-install: job failed", times, Synced="True", Ready="False")

    api = server(clock, *broken(release=failed(1)), script=[nothing, put(failed(2)), nothing, nothing, put(failed(3))])
    with pytest.raises(Failed) as error:
        run(api, reporter)
    assert f"{RELEASE} Released=False failed: failed pre-install: job failed" in error.value.message
    # The next run gives it another try, which may succeed.
    api = server(clock, *broken(release=failed(3)), script=[nothing] * 70 + [put(*whole())])
    assert run(api, reporter).facts["claims"][0]["ready"]


def test_what_was_in_it_is_gone_when_it_is(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, *whole())
    api.script = [put(*[item for item in whole() if item["kind"] == "Pod"])]

    def only_the_volume(here: ScriptedKubernetes) -> None:
        for ref in list(here.objects):
            if ref not in (VOLUME, POD):
                del here.objects[ref]

    api.script = [nothing, only_the_volume, nothing, vanish_all]
    run(api, reporter, state="absent")
    assert clock.now >= 4
    api = server(clock, *whole())
    api.script = [only_the_volume]
    with pytest.raises(TimedOut) as error:
        run(api, reporter, state="absent", wait_timeout="30s")
    assert any(str(ref) in error.value.message for ref in (VOLUME, POD, SERVER))


def test_a_platform_without_caches_has_none(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock)

    def unserved(api_version: str, kind: str) -> Any:
        raise NotServed(f"{kind} of {api_version} is not served", next_step="install it")

    api.served = unserved  # type: ignore[method-assign]
    options = {"claims": None, "api_version": GROUP, "kind": CLAIM.kind, "namespace": "dev", "label_selectors": []}
    task = request(reporter, check_mode=True, wait=False, **options)
    assert describe_claims(task, api, clock, CacheParticulars()).facts["claims"] == []
    with pytest.raises(NotServed):
        describe_claims(request(reporter, wait=False, **options), api, clock)
