# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that a GitOps controller keeps as its repository says: it would undo whatever is changed here."""

from __future__ import annotations

from ..errors import InfraError
from .manifest import Manifest, ref_of

# Where each controller marks what it manages: https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/
# and https://fluxcd.io/flux/components/kustomize/kustomizations/. Argo CD's default label, app.kubernetes.io/instance,
# is set by too many others to mean anything here.
_ARGO_TRACKING = "argocd.argoproj.io/tracking-id"
_FLUX = {"kustomize.toolkit.fluxcd.io": "Kustomization", "helm.toolkit.fluxcd.io": "HelmRelease"}


class GitOpsOwned(InfraError):
    """A change was refused because another controller would undo it."""


def owner(manifest: Manifest) -> str:
    """Who keeps the object, in words; empty when nobody does."""
    metadata = manifest.get("metadata", {})
    tracking = (metadata.get("annotations") or {}).get(_ARGO_TRACKING)
    if tracking:
        return f"Argo CD application {str(tracking).partition(':')[0]}"
    labels = metadata.get("labels") or {}
    for domain, kind in _FLUX.items():
        if f"{domain}/name" in labels:
            return f"Flux {kind} {labels.get(f'{domain}/namespace', '')}/{labels[f'{domain}/name']}"
    return ""


def require_free(manifest: Manifest) -> None:
    """Raises GitOpsOwned when somebody keeps the object."""
    kept_by = owner(manifest)
    if kept_by:
        raise GitOpsOwned(
            f"{ref_of(manifest)} belongs to {kept_by}, which would undo the change",
            next_step="change it in the repository behind it, or set gitops_owned to apply",
        )
