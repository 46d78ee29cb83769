# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server as the judge of what an apply would do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..._domain.errors import DryRunRefused, Forbidden, InfraError, NamespaceMissing, NotServed, OtherVersion, Rejected
from ..._domain.kubernetes.findings import Invalid
from ..._domain.kubernetes.manifest import Manifest, ref_of
from ..._domain.kubernetes.ports import Kubernetes
from ..task import Request

# A namespace that every cluster has, for questions about an object whose own namespace does not exist yet.
EXISTING_NAMESPACE = "default"
# Kinds whose objects say which other objects there can be.
_DEFINITIONS = ("CustomResourceDefinition", "CompositeResourceDefinition")
_OWN_NAME = re.compile(r'^\S+ "[^"]*" is forbidden: ')


class Judge:
    """Asks what an apply would store, by a dry run, and says once where that can not be had."""

    def __init__(self, request: Request, api: Kubernetes) -> None:
        self._request = request
        self._api = api
        self._told = False

    def answer(self, manifest: Manifest, earlier: Sequence[Manifest]) -> Manifest | None:
        """What would be stored; None when nobody can tell before ``earlier`` objects of the play are written.

        Raises what the API server refuses.
        """
        try:
            return self._api.apply(manifest, force=self._request.options["force_conflicts"], dry_run=True)
        except (NamespaceMissing, NotServed) as error:
            if not self._request.check_mode and not _may_cure(earlier, manifest, error):
                raise
            self._require_valid(manifest)
        except (Forbidden, Rejected) as error:
            if not _may_cure(earlier, manifest, error):
                self._tell(error)
        except OtherVersion:
            pass  # what was applied before will be said again first, which no dry run can
        except DryRunRefused as error:
            self._warn(error)
        return None

    def _require_valid(self, manifest: Manifest) -> None:
        """Raises Invalid when its definition does not take the object, of which any namespace tells.

        What else is said there is about that namespace: its policies, its quota, its objects.
        """
        ref = ref_of(manifest)
        twin = {**manifest, "metadata": {**manifest["metadata"], "namespace": EXISTING_NAMESPACE}}
        try:
            if ref.namespace and self._api.get(ref_of(twin)) is None:
                self._api.apply(twin, dry_run=True)
        except Invalid as error:
            raise Invalid(ref, error.findings) from error
        except InfraError:
            return

    def _tell(self, error: InfraError) -> None:
        """Raises the refusal; but in check mode it may be that somebody may look and not write."""
        if not (self._request.check_mode and isinstance(error, Forbidden)):
            raise error
        self._warn(error)

    def _warn(self, error: InfraError) -> None:
        if not self._told:
            self._request.reporter.warn(f"what would change is not known from the API server itself: {error}")
        self._told = True


def _may_cure(earlier: Sequence[Manifest], manifest: Manifest, error: InfraError) -> bool:
    """Whether a refusal may be over once the earlier objects of the same task are written."""
    return any(_cures(other, manifest, error) for other in earlier)


def _cures(other: Manifest, manifest: Manifest, error: InfraError) -> bool:
    name = ref_of(other).name
    if other["kind"] == "Namespace" and name == ref_of(manifest).namespace:
        return isinstance(error, (NamespaceMissing, Forbidden))
    if other["kind"] in _DEFINITIONS:
        group = manifest["apiVersion"].rpartition("/")[0]
        return bool((other.get("spec") or {}).get("group") == group)
    if isinstance(error, Invalid):
        return False
    # What it misses, or holds against the object, the server names after the object itself.
    _object, _colon, reason = error.message.partition(": ")
    reason = _OWN_NAME.sub("", reason)
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", reason) is not None
