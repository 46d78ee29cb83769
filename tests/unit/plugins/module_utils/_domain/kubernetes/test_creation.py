# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose an object is: the mark, who applied it, and who may bring it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.creation import (
    MARK,
    genuine,
    is_ours,
    marked,
    unmarked,
    why_foreign,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest

OWNED = {"f:metadata": {"f:annotations": {f"f:{MARK}": {}}}}


def config(**metadata: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "dev", **metadata}}


def live(value: str = "true", manager: str = "pnow.infra", operation: str = "Apply", **more: Any) -> Manifest:
    entry = {"manager": manager, "operation": operation, "fieldsV1": OWNED}
    return config(annotations={MARK: value}, managedFields=[entry], **more)


@pytest.mark.parametrize(
    ("manifest", "verdict"),
    [
        (live(), True),
        (live("false"), False),
        (live(manager="kubectl"), False),
        (live(operation="Update"), False),
        (config(annotations={MARK: "true"}), False),
        (config(managedFields=[{"manager": "pnow.infra", "operation": "Apply", "fieldsV1": OWNED}]), False),
        (config(), False),
        (None, False),
    ],
    ids=["created", "other value", "a copy by kubectl", "an update", "nobody's", "taken away", "unmarked", "absent"],
)
def test_an_object_is_ours_when_it_is_marked_and_we_applied_the_mark(manifest: Manifest | None, verdict: bool) -> None:
    assert is_ours(manifest) is verdict


@pytest.mark.parametrize(
    ("found", "adopt", "mark"),
    [
        (None, False, True),
        (live(), False, True),
        (live(deletionTimestamp="2026-01-01T00:00:00Z"), False, True),
        (config(deletionTimestamp="2026-01-01T00:00:00Z"), False, True),
        (config(), False, False),
        (live(manager="kubectl"), False, False),
        (config(), True, True),
    ],
    ids=["absent", "ours", "ours and leaving", "theirs and leaving", "theirs", "a copy of ours", "adopted"],
)
def test_the_mark_is_given_by_creation_and_adoption(found: Manifest | None, adopt: bool, mark: bool) -> None:
    wanted = config(annotations={"mine": "yes"})
    given = marked(wanted, found, adopt=adopt)
    assert given["metadata"]["annotations"] == {"mine": "yes", **({MARK: "true"} if mark else {})}
    assert unmarked(given) == wanted


@pytest.mark.parametrize(
    ("found", "seen"),
    [
        (None, None),
        (live(), live()),
        (config(labels={"a": "1"}), config(labels={"a": "1"})),
        (config(annotations={MARK: "true", "a": "1"}), config(annotations={"a": "1"})),
    ],
)
def test_a_mark_that_we_did_not_apply_is_not_seen(found: Manifest | None, seen: Manifest | None) -> None:
    assert genuine(found) == seen


def test_without_other_annotations_there_are_none_when_the_mark_is_taken_away() -> None:
    assert unmarked(marked(config(), None)) == config()


@pytest.mark.parametrize("adopt", [True, False])
def test_a_mark_that_a_manifest_brings_is_refused(adopt: bool) -> None:
    with pytest.raises(InvalidOption, match=f"ConfigMap dev/a is given annotation {MARK}.*; leave it out"):
        marked(config(annotations={MARK: "true"}), None, adopt=adopt)


@pytest.mark.parametrize(
    ("labels", "found", "says"),
    [
        ({}, live(), ""),
        ({"a": "1"}, live(labels={"a": "1", "b": "2"}), ""),
        ({"a": "1"}, live(labels={"a": "2"}), "does not carry the labels"),
        ({"a": "1"}, live(), "does not carry the labels"),
        ({"a": "1"}, config(labels={"a": "1"}), "was not created by this collection"),
    ],
)
def test_why_an_object_is_not_ours_to_delete(labels: dict[str, str], found: Manifest, says: str) -> None:
    why = why_foreign(config(labels=labels), found)
    assert says in why
    assert bool(why) is bool(says)
