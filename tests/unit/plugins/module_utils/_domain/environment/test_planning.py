# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of the objects that tasks have spoken of, what that does, and which of it a verb may do."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.environment.effects import change
from ansible_collections.pnow.infra.plugins.module_utils._domain.environment.judging import refusals
from ansible_collections.pnow.infra.plugins.module_utils._domain.environment.planning import entries, expected, unlisted
from ansible_collections.pnow.infra.plugins.module_utils._domain.environment.table import plan_lines

CLAIM = "PostgreSQLInstance dev/dev-orders-database"
FACT = {"kind": "PostgreSQLInstance", "namespace": "dev", "name": "dev-orders-database"}


def result(before: dict[str, Any], after: dict[str, Any], **more: Any) -> dict[str, Any]:
    header = {"before_header": CLAIM, "after_header": CLAIM}
    return {"claims": [FACT], "diff": [{**header, "before": before, "after": after}], **more}


def parameters(**values: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"a": "b"}}, "spec": {"parameters": values}}


def only(found: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(found) == 1
    return found[0]


def planned(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return only(entries(result(before, after), "database", "dev"))


def test_what_is_created() -> None:
    entry = planned({}, parameters(size="small"))
    assert (entry["capability"], entry["instance"], entry["object"]) == ("database", "dev-orders", CLAIM)
    assert (entry["action"], entry["effect"], entry["before"]) == ("create", "", {})
    assert entry["after"] == {"metadata.labels.a": "b", "spec.parameters.size": "small"}


def test_what_changes_says_what_differs_and_no_more() -> None:
    entry = planned(parameters(size="small", storageGB=20, gone=1), parameters(size="large", storageGB=20))
    assert (entry["action"], entry["effect"]) == ("change", "in place")
    assert entry["before"] == {"spec.parameters.size": "small", "spec.parameters.gone": 1}
    assert entry["after"] == {"spec.parameters.size": "large"}
    assert [(item["parameter"], item["size"], item["shrinks"]) for item in entry["changes"]] == [
        ("size", True, False),
        ("gone", False, False),
    ]


def test_what_stays_as_it_is() -> None:
    entry = only(entries({"claims": [FACT], "diff": []}, "database", "dev"))
    assert (entry["object"], entry["action"], entry["changes"]) == (CLAIM, "nothing", [])


def test_what_was_skipped_or_failed_is_not_there() -> None:
    turns = {"results": [{"skipped": True}, {"failed": True, "diff": []}, {"changed": False}]}
    assert entries(turns, "database", "dev") == []


def test_a_loop_says_of_which_instance_it_speaks() -> None:
    turn = {"instance": "dev-orders", "diff": [], "connection": {"name": "postgres-dev-orders"}}
    entry = only(entries({"results": [turn]}, "database", "dev"))
    assert (entry["instance"], entry["object"], entry["action"]) == ("dev-orders", "postgres-dev-orders", "nothing")


def test_what_is_replaced_says_why() -> None:
    told = [{"option": "worker_storage", "before": "100Gi", "after": "50Gi", "way": "replace", "why": "it may not fit"}]
    entry = only(entries(result({"state": "present"}, {"state": "absent"}, changes=told), "cluster", "dev"))
    assert (entry["action"], entry["effect"]) == ("replace", "replace")
    assert entry["changes"] == [
        {
            "parameter": "worker_storage",
            "before": "100Gi",
            "after": "50Gi",
            "effect": "replace",
            "size": True,
            "shrinks": True,
        }
    ]


def test_what_goes() -> None:
    entry = only(entries(result({"state": "present"}, {"state": "absent"}), "environment", "dev"))
    assert entry["action"] == "delete"


def test_what_can_only_be_named() -> None:
    entry = only(expected(["database/config/postgres-dev"], "database", "dev"))
    assert (entry["object"], entry["action"], entry["after"]) == ("database/config/postgres-dev", "create", {})


def test_what_the_inventory_lacks_is_told_and_left() -> None:
    there = {**FACT, "exists": True, "in_inventory": False}
    entry = only(unlisted([there, {**there, "in_inventory": True}, {**there, "exists": False}], "database"))
    assert (entry["instance"], entry["object"], entry["action"]) == ("dev-orders", CLAIM, "nothing")
    assert plan_lines({"dev": [entry]})[1].endswith("nothing  -    not in the inventory")


@pytest.mark.parametrize(
    ("parameter", "before", "after", "effect", "shrinks"),
    [
        ("size", "small", "large", "in place", False),
        ("size", "large", "medium", "in place", True),
        ("storageGB", 20, 50, "in place", False),
        ("storageGB", 50, 20, "impossible", True),
        ("memoryGB", 2, 4, "rolling", False),
        ("memoryGB", 4, 2, "rolling", True),
        ("persistenceGB", 10, 5, "impossible", True),
        ("worker_nodes", 3, 2, "in place", True),
        ("worker_memory", "8192Mi", "8Gi", "rolling", False),
        ("worker_memory", "16Gi", "8192Mi", "rolling", True),
        ("worker_cpu", "500m", "1", "rolling", False),
        ("worker_storage", "100Gi", "50Gi", "replace", True),
        ("storageGB", None, 20, "in place", False),
        ("kubernetes_version", "v1.31.0", "v1.30.0", "in place", False),
    ],
)
def test_what_a_change_does(parameter: str, before: Any, after: Any, effect: str, shrinks: bool) -> None:
    told = change(parameter, before, after)
    assert (told.effect, told.shrinks) == (effect, shrinks)


def test_who_knows_more_is_believed() -> None:
    assert change("kubernetes_version", "v1.31.0", "v1.32.0", "rolling").effect == "rolling"


SMALLER = planned(parameters(size="large"), parameters(size="small"))
OTHER = planned(parameters(enableBackup=True), parameters(enableBackup=False))
NEW = planned({}, parameters(size="small"))


@pytest.mark.parametrize(
    ("entry", "verb", "guarded", "says"),
    [
        (SMALLER, "provision", True, "size from large to small takes something away, and the environment is protected"),
        (SMALLER, "resize", True, "size from large to small takes something away"),
        (OTHER, "resize", False, "enableBackup from True to False is no matter of size; provision changes it"),
        (NEW, "resize", False, "there is no PostgreSQLInstance dev/dev-orders-database that could be resized"),
        ({**SMALLER, "action": "replace"}, "provision", True, "would be replaced, and the environment is protected"),
    ],
)
def test_what_a_verb_refuses(entry: dict[str, Any], verb: str, guarded: bool, says: str) -> None:
    assert says in only(refusals([entry], verb, guarded))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("entry", "verb", "guarded"),
    [(SMALLER, "resize", False), (OTHER, "provision", True), (NEW, "provision", True), (SMALLER, "provision", False)],
)
def test_what_a_verb_does(entry: dict[str, Any], verb: str, guarded: bool) -> None:
    assert refusals([entry], verb, guarded) == []


def test_a_table_for_a_person() -> None:
    plan = [planned({}, parameters(size="small", storageGB=20, environment="dev")), SMALLER]
    told = plan_lines({"dev": plan})
    assert told[0].split() == ["ENVIRONMENT", "CAPABILITY", "OBJECT", "ACTION", "HOW", "WHAT"]
    assert told[1] == f"dev          database    {CLAIM}  create  -         size small, storageGB 20"
    assert told[2] == f"dev          database    {CLAIM}  change  in place  size large -> small"
    assert told[3] == "In all: 1 change, 1 create."


def test_what_others_have_written_moves_no_cursor() -> None:
    evil = planned(parameters(size="small"), parameters(size="\x1b[2Jlarge\nnothing"))
    assert "size small -> large nothing" in plan_lines({"dev": [evil]})[1]
