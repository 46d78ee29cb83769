# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Vault's refusals mean to a person."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._domain import errors
from ..._domain.text import inert
from .address import origin


@dataclass(frozen=True)
class Verb:
    """What the client does at a path, in words, and the capabilities that a policy must grant for it."""

    words: str
    capabilities: str


READ = Verb("read", "read")
LIST = Verb("list", "list")
WRITE = Verb("write", "create and update")
DELETE = Verb("delete", "delete")
GET_TOKEN = Verb("get a token at", "update")
REVOKE = Verb("revoke leases at", "update")

# Of what sys/ has, Vault says in these words and with another status that it is not there.
_ABSENCES = ("No secret engine mount at ", "No auth engine at ", "Could not find header in config")

# Paths that Vault guards twice.
SUDO_PATHS = ("sys/leases/revoke-prefix/", "sys/leases/lookup/")
SUDO_PATH = "sys/leases"


def passing(error: Exception) -> bool:
    """Whether trying again may help: a certificate that is not trusted now will not be trusted in a second."""
    return _certificate_error(error) is None


def named_leader(server: str, error: Exception) -> str:
    """The active node that ``server`` sent a request on to, if it is that one which gave no answer; else empty."""
    leader = origin(str(getattr(getattr(error, "request", None), "url", None) or server))
    return "" if leader == origin(server) else leader


def unreachable(server: str, error: Exception, attempts: int) -> errors.InfraError:
    """The error for a request that got no answer."""
    if leader := named_leader(server, error):
        server = f"{leader}, the active node by what {server} says,"
    distrust = _certificate_error(error)
    if distrust is not None:
        return errors.Unreachable(
            f"the certificate of Vault at {server} is not trusted: {inert(distrust, 200)}",
            next_step="set ca_cert (VAULT_CACERT) to the CA that signed it",
        )
    tries = f" in {attempts} attempts" if attempts > 1 else ""
    return errors.Unreachable(
        f"Vault at {server} did not answer{tries}: {inert(_innermost(error), 200)}",
        next_step="check that it runs and that url (VAULT_ADDR) names it",
    )


def is_vaults(status: int, body: dict[str, Any]) -> bool:
    """Whether an answer can be Vault's: all have marks of it but those that say nothing, and that of an unseal."""
    return status == 204 or "request_id" in body or "sealed" in body or isinstance(body.get("errors"), list)


def not_vault(server: str, url: str, status: int, kind: str, text: str) -> errors.Unreachable:
    """The error for an answer that is not Vault's; ``url`` is where redirections ended."""
    place = server if url.startswith(server) else f"{origin(url)}, where {server} sends one,"
    said = f": {inert(text, 120)}" if text.strip() else ""
    return errors.Unreachable(
        f"something that is not Vault answered at {place} with status {status} ({kind or 'no content'}){said}",
        next_step="correct url (VAULT_ADDR), or look at what stands between",
    )


def redirected(server: str, method: str, url: str) -> errors.Unreachable:
    """The error for a request that became another one on its way, as a web server's redirection makes a POST a GET."""
    return errors.Unreachable(
        f"{server} redirects to {origin(url)} in a way that loses a {method}, so nothing was done there",
        next_step=f"set url (VAULT_ADDR) to {origin(url)}",
    )


def is_unrouted(status: int, body: dict[str, Any]) -> bool:
    """Whether an answer says that no engine is mounted where the path is."""
    return status == 404 and "no handler for route" in _messages(body)


def is_absence(status: int, body: dict[str, Any]) -> bool:
    """Whether an answer says that an engine has nothing at a path, which it could have."""
    messages = _messages(body)
    if status == 400:
        return messages.startswith(_ABSENCES)
    if status != 404 or "errors" not in body:
        return False
    return not any(text in messages for text in ("no handler for route", "unsupported path"))


def not_mounted(server: str, path: str, mounted: Sequence[str]) -> errors.NotMounted:
    """The error for a path that nothing is seen to serve; Vault does not say which of the two reasons it is."""
    seen = f"mounted are {', '.join(mounted)}" if mounted else "it may see nothing at all"
    return errors.NotMounted(
        f"Vault at {server} has no engine mounted at {_unmounted(path, mounted)}/ that the token may see; {seen}",
        next_step="mount one there, or correct the path or the policy",
    )


