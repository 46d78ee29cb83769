# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be known of a credential for a cluster, a certificate or a token: who has issued it, until when it holds."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Certificate:
    """``issuer`` is its common name; empty when it has none."""

    issuer: str
    expires: datetime


@dataclass(frozen=True)
class Token:
    """The token of a service account, which ``account`` is the uid of."""

    text: str = field(repr=False)
    issuer: str
    account: str
    issued: datetime
    expires: datetime

    @property
    def lifetime(self) -> float:
        """In seconds."""
        return (self.expires - self.issued).total_seconds()

    def is_due(self, now: float) -> bool:
        """Whether half of its life is over, as with the certificates that Cluster API renews."""
        return now >= self.issued.timestamp() + self.lifetime / 2


def token_from(text: str) -> Token:
    """What a token says of itself, which only the API server that has signed it can tell to be true.

    Raises ValueError when it is none that an API server gives to a service account.
    """
    try:
        _header, payload, _signature = text.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        account = claims["kubernetes.io"]["serviceaccount"]["uid"]
        return Token(text, str(claims["iss"]), str(account), _moment(claims["iat"]), _moment(claims["exp"]))
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError("no token of a service account") from error


def _moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
