# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Kubernetes control plane needs besides its flags: kubeconfig and audit policy."""

from __future__ import annotations

import base64

import yaml

from tests.testbed.bed import Bed

# Who did what, without bodies: Secrets must not end up in a log. Nothing but health checks is left out.
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    nonResourceURLs: [/healthz*, /livez*, /readyz*]
  - level: Metadata
"""


def prepare_apiserver(bed: Bed) -> None:
    bed.write("audit-policy.yaml", AUDIT_POLICY)
    bed.write("kubeconfig", kubeconfig(bed))


def kubeconfig(bed: Bed, acting_as: str = "") -> str:
    """A kubeconfig of the bed's administrator, who may act as another user, that needs no other file."""
    admin = bed.pki / "admin"
    encoded = {
        name: base64.b64encode((admin / name).read_bytes()).decode() for name in ("ca.crt", "tls.crt", "tls.key")
    }
    server = {"server": f"https://{bed.address('kube-apiserver')}", "certificate-authority-data": encoded["ca.crt"]}
    user = {"client-certificate-data": encoded["tls.crt"], "client-key-data": encoded["tls.key"]}
    if acting_as:
        user["as"] = acting_as
    name = f"testbed-{bed.name}"
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": server}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
