# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as a result describes them."""

from __future__ import annotations

from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.description import (
    described_conditions,
    described_object,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest, ObjectRef
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.readiness import Phase, Readiness

REF = ObjectRef("v1", "ConfigMap", "settings", "dev")


def test_what_others_wrote_is_inert() -> None:
    wild = {"type": "\x1b[31mReady", "status": "False", "reason": "A\nB", "message": "words " * 1_000_000}
    (described,) = described_conditions({"status": {"conditions": [wild]}}, now=0)
    assert (described["type"], described["reason"], len(described["message"]) <= 1000) == ("Ready", "A B", True)


def test_an_object_that_is_going() -> None:
    manifest: Manifest = {"metadata": {"deletionTimestamp": "1970-01-01T00:00:05Z", "finalizers": ["hold"]}}
    found = described_object(REF, manifest, Readiness(Phase.PROGRESSING), depth=3, now=9, events=[])
    assert (found["depth"], found["exists"], found["deleting"], found["finalizers"]) == (3, True, True, ["hold"])
    assert (found["age"], found["ready"], found["conditions"]) == ("", False, [])


def test_an_object_that_does_not_exist() -> None:
    found = described_object(REF, None, Readiness(Phase.PROGRESSING), depth=1, now=9, events=[])
    assert (found["name"], found["namespace"], found["exists"], found["events"]) == ("settings", "dev", False, [])
