# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets, hidden in every encoding they are likely to travel in."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "********"
# Shorter values would hide ordinary words; no server of ours makes a password this short.
SHORTEST = 4


def encodings(secret: str) -> set[str]:
    """The forms of one secret: plain, base64 (standard and URL alphabet), hex, URL-quoted, JSON-escaped."""
    raw = secret.encode()
    return {
        secret,
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
        raw.hex(),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
    }


class Redactor:
    """Remembers secrets and hides them in whatever leaves the process: results, diffs, messages, progress lines."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        for secret in secrets:
            self.remember(secret)

    def remember(self, secret: str) -> None:
        if len(secret) >= SHORTEST:
            self._forms |= encodings(secret)

    def text(self, text: str) -> str:
        # Longest first: a secret may be part of another one's encoding.
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, HIDDEN)
        return text

    def value(self, value: Any) -> Any:
        """A copy of a JSON-like value with every string in it, keys included, redacted."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value