def _unmounted(path: str, mounted: Sequence[str]) -> str:
    """The beginning of a path in which it leaves those of all mount points."""
    parts = path.split("/")
    for position in range(1, len(parts)):
        beginning = "/".join(parts[:position])
        if not any(mount.startswith(f"{beginning}/") for mount in mounted):
            return beginning
    return path


def is_invalid_token(status: int, body: dict[str, Any]) -> bool:
    """Whether an answer refuses the token itself, and not what it may do."""
    refusals = ("invalid token", "bad token", "missing client token")
    return status == 403 and any(text in _messages(body) for text in refusals)


def is_leaderless(body: dict[str, Any]) -> bool:
    """Whether an answer comes from a standby that has nobody to pass the request on to, with any of many statuses."""
    return any(text in _messages(body) for text in ("active cluster node not found", "no active Vault instance found"))


def leaderless(server: str) -> errors.Unreachable:
    """The error for a server that ``is_leaderless``."""
    return errors.Unreachable(
        f"Vault at {server} is a standby whose cluster has no active node", next_step="look at its peers, run again"
    )


def is_sealed(status: int, body: dict[str, Any]) -> bool:
    """Whether an answer comes from a server that can not open its storage, or has none yet."""
    return status == 503 and "sealed" in _messages(body)


def closed(server: str, *, initialised: bool) -> errors.Unreachable:
    """The error for a server that ``is_sealed``."""
    state, remedy = ("sealed", "unseal") if initialised else ("not initialized", "initialize")
    return errors.Unreachable(f"Vault at {server} is {state}", next_step=f"{remedy} it and run again")


def refused_token(server: str, origin: str, remedy: str) -> errors.Unauthorized:
    """The error for a token that is not accepted; Vault does not say which of the reasons it is."""
    return errors.Unauthorized(
        f"Vault at {server} does not accept the token {origin}; it has expired, was revoked or is wrong",
        next_step=remedy,
    )


def from_response(server: str, verb: Verb, path: str, status: int, body: dict[str, Any]) -> errors.InfraError:
    """The error for an HTTP status of 400 and above."""
    message = inert(_messages(body) or f"HTTP status {status}")
    if status == 403:
        return _forbidden(server, verb, path)
    if status in (400, 404) and verb is GET_TOKEN:
        return errors.Unauthorized(
            f"Vault at {server} gives no token at {path}: {message}", next_step=_login_help(path)
        )
    if status in (400, 404, 405):
        return errors.Rejected(
            f"Vault at {server} rejects to {verb.words} {path}: {message}", next_step="see its reason"
        )
    if status in (501, 503):
        return errors.Unreachable(
            f"Vault at {server} is not serving: {message}", next_step="look at its health, run again"
        )
    if status == 500:
        return errors.Failed(
            f"Vault at {server} failed to {verb.words} {path}: {message}", next_step="mend what it names, run again"
        )
    return errors.Unreachable(
        f"Vault at {server} answered {status} to {verb.words} {path}: {message}",
        next_step="look at its health and try again",
    )


def _forbidden(server: str, verb: Verb, path: str) -> errors.Forbidden:
    sudo = " and sudo" if path.startswith(SUDO_PATHS) or path == SUDO_PATH else ""
    return errors.Forbidden(
        f"Vault at {server} does not allow to {verb.words} {path}",
        next_step=f"grant {verb.capabilities}{sudo} on {path} to the token, or use another one",
    )


def _login_help(path: str) -> str:
    if path == "auth/token/create":
        return "use a service token, or set verify to never"
    return "check auth_mount_point, and what auth_method logs in with"


def _messages(body: dict[str, Any]) -> str:
    # The key-value engine calls what it refuses a warning.
    found = body.get("errors") or body.get("warnings")
    return "; ".join(str(item) for item in found) if isinstance(found, list) else ""


def _certificate_error(error: BaseException | None) -> BaseException | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = _cause(error)
    return None


def _innermost(error: BaseException) -> BaseException:
    """The cause that says something: requests and urllib3 wrap it in layers that repeat host and path."""
    while (cause := _cause(error)) is not None:
        error = cause
    return error


def _cause(error: BaseException) -> BaseException | None:
    """What an error was made of; the layers differ in where they keep it."""
    inner = (getattr(error, "reason", None), error.args[0] if error.args else None, error.__cause__)
    return next((item for item in inner if isinstance(item, BaseException)), None)
