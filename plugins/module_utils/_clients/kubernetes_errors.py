# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server's refusals mean to a person."""

from __future__ import annotations

import ssl
from typing import Any

from .._domain import errors
from .._domain.manifest import ObjectRef
from .._domain.text import inert


def passing(error: Exception) -> bool:
    """Whether trying again may help: a certificate that is not trusted now will not be trusted in a second."""
    return not _is_certificate_error(error)


def unreachable(server: str, error: Exception, attempts: int = 1) -> errors.InfraError:
    """The error for a server that gave no answer at all."""
    if _is_certificate_error(error):
        return errors.Unreachable(
            f"the certificate of the Kubernetes API at {server} is not trusted: {inert(_innermost(error), 200)}",
            next_step="set ca_cert (K8S_AUTH_SSL_CA_CERT) to the CA that signed it",
        )
    tries = f" in {attempts} attempts" if attempts > 1 else ""
    return errors.Unreachable(
        f"the Kubernetes API at {server} did not answer{tries}: {inert(_innermost(error), 200)}",
        next_step="check that the server runs and that kubeconfig and context name the right one",
    )


def not_served(server: str, api_version: str, kind: str) -> errors.NotServed:
    """The error for a kind that discovery does not list."""
    return errors.NotServed(
        f"the Kubernetes API at {server} does not serve {kind} of {api_version}",
        next_step="install its definition (playbook pnow.infra.bootstrap) or correct api_version and kind",
    )


def from_response(server: str, verb: str, ref: ObjectRef, status: int, body: dict[str, Any]) -> errors.InfraError:
    """The error for an HTTP status of 400 and above; ``body`` is a ``v1.Status`` where Kubernetes itself answered."""
    message = inert(body.get("message") or f"HTTP status {status}")
    target = f"{ref.kind} {ref.namespace}/{ref.name}".rstrip("/")
    if status == 401:
        return errors.Unauthorized(
            f"the Kubernetes API at {server} does not accept the credential: {message}",
            next_step="renew the token or certificate in the kubeconfig",
        )
    if status == 403:
        return errors.Forbidden(
            f"not allowed to {verb} {target} at {server}: {message}",
            next_step=f"grant the verb {verb} on that resource to the caller",
        )
    if status == 404 and (body.get("details") or {}).get("kind") == "namespaces":
        return errors.NamespaceMissing(
            f"{target} can not be written, its namespace does not exist", next_step=f"create namespace {ref.namespace}"
        )
    if status == 409 and body.get("reason") == "Conflict" and (body.get("details") or {}).get("causes"):
        return errors.FieldConflict(
            f"{target} has fields that another manager owns: {_causes(body)}",
            next_step="change them there, or take them over with force_conflicts",
        )
    if status in (400, 409, 422):
        return errors.Rejected(f"the API server rejects {target}: {message}", next_step="correct the value it names")
    return errors.Unreachable(
        f"the Kubernetes API at {server} answered {status} to {verb} {target}: {message}",
        next_step="look at the API server's health and try again",
    )


def _causes(body: dict[str, Any]) -> str:
    causes = (body.get("details") or {}).get("causes") or []
    return inert("; ".join(f"{cause.get('field', '')} ({cause.get('message', '')})" for cause in causes))


def _is_certificate_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        reason = getattr(error, "reason", None)
        error = reason if isinstance(reason, BaseException) else error.__cause__ or error.__context__
    return False


def _innermost(error: BaseException) -> BaseException:
    """The cause that says something: urllib3 wraps it in layers that repeat host and path."""
    while True:
        reason = getattr(error, "reason", None)
        inner = reason if isinstance(reason, BaseException) else error.__cause__
        if inner is None:
            return error
        error = inner
