# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Vault is: what is taken, and what was copied by mistake."""

from __future__ import annotations

import re

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._clients.vault.address import checked_url, origin
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("http://127.0.0.1:8200", "http://127.0.0.1:8200"),
        (" https://vault.example.org/\n", "https://vault.example.org"),
        ("https://example.org/vault/", "https://example.org/vault"),
        ("https://example.org/v1/vault", "https://example.org/v1/vault"),
        ("https://example.org/ui/team", "https://example.org/ui/team"),
        ("http://[::1]:8200", "http://[::1]:8200"),
    ],
)
def test_a_url_that_is_taken(given: str, taken: str) -> None:
    assert checked_url(given) == taken


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("http://v:8200/v1", "where Vault's API begins; give the server's: http://v:8200"),
        ("http://v:8200/v1/", "where Vault's API begins; give the server's: http://v:8200"),
        ("https://v/vault/v1", "where Vault's API begins; give the server's: https://v/vault"),
        ("https://v/ui", "where Vault shows itself to browsers; give the server's: https://v"),
        ("https://v/team/ui/vault/secrets?x=y", "to browsers; give the server's: https://v/team"),
        ("127.0.0.1:8200", "which is no URL of a server; write it like http://127.0.0.1:8200"),
        ("vault.example.org", "which is no URL of a server; write it like http://vault.example.org"),
        ("unix:///run/vault.sock", "which is no URL of a server; write it like http://"),
        ("http://", "which is no URL of a server"),
        ("http://v:port", "which is no URL of a server"),
        ("http://[::1", "which is no URL of a server"),
        ("", "which is no URL of a server; write it like http://127.0.0.1:8200"),
    ],
)
def test_a_url_that_can_not_be_meant(given: str, why: str) -> None:
    with pytest.raises(InvalidOption, match=re.escape(why)):
        checked_url(given)


def test_the_server_of_a_url() -> None:
    assert origin("https://example.org:8443/vault/v1/x?y") == "https://example.org:8443"
