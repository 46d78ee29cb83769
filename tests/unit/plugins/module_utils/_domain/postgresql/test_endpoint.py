# SPDX-License-Identifier: GPL-3.0-or-later
"""A host is read and written in one way, however people write it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.postgresql.endpoint import (
    Endpoint,
    read_host,
    read_port,
    read_sslmode,
)


@pytest.mark.parametrize(
    ("given", "host", "in_url"),
    [
        ("db.example.org", "db.example.org", "db.example.org"),
        ("10.0.0.7", "10.0.0.7", "10.0.0.7"),
        ("localhost", "localhost", "localhost"),
        ("my_db", "my_db", "my_db"),
        ("::1", "::1", "[::1]"),
        ("[::1]", "::1", "[::1]"),
        ("[2001:db8::1]", "2001:db8::1", "[2001:db8::1]"),
        ("::ffff:10.0.0.7", "::ffff:10.0.0.7", "[::ffff:10.0.0.7]"),
        ("fe80::1%eth0", "fe80::1%eth0", "[fe80::1%25eth0]"),
    ],
)
def test_a_host_is_read_and_written(given: str, host: str, in_url: str) -> None:
    assert read_host(given) == host
    endpoint = Endpoint(host, 5432, "dev-db")
    assert f"@{in_url}:5432/dev-db?" in endpoint.url
    assert str(endpoint) == f"database dev-db at {in_url}:5432"
    assert urlsplit(endpoint.url.replace("{{username}}:{{password}}@", "")).port == 5432


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[db]",
        "[10.0.0.7]",
        "[::1",
        "::1]",
        "[[::1]]",
        "::1::",
        ":::",
        "[::1]:5432",
        "db:5432",
        "a@b",
        "db/x",
        "a,b",
    ],
)
def test_what_names_no_host(text: str) -> None:
    with pytest.raises(InvalidOption, match="which names no host; give a host name or an IP address, without a port"):
        read_host(text)


@pytest.mark.parametrize("text", ["", "0", "65536", "x", "5432 ", "-1", "٥٤"])
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(InvalidOption, match="which is no TCP port"):
        read_port(text)


def test_a_way_to_encrypt_that_nobody_knows() -> None:
    assert read_sslmode("require") == "require"
    with pytest.raises(InvalidOption, match="sslmode is 'requires', which libpq does not know; use disable, "):
        read_sslmode("requires")
