# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Vault is: the URL of a server, which may stand under a path of another one, and what is copied by mistake."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from ..._domain.errors import InvalidOption

# A browser shows /ui/vault/..., and every request of the API begins with /v1.
_BROWSERS = re.compile(r"/ui(/vault(/.*)?)?$")
_API = re.compile(r"/v1$")


def checked_url(given: str) -> str:
    """The URL of a server, without a slash at its end. Raises InvalidOption for one that can not be meant."""
    url = given.strip().rstrip("/")
    parts = _split(url)
    if parts is None:
        meant = f"http://{url}" if url and "://" not in url else "http://127.0.0.1:8200"
        raise InvalidOption(
            f"url (VAULT_ADDR) is {given!r}, which is no URL of a server", next_step=f"write it like {meant}"
        )
    for pattern, what in ((_BROWSERS, "where Vault shows itself to browsers"), (_API, "where Vault's API begins")):
        if pattern.search(parts.path):
            meant = parts._replace(path=pattern.sub("", parts.path), query="", fragment="").geturl()
            raise InvalidOption(f"url (VAULT_ADDR) is {given!r}, {what}", next_step=f"give the server's: {meant}")
    return url


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        return None
    return parts if usable else None


def origin(url: str) -> str:
    """The server of a URL, without a path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
