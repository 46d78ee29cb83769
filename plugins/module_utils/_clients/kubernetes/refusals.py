# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server's refusals, and its silence, mean to a person."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from ..._domain import errors
from ..._domain.kubernetes.findings import Invalid, findings_in
from ..._domain.kubernetes.manifest import ObjectRef
from ..._domain.text import inert
from .policy import OTHER_VERSION, Answer, causes

with suppress(ImportError):  # without it nobody connects, and is told so
    from urllib3 import exceptions as transport_errors


@dataclass(frozen=True)
class Refusal:
    """An answer with a status that is not a success; ``place`` says which server gave it."""

    place: str
    verb: str
    ref: ObjectRef
    answer: Answer

    @property
    def message(self) -> str:
        return inert(self.answer.message)

    @property
    def target(self) -> str:
        """The object, or the objects of a kind when the request was for a collection."""
        if self.ref.name:
            return str(self.ref)
        return f"{self.ref.kind} in namespace {self.ref.namespace}" if self.ref.namespace else self.ref.kind


class Reading(Protocol):
    """What one kind of refusal means; None when it is not of that kind."""

    def __call__(self, refusal: Refusal, /) -> errors.InfraError | None: ...


_DENIAL = re.compile(r'admission webhook "([^"]+)" denied the request(?:: )?(.*)')
_CALL = re.compile(r'failed calling webhook "([^"]+)":? ?(.*)')
_PERMISSION = re.compile(
    r'(?:User "(?P<user>[^"]*)" )?cannot (?P<verb>\S+) (?:resource|path) "(?P<resource>[^"]+)"'
    r'(?: in API group "(?P<group>[^"]*)")?(?: in the namespace "(?P<namespace>[^"]+)")?'
)
_NO_DRY_RUN = re.compile(r"does not support dry run|dryRun", re.IGNORECASE)
_MANAGER = re.compile(r'conflict with "([^"]+)"')

# By OpenSSL's number of the verification error: what is wrong, and what to do about it.
_TRUST = "set ca_cert (K8S_AUTH_SSL_CA_CERT), or certificate-authority in the kubeconfig, to the CA that signed it"
_NAME = "use a name or address that the certificate is for, or set tls-server-name in the kubeconfig"
_CERTIFICATE = {
    9: ("is not valid yet", "check the clocks of both machines"),
    10: ("has expired", "renew it on the server"),
    18: ("is signed by nobody that is trusted here", _TRUST),
    19: ("is signed by nobody that is trusted here", _TRUST),
    20: ("is signed by nobody that is trusted here", _TRUST),
    21: ("is signed by nobody that is trusted here", _TRUST),
    62: ("is for another host name", _NAME),
    64: ("is for another address", _NAME),
}
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"})


def unreachable(place: str, error: Exception, trail: Sequence[str] = ()) -> errors.InfraError:
    """The error for a server that gave no usable answer; ``trail`` names the attempts."""
    chain = list(causes(error))
    for cause in chain:
        if isinstance(cause, transport_errors.ProxyError):
            return errors.Unreachable(
                f"the proxy on the way to the Kubernetes API at {place} does not let through: {_said(chain)}",
                next_step="correct proxy (K8S_AUTH_PROXY), or add the server to no_proxy (K8S_AUTH_NO_PROXY)",
            )
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return _not_trusted(place, cause)
        if isinstance(cause, transport_errors.NameResolutionError):
            return errors.Unreachable(
                f"the host name of the Kubernetes API at {place} can not be resolved{attempts(trail)}: {_said(chain)}",
                next_step="correct the URL in host or kubeconfig, or the DNS of the machine where this task runs",
            )
    return errors.Unreachable(
        f"the Kubernetes API at {place} did not answer{attempts(trail)}: {_said(chain)}",
        next_step="check that the server runs and that kubeconfig and context name the right one",
    )


