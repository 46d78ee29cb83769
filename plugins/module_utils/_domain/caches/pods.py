# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the release of a chart, with what runs its pods, and with a pod, in their own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..kubernetes.manifest import Condition, Manifest, being_deleted, conditions

# Where managed resources of provider-helm are, cluster-scoped and namespaced.
RELEASE_GROUPS = frozenset({"helm.crossplane.io", "helm.m.crossplane.io"})

# How often provider-helm tries before it takes a pause.
TRIES = 3

# A repository that answers, and has no such chart (helm pkg/repo); one that does not answer may answer later.
_NO_CHART = re.compile(r"chart .* not found in .* repository")

# What a kubelet says of an image that it can not get; it tries again, each time after a longer while.
_NO_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})

# A container that waits for these waits for something else, which says more.
_STARTING = frozenset({"PodInitializing", "ContainerCreating"})


def is_release(manifest: Manifest) -> bool:
    """Whether it is a managed resource of provider-helm that stands for the release of a chart."""
    group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
    return manifest.get("kind") == "Release" and group in RELEASE_GROUPS


def release_hindrance(release: Manifest) -> Condition | None:
    """What Helm says of a release that is not deployed."""
    status = release.get("status") or {}
    seen = status.get("atProvider") or {}
    state = str(seen.get("state", ""))
    if state in ("", "deployed"):
        return None
    said = str(seen.get("releaseDescription", ""))
    if state.startswith("pending-"):
        said = f"{said or 'Helm has begun this'}; if nothing does it any more, provider-helm rolls it back"
    return Condition("Released", "False", state, said)


def failures(release: Manifest) -> int:
    """How often provider-helm has failed since it last succeeded."""
    return int((release.get("status") or {}).get("failed") or 0)


def lacks_chart(release: Manifest) -> Condition | None:
    """The condition by which a release says that its repository has no such chart."""
    synced = conditions(release).get("Synced")
    return synced if synced and synced.status == "False" and _NO_CHART.search(synced.message) else None


def workload_hindrance(workload: Manifest) -> Condition | None:
    """What keeps a StatefulSet or a Deployment from being as it should be."""
    if being_deleted(workload):
        return Condition("Deleting", "True")
    wanted = int(workload.get("spec", {}).get("replicas", 1))
    status = workload.get("status") or {}
    ready, new = int(status.get("readyReplicas") or 0), int(status.get("updatedReplicas") or 0)
    if int(status.get("observedGeneration") or 0) < int(workload["metadata"].get("generation") or 0):
        return Condition("Observed", "False", message="its controller has not looked at the latest change yet")
    if ready < wanted:
        return Condition("Ready", "False", message=f"{ready} of {wanted} pods are ready")
    if new < wanted:
        return Condition("Updated", "False", message=f"{new} of {wanted} pods are as they should be now")
    return None


def pod_hindrance(pod: Manifest) -> Condition | None:
    """What keeps a pod from being ready."""
    if being_deleted(pod):
        return Condition("Deleting", "True")
    current = conditions(pod)
    scheduled, ready = current.get("PodScheduled"), current.get("Ready")
    if scheduled and scheduled.status != "True":
        return scheduled
    for name, waiting in _waiting(pod):
        if waiting.get("reason") not in _STARTING:
            message = f"container {name}: {waiting.get('message') or waiting.get('reason', '')}"
            return Condition("Ready", "False", str(waiting.get("reason", "")), message)
    if ready is None or ready.status != "True":
        return ready or Condition("Ready", "Unknown")
    return None


def lacks_image(condition: Condition) -> bool:
    """Whether a pod waits for an image that can not be had."""
    return condition.reason in _NO_IMAGE


def is_left_behind(pod: Manifest, workload: Manifest) -> bool:
    """Whether a pod that never became ready is of an older revision than its StatefulSet is by now.

    Kubernetes replaces such a pod only once it is ready, which it may never be.
    """
    newest = (workload.get("status") or {}).get("updateRevision")
    revision = (pod["metadata"].get("labels") or {}).get("controller-revision-hash")
    return bool(newest and revision and newest != revision)


def _waiting(pod: Manifest) -> Iterator[tuple[str, dict[str, Any]]]:
    status = pod.get("status") or {}
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        if waiting := (container.get("state") or {}).get("waiting"):
            yield container["name"], waiting
