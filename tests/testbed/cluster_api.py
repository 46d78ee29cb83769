# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster API's programs: their definitions and webhooks, as kustomize makes them, and the flags that all of them have.

In a cluster a webhook is behind a Service; here the API server asks at the address where its program serves.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from tests.testbed.bed import Bed
from tests.testbed.crossplane import CUSTOM_RESOURCES, ESTABLISH_TIMEOUT, all_established
from tests.testbed.errors import TestbedError
from tests.testbed.kubernetes_api import KubernetesApi, Object
from tests.testbed.readiness import answers, wait_until

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/"
PATHS = {
    "CustomResourceDefinition": CUSTOM_RESOURCES,
    "MutatingWebhookConfiguration": WEBHOOKS + "mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": WEBHOOKS + "validatingwebhookconfigurations",
}


def ports(name: str) -> tuple[str, str, str]:
    """The ports of the program called `name`: of its health, its metrics, and its webhooks."""
    return (name, f"{name}-metrics", f"{name}-webhook")


def flags(bed: Bed, name: str, every: str = "30s") -> list[str]:
    """What every program of Cluster API is told. Its webhooks listen on all addresses; there is no flag for that.

    `every` is how often it looks at everything, by default every ten minutes: after an outage it tries again as late as
    the outage was long, unless it looks before that.
    """
    return [
        f"--kubeconfig={bed.kubeconfig}",
        "--leader-elect=false",
        f"--health-addr={bed.address(name)}",
        f"--diagnostics-address={bed.address(f'{name}-metrics')}",
        "--insecure-diagnostics=true",
        f"--webhook-port={bed.ports[f'{name}-webhook']}",
        f"--webhook-cert-dir={bed.pki / 'server'}",
        f"--sync-period={every}",
    ]


def serves(bed: Bed, name: str) -> None:
    """Raises NotReady unless the program called `name` does what it is here for."""
    answers(f"http://{bed.address(name)}", "/readyz")


def install(bed: Bed, kubectl: Path, configurations: dict[str, Path]) -> None:
    """Install the definitions and webhooks of all programs, by the folder `config` of each; all or none would do.

    Before the first one starts: each of them looks for kinds of the others.
    """
    api = KubernetesApi(bed)
    folders = [(name, folder / part) for name, folder in configurations.items() for part in ("crd", "webhook")]
    with ThreadPoolExecutor() as pool:
        rendered = pool.map(lambda each: _kustomize(kubectl, each[1]), folders)
        for (name, _folder), manifests in zip(folders, rendered, strict=True):
            for manifest in on_loopback(bed, name, manifests):
                api.apply(f"{PATHS[manifest['kind']]}/{manifest['metadata']['name']}", manifest)
    wait_until(lambda: all_established(api), ESTABLISH_TIMEOUT)


def on_loopback(bed: Bed, name: str, manifests: list[Object]) -> Iterator[Object]:
    """The manifests of the program called `name`, without its Service, and with its webhooks where it serves here.

    Upstream calls all webhook configurations alike, and tells them apart by a prefix when they are released.
    """
    for manifest in manifests:
        if manifest["kind"] not in PATHS:
            continue
        manifest.pop("status", None)
        if manifest["kind"] == "CustomResourceDefinition":
            webhooks = [manifest["spec"].get("conversion", {}).get("webhook", {})]
        else:
            webhooks = manifest["webhooks"]
            manifest["metadata"]["name"] = f"{name}-{manifest['metadata']['name']}"
        for webhook in webhooks:
            if service := webhook.get("clientConfig", {}).get("service"):
                webhook["clientConfig"] = _client_configuration(bed, name, service["path"])
        yield manifest


def _client_configuration(bed: Bed, name: str, path: str) -> Object:
    authority = base64.b64encode((bed.pki / "ca.crt").read_bytes()).decode()
    return {"url": f"https://{bed.address(f'{name}-webhook')}{path}", "caBundle": authority}


def _kustomize(kubectl: Path, folder: Path) -> list[Object]:
    result = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise TestbedError(f"kubectl kustomize {folder} fails: {result.stderr.strip()}")
    return list(yaml.load_all(result.stdout, Loader=yaml.CSafeLoader))
