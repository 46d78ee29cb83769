# SPDX-License-Identifier: GPL-3.0-or-later
"""Crossplane packages without a registry.

A package is a YAML stream: its metadata, then its custom resource definitions. Crossplane keeps the streams it has
pulled in a cache folder, and does not pull what is there already; we put them there. The reference a user installs is a
digest, as Crossplane asks a registry for everything else.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REGISTRY = "xpkg.crossplane.io/crossplane-contrib"
SOURCE_LENGTH = 50
DIGEST_LENGTH = 12
DNS_LABEL_LENGTH = 63
REPLACED = "./:-"


@dataclass(frozen=True)
class PackageIdentity:
    """How Crossplane knows a package: `kind` is Provider or Function, `name` the last part of its source."""

    kind: str
    name: str

    @property
    def source(self) -> str:
        return f"{REGISTRY}/{self.name}"

    @property
    def revisions_path(self) -> str:
        """Where the API server keeps the revisions of all packages of this kind."""
        return f"/apis/pkg.crossplane.io/v1/{self.kind.lower()}revisions"

    def owns(self, revision: Mapping[str, Any]) -> bool:
        """Whether `revision`, a ProviderRevision or FunctionRevision, is one of this package."""
        source: str = revision["spec"]["image"].split("@")[0]
        return source == self.source


def is_active(revision: Mapping[str, Any]) -> bool:
    """Whether Crossplane wants the program of this package revision to run."""
    return bool(revision["spec"]["desiredState"] == "Active")


def stream(folder: Path) -> bytes:
    """The package in `folder`, which holds crossplane.yaml and perhaps crds/*.yaml."""
    documents = [(folder / "crossplane.yaml").read_text()]
    documents += [_without_conversion(path.read_text()) for path in sorted(folder.glob("crds/*.yaml"))]
    return "".join(_as_document(text) for text in documents).encode()


def reference(identity: PackageIdentity, content: bytes) -> str:
    """source@digest of a package stream."""
    return f"{identity.source}@sha256:{hashlib.sha256(content).hexdigest()}"


def unpulled_file_name(package_reference: str) -> str:
    """Where Crossplane 1 looks, in its cache folder, for a package that it is told never to pull."""
    return f"{package_reference}.gz"


def cache_file_name(package_reference: str) -> str:
    """The name of the file in which Crossplane 2 looks for the package `source@sha256:digest`."""
    source, digest = package_reference.split("@")
    label = f"{source[:SOURCE_LENGTH]}-{digest[:DIGEST_LENGTH]}"[:DNS_LABEL_LENGTH]
    kept = ["-" if character in REPLACED else character for character in label if _is_kept(character)]
    return "".join(kept).strip("-") + ".gz"


def store(path: Path, content: bytes) -> None:
    """Put a package where Crossplane looks for it."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_bytes(gzip.compress(content))
        unfinished.replace(path)


def _is_kept(character: str) -> bool:
    return character in REPLACED or (character.isascii() and (character.isdigit() or character.islower()))


def _as_document(text: str) -> str:
    body = text.removeprefix("---\n")
    return f"---\n{body}" if body.endswith("\n") else f"---\n{body}\n"


def _without_conversion(text: str) -> str:
    """A definition that converts by a webhook, changed not to: the API server could not call it, without Services."""
    if "strategy: Webhook" not in text:
        return text
    definition = yaml.safe_load(text)
    definition["spec"]["conversion"] = {"strategy": "None"}
    return yaml.safe_dump(definition)
