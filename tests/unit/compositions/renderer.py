# SPDX-License-Identifier: GPL-3.0-or-later
"""A Crossplane of one function call: composite and observed resources in, wanted resources out."""

from __future__ import annotations

import base64
import copy
import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Manifest = dict[str, Any]

RESOURCE_NAME = "crossplane.io/composition-resource-name"
CLAIM = "claim"
COMPOSITE = "claim-x7k2p"
CONNECTION = "postgres-connection"
UID = "5b1c3c6e-0000-4000-8000-000000000001"
# Where Crossplane keeps the connection details of a claim's composite.
COMPOSITE_SECRET = {"namespace": "crossplane-system", "name": UID}


@dataclass(frozen=True)
class Rendering:
    """What the function wants, resources by their names in the Composition."""

    composite: Manifest
    connection: Mapping[str, str]
    resources: Mapping[str, Manifest]
    fatal: Sequence[str]

    @property
    def managed(self) -> dict[str, Manifest]:
        """Those of the resources that a provider manages."""
        groups = ("postgresql.sql.", "kubernetes.", "helm.")
        return {key: item for key, item in self.resources.items() if item["apiVersion"].startswith(groups)}

    @property
    def connection_details(self) -> dict[str, str]:
        """What Crossplane is told for the claim's connection Secret, or what is in a Secret composed in its place."""
        secret = self.resources.get("connection", {"data": {}})
        return {**self.connection, **{key: base64.b64decode(value).decode() for key, value in secret["data"].items()}}

    @property
    def is_ready(self) -> bool:
        conditions = self.composite["status"]["conditions"]
        return {"Ready": "True"}.items() <= {item["type"]: item["status"] for item in conditions}.items()


@dataclass(frozen=True)
class Renderer:
    """Calls the function, which runs in `process`, for one composition."""

    process: subprocess.Popen[str]
    composition: Manifest
    style: str

    def with_platform(self, **settings: Any) -> Renderer:
        """The renderer of a Composition that a platform with these settings would have."""
        composition = copy.deepcopy(self.composition)
        parameters = composition["spec"]["pipeline"][0]["input"]["parameters"]
        for name, value in settings.items():
            parameters[name] = {**parameters[name], **value} if isinstance(value, dict) else value
        return replace(self, composition=composition)

    def render(
        self,
        parameters: Manifest,
        observed: Iterable[Manifest] = (),
        in_the_cluster: Iterable[Manifest] = (),
        namespace: str = "",
        before: Rendering | None = None,
    ) -> Rendering:
        """Call the function for a composite with these parameters.

        `observed` are resources of its own that exist already, `in_the_cluster` are what it may look up. A composite or
        its claim is in the namespace of its environment unless told otherwise. It has the status, and in its Secret the
        connection details, of the rendering `before`.
        """
        own = list(observed)
        secrets = [connection_secret(resource) for resource in own if has_secret(resource)]
        composite = self._composite(parameters, namespace or parameters["environment"])
        if before:
            composite["status"] = before.composite["status"]
            secrets.append(composite_secret(before.connection))
        call = {
            "composite": composite,
            "composition": self.composition,
            "observed": own,
            "required": [*secrets, *in_the_cluster],
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(call) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the renderer has ended; its last words are above"
        return _rendering(json.loads(answer))

    def _composite(self, parameters: Manifest, namespace: str) -> Manifest:
        kind: Manifest = self.composition["spec"]["compositeTypeRef"]
        if self.style == "claims":
            claim = {
                "claimRef": {"namespace": namespace, "name": CLAIM},
                "writeConnectionSecretToRef": COMPOSITE_SECRET,
            }
            return {**kind, "metadata": {"name": COMPOSITE, "uid": UID}, "spec": {"parameters": parameters, **claim}}
        secret = {"writeConnectionSecretToRef": {"name": CONNECTION}}
        metadata = {"name": COMPOSITE, "namespace": namespace, "uid": UID}
        return {**kind, "metadata": metadata, "spec": {"parameters": parameters, **secret}}


def _rendering(answer: Manifest) -> Rendering:
    resources = answer.get("resources", [])
    by_name = {resource["metadata"]["annotations"][RESOURCE_NAME]: resource for resource in resources}
    results = answer.get("results", [])
    fatal = [result["message"] for result in results if result["severity"] == "SEVERITY_FATAL"]
    return Rendering(answer["composite"], answer.get("connection", {}).get("values", {}), by_name, fatal)


def has_secret(resource: Manifest) -> bool:
    return "writeConnectionSecretToRef" in resource.get("spec", {})


def password(resource: Manifest) -> str:
    return f"password of {resource['metadata']['name']}"


def connection_secret(resource: Manifest) -> Manifest:
    """The Secret that provider-sql writes for a role."""
    values = {
        "username": resource["metadata"]["name"],
        "password": password(resource),
        "endpoint": "postgres.example.org",
        "port": "5432",
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            # A namespaced role's is in its own namespace, which the reference does not repeat.
            "namespace": resource["metadata"].get("namespace", ""),
            **resource["spec"]["writeConnectionSecretToRef"],
        },
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


def composite_secret(connection: Mapping[str, str]) -> Manifest:
    """The Secret that Crossplane writes for a composite."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in connection.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": COMPOSITE_SECRET, "data": data}


def as_ready(resource: Manifest, status: Manifest | None = None) -> Manifest:
    """A wanted resource as the API server shows it once its provider is content."""
    observed = copy.deepcopy(resource)
    observed.pop("ready")
    observed["metadata"]["uid"] = f"uid of {resource['metadata']['name']}"
    observed["status"] = {"conditions": [{"type": "Ready", "status": "True", "reason": "Available"}], **(status or {})}
    return observed
