# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Crossplane claims: from options to a manifest, and from a claim to what stands behind it.

A claim (namespaced, of a ``LegacyCluster`` XRD) is bound to a composite by ``spec.resourceRef``; the composite lists
its managed resources in ``spec.resourceRefs``. Where the XRD's scope is ``Namespaced`` or ``Cluster``, as Crossplane 2
has it, nothing stands between: one makes the composite oneself, and Crossplane's own fields are in ``spec.crossplane``.
Such a composite is called a claim here, too, wherever the difference does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..errors import InvalidOption
from ..kubernetes.manifest import FIELD_MANAGER, Manifest, ObjectRef, ref_of
from ..kubernetes.ports import Served

# The category that Crossplane gives to the kinds of claims.
CLAIM_CATEGORY = "claim"

MANAGED_BY = {"app.kubernetes.io/managed-by": FIELD_MANAGER}

# A claim's name is also a label value on its composite, and labels end at 63 characters.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class Style(Enum):
    """What the API server takes where a claim is meant."""

    CLAIM = "claim"
    NAMESPACED = "namespaced composite"
    CLUSTER = "cluster-scoped composite"

    @classmethod
    def of(cls, served: Served) -> Style:
        if CLAIM_CATEGORY in served.categories:
            return cls.CLAIM
        return cls.NAMESPACED if served.namespaced else cls.CLUSTER


# The fields of a spec that are written from options of their own, and these options.
_OPTIONS = {
    "parameters": "parameters",
    "compositionSelector": "composition_selector",
    "compositionRef": "composition_ref",
    "compositionRevisionSelector": "composition_revision_selector",
    "compositionRevisionRef": "composition_revision_ref",
    "compositionUpdatePolicy": "composition_update_policy",
    "writeConnectionSecretToRef": "connection_secret",
    "crossplane": "composition_selector and its siblings",
}

# What Crossplane passes on from a claim to its composite, beside the user's own fields.
_PASSED_ON = ("compositionRef", "compositionSelector", "compositionRevisionSelector", "compositionUpdatePolicy")

# What is Crossplane's own in the spec of a claim or of its composite, in Crossplane 1 and 2 (its xcrd/schemas.go).
# All else is the user's, and is carried from the one to the other.
_MACHINERY = frozenset(_OPTIONS) - {"parameters"} | {
    "claimRef",
    "compositeDeletePolicy",
    "environmentConfigRefs",
    "publishConnectionDetailsTo",
    "resourceRef",
    "resourceRefs",
}


@dataclass(frozen=True)
class Claim:
    """A claim as the user wants it; ``spec`` are fields beside ``parameters``."""

    ref: ObjectRef
    parameters: Mapping[str, Any]
    spec: Mapping[str, Any] = field(default_factory=dict)
    composition_selector: Mapping[str, str] = field(default_factory=dict)
    composition_ref: str = ""
    composition_revision_selector: Mapping[str, str] = field(default_factory=dict)
    composition_revision_ref: str = ""
    composition_update_policy: str = ""
    connection_secret: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    def manifest(self, style: Style) -> Manifest:
        """What is applied: only what was asked for, so that leaving an option out removes its field."""
        own = {**self._composition(), "compositeDeletePolicy": "Foreground"}
        managed = {
            "parameters": dict(self.parameters),
            **(own if style is Style.CLAIM else {"crossplane": self._composition()}),
            "writeConnectionSecretToRef": _named(self.connection_secret),
        }
        metadata = {
            "name": self.ref.name,
            "namespace": self.ref.namespace,
            "labels": {**self.labels, **MANAGED_BY},
            "annotations": dict(self.annotations),
        }
        return {
            "apiVersion": self.ref.api_version,
            "kind": self.ref.kind,
            "metadata": {key: value for key, value in metadata.items() if value},
            "spec": {**self.spec, **{key: value for key, value in managed.items() if value}},
        }

    def _composition(self) -> dict[str, Any]:
        fields = {
            "compositionSelector": _matching(self.composition_selector),
            "compositionRef": _named(self.composition_ref),
            "compositionRevisionSelector": _matching(self.composition_revision_selector),
            "compositionRevisionRef": _named(self.composition_revision_ref),
            "compositionUpdatePolicy": self.composition_update_policy,
        }
        return {key: value for key, value in fields.items() if value}


def _named(name: str) -> dict[str, str]:
    return {"name": name} if name else {}


