# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to the programs of the bed: JSON in, JSON out, our own CA, never through a proxy."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from tests.testbed.errors import TestbedError

CONNECT_TIMEOUT = 2.0
READ_TIMEOUT = 10.0


class Unreachable(TestbedError):
    """Nobody answered."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True)
class RestClient:
    """Requests to one server; `identity` is a folder of the PKI, whose certificate the client presents."""

    url: str
    identity: Path | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Answer:
        """One request; raises Unreachable if no answer came."""
        with self._pool() as pool:
            try:
                response = pool.request(
                    method,
                    self.url + path,
                    body=None if body is None else json.dumps(body),
                    headers={**self.headers, "Content-Type": content_type},
                    retries=False,
                    timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT),
                )
            except urllib3.exceptions.HTTPError as error:
                raise Unreachable(f"{self.url}{path} does not answer: {error}") from error
        return Answer(response.status, _decode(response.data))

    def _pool(self) -> urllib3.PoolManager:
        if not self.identity:
            return urllib3.PoolManager()
        return urllib3.PoolManager(
            ca_certs=str(self.identity / "ca.crt"),
            cert_file=str(self.identity / "tls.crt"),
            key_file=str(self.identity / "tls.key"),
        )


def _decode(data: bytes) -> Any:
    """JSON where it is JSON (the APIs), text where it is text (health checks)."""
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
