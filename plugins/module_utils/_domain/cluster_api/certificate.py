# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a certificate says of itself, read from its DER form (RFC 5280): who has issued it, and until when it holds."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_VERSION = 0xA0
_UTC_TIME = 0x17
_COMMON_NAME = b"\x55\x04\x03"


@dataclass(frozen=True)
class Certificate:
    """``issuer`` is its common name; empty when it has none."""

    issuer: str
    expires: datetime


def certificate_from(pem: str) -> Certificate:
    """The first certificate in a text. Raises ValueError when it has none."""
    found = _PEM.search(pem)
    if not found:
        raise ValueError("no certificate")
    try:
        _tag, outer = next(_elements(base64.b64decode(found[1])))
        _tag, inner = next(_elements(outer))
        fields = list(_elements(inner))
        # Serial number and algorithm come before the issuer, and before them a version, if there is one.
        start = 3 if fields[0][0] == _VERSION else 2
        return Certificate(_common_name(fields[start][1]), _moment(*list(_elements(fields[start + 1][1]))[1]))
    except (IndexError, StopIteration) as error:
        raise ValueError("a broken certificate") from error


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements one after the other, each with its tag and content."""
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size])
            at += size
        if at + length > len(data):
            raise ValueError("a broken certificate")
        yield tag, data[at : at + length]
        at += length


def _common_name(name: bytes) -> str:
    for _tag, attributes in _elements(name):
        for _tag_of_one, attribute in _elements(attributes):
            (_t, kind), (_u, value) = _elements(attribute)
            if kind == _COMMON_NAME:
                return value.decode(errors="replace")
    return ""


def _moment(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        # Of its two digits for the year, those from 50 on are of the last century.
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
