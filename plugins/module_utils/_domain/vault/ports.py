# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine asks of Vault; for the real client and a scripted one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

Data = dict[str, Any]


@dataclass(frozen=True)
class Engine:
    """A mounted secrets engine. Its leases end after ``max_lease_ttl`` seconds; ``version`` is of a key-value one."""

    type: str
    mount_point: str
    max_lease_ttl: int = 0
    version: int = 1


@dataclass(frozen=True)
class Credential:
    """A login that Vault made, and the lease it lives under."""

    lease_id: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class StuckLease:
    """A lease that Vault has given up to revoke, and why; the login behind it may still work."""

    lease_id: str
    error: str


class Issuer(Protocol):
    """Vault under a short-lived child token: whatever is issued here ends with it at the latest."""

    def issue(self, path: str) -> Credential: ...

    def revoke(self, lease_id: str) -> None:
        """Revokes and waits until that has been done."""


class Vault(Protocol):
    """One Vault server, seen with the caller's token. Failures are errors of ``_domain.errors`` that name the path."""

    def read(self, path: str) -> Data | None:
        """The data at a path; None when there is nothing."""

    def write(self, path: str, data: Mapping[str, Any]) -> None: ...

    def delete(self, path: str) -> None: ...

    def list_keys(self, path: str) -> list[str]:
        """What is below a path, none when there is nothing."""

    def engine(self, path: str) -> Engine:
        """The secrets engine that serves a path. Raises NotMounted when there is none that the token may see."""

    def revoke_leases(self, prefix: str) -> None:
        """Revokes all leases under a prefix and waits until that has been done."""

    def irrevocable_leases(self, prefix: str) -> list[StuckLease]:
        """The leases under a prefix that Vault has given up to revoke."""

    def issuer(self, ttl: int) -> AbstractContextManager[Issuer]:
        """A child token of this one that lives ``ttl`` seconds at most, and no longer than the context."""
