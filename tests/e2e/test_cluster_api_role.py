# SPDX-License-Identifier: GPL-3.0-or-later
"""Role cluster_api: what it says of providers that are absent or too old, and how it installs them.

Here the providers are definitions of a group of the test's own, so that it needs nobody's releases.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.servers import ask
from tests.testbed.bed import CLUSTERS, load

GROUP = "providers.example.org"
QUIETLY = (sys.executable, "-m", "tests.quiet")
PLAYBOOK = str(Path(__file__).with_name("cluster_api.yml"))
WITH_CLUSTERS = CLUSTERS in load(Path(os.environ["PNOW_TESTBED_STATE"])).features
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


def provider(manifests: Path, **changed: str) -> dict[str, str]:
    found = {"name": "Example", "version": "v1.2.3", "definition": f"things.{GROUP}", "serves": "v1beta1"}
    return {**found, "manifests": str(manifests), **changed}


def play(*arguments: str, quietly: bool = False, **variables: Any) -> subprocess.CompletedProcess[str]:
    command = ["ansible-playbook", PLAYBOOK, f"--extra-vars={json.dumps(variables)}", *arguments]
    command = [*QUIETLY, *command] if quietly else command
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=400)


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


@pytest.mark.skipif(not WITH_CLUSTERS, reason="the test bed was made without clusters")
def test_what_is_there_is_left_alone() -> None:
    assert changes(play(quietly=True)) == 0


@pytest.mark.skipif(WITH_CLUSTERS, reason="the test bed was made with clusters")
def test_without_cluster_api_all_of_it_is_named() -> None:
    done = play(quietly=True)
    assert done.returncode == 2
    assert "Cluster API, Cluster API's bootstrap provider kubeadm" in " ".join(done.stdout.split())
