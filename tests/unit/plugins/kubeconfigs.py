# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs as Cluster API writes them, of certificates that end when a test wants them to."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SERVER = "https://127.0.0.1:6443"


def certificate(ends: dt.datetime, issuer: str = "kubernetes") -> tuple[str, str]:
    """A certificate and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())

    def name(*texts: str) -> x509.Name:
        parts = (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)[-len(texts) :]
        return x509.Name([x509.NameAttribute(part, text) for part, text in zip(parts, texts, strict=True)])

    made = (
        x509.CertificateBuilder()
        .subject_name(name("system:masters", "kubernetes-admin"))
        .issuer_name(name("example", issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - dt.timedelta(days=365))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return pem, secret.decode()


def kubeconfig(ends: dt.datetime, cluster: str = "dev", **user: Any) -> dict[str, Any]:
    """A kubeconfig as a mapping; ``user`` is added to its user."""
    pem, key = certificate(ends)
    login = {
        "client-certificate-data": base64.b64encode(pem.encode()).decode(),
        "client-key-data": base64.b64encode(key.encode()).decode(),
    }
    context = f"{cluster}-admin@{cluster}"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [{"name": cluster, "cluster": {"server": SERVER, "certificate-authority-data": "LS0t"}}],
        "contexts": [{"name": context, "context": {"cluster": cluster, "user": f"{cluster}-admin"}}],
        "users": [{"name": f"{cluster}-admin", "user": {**login, **user}}],
    }


def secret(config: dict[str, Any], cluster: str = "dev", namespace: str = "dev") -> dict[str, Any]:
    """The Secret that has it; JSON is YAML, too."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{cluster}-kubeconfig", "namespace": namespace, "uid": "uid-kubeconfig"},
        "data": {"value": base64.b64encode(json.dumps(config).encode()).decode()},
    }


def service_account_token(starts: dt.datetime, ends: dt.datetime, account: str = "uid-pnow-infra") -> str:
    """A token as an API server gives it to a service account, signed by nobody."""
    claims = {
        "iss": "https://kubernetes",
        "iat": int(starts.timestamp()),
        "exp": int(ends.timestamp()),
        "kubernetes.io": {"serviceaccount": {"name": "pnow-infra", "uid": account}},
    }
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2lnbmF0dXJl"
