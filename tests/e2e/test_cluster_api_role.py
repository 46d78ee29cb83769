# SPDX-License-Identifier: GPL-3.0-or-later
"""Role cluster_api: what it says of providers that are absent or too old, and how it installs them.

Most of it is shown with a provider of the test's own, which is one definition; then the manifests of upstream's
releases are installed, as they are. It needs a test bed without clusters.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.servers import ask
from tests.testbed.bed import CHECKOUT, cache_folder
from tests.testbed.build import build_missing, folder_of
from tests.testbed.programs import CLUSTER_API, CLUSTER_API_KUBEVIRT, KUBEADM_BOOTSTRAP, KUBEADM_CONTROL_PLANE

GROUP = "providers.example.org"
QUIETLY = (sys.executable, "-m", "tests.quiet")
PLAYBOOK = str(Path(__file__).with_name("cluster_api.yml"))
# In the order of the role's defaults, and where each is installed.
PROGRAMS = (CLUSTER_API, KUBEADM_BOOTSTRAP, KUBEADM_CONTROL_PLANE, CLUSTER_API_KUBEVIRT)
NAMESPACES = ("capi-system", "capi-kubeadm-bootstrap-system", "capi-kubeadm-control-plane-system", "capk-system")
MANIFESTS = """\
apiVersion: v1
kind: Namespace
metadata:
  name: providers
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: manager
  namespace: providers
data:
  features: MachinePool=${EXP_MACHINE_POOL:=true},Other=${EXP_OTHER:=false}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: things.providers.example.org
spec:
  group: providers.example.org
  scope: Namespaced
  names: {kind: Thing, listKind: ThingList, plural: things, singular: thing}
  versions:
    - name: v1beta1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object}}
"""

CERT_MANAGER = "\n---\n".join(
    f"""\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: {kind.lower()}s.cert-manager.io}}
spec:
  group: cert-manager.io
  scope: Namespaced
  names: {{kind: {kind}, listKind: {kind}List, plural: {kind.lower()}s, singular: {kind.lower()}}}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