def not_served(place: str, api_version: str, kind: str) -> errors.NotServed:
    """The error for a kind that discovery does not list."""
    return errors.NotServed(
        f"the Kubernetes API at {place} does not serve {kind} of {api_version}",
        next_step="install its definition (playbook pnow.infra.bootstrap) or correct api_version and kind",
    )


def not_kubernetes(place: str, status: int) -> errors.Unreachable:
    """The error for a server that is something else."""
    return errors.Unreachable(
        f"something that is not a Kubernetes API answered at {place} with status {status}",
        next_step="correct host (K8S_AUTH_HOST) or the server in the kubeconfig, or look at what stands between",
    )


def from_answer(place: str, verb: str, ref: ObjectRef, answer: Answer) -> errors.InfraError:
    """The error for an answer that is not a success."""
    refusal = Refusal(place, verb, ref, answer)
    for reading in _READINGS:
        if (error := reading(refusal)) is not None:
            return error
    return errors.Unreachable(
        f"the Kubernetes API at {place} answered {answer.status} to {verb} {refusal.target}{attempts(answer.trail)}: "
        f"{refusal.message}",
        next_step="look at the API server's health and try again",
    )


def attempts(trail: Sequence[str]) -> str:
    """`` in 3 attempts (503 twice, timed out)``; empty for a single one, whose failure the message tells."""
    if len(trail) < 2:
        return ""
    counted = [(name, len(list(group))) for name, group in groupby(trail)]
    told = ", ".join(name if number == 1 else f"{name} x {number}" for name, number in counted)
    return f" in {len(trail)} attempts ({told})"


def _by_webhook(refusal: Refusal) -> errors.InfraError | None:
    if denial := _DENIAL.search(refusal.message):
        name, reason = denial.groups()
        return errors.Rejected(
            f'admission webhook "{name}" refuses to {refusal.verb} {refusal.target}: {reason or "it gives no reason"}',
            next_step="do as it says, or change the policy behind it",
        )
    if call := _CALL.search(refusal.message):
        name, trouble = call.groups()
        return errors.Unreachable(
            f'admission webhook "{name}" could not be asked whether to {refusal.verb} {refusal.target}'
            f"{attempts(refusal.answer.trail)}: {trouble}",
            next_step="mend the service behind the webhook, without which the API server refuses the request",
        )
    return None


def _unauthorized(refusal: Refusal) -> errors.InfraError | None:
    if refusal.answer.status != 401:
        return None
    return errors.Unauthorized(
        f"the Kubernetes API at {refusal.place} does not accept the credential, which is missing, wrong or expired: "
        f"{refusal.message}",
        next_step="renew the token or certificate in kubeconfig (K8S_AUTH_KUBECONFIG) or api_key (K8S_AUTH_API_KEY)",
    )


def _forbidden(refusal: Refusal) -> errors.InfraError | None:
    if refusal.answer.status != 403:
        return None
    permission = _PERMISSION.search(refusal.message)
    if permission is None:
        return None
    user, verb, resource, group, namespace = permission.group("user", "verb", "resource", "group", "namespace")
    missing = f"{verb} {resource}{'.' + group if group else ''}"
    scope = f"in namespace {namespace}" if namespace else "in the whole cluster"
    return errors.Forbidden(
        f"{user or 'the caller'} may not {missing} {scope}, needed to {refusal.verb} {refusal.target} "
        f"at the Kubernetes API at {refusal.place}",
        next_step=f"grant {missing} {scope}",
    )


def _not_found(refusal: Refusal) -> errors.InfraError | None:
    if refusal.answer.status != 404:
        return None
    missing = refusal.answer.details
    if missing.get("kind") == "namespaces":
        return errors.NamespaceMissing(
            f"{refusal.target} can not be written, its namespace does not exist",
            next_step=f"create namespace {refusal.ref.namespace}",
        )
    if refusal.verb == "patch" and missing.get("name") not in (None, "", refusal.ref.name):
        return errors.Rejected(
            f"the API server refuses to patch {refusal.target}, which names what does not exist: {refusal.message}",
            next_step="create that first, or correct the name",
        )
    return not_served(refusal.place, refusal.ref.api_version, refusal.ref.kind)


