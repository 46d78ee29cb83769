# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the certificates in a kubeconfig end."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator

from ..cluster_api.credentials import Certificate

# Cluster API writes each into a line of its own.
_FIELDS = {"client-certificate-data": "kubeconfig", "certificate-authority-data": "authority"}
_FIELD = re.compile(r"^\s*-?\s*(client-certificate-data|certificate-authority-data):\s*[\"']?([A-Za-z0-9+/=]+)", re.M)


def certificates_in(kubeconfig: str, name: str, read: Callable[[str], Certificate]) -> Iterator[dict[str, str]]:
    """The kubeconfig's own certificate and that of its authority, as entries of a result; none that can not be read.

    ``read`` reads a certificate from its text, and raises ValueError when that is none.
    """
    for field, encoded in _FIELD.findall(kubeconfig):
        try:
            found = read(base64.b64decode(encoded).decode("ascii"))
        except ValueError:
            continue
        yield {"what": f"{_FIELDS[field]} of {name}", "expires": found.expires.strftime("%Y-%m-%dT%H:%M:%SZ")}
