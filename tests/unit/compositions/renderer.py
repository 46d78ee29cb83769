# SPDX-License-Identifier: GPL-3.0-or-later
"""A Crossplane of one function call: composite and observed resources in, wanted resources out."""

from __future__ import annotations

import base64
import copy
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

Manifest = dict[str, Any]

RESOURCE_NAME = "crossplane.io/composition-resource-name"


@dataclass(frozen=True)
class Rendering:
    """What the function wants, resources by their names in the Composition."""

    composite: Manifest
    connection: Mapping[str, str]
    resources: Mapping[str, Manifest]
    fatal: Sequence[str]

    @property
    def is_ready(self) -> bool:
        conditions = self.composite["status"]["conditions"]
        return {"Ready": "True"}.items() <= {item["type"]: item["status"] for item in conditions}.items()


@dataclass(frozen=True)
class Renderer:
    program: Path
    composition: Manifest
    folders: pytest.TempPathFactory

    def render(
        self, parameters: Manifest, observed: Iterable[Manifest] = (), in_the_cluster: Iterable[Manifest] = ()
    ) -> Rendering:
        """Call the function for a composite with these parameters.

        `observed` are resources of its own that exist already, `in_the_cluster` are what it may look up.
        """
        folder = self.folders.mktemp("render")
        composite = {
            **self.composition["spec"]["compositeTypeRef"],
            "metadata": {"name": "claim-x7k2p"},
            "spec": {"parameters": parameters},
        }
        own = list(observed)
        secrets = [connection_secret(resource) for resource in own if has_secret(resource)]
        documents = {
            "composite": [composite],
            "composition": [self.composition],
            "observed": own,
            "required": [*secrets, *in_the_cluster],
        }
        for name, content in documents.items():
            (folder / f"{name}.yaml").write_text(yaml.safe_dump_all(content))
        includes = ["--include-connection-xr", "--include-function-results"]
        options = ["--crossplane-v1", *includes, "-o", "observed.yaml", "-e", "required.yaml"]
        command = [str(self.program), "render", *options, "composite.yaml", "composition.yaml"]
        result = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        return parse(result.stdout)


def parse(output: str) -> Rendering:
    """Read the renderer's documents, which follow its log."""
    composite, connection, *others = yaml.safe_load_all(output[output.index("---") :])
    results = [document for document in others if document["kind"] == "Result"]
    resources = [document for document in others if document["kind"] != "Result"]
    by_name = {resource["metadata"]["annotations"][RESOURCE_NAME]: resource for resource in resources}
    fatal = [result["message"] for result in results if result["severity"] == "SEVERITY_FATAL"]
    return Rendering(composite, connection.get("values", {}), by_name, fatal)


def has_secret(resource: Manifest) -> bool:
    return "writeConnectionSecretToRef" in resource["spec"]


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
        "metadata": resource["spec"]["writeConnectionSecretToRef"],
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


def as_ready(resource: Manifest, status: Manifest | None = None) -> Manifest:
    """A wanted resource as the API server shows it once its provider is content."""
    observed = copy.deepcopy(resource)
    observed.pop("ready")
    observed["metadata"]["uid"] = f"uid of {resource['metadata']['name']}"
    observed["status"] = {"conditions": [{"type": "Ready", "status": "True", "reason": "Available"}], **(status or {})}
    return observed
