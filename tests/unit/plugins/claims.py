# SPDX-License-Identifier: GPL-3.0-or-later
"""A claim and what is behind it, as the API server has it, and what may happen to them during a wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.pnow.infra.plugins.module_utils._domain.crossplane.claim import Style, claim_from
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.creation import MARK
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest, ObjectRef
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.ports import Served
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, Step, conditions, ours

GROUP = "database.example.org/v1alpha1"
OPTIONS: dict[str, Any] = {
    "api_version": GROUP,
    "kind": "PostgreSQLInstance",
    "name": "dev-database",
    "namespace": "dev",
    "parameters": {"size": "small"},
}
NAME = {key: OPTIONS[key] for key in ("api_version", "kind", "name", "namespace")}
CLAIM = ObjectRef(GROUP, "PostgreSQLInstance", "dev-database", "dev")
COMPOSITE = ObjectRef(GROUP, "XPostgreSQLInstance", "dev-database-x7k2p")
ROLE = ObjectRef("postgresql.sql.crossplane.io/v1alpha1", "Role", "dev-user")


def claim(size: str = "small", generation: int = 1, **statuses: str) -> Manifest:
    manifest = ours(claim_from({**OPTIONS, "parameters": {"size": size}}, 0).manifest(Style.CLAIM))
    manifest["metadata"] |= {"uid": "uid-claim", "generation": generation}
    manifest["spec"]["resourceRef"] = {"apiVersion": GROUP, "kind": COMPOSITE.kind, "name": COMPOSITE.name}
    manifest["status"] = {"conditions": conditions(generation, **statuses), "database": {"name": "dev-db"}}
    return manifest


def composite(size: str = "small", **statuses: str) -> Manifest:
    return {
        "apiVersion": GROUP,
        "kind": COMPOSITE.kind,
        "metadata": {
            "name": COMPOSITE.name,
            "uid": "uid-composite",
            "generation": 1,
            "annotations": {MARK: "true"},  # as the claim has it
        },
        "spec": {
            "parameters": {"size": size},
            "resourceRefs": [{"apiVersion": ROLE.api_version, "kind": ROLE.kind, "name": ROLE.name}],
        },
        "status": {"conditions": conditions(**statuses)},
    }


def role(generation: int = 1, **statuses: str) -> Manifest:
    return {
        "apiVersion": ROLE.api_version,
        "kind": ROLE.kind,
        "metadata": {
            "name": ROLE.name,
            "uid": "uid-role",
            "generation": generation,
            "finalizers": ["example.org/hold"],
        },
        "status": {"conditions": conditions(**statuses)},
    }


GOOD = {"Synced": "True", "Ready": "True"}
SCHEMA = {
    "properties": {"spec": {"properties": {"parameters": {"properties": {"size": {"enum": ["small", "medium"]}}}}}}
}


def definition(**statuses: str) -> Manifest:
    return {
        "apiVersion": "apiextensions.crossplane.io/v1",
        "kind": "CompositeResourceDefinition",
        "metadata": {"name": "xpostgresqlinstances.database.example.org", "uid": "uid-xrd"},
        "spec": {
            "group": "database.example.org",
            "names": {"kind": "XPostgreSQLInstance"},
            "claimNames": {"kind": "PostgreSQLInstance"},
            "versions": [{"name": "v1alpha1", "served": True, "schema": {"openAPIV3Schema": SCHEMA}}],
        },
        "status": {"conditions": conditions(**(statuses or {"Established": "True", "Offered": "True"}))},
    }


def server(clock: ScriptedClock, *objects: Manifest, script: Sequence[Step] = ()) -> ScriptedKubernetes:
    api = ScriptedKubernetes(clock, definition(), *objects, script=script)
    api.kinds[COMPOSITE.kind] = Served("xpostgresqlinstances", namespaced=False, categories=("composite",))
    return api


def several(count: int) -> list[Manifest]:
    """As many claims, each with its composite and its role."""
    made = []
    for number in range(count):
        for manifest in (claim(**GOOD), composite(**GOOD), role(**GOOD)):
            manifest["metadata"]["name"] += f"-{number}"
            for reference in (manifest.get("spec") or {}).get("resourceRefs") or []:
                reference["name"] += f"-{number}"
            if manifest["kind"] == CLAIM.kind:
                manifest["spec"]["resourceRef"]["name"] += f"-{number}"
            made.append(manifest)
    return made


def put(*manifests: Manifest) -> Step:
    def step(api: ScriptedKubernetes) -> None:
        for manifest in manifests:
            api.put(manifest)

    return step


def vanish(*refs: ObjectRef) -> Step:
    def step(api: ScriptedKubernetes) -> None:
        for ref in refs:
            api.objects.pop(ref)

    return step


def vanish_all(api: ScriptedKubernetes) -> None:
    api.objects.clear()


def nothing(_server: ScriptedKubernetes) -> None:
    """A second in which nothing happens."""


def silent(_server: ScriptedKubernetes) -> str:
    return "the Kubernetes API at https://example.org did not answer"