def _matching(labels: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {"matchLabels": dict(labels)} if labels else {}


def require_place(ref: ObjectRef, style: Style) -> None:
    """Raises InvalidOption when there is no namespace where one is needed, or the other way round."""
    if style is Style.CLUSTER and ref.namespace:
        raise InvalidOption(
            f"{ref} is in no namespace, its kind is cluster-scoped",
            next_step="leave namespace out, or name the kind of a claim",
        )
    if style is not Style.CLUSTER and not ref.namespace:
        raise InvalidOption(f"{ref} has no namespace, which a {style.value} needs", next_step="add namespace")


def claim_from(options: Mapping[str, Any], position: int) -> Claim:
    """The claim that entry ``position`` of option ``claims`` describes. Raises InvalidOption."""
    where = f"claims[{position}]"
    name, namespace, api_version = options["name"], options.get("namespace"), options["api_version"]
    if not _NAME.fullmatch(name):
        raise InvalidOption(
            f"{where}.name is {name!r}, which can not name a claim",
            next_step="use at most 63 lower case letters, digits, '-' and '.', a letter or digit at both ends",
        )
    if namespace is not None and not _NAMESPACE.fullmatch(namespace):
        raise InvalidOption(
            f"{where}.namespace is {namespace!r}, which can not name a namespace",
            next_step="use at most 63 lower case letters, digits and '-', a letter or digit at both ends",
        )
    if api_version.count("/") != 1 or not all(api_version.split("/")):
        raise InvalidOption(
            f"{where}.api_version is {api_version!r}, which names no API group and version",
            next_step="write GROUP/VERSION, for example database.yourdomain.com/v1alpha1",
        )
    if options.get("composition_revision_ref") and options.get("composition_update_policy") != "Manual":
        raise InvalidOption(
            f"{where}.composition_revision_ref would be replaced by Crossplane with the newest revision",
            next_step="set composition_update_policy to Manual",
        )
    return Claim(
        ref=ObjectRef(api_version, options["kind"], name, namespace or ""),
        parameters=options.get("parameters") or {},
        spec=_free_fields(options.get("spec") or {}, where),
        composition_selector=options.get("composition_selector") or {},
        composition_ref=options.get("composition_ref") or "",
        composition_revision_selector=options.get("composition_revision_selector") or {},
        composition_revision_ref=options.get("composition_revision_ref") or "",
        composition_update_policy=options.get("composition_update_policy") or "",
        connection_secret=options.get("connection_secret") or "",
        labels=options.get("labels") or {},
        annotations=options.get("annotations") or {},
    )


def _free_fields(spec: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The fields of option ``spec``. Raises InvalidOption for one that has an option of its own."""
    for name in spec:
        if name in _OPTIONS:
            raise InvalidOption(
                f"{where}.spec.{name} is not written from spec", next_step=f"use option {_OPTIONS[name]} instead"
            )
        if name == "compositeDeletePolicy":
            raise InvalidOption(
                f"{where}.spec.{name} is always Foreground, so that absent means gone", next_step="leave it out"
            )
    return spec


def composite_ref(claim: Manifest) -> ObjectRef | None:
    """The composite the claim is bound to, if it is a claim and Crossplane has bound it yet."""
    return _reference(claim.get("spec", {}).get("resourceRef"))


def claim_ref(composite: Manifest) -> ObjectRef | None:
    """The claim the composite was made for, if any."""
    return _reference(composite.get("spec", {}).get("claimRef"))


def composite_name(claim: Manifest) -> str:
    """The composite that stands for the claim: its own, or itself once Crossplane has taken it up; empty before."""
    if "crossplane" in claim.get("spec", {}):
        return ref_of(claim).name
    bound = composite_ref(claim)
    return bound.name if bound else ""


def resource_refs(composite: Manifest) -> list[ObjectRef]:
    """The managed resources of a composite, in the order in which the composite lists them."""
    spec = composite.get("spec", {})
    entries = spec.get("resourceRefs") or spec.get("crossplane", {}).get("resourceRefs") or []
    # A namespaced composite composes in its own namespace only, and does not repeat that.
    references = (_reference(entry, ref_of(composite).namespace) for entry in entries)
    return [reference for reference in references if reference is not None]


def user_fields(manifest: Manifest) -> dict[str, Any]:
    """The fields in the spec of a claim or composite that are not Crossplane's own."""
    spec = manifest.get("spec") or {}
    return {name: value for name, value in spec.items() if name not in _MACHINERY}


def lagging(composite: Manifest, claim: Manifest) -> list[str]:
    """The fields in which a composite does not carry what its claim says, so that its readiness is about other ones."""
    wanted, carried = ({"parameters": {}, **user_fields(each)} for each in (claim, composite))
    own = sorted(name for name in {*wanted, *carried} if wanted.get(name) != carried.get(name))
    asked, has = (each.get("spec") or {} for each in (claim, composite))
    return own + [name for name in _PASSED_ON if asked.get(name) and asked[name] != has.get(name)]


def not_kept(wanted: Manifest, stored: Manifest, live: Manifest) -> list[str]:
    """The fields of a claim that are no longer as an apply was answered, or were never stored."""
    asked, answered, now = map(_by_path, (wanted, stored, live))
    lost = {path for path, value in asked.items() if value is not None and path not in now}
    return sorted(lost | {path for path, value in answered.items() if path not in now or now[path] != value})


def _by_path(claim: Manifest) -> dict[str, Any]:
    fields = user_fields(claim)
    parameters = fields.pop("parameters", None) or {}
    return {
        **{f"spec.{name}": value for name, value in fields.items()},
        **{f"spec.parameters.{name}": value for name, value in parameters.items()},
    }


def connection_secret_name(claim: Manifest) -> str:
    """The Secret that receives the claim's connection details, in the claim's namespace; empty for none."""
    return str((claim.get("spec", {}).get("writeConnectionSecretToRef") or {}).get("name") or "")


def _reference(entry: Any, namespace: str = "") -> ObjectRef | None:
    if not isinstance(entry, dict) or not entry.get("name"):
        return None
    return ObjectRef(
        api_version=str(entry.get("apiVersion", "")),
        kind=str(entry.get("kind", "")),
        name=str(entry["name"]),
        namespace=str(entry.get("namespace") or namespace),
    )
