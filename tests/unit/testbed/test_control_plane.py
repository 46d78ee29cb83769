# SPDX-License-Identifier: GPL-3.0-or-later
"""Files for the control plane."""

from __future__ import annotations

import base64

import yaml

from tests.testbed import control_plane, pki
from tests.testbed.bed import Bed


def test_the_kubeconfig_needs_no_other_file(bed: Bed) -> None:
    pki.create(bed.pki)
    config = yaml.safe_load(control_plane.kubeconfig(bed))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]

    assert cluster["server"] == f"https://127.0.0.1:{bed.ports['kube-apiserver']}"
    assert base64.b64decode(cluster["certificate-authority-data"]) == (bed.pki / "ca.crt").read_bytes()
    assert base64.b64decode(user["client-certificate-data"]) == (bed.pki / "admin" / "tls.crt").read_bytes()
    assert base64.b64decode(user["client-key-data"]) == (bed.pki / "admin" / "tls.key").read_bytes()
    assert config["current-context"] == config["contexts"][0]["name"]


def test_the_audit_log_drops_health_checks_only_and_keeps_no_body() -> None:
    policy = yaml.safe_load(control_plane.AUDIT_POLICY)
    dropped, kept = policy["rules"]

    assert dropped == {"level": "None", "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*"]}
    assert kept == {"level": "Metadata"}