"""
    for kind in ("Certificate", "Issuer")
)


def provider(manifests: Path, **changed: str) -> dict[str, str]:
    found = {"name": "Example", "version": "v1.2.3", "definition": f"things.{GROUP}", "serves": "v1beta1"}
    return {**found, "manifests": str(manifests), **changed}


def play(*arguments: str, quietly: bool = False, **variables: Any) -> subprocess.CompletedProcess[str]:
    command = ["ansible-playbook", PLAYBOOK, f"--extra-vars={json.dumps(variables)}", *arguments]
    command = [*QUIETLY, *command] if quietly else command
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=900)


def changes(done: subprocess.CompletedProcess[str]) -> int:
    assert done.returncode == 0, done.stdout
    recap = re.search(r"changed=(\d+) ", done.stdout)
    assert recap is not None, done.stdout
    return int(recap[1])


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    file = tmp_path_factory.mktemp("providers") / "components.yaml"
    file.write_text(MANIFESTS)
    yield file
    ask("kubectl", "delete", "--filename=-", "--ignore-not-found", given=MANIFESTS)


def test_what_is_absent_is_said_and_nothing_is_done(manifests: Path) -> None:
    done = play(quietly=True, cluster_api_providers=[provider(manifests)])
    assert done.returncode == 2
    assert "Example: not installed in this cluster. Install it with clusterctl" in " ".join(done.stdout.split())


def test_a_variable_without_a_default_is_refused(manifests: Path) -> None:
    other = manifests.with_name("other.yaml")
    other.write_text(MANIFESTS.replace(":=false", ""))
    done = play(quietly=True, cluster_api_providers=[provider(other)], cluster_api_install=True)
    assert done.returncode == 2
    assert "variables without a default: ${EXP_OTHER}" in done.stdout


def test_without_cert_manager_its_users_are_not_installed(manifests: Path) -> None:
    other = manifests.with_name("certificates.yaml")
    other.write_text(f"{MANIFESTS}---\napiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {{name: any}}\n")
    done = play(quietly=True, cluster_api_providers=[provider(other)], cluster_api_install=True)
    assert done.returncode == 2
    assert "cert-manager, which is not installed" in done.stdout


def test_what_is_absent_is_installed_once(manifests: Path) -> None:
    wanted = {"cluster_api_providers": [provider(manifests)], "cluster_api_install": True}
    assert changes(play("--check", quietly=True, **wanted)) == 1
    assert changes(play(**wanted)) == 1
    shown = ("configmap", "manager", "--namespace=providers", "--output=jsonpath={.data.features}")
    assert ask("kubectl", "get", *shown) == "MachinePool=true,Other=false"
    assert changes(play(quietly=True, **wanted)) == 0


def test_an_installation_that_was_interrupted_goes_on(manifests: Path) -> None:
    ask("kubectl", "delete", "configmap", "manager", "--namespace=providers")
    assert changes(play(cluster_api_providers=[provider(manifests)], cluster_api_install=True)) == 1
    assert ask("kubectl", "get", "configmap", "manager", "--namespace=providers", "--output=name")


def test_what_is_too_old_is_said(manifests: Path) -> None:
    done = play(quietly=True, cluster_api_providers=[provider(manifests, serves="v1beta2")], cluster_api_install=True)
    assert done.returncode == 2
    said = " ".join(done.stdout.split())
    assert f"Example: too old, for things.{GROUP} is not served as v1beta2; upgrade to v1.2.3 or later" in said


def test_without_cluster_api_all_of_it_is_named() -> None:
    done = play(quietly=True)
    assert done.returncode == 2
    said = " ".join(done.stdout.split())
    assert (
        "Cluster API, Cluster API's bootstrap provider kubeadm, Cluster API's control plane provider kubeadm, "
        "Cluster API's infrastructure provider KubeVirt: not installed in this cluster. Install it with clusterctl"
        in said
    )


# Upstream's manifests, as they are released


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, str]]]:
    """The providers of the role's defaults, with the manifests that upstream makes its releases of.

    Here cert-manager is but two definitions. No pod runs: the test says of each Deployment that it is available, and
    nobody makes an object that a webhook would be asked about.
    """
    build_missing(list(PROGRAMS), cache_folder())
    folder = tmp_path_factory.mktemp("released")
    defaults = yaml.safe_load((CHECKOUT / "roles/cluster_api/defaults/main.yml").read_text())["cluster_api_providers"]
    providers = []
    for program, provider in zip(PROGRAMS, defaults, strict=True):
        file = folder / f"{program.name}.yaml"
        rendered = ask("kubectl", "kustomize", str(folder_of(program, cache_folder()) / "config" / "default"))
        file.write_text(f"{rendered}\n")
        serves = provider["serves"].replace("{{ cluster_api_version }}", "v1beta2")
        providers.append({**provider, "serves": serves, "manifests": str(file)})
    ask("kubectl", "apply", "--filename=-", given=CERT_MANAGER)
    yield providers
    for each in providers:
        ask("kubectl", "delete", f"--filename={each['manifests']}", "--ignore-not-found", "--wait=false")
    definitions = [each["definition"] for each in providers]
    ask("kubectl", "wait", "--for=delete", "customresourcedefinition", *definitions, "--timeout=5m")
    ask("kubectl", "delete", "--filename=-", given=CERT_MANAGER)


def test_upstreams_manifests_are_installed_once(released: list[dict[str, str]]) -> None:
    wanted = {"cluster_api_providers": released, "cluster_api_install": True}
    with in_the_place_of_pods():
        assert changes(play(**wanted)) == 1
    for each in released:
        served = (
            "customresourcedefinition",
            each["definition"],
            "--output=jsonpath={.spec.versions[?(@.served)].name}",
        )
        assert each["serves"] in ask("kubectl", "get", *served).split()
    assert changes(play(quietly=True, **wanted)) == 0


@contextmanager
def in_the_place_of_pods() -> Iterator[None]:
    """Deployments of Cluster API are available as soon as they are there, until the end of the context."""
    ended = threading.Event()

    def attend() -> None:
        while not ended.wait(1):
            for deployment in of_cluster_api("deployments.apps"):
                name, namespace = deployment["metadata"]["name"], deployment["metadata"]["namespace"]
                patch = json.dumps({"status": available(deployment)})
                where = ("deployment", name, f"--namespace={namespace}", "--subresource=status", "--type=merge")
                ask("kubectl", "patch", *where, f"--patch={patch}")

    with ThreadPoolExecutor(1) as pool:
        attending = pool.submit(attend)
        try:
            yield
        finally:
            ended.set()
            attending.result()


def of_cluster_api(kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ask("kubectl", "get", kind, "--all-namespaces", "--output=json"))["items"]
    return [each for each in found if each["metadata"]["namespace"] in NAMESPACES]


def available(deployment: dict[str, Any]) -> dict[str, Any]:
    replicas = deployment["spec"]["replicas"]
    condition = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": ""}
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    generation = {"observedGeneration": deployment["metadata"]["generation"]}
    return {**generation, **dict.fromkeys(counts, replicas), "conditions": [condition]}