def _conflict(refusal: Refusal) -> errors.InfraError | None:
    if not refusal.answer.field_conflicts:
        return None
    owned = [(str(cause.get("field", "")).lstrip("."), _manager(cause)) for cause in refusal.answer.field_conflicts]
    told = inert("; ".join(f"{field} is owned by {manager}" for field, manager in owned))
    return errors.FieldConflict(
        f"{refusal.target} has fields with other values that are not ours to change: {told}",
        next_step="change them there, or take them over with force_conflicts",
    )


def _other_version(refusal: Refusal) -> errors.InfraError | None:
    if OTHER_VERSION not in refusal.message:
        return None
    return errors.OtherVersion(
        f"{refusal.target} was written in another version of its API, which does not know a field that is new now: "
        f"{refusal.message}",
        next_step="leave the new field out, or take the old version out of the definition",
    )


def _dry_run(refusal: Refusal) -> errors.InfraError | None:
    if refusal.answer.status != 400 or not _NO_DRY_RUN.search(refusal.message):
        return None
    return errors.DryRunRefused(
        f"what a change of {refusal.target} would do can not be asked: {refusal.message}",
        next_step="declare sideEffects None for what can not answer a dry run",
    )


def _invalid(refusal: Refusal) -> errors.InfraError | None:
    answer = refusal.answer
    if answer.status not in (400, 422) and not answer.wrong_object:
        return None
    findings = findings_in(answer.message, answer.causes)
    return Invalid(refusal.ref, findings) if findings else None


def _rejected(refusal: Refusal) -> errors.InfraError | None:
    status = refusal.answer.status
    if not 400 <= status < 500 or status == 429:
        return None
    if "HTTP request to an HTTPS server" in refusal.message:
        return errors.InvalidOption(
            f"the Kubernetes API at {refusal.place} speaks HTTPS only", next_step="write its URL as https://..."
        )
    return errors.Rejected(
        f"the API server refuses to {refusal.verb} {refusal.target}{attempts(refusal.answer.trail)}: {refusal.message}",
        next_step="correct what it names",
    )


_READINGS: tuple[Reading, ...] = (
    _by_webhook,
    _other_version,
    _unauthorized,
    _forbidden,
    _not_found,
    _conflict,
    _dry_run,
    _invalid,
    _rejected,
)


def _manager(cause: dict[str, object]) -> str:
    message = str(cause.get("message", ""))
    found = _MANAGER.search(message)
    return found.group(1) if found else message


def _not_trusted(place: str, error: ssl.SSLError) -> errors.InfraError:
    if isinstance(error, ssl.SSLCertVerificationError):
        trouble, next_step = _CERTIFICATE.get(error.verify_code, ("is not accepted", _TRUST))
        return errors.Unreachable(
            f"the certificate of the Kubernetes API at {place} {trouble}: {inert(error.verify_message, 200)}",
            next_step=next_step,
        )
    if error.reason in _NOT_TLS:
        return errors.Unreachable(
            f"the server at {place} does not speak TLS, as an API server behind an https URL would",
            next_step="correct scheme and port of the URL",
        )
    return errors.Unreachable(
        f"no TLS connection to the Kubernetes API at {place} comes about: {inert(error, 200)}",
        next_step="look into the server's log for what it demands of a client",
    )


def _said(chain: Sequence[BaseException]) -> str:
    """The words of the innermost cause: the layers around it repeat host and path."""
    if any(isinstance(cause, http.client.IncompleteRead) for cause in chain):
        return "it broke off in the middle of its answer"
    return inert(next((cause for cause in reversed(chain) if str(cause)), chain[-1]), 200)
