# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Composite resource definitions (XRDs): what a platform offers, and what it makes of a claim.

They are read in version 1 of their API, which Crossplane 1 and 2 serve: it shows those that were written in version 2,
whose composites are made without claims, with their scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import Failed, InvalidOption, NotServed
from ..kubernetes.findings import Finding, Schema, explained
from ..kubernetes.manifest import Manifest, ObjectRef, ref_of
from ..kubernetes.readiness import assess, rule_for

XRD_API_VERSION = "apiextensions.crossplane.io/v1"
XRD_KIND = "CompositeResourceDefinition"

# How Crossplane marks a composite with the claim it was made for.
CLAIM_NAME_LABEL = "crossplane.io/claim-name"
CLAIM_NAMESPACE_LABEL = "crossplane.io/claim-namespace"

# The scopes of composites that one makes without a claim.
_UNCLAIMED = ("Namespaced", "Cluster")


@dataclass(frozen=True)
class Definition:
    """An XRD that offers a kind to users."""

    name: str
    claimed: bool
    composite_kind: str
    composite_api_version: str
    manifest: Manifest = field(compare=False)
    schemas: Mapping[str, Schema] = field(default_factory=dict, compare=False)

    def require_offered(self, ref: ObjectRef) -> None:
        """Raises Failed when the API server does not serve the kind yet, and InvalidOption when it never will."""
        verdict = assess(self.manifest, rule_for(self.manifest))
        if not verdict.ready:
            message = verdict.condition.message if verdict.condition else ""
            raise Failed(
                f"the definition {self.name} is not offered: {verdict} {message}".rstrip(),
                next_step="mend the definition, or run playbook pnow.infra.bootstrap again",
            )
        if _version(ref) not in self.schemas:
            raise InvalidOption(
                f"{ref} asks for version {_version(ref)} of {self.name}, which serves {', '.join(self.schemas)}",
                next_step="correct api_version",
            )

    def refusal(self, manifest: Manifest, findings: Iterable[Finding]) -> InvalidOption:
        """What the API server finds wrong with a claim, with the names and values that the schema knows instead."""
        ref = ref_of(manifest)
        schema = self.schemas.get(_version(ref))
        told = "; ".join(self._sentence(finding, manifest, schema) for finding in findings)
        return InvalidOption(f"{ref}: {told}", next_step="correct the claim, nothing was written")

    def _sentence(self, finding: Finding, manifest: Manifest, schema: Schema | None) -> str:
        if finding.field == "spec.writeConnectionSecretToRef":
            return f"connection_secret is set, and {self.name} knows no {finding.field}"
        # Parameters are an option of their own.
        inside = "spec." if finding.field.startswith("spec.parameters") else ""
        return explained(finding, manifest, schema, inside)


def _version(ref: ObjectRef) -> str:
    return ref.api_version.rpartition("/")[2]


def definition_of(ref: ObjectRef, xrds: Iterable[Manifest]) -> Definition:
    """The definition that offers a kind. Raises NotServed, naming what its group offers, or InvalidOption."""
    group = ref.api_version.rpartition("/")[0]
    in_group = [xrd for xrd in xrds if xrd["spec"].get("group") == group]
    for xrd in in_group:
        if _offered_kind(xrd) == ref.kind:
            return _definition(xrd)
        if xrd["spec"]["names"]["kind"] == ref.kind:
            raise _not_to_be_made(ref, xrd)
    offered = sorted(filter(None, map(_offered_kind, in_group)))
    known = f"; {group} offers {', '.join(offered)}" if offered else ""
    raise NotServed(
        f"no definition offers {ref.kind} of {ref.api_version}{known}",
        next_step="correct kind and api_version, or install the definition (playbook pnow.infra.bootstrap)",
    )


def _offered_kind(xrd: Manifest) -> str:
    """The kind that users make objects of; empty where only composites are defined that nothing can claim."""
    spec = xrd["spec"]
    offered = spec["names"] if spec.get("scope") in _UNCLAIMED else spec.get("claimNames") or {}
    return str(offered.get("kind", ""))


def _not_to_be_made(ref: ObjectRef, xrd: Manifest) -> InvalidOption:
    told = f"{ref.kind} of {ref.api_version} is a composite of {xrd['metadata']['name']}"
    claim = _offered_kind(xrd)
    if claim:
        return InvalidOption(f"{told}, which is made for a claim", next_step=f"name the claim's kind, {claim}")
    return InvalidOption(
        f"{told}, which has no claimNames",
        next_step="add them to the definition, or define it in apiextensions.crossplane.io/v2, where it needs none",
    )


def _definition(xrd: Manifest) -> Definition:
    spec: dict[str, Any] = xrd["spec"]
    served = [version for version in spec.get("versions") or [] if version.get("served")]
    preferred = next((version for version in served if version.get("referenceable")), served[0] if served else {})
    return Definition(
        name=xrd["metadata"]["name"],
        claimed=spec.get("scope") not in _UNCLAIMED,
        composite_kind=spec["names"]["kind"],
        composite_api_version=f"{spec['group']}/{preferred.get('name', '')}",
        manifest=xrd,
        schemas={version["name"]: (version.get("schema") or {}).get("openAPIV3Schema") or {} for version in served},
    )
