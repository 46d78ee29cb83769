# SPDX-License-Identifier: GPL-3.0-or-later
"""Compositions are tested through the function's own renderer, on the manifests as Ansible templates them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.testbed.bed import cache_folder
from tests.testbed.build import build_missing, folder_of
from tests.testbed.programs import (
    CLUSTER_API,
    CLUSTER_API_KUBEVIRT,
    FUNCTION_PYTHONIC,
    KUBEADM_BOOTSTRAP,
    KUBEADM_CONTROL_PLANE,
    PROVIDER_HELM,
    PROVIDER_KUBERNETES,
    PROVIDER_SQL,
)
from tests.unit.compositions.renderer import Manifest, Renderer

CHECKOUT = Path(__file__).parents[3]
ROLE = CHECKOUT / "roles" / "platform_api"


@pytest.fixture(scope="session", params=["claims", "namespaced"])
def style(request: pytest.FixtureRequest) -> str:
    """The style of the platform API: what is promised holds in both."""
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="session")
def rendering_process() -> Iterator[subprocess.Popen[str]]:
    """rendering.py in function-pythonic's own Python: that of $FUNCTION_PYTHONIC, or the test bed's."""
    if path := os.environ.get("FUNCTION_PYTHONIC"):
        python = Path(path).with_name("python")
    else:
        build_missing([FUNCTION_PYTHONIC], cache_folder())
        python = FUNCTION_PYTHONIC.executable(cache_folder())
    command = [str(python), str(Path(__file__).with_name("rendering.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


@pytest.fixture(scope="session")
def provider_schemas(style: str) -> dict[str, Manifest]:
    """The providers' own schemas of what is composed here, in the version that is stored, by kind."""
    groups = {PROVIDER_SQL: "postgresql.sql", PROVIDER_KUBERNETES: "kubernetes", PROVIDER_HELM: "helm"}
    build_missing(list(groups), cache_folder())
    suffix = "crossplane.io" if style == "claims" else "m.crossplane.io"
    schemas = {}
    for provider, group in groups.items():
        folder = folder_of(provider, cache_folder()) / "package" / "crds"
        for file in folder.glob(f"{group}.{suffix}_*.yaml"):
            spec = yaml.safe_load(file.read_text())["spec"]
            stored = next(version for version in spec["versions"] if version["storage"])
            schemas[spec["names"]["kind"]] = stored["schema"]["openAPIV3Schema"]
    return schemas


@pytest.fixture(scope="session")
def cluster_api_schemas() -> dict[tuple[str, str], Manifest]:
    """Cluster API's own schemas and those of its providers, by apiVersion and kind."""
    providers = [CLUSTER_API, KUBEADM_BOOTSTRAP, KUBEADM_CONTROL_PLANE, CLUSTER_API_KUBEVIRT]
    build_missing(providers, cache_folder())
    schemas = {}
    for provider in providers:
        for file in (folder_of(provider, cache_folder()) / "config" / "crd" / "bases").glob("*.yaml"):
            spec = yaml.safe_load(file.read_text())["spec"]
            for version in spec["versions"]:
                key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
                schemas[key] = version["schema"]["openAPIV3Schema"]
    return schemas


def template(name: str, style: str, directory: Path) -> Manifest:
    """Template a manifest of the role as the role itself does."""
    target = directory / "manifest.yml"
    ansible = str(Path(sys.executable).with_name("ansible"))
    module = ["--module-name", "ansible.builtin.template", "--args", f"src={name} dest={target}"]
    variables = ["--extra-vars", "@defaults/main.yml", "--extra-vars", f"platform_api_style={style}"]
    command = [ansible, "localhost", "--connection", "local", *module, *variables]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")}
    subprocess.run(command, cwd=ROLE, env=environment, check=True, capture_output=True)
    manifest: Manifest = yaml.safe_load(target.read_text())
    return manifest


@pytest.fixture(scope="session")
def xrd(style: str, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return template("postgresql_instance/xrd.yml.j2", style, tmp_path_factory.mktemp("xrd"))


@pytest.fixture(scope="session")
def composition(style: str, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return template("postgresql_instance/composition.yml.j2", style, tmp_path_factory.mktemp("composition"))


@pytest.fixture(scope="session")
def renderer(rendering_process: subprocess.Popen[str], composition: Manifest, style: str) -> Renderer:
    return Renderer(rendering_process, composition, style)


@pytest.fixture(scope="session")
def parameters_schema(xrd: Manifest) -> dict[str, Any]:
    """The schema that the API server holds a claim's parameters to."""
    return parameters_of(xrd)


@pytest.fixture(scope="session")
def cluster_xrd(style: str, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return template("kubernetes_cluster/xrd.yml.j2", style, tmp_path_factory.mktemp("cluster_xrd"))


@pytest.fixture(scope="session")
def cluster_composition(style: str, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return template("kubernetes_cluster/composition.yml.j2", style, tmp_path_factory.mktemp("cluster_composition"))


@pytest.fixture(scope="session")
def cluster_renderer(rendering_process: subprocess.Popen[str], cluster_composition: Manifest, style: str) -> Renderer:
    return Renderer(rendering_process, cluster_composition, style)


@pytest.fixture(scope="session")
def cluster_parameters_schema(cluster_xrd: Manifest) -> dict[str, Any]:
    """The schema that the API server holds the parameters of a cluster's claim to."""
    return parameters_of(cluster_xrd)


@pytest.fixture(scope="session")
def cache_xrd(style: str, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return template("redis_instance/xrd.yml.j2", style, tmp_path_factory.mktemp("cache_xrd"))


@pytest.fixture(scope="session")
def cache_composition(style: str, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return template("redis_instance/composition.yml.j2", style, tmp_path_factory.mktemp("cache_composition"))


@pytest.fixture(scope="session")
def cache_renderer(rendering_process: subprocess.Popen[str], cache_composition: Manifest, style: str) -> Renderer:
    return Renderer(rendering_process, cache_composition, style)


@pytest.fixture(scope="session")
def cache_parameters_schema(cache_xrd: Manifest) -> dict[str, Any]:
    """The schema that the API server holds the parameters of a cache's claim to."""
    return parameters_of(cache_xrd)


def parameters_of(xrd: Manifest) -> dict[str, Any]:
    schema = xrd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    parameters: dict[str, Any] = schema["properties"]["spec"]["properties"]["parameters"]
    return parameters
