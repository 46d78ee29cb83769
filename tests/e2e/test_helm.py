# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts by provider-helm: a release into the management cluster, as an account that may do what the chart needs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.servers import ask, bootstrap
from tests.testbed.bed import CLUSTERS, load
from tests.testbed.environment import PROVIDER_HELM_USER

NAMESPACE = "charts"
RELEASE = "releases.helm.crossplane.io/charts-cni"
WITH_CLUSTERS = CLUSTERS in load(Path(os.environ["PNOW_TESTBED_STATE"])).features

pytestmark = pytest.mark.skipif(not WITH_CLUSTERS, reason="the test bed was made without clusters")


def release(chart: str, version: str, values: dict[str, Any], name: str = "charts-cni") -> str:
    """Applies a Release, and returns its name for kubectl."""
    repository = yaml.safe_load(Path(os.environ["PNOW_TESTBED_VARS"]).read_text())["testbed_chart_repository"]
    wanted = {"chart": {"repository": repository, "name": chart, "version": version}, "namespace": NAMESPACE}
    manifest = {
        "apiVersion": "helm.crossplane.io/v1beta1",
        "kind": "Release",
        "metadata": {"name": name},
        "spec": {
            "providerConfigRef": {"name": "helm-provider"},
            "forProvider": {**wanted, "skipCreateNamespace": True, "values": values},
        },
    }
    ask("kubectl", "apply", "--server-side", "--filename=-", given=json.dumps(manifest))
    return f"releases.helm.crossplane.io/{name}"


def arrives(name: str, path: str, value: str) -> None:
    ask("kubectl", "wait", name, f"--for=jsonpath={{{path}}}={value}", "--timeout=180s")


def told() -> dict[str, str]:
    """What the chart was told."""
    shown = ask("kubectl", "get", "configmap", "cilium-config", "--namespace", NAMESPACE, "--output=json")
    data: dict[str, str] = json.loads(shown)["data"]
    return data


def pools(cidr: str) -> dict[str, Any]:
    return {"ipam": {"operator": {"clusterPoolIPv4PodCIDRList": [cidr]}}}


@pytest.fixture(scope="module", autouse=True)
def place() -> Iterator[None]:
    """A namespace in which provider-helm may keep Secrets, as Crossplane lets it everywhere, and ConfigMaps."""
    bootstrap()
    ask("kubectl", "create", "namespace", NAMESPACE)
    where = ("--namespace", NAMESPACE)
    ask("kubectl", "create", "role", "charts", *where, "--verb=*", "--resource=secrets,configmaps")
    ask("kubectl", "create", "rolebinding", "charts", *where, "--role=charts", f"--user={PROVIDER_HELM_USER}")
    yield
    ask("kubectl", "delete", "releases.helm.crossplane.io", "--all", "--timeout=120s")
    ask("kubectl", "delete", "namespace", NAMESPACE, "--timeout=120s")


def test_a_chart_of_the_repository_is_deployed() -> None:
    release("cilium", "1.17.9", pools("10.244.0.0/16"))
    ask("kubectl", "wait", RELEASE, "--for=condition=Ready", "--timeout=180s")
    arrives(RELEASE, ".status.atProvider.state", "deployed")
    assert told()["cluster-pool-ipv4-cidr"] == "10.244.0.0/16"
    assert told()["version"] == "1.17.9"


def test_an_upgrade_arrives() -> None:
    release("cilium", "1.18.4", pools("10.245.0.0/16"))
    arrives(RELEASE, ".status.atProvider.revision", "2")
    assert (told()["version"], told()["cluster-pool-ipv4-cidr"]) == ("1.18.4", "10.245.0.0/16")


@pytest.mark.parametrize(
    ("chart", "version", "values", "says"),
    [
        ("no-such-chart", "1.0.0", {}, "no-such-chart"),
        ("cilium", "0.0.1", {}, "0.0.1"),
        ("cilium", "1.18.4", {"ipam": {"podCIDR": "10.0.0.0/16"}}, "podCIDR"),
        ("kube-ovn", "v1.15.8", {"ipv4": {"POD_CIDR": "10.244.0.0/16"}}, "POD_GATEWAY 10.16.0.1 is not in"),
        ("tigera-operator", "v3.30.3", {}, "forbidden"),
    ],
    ids=["chart", "version", "value", "contradiction", "permission"],
)
def test_what_can_not_be_deployed_is_named(chart: str, version: str, values: dict[str, Any], says: str) -> None:
    name = release(chart, version, values, name="charts-refused")
    ask("kubectl", "wait", name, "--for=condition=Synced=False", "--timeout=180s")
    conditions = json.loads(ask("kubectl", "get", name, "--output=json"))["status"]["conditions"]
    (synced,) = [each for each in conditions if each["type"] == "Synced"]
    ask("kubectl", "delete", name, "--timeout=120s")
    assert says in synced["message"]


def test_a_release_that_is_deleted_takes_everything_along() -> None:
    ask("kubectl", "delete", RELEASE, "--timeout=120s")
    left = ask("kubectl", "get", "secrets,configmaps", "--namespace", NAMESPACE, "--output=name").split()
    assert left == ["configmap/kube-root-ca.crt"]
