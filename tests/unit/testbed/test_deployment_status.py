# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a cloud controller manager that nobody runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testbed.deployment_status import differs, needed, reviews, status

NOW = "2026-01-02T03:04:05Z"
EARLIER = "2025-12-31T23:59:59Z"
VOLUMES = [
    {"name": "kubeconfig", "secret": {"secretName": "dev-kubeconfig"}},
    {"name": "cloud-config", "configMap": {"name": "dev-cloud-config"}},
    {"name": "maybe", "secret": {"secretName": "perhaps", "optional": True}},
    {"name": "scratch", "emptyDir": {}},
]


def deployment(replicas: int = 1, **current: Any) -> dict[str, Any]:
    pod = {"serviceAccountName": "dev-cloud-controller-manager", "volumes": VOLUMES}
    return {
        "metadata": {"name": "dev-cloud-controller-manager", "namespace": "dev", "generation": 3},
        "spec": {"replicas": replicas, "template": {"spec": pod}},
        "status": current,
    }


def test_a_pod_needs_its_account_and_what_it_mounts() -> None:
    assert list(needed(deployment())) == [
        ("serviceaccounts", "dev-cloud-controller-manager"),
        ("secrets", "dev-kubeconfig"),
        ("configmaps", "dev-cloud-config"),
    ]


def test_the_account_is_asked_about_by_its_own_name_and_in_its_own_namespace() -> None:
    specs = [review["spec"] for review in reviews(deployment())]
    assert {spec["user"] for spec in specs} == {"system:serviceaccount:dev:dev-cloud-controller-manager"}
    assert {spec["resourceAttributes"]["namespace"] for spec in specs} == {"dev"}
    assert {(spec["resourceAttributes"]["verb"], spec["resourceAttributes"]["resource"]) for spec in specs} == {
        (verb, resource)
        for verb in ("list", "watch")
        for resource in ("services", "virtualmachines", "virtualmachineinstances")
    }


@pytest.mark.parametrize(
    ("replicas", "missing", "available", "condition"),
    [(1, [], 1, "True"), (2, [], 2, "True"), (1, ["secrets dev-kubeconfig"], 0, "False"), (0, ["anything"], 0, "True")],
)
def test_it_is_available_when_nothing_is_missing(
    replicas: int, missing: list[str], available: int, condition: str
) -> None:
    said = status(deployment(replicas), missing, NOW)
    assert (said["observedGeneration"], said["availableReplicas"]) == (3, available)
    assert said["unavailableReplicas"] == replicas - available
    assert said["conditions"][0]["status"] == condition


def test_what_is_missing_is_named() -> None:
    (said,) = status(deployment(), ["secrets dev-kubeconfig", "permission to list services"], NOW)["conditions"]
    assert said["message"] == "Its pod needs secrets dev-kubeconfig, permission to list services."


@pytest.mark.parametrize(("before", "time"), [("True", EARLIER), ("False", NOW)])
def test_the_time_of_a_condition_is_that_of_its_last_change(before: str, time: str) -> None:
    old = {"type": "Available", "status": before, "lastUpdateTime": EARLIER, "lastTransitionTime": EARLIER}
    (said,) = status(deployment(conditions=[old]), [], NOW)["conditions"]
    assert said["lastTransitionTime"] == time


def test_what_the_api_server_has_stored_is_not_written_again() -> None:
    wanted = status(deployment(), [], NOW)
    stored = {key: value for key, value in wanted.items() if value != 0}
    assert not differs(stored, wanted)
    assert not differs(stored, status(deployment(**stored), [], "2026-02-03T04:05:06Z"))
    assert differs({}, wanted)
