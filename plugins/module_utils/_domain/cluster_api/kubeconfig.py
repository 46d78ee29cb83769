# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubeconfig that Cluster API keeps for a cluster, and everything that can be wrong with it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..errors import Failed
from ..kubernetes.manifest import Manifest, ObjectRef
from .certificate import Certificate, certificate_from

KEY = "value"
_LOOK = "look at the KubeadmControlPlane, whose controller writes it"


def secret_ref(cluster: ObjectRef) -> ObjectRef:
    """The Secret with the kubeconfig of a Cluster."""
    return ObjectRef("v1", "Secret", f"{cluster.name}-kubeconfig", cluster.namespace)


@dataclass(frozen=True)
class Kubeconfig:
    """A kubeconfig that needs nothing beside itself; ``issuer`` and ``expires`` are of its client certificate."""

    text: str = field(repr=False)
    server: str
    issuer: str
    expires: datetime
    secrets: tuple[str, ...] = field(repr=False, default=())

    def notes(self) -> dict[str, str]:
        """What may be known of it."""
        return {"server": self.server, "issuer": self.issuer, "expires": self.expires.strftime("%Y-%m-%dT%H:%M:%SZ")}


def text_in(secret: Manifest | None, ref: ObjectRef) -> str:
    """The text in the Secret. Raises Failed saying what is wrong with the Secret."""
    if secret is None:
        raise Failed(f"{ref} with the kubeconfig of the cluster does not exist", next_step=_LOOK)
    encoded = (secret.get("data") or {}).get(KEY)
    if not encoded:
        raise Failed(f"{ref} has no kubeconfig: its key {KEY} is missing or empty", next_step=_LOOK)
    try:
        return base64.b64decode(str(encoded), validate=True).decode()
    except ValueError:
        raise Failed(
            f"{ref} has no kubeconfig: what its key {KEY} has is not text in base64", next_step=_LOOK
        ) from None


def kubeconfig_from(text: str, parsed: Any, ref: ObjectRef, now: float) -> Kubeconfig:
    """The kubeconfig that a text is, given what YAML makes of it. Raises Failed saying what is wrong with it."""
    cluster, user = _active(parsed, ref)
    foreign = sorted({"exec", "auth-provider", "tokenFile", "client-certificate", "client-key"} & user.keys())
    if foreign or "certificate-authority" in cluster:
        raise Failed(
            f"the kubeconfig in {ref} refers to {', '.join(foreign) or 'certificate-authority'}, which is not in it",
            next_step="it would run or read something of this machine; look who has written the Secret",
        )
    certificate = _certificate(user, ref)
    if certificate.expires.timestamp() <= now:
        raise Failed(
            f"the certificate in {ref} expired at {certificate.expires:%Y-%m-%d %H:%M:%S} UTC",
            next_step=f"Cluster API renews it at half of its life, so {_LOOK}",
        )
    secrets = tuple(_secrets(user))
    return Kubeconfig(text, str(cluster.get("server") or ""), certificate.issuer, certificate.expires, secrets)


def _active(parsed: Any, ref: ObjectRef) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The cluster and the user of the current context."""
    try:
        context = _named(parsed["contexts"], parsed["current-context"])["context"]
        cluster = _named(parsed["clusters"], context["cluster"])["cluster"]
        user = _named(parsed["users"], context["user"])["user"]
        complete = bool(cluster["server"]) and isinstance(user, dict)
    except (KeyError, TypeError, StopIteration):
        complete = False
    if not complete:
        raise Failed(f"what {ref} has is not a kubeconfig with a current context", next_step=_LOOK)
    return cluster, user


def _named(entries: Any, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(entry for entry in entries if entry["name"] == name)
    return found


def _certificate(user: Mapping[str, Any], ref: ObjectRef) -> Certificate:
    try:
        names = ("client-certificate-data", "client-key-data")
        pem, key = (base64.b64decode(str(user.get(name) or ""), validate=True).decode() for name in names)
        certificate = certificate_from(pem)
    except ValueError:
        key = ""
    if "PRIVATE KEY" not in key:
        raise Failed(f"the kubeconfig in {ref} has no client certificate and key that can be read", next_step=_LOOK)
    return certificate


def _secrets(user: Mapping[str, Any]) -> Iterator[str]:
    for name in ("client-key-data", "token", "password"):
        if user.get(name):
            yield str(user[name])
    yield base64.b64decode(str(user.get("client-key-data") or "")).decode(errors="replace")
