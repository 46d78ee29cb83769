# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was read of environments to how they stand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.overview.model import Environment, Severity, State
from ansible_collections.pnow.infra.plugins.module_utils._domain.overview.survey import (
    environment_of,
    overview_of,
    remaining,
    state_of,
)
from tests.unit.plugins.environments import (
    NOW,
    Facts,
    certificate,
    credentials,
    database,
    details,
    environment,
    run,
    six,
    tree,
)


def seen(**changed: Any) -> Environment:
    return environment_of(environment("dev", **changed), NOW + 10**6)


def told(found: Environment) -> list[tuple[Severity, str]]:
    return [(remark.severity, remark.line) for remark in found.all_remarks]


def test_an_environment_that_is_as_it_should_be() -> None:
    found = seen()
    assert (found.state, found.wrong, told(found), found.leases) == (State.READY, False, [], 2)
    assert (found.instances[0].shown, found.instances[0].age) == ("dev-db", "2d04h")


@pytest.mark.parametrize(
    ("claim", "unread", "state"),
    [
        (database("dev-database"), False, State.READY),
        (database("dev-database", ready=False), False, State.WAITING),
        (database("dev-database", exists=False), False, State.ABSENT),
        (database("dev-database", exists=False, in_inventory=False), False, State.EMPTY),
        (database("dev-database", ready=False, deleting=True), False, State.DELETING),
        (database("dev-database"), True, State.UNKNOWN),
    ],
)
def test_states(claim: Facts, unread: bool, state: State) -> None:
    assert state_of(claim, unread=unread) is state


def test_a_claim_that_is_being_deleted_says_so_among_its_blockers() -> None:
    claim = database("dev-database", ready=False)
    claim["blockers"] = [{"kind": claim["kind"], "name": claim["name"], "condition": "Deleting=True"}]
    assert state_of(claim, unread=False) is State.DELETING


def test_the_clock_is_the_servers_where_it_tells() -> None:
    assert (seen().now, seen().clock) == ("2026-11-26T12:00:00Z", "API server")
    ours = seen(details={"msg": "no answer"})
    assert (ours.now, ours.clock) == ("2026-12-08T01:46:40Z", "this machine")


def test_a_server_that_is_away_is_said_once_and_nothing_passes_for_absent() -> None:
    away = "the Kubernetes API at https://k8s can not be reached"
    claim = database("dev-database", exists=False)
    found = seen(
        capabilities={"database": {"claims": [claim], "msg": away}, "cluster": {"claims": [], "msg": away}},
        details={"msg": away},
    )
    assert found.state is State.UNKNOWN
    assert told(found) == [(Severity.UNKNOWN, f"Database {away}")]


def test_vault_is_away() -> None:
    away = {"instance": "dev", "msg": "the Vault server can not be reached"}
    found = seen(vault={"database": {"results": [away]}, "cluster": {"msg": "the Vault server can not be reached"}})
    assert found.instances[0].credentials == "?"
    assert told(found) == [(Severity.UNKNOWN, "Vault the Vault server can not be reached")]


def test_what_is_wrong_comes_first() -> None:
    lease = {"lease_id": "database/creds/dev-readwrite/x", "error": "role is owner of table"}
    given = credentials("dev", 1)
    given["roles"][0]["irrevocable_leases"] = [lease]
    found = seen(
        capabilities={"database": {"claims": [database("dev-database", created=False, in_inventory=False)]}},
        vault={"database": {"results": [given]}},
        details=details(
            runs=[run("delete", "2026-11-26T11:00:00Z"), run("resize", "2026-11-26T11:30:00Z", result="vanished")],
            certificates=[
                certificate("kubeconfig", "2026-11-26T11:59:59Z"),
                certificate("authority", "2026-12-01T00:00:00Z"),
            ],
        ),
    )
    assert found.wrong
    assert told(found) == [
        (Severity.WRONG, f"Lease Vault has given up to revoke {lease['lease_id']}: {lease['error']}"),
        (Severity.WRONG, "kubeconfig expired at 2026-11-26T11:59:59Z"),
        (Severity.WRONG, "Last run resize by ops@example.org 30m00s ago: vanished"),
        (Severity.NOTICE, "somebody else's"),
        (Severity.NOTICE, "not in the inventory"),
        (Severity.NOTICE, "authority expires in 4d, at 2026-12-01T00:00:00Z"),
    ]


def test_drift() -> None:
    changes = [
        {"capability": "database", "instance": "dev", "action": "nothing"},
        {"capability": "database", "instance": "dev-x", "action": "create", "after": {"a": 1}},
        {
            "capability": "cluster",
            "instance": "dev",
            "action": "change",
            "before": {"a": {"b": 1}},
            "after": {"a": {"b": 2}},
        },
    ]
    found = seen(drift={"changes": changes})
    assert [remark.told for remark in found.remarks] == [
        "differs from the inventory (create)",
        "differs from the inventory (change: b 1 → 2)",
    ]
    assert (found.drift and found.drift.word, seen().drift) == ("2 differ", None)
    unknown = seen(drift={"msg": "no answer"})
    assert (unknown.drift and unknown.drift.word, told(unknown)) == ("unknown", [(Severity.UNKNOWN, "Drift no answer")])


def test_the_tree_is_that_of_the_claim() -> None:
    claim = database("dev-database")
    found = seen(details=details(trees=[tree(claim), tree(database("dev-orders-database"))]))
    assert [node.name for node in found.instances[0].nodes] == ["dev-database"]


def test_a_host_whose_variables_were_refused() -> None:
    found = environment_of({"host": "dev", "refused": "as said above"}, NOW)
    assert (found.state, told(found)) == (State.UNKNOWN, [(Severity.UNKNOWN, "Inventory as said above")])


@pytest.mark.parametrize(("left", "expected"), [(-1, ""), (0, ""), (90, "1m30s"), (86400, "24h00m"), (200000, "2d")])
def test_what_is_left(left: float, expected: str) -> None:
    assert remaining(left) == expected


def test_those_that_need_somebody_come_first() -> None:
    overview = overview_of(six(), NOW)
    assert [each.name for each in overview.worst_first] == ["uat", "production", "preprod", "dev", "staging", "sandbox"]


def test_json_has_all_of_it() -> None:
    fact = json.loads(json.dumps(overview_of(six(), NOW).fact()))
    production = fact["environments"][4]
    assert production["state"] == "waiting"
    assert production["requested"] == {"cpu": 52, "memory_gib": 104, "storage_gib": 1550}
    assert production["instances"][1]["remarks"][0]["subject"] == "VirtualMachineInstance production-workers-q8"
    assert production["expiries"] == [
        {"what": "kubeconfig", "expires": "2026-12-14T00:00:00Z", "left": "17d", "soon": True}
    ]
    assert production["last_run"]["who"] == "mira@example.org"


def test_a_cache_has_pods_and_facts_in_vault() -> None:
    claim = {
        "kind": "RedisInstance",
        "name": "dev-redis",
        "exists": True,
        "created": True,
        "ready": True,
        "parameters": {"replicas": 2, "memoryGB": 1, "persistenceGB": 8},
        "status": {"version": "8.1.4", "pods": [{"name": "dev-redis-0"}]},
    }
    there = {"instance": "dev", "path": "secret/metadata/cache/dev", "diff": [{"before": "x"}]}
    found = seen(capabilities={"cache": {"claims": [claim]}}, vault={"cache": {"results": [there]}})
    (cache,) = found.instances
    assert (cache.version, cache.pods, cache.credentials) == ("8.1.4", "1/2", "in Vault")
    assert (found.requested.memory_gib, found.requested.storage_gib) == (2, 16)
