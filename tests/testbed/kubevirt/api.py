# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON over HTTPS to API servers and to etcd, for coroutines."""

from __future__ import annotations

import json
import ssl
from typing import Any

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=15)
FIELD_MANAGER = "kubevirt"
APPLY = "application/apply-patch+yaml"

Object = dict[str, Any]


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, request: str, status: int, text: str) -> None:
        super().__init__(f"{request}: {status} {text[:300]}")
        self.status = status


class Api:
    """Requests to one server; close it when it is no longer needed."""

    def __init__(self, url: str, context: ssl.SSLContext, token: str = "", agent: str = FIELD_MANAGER) -> None:
        self._url = url
        self._agent = agent
        headers = {"User-Agent": f"{agent}-stand-in"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connector = aiohttp.TCPConnector(ssl=context)
        self._session = aiohttp.ClientSession(connector=connector, headers=headers, timeout=TIMEOUT)

    async def close(self) -> None:
        await self._session.close()

    async def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Any:
        """What the server answers; raises Refused, or aiohttp.ClientError or TimeoutError if it does not."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type}
        async with self._session.request(method, self._url + path, data=data, headers=headers) as answer:
            text = await answer.text()
            if not answer.ok:
                raise Refused(f"{method} {path}", answer.status, text)
            return json.loads(text) if text.startswith(("{", "[")) else text

    async def find(self, path: str) -> Object | None:
        """The object at `path`, None if there is none."""
        try:
            found: Object = await self.request("GET", path)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return found

    async def apply(self, path: str, manifest: Object) -> Object:
        """Server-side apply: own exactly the fields in `manifest`, whoever had them."""
        applied: Object = await self.request("PATCH", f"{path}?fieldManager={self._agent}&force=true", manifest, APPLY)
        return applied

    async def remove(self, path: str, body: Object | None = None) -> None:
        """Delete what is at `path`, if anything is."""
        try:
            await self.request("DELETE", path, body)
        except Refused as refused:
            if refused.status != 404:
                raise
