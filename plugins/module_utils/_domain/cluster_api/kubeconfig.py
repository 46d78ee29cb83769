# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs of a cluster: the one that Cluster API keeps, all that can be wrong with it, and one made from it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..errors import Failed
from ..kubernetes.manifest import Manifest, ObjectRef
from .credentials import Certificate, Token, token_from

KEY = "value"
_LOOK = "look at the KubeadmControlPlane, whose controller writes it"


def secret_ref(cluster: ObjectRef) -> ObjectRef:
    """The Secret with the kubeconfig of a Cluster."""
    return ObjectRef("v1", "Secret", f"{cluster.name}-kubeconfig", cluster.namespace)


@dataclass(frozen=True)
class Kubeconfig:
    """A kubeconfig that needs nothing beside itself; ``issuer`` and ``expires`` are of its certificate or token."""

    text: str = field(repr=False)
    content: Mapping[str, Any] = field(repr=False)
    server: str
    issuer: str
    expires: datetime
    secrets: tuple[str, ...] = field(repr=False, default=())

    def notes(self) -> dict[str, str]:
        """What may be known of it."""
        return {"server": self.server, "issuer": self.issuer, "expires": self.expires.strftime("%Y-%m-%dT%H:%M:%SZ")}


@dataclass(frozen=True)
class Current:
    """What the current context of a kubeconfig names: a cluster, by the name that it has there, and a user."""

    name: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any]

    @property
    def server(self) -> str:
        return str(self.cluster["server"])


def current_in(content: Any) -> Current | None:
    """What the current context names; None when it is no kubeconfig, or one without a current context."""
    try:
        context = _named(content["contexts"], content["current-context"])["context"]
        cluster = _named(content["clusters"], context["cluster"])["cluster"]
        user = _named(content["users"], context["user"])["user"]
        complete = bool(cluster["server"]) and isinstance(user, dict)
    except (KeyError, TypeError, StopIteration):
        complete = False
    return Current(str(context["cluster"]), cluster, user) if complete else None


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


def kubeconfig_from(
    text: str, content: Any, certificate_of: Callable[[str], Certificate], ref: ObjectRef, now: float
) -> Kubeconfig:
    """The kubeconfig that a text is, given what YAML makes of it. Raises Failed saying what is wrong with it."""
    current = current_in(content)
    if current is None:
        raise Failed(f"what {ref} has is not a kubeconfig with a current context", next_step=_LOOK)
    foreign = sorted({"exec", "auth-provider", "tokenFile", "client-certificate", "client-key"} & current.user.keys())
    if foreign or "certificate-authority" in current.cluster:
        raise Failed(
            f"the kubeconfig in {ref} refers to {', '.join(foreign) or 'certificate-authority'}, which is not in it",
            next_step="it would run or read something of this machine; look who has written the Secret",
        )
    certificate = _certificate(current.user, certificate_of, ref)
    if certificate.expires.timestamp() <= now:
        raise Failed(
            f"the certificate in {ref} expired at {certificate.expires:%Y-%m-%d %H:%M:%S} UTC",
            next_step=f"Cluster API renews it at half of its life, so {_LOOK}",
        )
    secrets = tuple(_secrets(current.user))
    return Kubeconfig(text, content, current.server, certificate.issuer, certificate.expires, secrets)


def short_lived(administrators: Kubeconfig, account: str, token: Token) -> Kubeconfig:
    """A kubeconfig that opens the same cluster with the token of a service account."""
    current = current_in(administrators.content)
    name, cluster = (current.name, current.cluster) if current else ("", {})
    context = f"{account}@{name}"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": dict(cluster)}],
        "users": [{"name": account, "user": {"token": token.text}}],
        "contexts": [{"name": context, "context": {"cluster": name, "user": account}}],
        "current-context": context,
    }
    text = json.dumps(content, indent=2) + "\n"  # which is YAML, too
    return Kubeconfig(text, content, administrators.server, token.issuer, token.expires, (token.text,))


def token_in(content: Any) -> Token | None:
    """The token of a service account with which a kubeconfig logs in, if it does."""
    current = current_in(content)
    try:
        return token_from(str(current.user["token"])) if current else None
    except (KeyError, ValueError):
        return None


def why_of_another(content: Any, name: str, server: str) -> str:
    """Why a kubeconfig is not that of a cluster, of which name or server may not be known; empty when it is."""
    current = current_in(content)
    if current is None:
        return "it is none with a current context"
    if name and current.name != name:
        return f"it is that of a cluster called {current.name}, not {name}"
    if server and current.server != server:
        return f"it opens the cluster at {current.server}, and this one is at {server}"
    if not name and not server:
        return "the cluster has gone before, and without environment nothing tells whose it is"
    return ""


def _named(entries: Any, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(entry for entry in entries if entry["name"] == name)
    return found


def _certificate(user: Mapping[str, Any], certificate_of: Callable[[str], Certificate], ref: ObjectRef) -> Certificate:
    try:
        names = ("client-certificate-data", "client-key-data")
        pem, key = (base64.b64decode(str(user.get(name) or ""), validate=True).decode() for name in names)
        certificate = certificate_of(pem)
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
