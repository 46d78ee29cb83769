# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a release, with what runs its pods, and with a pod."""

from __future__ import annotations

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.caches.pods import (
    is_left_behind,
    is_release,
    lacks_chart,
    lacks_image,
    pod_hindrance,
    release_hindrance,
    workload_hindrance,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest
from tests.unit.plugins.caches import pod, release, volume, workload

NO_CHART = 'create failed: failed to pull chart: chart "no-such" version "1" not found in http://x repository'
NO_ANSWER = 'create failed: looks like "http://x" is not a valid chart repository or cannot be reached: refused'


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (release(), None),
        (release(""), None),
        (release("failed", "job failed: BackoffLimitExceeded"), ("failed", "job failed: BackoffLimitExceeded")),
        (release("pending-upgrade", "Preparing upgrade"), ("pending-upgrade", "Preparing upgrade; if nothing does it")),
    ],
)
def test_a_release_says_what_helm_does_with_it(manifest: Manifest, says: tuple[str, str] | None) -> None:
    found = release_hindrance(manifest)
    assert (found is None) == (says is None)
    if found and says:
        assert found.reason == says[0]
        assert found.message.startswith(says[1])


def test_only_a_repository_that_answers_lacks_a_chart() -> None:
    assert lacks_chart(release(Synced=f"False: {NO_CHART}"))
    assert not lacks_chart(release(Synced=f"False: {NO_ANSWER}"))
    assert not lacks_chart(release())
    assert is_release(release())
    assert not is_release(volume())


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (workload(), ""),
        (workload(ready=1, replicas=3), "1 of 3 pods are ready"),
        (workload(ready=3, updated=1, replicas=3), "1 of 3 pods are as they should be now"),
    ],
)
def test_what_runs_pods_counts_them(manifest: Manifest, says: str) -> None:
    found = workload_hindrance(manifest)
    assert (found.message if found else "") == says


def test_what_its_controller_has_not_seen_is_not_believed() -> None:
    manifest = workload()
    manifest["metadata"]["generation"] = 3
    found = workload_hindrance(manifest)
    assert found is not None
    assert found.type == "Observed"


def test_a_pod_says_what_its_first_container_waits_for() -> None:
    assert pod_hindrance(pod()) is None
    pulling = pod_hindrance(pod("False", ("ImagePullBackOff", "Back-off pulling image")))
    assert pulling is not None
    assert (pulling.reason, pulling.message) == ("ImagePullBackOff", "container init: Back-off pulling image")
    assert lacks_image(pulling)
    full = pod_hindrance(pod("False", PodScheduled="False: 0/1 nodes are available"))
    assert full is not None
    assert full.message == "0/1 nodes are available"
    assert not lacks_image(full)
    loading = pod_hindrance(pod("False: containers with unready status: [valkey]"))
    assert loading is not None
    assert loading.type == "Ready"


def test_a_pod_of_an_older_revision_is_left_behind() -> None:
    assert is_left_behind(pod(revision="a"), workload(revision="b"))
    assert not is_left_behind(pod(revision="b"), workload(revision="b"))
