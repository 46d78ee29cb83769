# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a PostgreSQL database is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import quote

from ..errors import InvalidOption

SAFEST_SSLMODE = "verify-full"
SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", SAFEST_SSLMODE)
DEFAULT_PORT = 5432

# Vault would wait for a silent server as long as its kernel does.
CONNECT_TIMEOUT = 10

_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


def read_host(text: str) -> str:
    """A host name or an address as libpq takes it: an IPv6 address may be in brackets, as in URLs, and then is not.

    Raises InvalidOption.
    """
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        is_address = bool(IPv6Address(host))
    except AddressValueError:
        is_address = False
    if not is_address and (host != text or not _HOST_NAME.fullmatch(host)):
        raise InvalidOption(
            f"host is {text!r}, which names no host", next_step="give a host name or an IP address, without a port"
        )
    return host


def written_host(host: str) -> str:
    """A host before a port, or in a URL."""
    return f"[{host.replace('%', '%25')}]" if ":" in host else host


def read_port(text: str) -> int:
    """Raises InvalidOption."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise InvalidOption(f"port is {text!r}, which is no TCP port", next_step="give a number from 1 to 65535")
    return int(text)


def read_sslmode(text: str) -> str:
    """Raises InvalidOption."""
    if text not in SSLMODES:
        raise InvalidOption(f"sslmode is {text!r}, which libpq does not know", next_step=f"use {', '.join(SSLMODES)}")
    return text


@dataclass(frozen=True)
class Endpoint:
    """Where a database is, and how to be sure of it. TLS material is PEM text; without a CA the host's trust counts."""

    host: str
    port: int
    database: str
    sslmode: str = SAFEST_SSLMODE
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_private_key: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"database {self.database} at {written_host(self.host)}:{self.port}"

    @property
    def url(self) -> str:
        """The connection URL, in which Vault fills in the credential it keeps."""
        place = f"{written_host(self.host)}:{self.port}/{quote(self.database, safe='')}"
        return (
            f"postgresql://{{{{username}}}}:{{{{password}}}}@{place}"
            f"?sslmode={self.sslmode}&connect_timeout={CONNECT_TIMEOUT}"
        )
