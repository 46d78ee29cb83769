# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed's word for a cloud controller manager: available once its pod could run, and no sooner."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.servers import ask
from tests.testbed.bed import CLUSTERS, load

NAMESPACE = "controllers"
NAME = "any-cloud-controller-manager"
WHERE = ("--namespace", NAMESPACE)
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": NAME, "namespace": NAMESPACE},
    "spec": {
        "selector": {"matchLabels": {"app": NAME}},
        "template": {
            "metadata": {"labels": {"app": NAME}},
            "spec": {
                "serviceAccountName": NAME,
                "containers": [
                    {"name": "manager", "image": "quay.io/kubevirt/kubevirt-cloud-controller-manager:v0.5.1"}
                ],
                "volumes": [{"name": "kubeconfig", "secret": {"secretName": "any-kubeconfig"}}],
            },
        },
    },
}
WITH_CLUSTERS = CLUSTERS in load(Path(os.environ["PNOW_TESTBED_STATE"])).features

pytestmark = pytest.mark.skipif(not WITH_CLUSTERS, reason="the test bed was made without clusters")


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    ask("kubectl", "create", "namespace", NAMESPACE)
    yield
    ask("kubectl", "delete", "namespace", NAMESPACE, "--timeout=120s")


def test_a_manager_is_available_once_its_pod_could_run() -> None:
    ask("kubectl", "apply", "--server-side", "--filename=-", given=json.dumps(DEPLOYMENT))
    ask("kubectl", "wait", "deployment", NAME, *WHERE, "--for=condition=Available=False", "--timeout=60s")
    message = "jsonpath={.status.conditions[0].message}"
    assert ask("kubectl", "get", "deployment", NAME, *WHERE, f"--output={message}") == (
        f"Its pod needs serviceaccounts {NAME}, secrets any-kubeconfig, permission to list services, "
        "permission to watch services, permission to list virtualmachines, permission to watch virtualmachines, "
        "permission to list virtualmachineinstances, permission to watch virtualmachineinstances."
    )

    ask("kubectl", "create", "serviceaccount", NAME, *WHERE)
    ask("kubectl", "create", "secret", "generic", "any-kubeconfig", *WHERE, "--from-literal=value=none")
    rules = [
        {"apiGroups": [""], "resources": ["services"], "verbs": ["list", "watch"]},
        {"apiGroups": ["kubevirt.io"], "resources": ["*"], "verbs": ["list", "watch"]},
    ]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": NAME}, "rules": rules}
    ask("kubectl", "create", *WHERE, "--filename=-", given=json.dumps(role))
    account = f"--serviceaccount={NAMESPACE}:{NAME}"
    ask("kubectl", "create", "rolebinding", NAME, *WHERE, f"--role={NAME}", account)
    ask("kubectl", "rollout", "status", "deployment", NAME, *WHERE, "--timeout=60s")

    ask("kubectl", "delete", "secret", "any-kubeconfig", *WHERE)
    ask("kubectl", "wait", "deployment", NAME, *WHERE, "--for=condition=Available=False", "--timeout=60s")
