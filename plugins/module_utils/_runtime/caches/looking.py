# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what is behind a cache: its release, what runs its pods, the pods, and their volumes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from ..._domain.caches.pods import (
    is_left_behind,
    is_release,
    lacks_chart,
    lacks_image,
    pod_hindrance,
    release_hindrance,
    workload_hindrance,
)
from ..._domain.crossplane.readiness import Standing
from ..._domain.crossplane.real_object import kept_by
from ..._domain.errors import Forbidden, NotServed, Rejected
from ..._domain.kubernetes.blockers import Blocker
from ..._domain.kubernetes.manifest import Condition, Manifest, ObjectRef, finalizers, ref_of
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.kubernetes.readiness import Phase, Readiness
from ..crossplane.claim_tree import events_of

KIND = "RedisInstance"
GROUP = "cache."

# Below every managed resource: what is wrong with a pod explains what is wrong with them.
DEPTH = 1000

_WORKLOADS = ("StatefulSet", "Deployment")
_VOLUME = "PersistentVolumeClaim"
_SAYS_NOTHING = frozenset({"", "ContainersNotReady", "ContainersNotInitialized"})
_LEFT_BEHIND = "it is of an older revision and Kubernetes waits for it to become ready before it replaces it: delete it"


def is_cache(ref: ObjectRef) -> bool:
    """Whether it is a claim of a cache, whatever the platform's domain is."""
    return ref.kind == KIND and ref.api_version.startswith(GROUP)


def releases_behind(standing: Standing) -> list[Manifest]:
    """The releases of charts that a claim has."""
    return [node.manifest for node in standing.behind if node.manifest and is_release(node.manifest)]


def unready_behind(api: Kubernetes, standing: Standing) -> Readiness | None:
    """How what runs a cache's pods stands right now; None if it is as it should be, or can not be read."""
    for ref in _kept(standing, _WORKLOADS):
        workload = _read(api, ref)
        wrong = workload_hindrance(workload) if workload else None
        if wrong:
            return Readiness(Phase.PROGRESSING, wrong, ref)
    return None


def blockers_behind(api: Kubernetes, standing: Standing) -> list[Blocker]:
    """What keeps a cache, in the words of Helm, of Kubernetes' controllers, and of the node of a pod."""
    found = [*_releases(standing)]
    waiting = False
    for ref in _kept(standing, _WORKLOADS):
        workload = _read(api, ref)
        wrong = workload_hindrance(workload) if workload else None
        if workload and wrong:
            found.append(Blocker(ref, wrong, DEPTH).with_events(events_of(api, ref, workload)))
            found += _pods(api, workload)
            waiting = True
    # A volume waits for its first pod before a pod waits for it.
    for ref in _kept(standing, (_VOLUME,)) if waiting else ():
        volume = _read(api, ref)
        if volume and (volume.get("status") or {}).get("phase") != "Bound":
            pending = Condition("Bound", "False", str((volume.get("status") or {}).get("phase", "")))
            found.append(Blocker(ref, pending, DEPTH).with_events(events_of(api, ref, volume)))
    return [_spoken(item) for item in found]


def members_of(api: Kubernetes, everything: Iterable[Manifest]) -> dict[ObjectRef, Manifest]:
    """What goes with a cache: what runs its pods, the pods, their volumes, and the Secret with the password."""
    manifests = list(everything)
    refs = [ref for manifest in manifests if (ref := kept_by(manifest)) and ref.kind in (*_WORKLOADS, _VOLUME)]
    refs += [ref for manifest in manifests if (ref := _written_by(manifest))]
    found = {ref: live for ref in refs if (live := _read(api, ref)) is not None}
    workloads = [live for ref, live in found.items() if ref.kind in _WORKLOADS]
    return found | {ref_of(pod): pod for workload in workloads for pod in _pods_of(api, workload)}


def _written_by(managed: Manifest) -> ObjectRef | None:
    """The Secret that a cluster-scoped managed resource writes; a namespaced one's is its composite's own."""
    secret = managed.get("spec", {}).get("writeConnectionSecretToRef") or {}
    managed_resource = kept_by(managed) is not None
    return ObjectRef("v1", "Secret", secret["name"], secret["namespace"]) if managed_resource and secret else None


def _releases(standing: Standing) -> Iterator[Blocker]:
    for release in releases_behind(standing):
        ref = ref_of(release)
        if missing := lacks_chart(release):
            yield Blocker(ref, missing, DEPTH, terminal=True)
        elif wrong := release_hindrance(release):
            yield Blocker(ref, wrong, DEPTH)


def _pods(api: Kubernetes, workload: Manifest) -> Iterator[Blocker]:
    for pod in _pods_of(api, workload):
        wrong = pod_hindrance(pod)
        if wrong is None:
            continue
        ref = ref_of(pod)
        held = tuple(finalizers(pod)) if wrong.type == "Deleting" else ()
        terminal = lacks_image(wrong)
        if is_left_behind(pod, workload) and wrong.type != "Deleting":
            wrong = replace(wrong, message=f"{wrong.message}; {_LEFT_BEHIND}" if wrong.message else _LEFT_BEHIND)
        yield Blocker(ref, wrong, DEPTH + 1, held, terminal=terminal).with_events(events_of(api, ref, pod))


def _spoken(item: Blocker) -> Blocker:
    """What says no more than that something is not ready has its newest event for a message."""
    if item.events and item.condition.reason in _SAYS_NOTHING:
        told = "; ".join(filter(None, (item.condition.message, item.events[0])))
        return replace(item, condition=replace(item.condition, message=told))
    return item


def _pods_of(api: Kubernetes, workload: Manifest) -> list[Manifest]:
    selector = workload.get("spec", {}).get("selector", {}).get("matchLabels") or {}
    labels = ",".join(f"{name}={value}" for name, value in sorted(selector.items()))
    with suppress(Forbidden, NotServed):
        return api.list_objects("v1", "Pod", ref_of(workload).namespace, labels) if labels else []
    return []


def _kept(standing: Standing, kinds: tuple[str, ...]) -> list[ObjectRef]:
    refs = (kept_by(node.manifest) for node in standing.behind if node.manifest)
    return [ref for ref in refs if ref and ref.kind in kinds]


def _read(api: Kubernetes, ref: ObjectRef) -> Manifest | None:
    """An object, if it exists and may be read."""
    with suppress(Forbidden, NotServed, Rejected):
        return api.get(ref)
    return None
