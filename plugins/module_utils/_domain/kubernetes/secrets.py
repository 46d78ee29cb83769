# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a manifest has that nobody may see."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

# Keys of connection Secrets that say where something is, and do not open it: messages name it, too.
PUBLIC_KEYS = frozenset({"username", "endpoint", "host", "port", "database", "sslmode"})


def secrets_in(manifest: Any) -> Iterator[str]:
    """The values of a Secret, and of those inside of other objects, such as provider-kubernetes' Object."""
    if isinstance(manifest, Mapping):
        if manifest.get("kind") == "Secret":
            yield from _plain(manifest.get("stringData"))
            yield from map(_decoded, _plain(manifest.get("data")))
        for item in manifest.values():
            yield from secrets_in(item)
    elif isinstance(manifest, (list, tuple)):
        for item in manifest:
            yield from secrets_in(item)


def _plain(data: Any) -> Iterator[str]:
    for key, value in data.items() if isinstance(data, Mapping) else ():
        if key not in PUBLIC_KEYS:
            yield str(value)


def _decoded(value: str) -> str:
    """The text that is encoded; of what is no text, or not even encoded, what stands in the manifest."""
    try:
        return base64.b64decode(value).decode()
    except ValueError:
        return value
