# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments as the roles have read them: docs/status-example.html is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.pnow.infra.plugins.module_utils._domain.overview.page import page
from ansible_collections.pnow.infra.plugins.module_utils._domain.overview.survey import overview_of

Facts = dict[str, Any]

NOW = 1795694400.0  # 2026-11-26T12:00:00Z
SERVER_NOW = "2026-11-26T12:00:00Z"

PRICES = {
    "currency": "EUR",
    "per": "month",
    "cpu": 18,
    "memory_gib": 4,
    "storage_gib": 0.1,
    "sizes": {"database": {"small": 15, "medium": 60, "large": 240}},
}

SQL = "postgresql.sql.crossplane.io/v1alpha1"
REFUSED = (
    "connect failed: cannot get ProviderConfig postgres-provider: dial tcp 10.2.0.17:5432: connect: connection refused"
)


def database(name: str, *, size: str = "small", storage: int = 20, backup: str = "", **changed: Any) -> Facts:
    """A database that is ready since two days."""
    instance = name.removesuffix("-database")
    status: Facts = {"database": {"name": f"{instance}-db"}, "storageGB": storage}
    if backup:
        status["backup"] = {"cronJob": f"{instance}-backup", "lastSuccess": backup}
    return {
        "api_version": "database.yourdomain.com/v1alpha1",
        "kind": "PostgreSQLInstance",
        "namespace": instance.partition("-")[0],
        "name": name,
        "exists": True,
        "created": True,
        "in_inventory": True,
        "leaving": False,
        "ready": True,
        "parameters": {"size": size, "storageGB": storage, "enableBackup": bool(backup)},
        "status": status,
        "conditions": [{"type": "Ready", "status": "True", "since": "2026-11-24T08:00:00Z"}],
        "blockers": [],
        **changed,
    }


def cluster(name: str, *, nodes: int = 3, workers: int = 3, ready: int | None = None, **changed: Any) -> Facts:
    """A cluster that is ready since a month."""
    return {
        "api_version": "compute.yourdomain.com/v1alpha1",
        "kind": "KubernetesCluster",
        "namespace": name.partition("-")[0],
        "name": name,
        "exists": True,
        "created": True,
        "in_inventory": True,
        "leaving": False,
        "ready": True,
        "parameters": {
            "controlPlaneNodes": nodes,
            "controlPlaneCPU": "4",
            "controlPlaneMemory": "8Gi",
            "controlPlaneStorage": "50Gi",
            "workerNodes": workers,
            "workerCPU": "8",
            "workerMemory": "16Gi",
            "workerStorage": "200Gi",
            "storageClass": "fast",
        },
        "status": {},
        "kubernetes_version": "v1.31.0",
        "control_plane": {"desired": nodes, "ready": nodes, "up_to_date": nodes},
        "workers": {"desired": workers, "ready": workers if ready is None else ready, "up_to_date": workers},
        "conditions": [{"type": "Ready", "status": "True", "since": "2026-10-26T08:00:00Z"}],
        "blockers": [],
        **changed,
    }


def credentials(instance: str, leases: int) -> Facts:
    """What Vault tells of a database's registration."""
    roles = [
        {"name": f"{instance}-{access}", "exists": True, "irrevocable_leases": []}
        for access in ("readonly", "readwrite")
    ]
    return {
        "instance": instance,
        "connection": {"name": f"postgres-{instance}"},
        "roles": [{**roles[0], "leases": 0}, {**roles[1], "leases": leases}],
    }


def login(environment: str) -> Facts:
    """What Vault tells of the login of a cluster's service accounts."""
    return {"path": f"sys/auth/kubernetes-{environment}", "diff": []}


def node(depth: int, kind: str, name: str, **changed: Any) -> Facts:
    """An object behind a claim that is ready."""
    return {
        "depth": depth,
        "api_version": SQL,
        "kind": kind,
        "namespace": "",
        "name": name,
        "exists": True,
        "ready": True,
        "deleting": False,
        "age": "2d04h",
        "finalizers": [],
        "conditions": [{"type": "Ready", "status": "True"}],
        "events": [],
        **changed,
    }


def tree(claim: Facts, *nodes: Facts) -> Facts:
    """What is behind a claim."""
    top = node(0, claim["kind"], claim["name"], ready=claim["ready"])
    return {"kind": claim["kind"], "name": claim["name"], "nodes": [top, *nodes]}


def run(verb: str, began: str, *, user: str = "ops@example.org", result: str = "succeeded") -> Facts:
    """An entry of a history."""
    return {"run": "a1b2c3", "verb": verb, "began": began, "user": user, "result": result}


def environment(name: str, **changed: Any) -> Facts:
    """An environment with a database that is as it should be."""
    claim = database(f"{name}-database")
    return {
        "host": name,
        "name": name,
        "capabilities": {"database": {"claims": [claim]}},
        "vault": {"database": {"results": [credentials(name, 2)]}},
        "details": {"now": SERVER_NOW, "trees": [], "runs": [], "certificates": [], "unread": []},
        "prices": PRICES,
        **changed,
    }


def details(**changed: Any) -> Facts:
    """What else was read of an environment."""
    return {"now": SERVER_NOW, "trees": [], "runs": [], "certificates": [], "unread": [], **changed}


def certificate(what: str, expires: str) -> Facts:
    return {"what": what, "expires": expires}


def six() -> list[Facts]:
    """Six environments as a night may have them: two need somebody, one could not be seen as a whole."""
    return [_dev(), _staging(), _uat(), _preprod(), _production(), _sandbox()]


