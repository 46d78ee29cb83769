# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bed gives its users."""

from __future__ import annotations

import dataclasses
import os
import stat
import subprocess

import pytest
import yaml

from tests.testbed import chart_repository, environment, packages, pki
from tests.testbed.bed import CHECKOUT, Bed
from tests.testbed.build import folder_of
from tests.testbed.crossplane import V1
from tests.testbed.errors import TestbedError
from tests.testbed.programs import FUNCTION_PYTHONIC, KUBECTL, PROVIDER_HELM, PROVIDER_KUBERNETES, PROVIDER_SQL, VAULT

SHELL_PATH = os.pathsep.join(["/usr/bin", "/bin"])


@pytest.fixture
def opened(bed: Bed) -> Bed:
    bed.write("vault-keys.json", '{"unseal_key": "key", "root_token": "hvs.token"}')
    return bed


def test_every_variable_users_rely_on_is_there(opened: Bed) -> None:
    variables = environment.variables(opened, SHELL_PATH)

    assert variables["KUBECONFIG"] == variables["K8S_AUTH_KUBECONFIG"] == str(opened.state / "kubeconfig")
    assert variables["VAULT_ADDR"] == f"http://127.0.0.1:{opened.ports['vault']}"
    assert variables["VAULT_TOKEN"] == "hvs.token"
    assert (variables["PGHOST"], variables["PGPORT"]) == ("127.0.0.1", str(opened.ports["postgresql"]))
    assert (variables["PGUSER"], variables["PGPASSWORD"]) == ("postgres", "it's 50% secret")
    assert variables["PNOW_TESTBED"] == opened.state.name
    assert variables["PNOW_TESTBED_STATE"] == str(opened.state)
    assert variables["PNOW_TESTBED_VARS"] == str(opened.state / "bootstrap.yml")
    assert variables["ANSIBLE_CONFIG"] == str(CHECKOUT / "ansible.cfg")


def test_the_project_and_its_clients_come_first_on_the_path_and_once(opened: Bed) -> None:
    once = environment.variables(opened, SHELL_PATH)["PATH"]
    assert once.split(os.pathsep) == [str(CHECKOUT / ".venv/bin"), str(opened.bin), "/usr/bin", "/bin"]
    assert environment.variables(opened, once)["PATH"] == once


def test_a_shell_reads_back_what_was_exported() -> None:
    values = {"A": 'it\'s 50% "secret" $HOME `id`\n', "B": ""}
    script = environment.export_lines(values) + 'printf %s "$A|$B"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout == f"{values['A']}|"


def test_before_the_first_start_there_is_nothing_to_export(bed: Bed) -> None:
    with pytest.raises(TestbedError, match="has not come up yet"):
        environment.variables(bed, SHELL_PATH)


def test_the_bin_folder_holds_clients_only(bed: Bed) -> None:
    bed.bin.mkdir(parents=True)
    environment.link_clients(bed)
    environment.link_clients(bed)
    links = {link.name: link.readlink() for link in bed.bin.iterdir()}

    assert links["kubectl"] == KUBECTL.executable(bed.cache)
    assert links["vault"] == VAULT.executable(bed.cache)
    assert {"psql", "pg_dump", "pg_restore", "pgbench"} < links.keys()
    assert not {"postgres", "initdb", "pg_ctl", "python", "etcd"} & links.keys()


@pytest.fixture
def built(bed: Bed) -> Bed:
    """The bed, with what of its packages comes out of a build."""
    pki.create(bed.pki)
    for provider in (PROVIDER_SQL, PROVIDER_KUBERNETES, PROVIDER_HELM):
        package = folder_of(provider, bed.cache) / "package"
        (package / "crds").mkdir(parents=True)
        (package / "crossplane.yaml").write_text(f"kind: Provider # {provider.name}\n")
    return bed


def test_crossplane_1_never_asks_for_what_lies_in_its_cache(built: Bed) -> None:
    bed = dataclasses.replace(built, crossplane=V1)
    environment.offer_packages(bed)
    for offered in yaml.safe_load((bed.state / "bootstrap.yml").read_text())["crossplane_packages"]:
        assert offered["pull_policy"] == "Never"
        assert (bed.state / "xpkg" / f"{offered['package']}.gz").is_file()


def test_bootstrap_installs_what_lies_in_crossplanes_cache(built: Bed) -> None:
    bed = built
    environment.offer_packages(bed)
    path = bed.state / "bootstrap.yml"
    settings = yaml.safe_load(path.read_text())

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [(each["kind"], each["name"]) for each in settings["crossplane_packages"]] == [
        ("Provider", PROVIDER_SQL.name),
        ("Provider", PROVIDER_KUBERNETES.name),
        ("Function", FUNCTION_PYTHONIC.name),
        ("Provider", PROVIDER_HELM.name),
    ]
    assert all(each["skip_dependency_resolution"] for each in settings["crossplane_packages"])
    assert {packages.cache_file_name(each["package"]) for each in settings["crossplane_packages"]} == {
        stored.name for stored in (bed.state / "xpkg").iterdir()
    }
    assert settings["crossplane_postgresql"] == {
        "endpoint": "127.0.0.1",
        "port": bed.ports["postgresql"],
        "username": "postgres",
        "password": "it's 50% secret",
        "sslmode": "disable",
    }
    user = yaml.safe_load(settings["crossplane_kubernetes_kubeconfig"])["users"][0]["user"]
    assert user["as"] == "system:serviceaccount:crossplane-system:provider-kubernetes"
    user = yaml.safe_load(settings["crossplane_helm_kubeconfig"])["users"][0]["user"]
    assert user["as"] == "system:serviceaccount:crossplane-system:provider-helm"
    repository = f"http://{bed.address('chart-repository')}"
    assert settings["testbed_chart_repository"] == repository
    assert settings["platform_api_clusters"] is True
    assert {each["repository"] for each in settings["platform_api_cluster_cni"].values()} == {repository}
    assert settings["platform_api_cluster_cni"]["cilium"]["version"] == chart_repository.version("cilium")


def test_a_bed_without_clusters_offers_nothing_for_them(built: Bed) -> None:
    bed = dataclasses.replace(built, features=())
    environment.offer_packages(bed)
    settings = yaml.safe_load((bed.state / "bootstrap.yml").read_text())
    assert PROVIDER_HELM.name not in [each["name"] for each in settings["crossplane_packages"]]
    assert not {"crossplane_helm_kubeconfig", "platform_api_clusters", "testbed_chart_repository"} & settings.keys()
