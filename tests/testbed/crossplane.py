# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a new API server ready for Crossplane, with Crossplane's own initialiser."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.testbed.bed import Bed
from tests.testbed.build import tail
from tests.testbed.kubernetes_api import KubernetesApi, Object
from tests.testbed.readiness import NotReady, wait_until

# The one version that is not 2: it has neither the circuit breaker nor an initialiser that can be told what to install.
V1 = "1.20"
NAMESPACE = "crossplane-system"
SERVICE_ACCOUNT = "crossplane"
CUSTOM_RESOURCES = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MANAGED_RESOURCES = "/apis/apiextensions.crossplane.io/v1alpha1/managedresourcedefinitions"
VALIDATING_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
INITIALISE_TIMEOUT = 120.0
ESTABLISH_TIMEOUT = 60.0


def common_environment(bed: Bed) -> dict[str, str]:
    """What both `core init` and `core start` need. The former would install webhooks that are behind a Service."""
    return {
        "KUBECONFIG": str(bed.kubeconfig),
        "POD_NAMESPACE": NAMESPACE,
        "POD_SERVICE_ACCOUNT": SERVICE_ACCOUNT,
        "ENABLE_WEBHOOKS": "false",
        "TLS_CA_SECRET_NAME": "crossplane-root-ca",
        "TLS_SERVER_SECRET_NAME": "crossplane-tls-server",
        "TLS_CLIENT_SECRET_NAME": "crossplane-tls-client",
    }


def initialise(bed: Bed, executable: Path, definitions: Path) -> None:
    """Install Crossplane's custom resource definitions (in the folder `definitions`) and its first objects."""
    api = KubernetesApi(bed)
    _apply_account(api)
    if bed.crossplane == V1:
        _apply_definitions(api, definitions)
    else:
        environment = {**common_environment(bed), "CRDS_PATH": str(definitions)}
        # A first run may find that the API server does not serve yet what the run itself has just defined.
        wait_until(lambda: _run_initialiser(bed, executable, environment), INITIALISE_TIMEOUT)
    wait_until(lambda: all_established(api), ESTABLISH_TIMEOUT)


def circuit_breaker(bed: Bed) -> list[str]:
    """Options for `core start`: at the defaults the breaker drops events of a single healthy composite.

    That is then Ready a minute late.
    """
    return [] if bed.crossplane == V1 else ["--circuit-breaker-burst=10000", "--circuit-breaker-refill-rate=1000"]


def _apply_definitions(api: KubernetesApi, folder: Path) -> None:
    """What the initialiser of version 1 would read from a folder of its container."""
    for file in sorted(folder.glob("*.yaml")):
        definition = yaml.safe_load(file.read_text())
        api.apply(f"{CUSTOM_RESOURCES}/{_name(definition)}", definition)


def protect(bed: Bed, configuration: Path) -> None:
    """Have the API server ask Crossplane, at its address, before anything that is in use is deleted."""
    manifest = yaml.safe_load(configuration.read_text())
    authority = base64.b64encode((bed.pki / "ca.crt").read_bytes()).decode()
    for webhook in manifest["webhooks"]:
        path = webhook["clientConfig"]["service"]["path"]
        webhook["clientConfig"] = {"url": f"https://{bed.address('crossplane-webhook')}{path}", "caBundle": authority}
    KubernetesApi(bed).apply(f"{VALIDATING_WEBHOOKS}/{_name(manifest)}", manifest)


def _apply_account(api: KubernetesApi) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    api.apply(f"/api/v1/namespaces/{NAMESPACE}", namespace)
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": SERVICE_ACCOUNT, "namespace": NAMESPACE},
    }
    api.apply(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{SERVICE_ACCOUNT}", account)


def _run_initialiser(bed: Bed, executable: Path, environment: Mapping[str, str]) -> None:
    log_file = bed.logs / "crossplane-init.log"
    command = [str(executable), "core", "init", "--activation", "*"]
    with log_file.open("a") as log:
        status = subprocess.run(
            command, env={**os.environ, **environment}, stdout=log, stderr=log, check=False
        ).returncode
    if status != 0:
        raise NotReady(f"crossplane core init fails (exit status {status}); {log_file} ends with:\n{tail(log_file)}")


def served_definitions(api: KubernetesApi) -> set[str]:
    """The names of all custom resource definitions whose resources the API server serves.

    A managed resource definition has the name of the custom resource definition that Crossplane makes of it; one that
    is not active counts as well, as there is nothing to wait for.
    """
    established = [each["spec"] for each in api.list(CUSTOM_RESOURCES) if _is_established(each)]
    # A provider that watches needs to find its kinds by discovery, which knows of them a moment later.
    versions = {f"{spec['group']}/{version['name']}" for spec in established for version in spec["versions"]}
    discovered = {version: api.resources(version) for version in versions}
    served = {
        f"{spec['names']['plural']}.{spec['group']}"
        for spec in established
        if all(
            spec["names"]["plural"] in discovered[f"{spec['group']}/{each['name']}"]
            for each in spec["versions"]
            if each["served"]
        )
    }
    return served | {_name(each) for each in api.list(MANAGED_RESOURCES) if each["spec"].get("state") == "Inactive"}


def all_established(api: KubernetesApi) -> None:
    """Raises NotReady unless the API server serves the resources of every custom resource definition."""
    pending = [_name(each) for each in api.list(CUSTOM_RESOURCES) if not _is_established(each)]
    if pending:
        raise NotReady(f"not established: {', '.join(pending)}")


def _is_established(definition: Object) -> bool:
    # A definition that was made a moment ago has `conditions: null`.
    conditions = definition.get("status", {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def _name(definition: Object) -> str:
    name: str = definition["metadata"]["name"]
    return name
