# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames of SPDY 3.1, the protocol in which an API server asks a kubelet to forward a port."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

# Both ends compress headers with this dictionary: words, each behind its length, and a text; `_` is a space in a word.
_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language "
    "accept-ranges age allow authorization cache-control connection content-base content-encoding "
    "content-language content-length content-location content-md5 content-range content-type date etag "
    "expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since "
    "last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer "
    "retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate "
    "method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin "
)
_TEXT = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Author"
    "itative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 No"
    "t Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Au"
    "g Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,"
    "image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,def"
    "late,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = (
    b"".join(struct.pack(">I", len(word)) + word.replace("_", " ").encode() for word in _WORDS.split()) + _TEXT.encode()
)

CONTROL = 0x8000
VERSION = 3
FIN = 0x01


class Type(IntEnum):
    """The types of control frames that matter here."""

    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    PING = 6
    GOAWAY = 7


@dataclass(frozen=True)
class Frame:
    """A data frame of stream `stream`, or a control frame of type `control`."""

    flags: int
    payload: bytes
    control: int | None = None
    stream: int = 0

    @property
    def is_last(self) -> bool:
        """Whether the sender says nothing more on this stream."""
        return bool(self.flags & FIN)

    def encode(self) -> bytes:
        head = (
            struct.pack(">I", self.stream)
            if self.control is None
            else struct.pack(">HH", CONTROL | VERSION, self.control)
        )
        return head + struct.pack(">I", self.flags << 24 | len(self.payload)) + self.payload


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """The next frame; raises asyncio.IncompleteReadError at the end of the connection."""
    head, rest = struct.unpack(">II", await reader.readexactly(8))
    flags, payload = rest >> 24, await reader.readexactly(rest & 0xFFFFFF)
    if head >> 31:
        return Frame(flags, payload, control=head & 0xFFFF, stream=_stream_of(payload))
    return Frame(flags, payload, stream=head)


class Headers:
    """The header blocks of one connection: each is compressed with what went before it in mind."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def of_new_stream(self, frame: Frame) -> dict[str, str]:
        """The headers of a SYN_STREAM frame."""
        block = self._inflate.decompress(frame.payload[10:])
        values, position = [], 4
        for _value in range(2 * struct.unpack_from(">I", block)[0]):
            (length,) = struct.unpack_from(">I", block, position)
            values.append(block[position + 4 : position + 4 + length].decode())
            position += 4 + length
        return dict(zip(values[::2], values[1::2], strict=True))

    def reply(self, stream: int, headers: Mapping[str, str] | None = None) -> Frame:
        """The SYN_REPLY frame that accepts a stream."""
        texts = [text.encode() for pair in (headers or {}).items() for text in pair]
        block = struct.pack(">I", len(texts) // 2) + b"".join(struct.pack(">I", len(text)) + text for text in texts)
        compressed = self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return Frame(0, struct.pack(">I", stream) + compressed, control=Type.SYN_REPLY, stream=stream)


def _stream_of(payload: bytes) -> int:
    """The stream that a control frame is about: its first word, in the types that are about one."""
    return int.from_bytes(payload[:4]) & 0x7FFFFFFF
