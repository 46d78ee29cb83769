# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to get a token from Vault: the options of each auth method, as a request."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from ..._domain import errors
from ..._domain.vault.ports import Data

Options: TypeAlias = Mapping[str, Any]

# How hvac and requests are told which authorities this host trusts.
TRUSTED_BY_DEFAULT = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
# Where Kubernetes puts the token of a pod's service account.
SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


@dataclass(frozen=True)
class Login:
    """A write that is answered with a token. ``secrets`` are those that no option has told."""

    path: str
    data: Data = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Token:
    """A token, in words where it came from, and what to do once it is not accepted any more."""

    value: str = field(repr=False)
    origin: str
    remedy: str = "log in again, or use an auth_method that can"


# With auth_method none.
AGENTS_TOKEN = Token("", "that an agent is to add", "look at the agent")


def token(options: Options) -> Token:
    """The token of the options, or of the file that ``vault login`` leaves. Raises Unauthorized."""
    if options["token"]:
        return Token(str(options["token"]).strip(), "that is given as token (VAULT_TOKEN)")
    path = Path(options["token_path"] or "~").expanduser() / str(options["token_file"])
    with suppress(OSError, UnicodeDecodeError):
        if text := path.read_text(encoding="utf-8").strip():
            return Token(text, f"in {path}")
    raise errors.Unauthorized(
        f"there is no token for Vault at {options['url']}",
        next_step=f"set token (VAULT_TOKEN), log in so that {path} has one, or choose another auth_method",
    )


def login(options: Options) -> Login:
    """The login of every method that has one. Raises InvalidOption for an option that the method needs."""
    return _LOGINS[options["auth_method"]](options)


def client_certificate(options: Options) -> tuple[str, str] | None:
    """The files of the certificate that method ``cert`` shows. Raises InvalidOption when one is missing."""
    if options["auth_method"] != "cert":
        return None
    files = _needed(options, "cert_auth_public_key"), _needed(options, "cert_auth_private_key")
    for file in files:
        _check_file(file, "auth_method cert needs it, as PEM")
    return files


def trusted_authorities(options: Options) -> str | bool:
    """What Vault's certificate is checked against, as requests takes it. Raises InvalidOption when it is not there."""
    if options["validate_certs"] is False:
        return False
    if options["ca_cert"]:
        _check_file(options["ca_cert"], "ca_cert (VAULT_CACERT) names it, and it is to have CA certificates as PEM")
        return str(options["ca_cert"])
    for name in TRUSTED_BY_DEFAULT:
        if path := os.environ.get(name):
            if not Path(path).exists():
                raise errors.InvalidOption(f"there is no {path}", next_step=f"correct or unset {name}, or give ca_cert")
            return path
    return True


def _approle(options: Options) -> Login:
    return Login(_path(options), {"role_id": _needed(options, "role_id"), "secret_id": options["secret_id"] or ""})


def _jwt(options: Options) -> Login:
    return Login(_path(options), {"role": _needed(options, "role_id"), "jwt": _needed(options, "jwt")})


def _kubernetes(options: Options) -> Login:
    role = _needed(options, "role_id")
    if options["jwt"]:
        return _jwt(options)
    try:
        jwt = SERVICE_ACCOUNT_TOKEN.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise errors.InvalidOption(
            f"jwt is missing, and there is no {SERVICE_ACCOUNT_TOKEN}",
            next_step="run in a pod, or give the token of a service account",
        ) from error
    return Login(_path(options), {"role": role, "jwt": jwt}, (jwt,))


def _userpass(options: Options) -> Login:
    username = quote(_needed(options, "auth_username"), safe="")
    return Login(f"{_path(options)}/{username}", {"password": _needed(options, "auth_password")})


def _cert(options: Options) -> Login:
    return Login(_path(options), {"name": options["role_id"]} if options["role_id"] else {})


_LOGINS: dict[str, Callable[[Options], Login]] = {
    "approle": _approle,
    "cert": _cert,
    "jwt": _jwt,
    "kubernetes": _kubernetes,
    "userpass": _userpass,
}


def _path(options: Options) -> str:
    mount_point = str(options["auth_mount_point"] or options["auth_method"]).strip("/")
    return f"auth/{mount_point}/login"


def _check_file(path: str, need: str) -> None:
    if not Path(path).exists():
        raise errors.InvalidOption(f"there is no file {path}", next_step=need)
    if Path(path).is_dir():
        raise errors.InvalidOption(f"{path} is a folder", next_step=need)
    if not os.access(path, os.R_OK):
        raise errors.InvalidOption(f"file {path} can not be read", next_step=need)


def _needed(options: Options, option: str) -> str:
    if not options[option]:
        raise errors.InvalidOption(f"{option} is missing", next_step=f"auth_method {options['auth_method']} needs it")
    return str(options[option])
