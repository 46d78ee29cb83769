# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guard reads from a cluster, and what it has the namespace and the Usages be."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.environment.guarding import (
    LIFTED,
    PROTECTED,
    Protected,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Forbidden
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest
from ansible_collections.pnow.infra.plugins.module_utils._runtime.environment.guard import guard
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, ScriptedReporter, ours, request

NEW = "protection.crossplane.io/v1beta1"
USAGE: Manifest = {
    "apiVersion": NEW,
    "kind": "Usage",
    "metadata": {"name": "protected-production-database", "namespace": "production", "uid": "1"},
    "spec": {},
}


def namespace(**annotations: str) -> Manifest:
    found = ours({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "production"}})
    found["metadata"]["annotations"] |= annotations
    return found


def guarded(verb: str, *objects: Manifest, protected: bool | None = None, api: Any = None) -> dict[str, Any]:
    stated = {"environment": "production", "protected": protected, "sources": ["inventory"], "extra": []}
    asked = request(
        ScriptedReporter(),
        name="production",
        verb=verb,
        stated=stated,
        results=[],
        run="this run",
        going=1,
        known=1,
        said=0,
    )
    return dict(guard(asked, api or ScriptedKubernetes(ScriptedClock(), *objects)).facts)


def test_nothing_there_is_to_be_protected() -> None:
    told = guarded("provision")
    assert (told["protected"], told["guarded"], told["owned"]) == (True, True, True)
    assert (told["annotations"], told["usages"]) == ({PROTECTED: "true"}, [])
    assert NEW in told["usage_versions"]


def test_provision_takes_protection_away() -> None:
    told = guarded("provision", namespace(**{PROTECTED: "true"}), USAGE, protected=False)
    assert (told["protected"], told["guarded"]) == (False, True)
    assert told["annotations"] == {LIFTED: "this run"}
    assert told["usages"] == [
        {"apiVersion": NEW, "kind": "Usage", "metadata": {"name": USAGE["metadata"]["name"], "namespace": "production"}}
    ]


def test_resize_does_not() -> None:
    told = guarded("resize", namespace(**{PROTECTED: "true"}), protected=False)
    assert (told["protected"], told["annotations"], told["usages"]) == (True, {PROTECTED: "true"}, [])


@pytest.mark.parametrize("objects", [[namespace(**{PROTECTED: "true"})], [USAGE]])
def test_what_takes_away_meets_what_the_cluster_remembers(objects: list[Manifest]) -> None:
    with pytest.raises(Protected, match="as its last provision recorded"):
        guarded("delete", *objects, protected=False)


def test_somebody_elses_namespace_is_told() -> None:
    foreign: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "production", "uid": "1"}}
    assert guarded("provision", foreign)["owned"] is False


def test_who_may_not_read_usages_is_guarded_by_the_namespace() -> None:
    api = ScriptedKubernetes(ScriptedClock(), namespace(**{PROTECTED: "true"}), USAGE)
    api.refuses["list"] = Forbidden("may not list")
    with pytest.raises(Protected):
        guarded("restore", protected=False, api=api)
