# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a PostgreSQL database is."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

SAFEST_SSLMODE = "verify-full"
DEFAULT_PORT = 5432

# Vault would wait for a silent server as long as its kernel does.
CONNECT_TIMEOUT = 10


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
        return f"database {self.database} at {self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The connection URL, in which Vault fills in the credential it keeps."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        place = f"{host}:{self.port}/{quote(self.database, safe='')}"
        return (
            f"postgresql://{{{{username}}}}:{{{{password}}}}@{place}"
            f"?sslmode={self.sslmode}&connect_timeout={CONNECT_TIMEOUT}"
        )
