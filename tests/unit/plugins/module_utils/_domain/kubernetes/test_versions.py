# SPDX-License-Identifier: GPL-3.0-or-later
"""What was applied before, in another version."""

from __future__ import annotations

from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.versions import said_again


def test_what_was_applied_is_said_again_in_the_version_that_was_read() -> None:
    """Only what is ours; what the new version does not know, ``gone``, is not read in it."""
    ours = {"f:metadata": {"f:labels": {"f:team": {}}}, "f:spec": {"f:size": {}, "f:gone": {}}}
    metadata = {
        "name": "x",
        "namespace": "dev",
        "resourceVersion": "7",
        "labels": {"team": "a", "of": "others"},
        "managedFields": [{"manager": "pnow.infra", "operation": "Apply", "apiVersion": "g/v1", "fieldsV1": ours}],
    }
    live = {"apiVersion": "g/v2", "kind": "K", "metadata": metadata, "spec": {"size": "small", "replicas": 3}}
    assert said_again(live) == {
        "apiVersion": "g/v2",
        "kind": "K",
        "metadata": {"name": "x", "namespace": "dev", "labels": {"team": "a"}},
        "spec": {"size": "small"},
    }