def _dev() -> Facts:
    own, orders = database("dev-database"), database("dev-orders-database", in_inventory=False)
    return environment(
        "dev",
        capabilities={
            "database": {"claims": [own, orders]},
            "cluster": {"claims": [cluster("dev-cluster", nodes=1, workers=2)]},
        },
        vault={
            "database": {"results": [credentials("dev", 5), credentials("dev-orders", 1)]},
            "cluster": login("dev"),
        },
        details=details(
            runs=[run("provision", "2026-11-26T08:48:00Z")],
            certificates=[certificate("kubeconfig", "2027-11-23T10:00:00Z")],
            trees=[
                tree(
                    own,
                    node(1, "XPostgreSQLInstance", "dev-database-7x2kd"),
                    node(2, "Role", "dev-user"),
                    node(2, "Database", "dev-db"),
                )
            ],
        ),
        drift={"changes": []},
    )


def _staging() -> Facts:
    claim = database("staging-database", size="medium", storage=50, backup="2026-11-26T02:00:41Z")
    return environment(
        "staging",
        capabilities={"database": {"claims": [claim]}},
        vault={"database": {"results": [credentials("staging", 14)]}},
        details=details(runs=[run("resize", "2026-11-25T15:12:00Z", user="awx")]),
        drift={
            "changes": [
                {
                    "capability": "database",
                    "instance": "staging",
                    "action": "change",
                    "before": {"spec": {"parameters": {"size": "small"}}},
                    "after": {"spec": {"parameters": {"size": "medium"}}},
                }
            ]
        },
    )


def _uat() -> Facts:
    waiting = {"type": "Synced", "status": "False", "reason": "ReconcileError", "message": REFUSED}
    blocker = {
        "api_version": SQL,
        "kind": "Role",
        "namespace": "",
        "name": "uat-user",
        "condition": "Synced=False",
        "reason": "ReconcileError",
        "message": REFUSED,
        "since": "2026-11-26T11:57:53Z",
        "finalizers": [],
        "events": [f"CannotConnectToProvider: {REFUSED} (x12)"],
    }
    claim = database(
        "uat-database",
        size="medium",
        storage=50,
        ready=False,
        conditions=[{"type": "Ready", "status": "False", "since": "2026-11-26T11:57:51Z"}],
        blockers=[blocker],
    )
    return environment(
        "uat",
        capabilities={"database": {"claims": [claim]}},
        vault={"database": {"results": [{"instance": "uat", "connection": {}, "roles": []}]}},
        details=details(
            runs=[run("provision", "2026-11-26T11:57:40Z", user="awx", result="failed")],
            trees=[
                tree(
                    claim,
                    node(1, "XPostgreSQLInstance", "uat-database-gpp4j", ready=False, age="2m09s"),
                    node(2, "Role", "uat-reader", age="2m07s"),
                    node(
                        2, "Role", "uat-user", ready=False, age="2m07s", conditions=[waiting], events=blocker["events"]
                    ),
                )
            ],
        ),
        drift={"changes": []},
    )


def _preprod() -> Facts:
    claim = database("preprod-database", size="large", storage=200, backup="2026-11-26T02:03:10Z")
    away = "the Vault server at https://vault.example.org:8200 can not be reached: connection refused"
    return environment(
        "preprod",
        capabilities={"database": {"claims": [claim]}},
        vault={"database": {"results": [{"instance": "preprod", "msg": away}]}},
        details=details(runs=[run("provision", "2026-11-20T09:30:00Z")]),
        drift={"msg": away},
    )


def _production() -> Facts:
    claim = database("production-database", size="large", storage=200, backup="2026-11-26T02:04:55Z")
    machines = [
        {"name": f"production-workers-{n}", "ready": n != "q8", "state": "" if n != "q8" else "waiting for its node"}
        for n in ("a1", "b7", "q8")
    ]
    clusters = cluster(
        "production-cluster",
        workers=5,
        ready=4,
    )
    clusters = {
        **clusters,
        "ready": False,
        "progress": "control plane 3/3, workers 4/5; production-workers-q8: waiting for its node",
        "machines": machines,
        "conditions": [{"type": "Ready", "status": "False", "since": "2026-11-26T11:18:00Z"}],
        "blockers": [
            {
                "kind": "VirtualMachineInstance",
                "name": "production-workers-q8",
                "condition": "Ready=False",
                "reason": "Unschedulable",
                "message": "0/12 nodes are available: 12 Insufficient memory",
                "since": "2026-11-26T11:18:20Z",
                "events": [],
            }
        ],
    }
    return environment(
        "production",
        capabilities={"database": {"claims": [claim]}, "cluster": {"claims": [clusters]}},
        vault={"database": {"results": [credentials("production", 63)]}, "cluster": login("production")},
        details=details(
            runs=[run("provision", "2026-11-26T11:15:00Z", user="mira@example.org")],
            certificates=[certificate("kubeconfig", "2026-12-14T00:00:00Z")],
            trees=[
                tree(clusters, node(1, "XKubernetesCluster", "production-cluster-p2v9c", ready=False, age="31d02h"))
            ],
        ),
        drift={"changes": []},
    )


def _sandbox() -> Facts:
    claim = database("sandbox-database", size="large", storage=200)
    return environment(
        "sandbox",
        capabilities={"database": {"claims": [claim]}},
        vault={"database": {"results": [credentials("sandbox", 0)]}},
        details=details(runs=[run("provision", "2026-11-26T06:00:00Z", user="awx")]),
        drift={"changes": []},
    )


def main() -> None:
    """Writes docs/status-example.html anew."""
    example = Path(__file__).parents[3] / "docs" / "status-example.html"
    example.write_text(page(overview_of(six(), NOW)), encoding="utf-8")


if __name__ == "__main__":
    main()
