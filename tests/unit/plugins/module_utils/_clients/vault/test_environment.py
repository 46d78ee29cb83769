# SPDX-License-Identifier: GPL-3.0-or-later
"""What the environment says to the client of Vault, and what it does not: as documented, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._clients.vault import api as vault
from ansible_collections.pnow.infra.plugins.module_utils._clients.vault import auth
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from tests.unit.plugins.module_utils._clients.vault.test_api import Server, options
from tests.unit.plugins.scripted import ScriptedClock


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", *auth.TRUSTED_BY_DEFAULT):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def read(server: Server, **changed: Any) -> None:
    with vault.connect(options(server, **changed), ScriptedClock(), [].append) as api:
        api.write("secret/x", {})


def test_the_login_of_a_netrc_is_not_sent(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password secret-login\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    read(server)
    assert "Authorization" not in server.headers[-1]


def test_the_proxy_of_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    read(server, url="http://vault.invalid:8200")
    assert server.seen[-1][1] == "http://vault.invalid:8200/v1/secret/x"
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    read(server)
    assert server.seen[-1][1] == "secret/x"


def test_whom_the_host_trusts_counts_only_where_no_option_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, hosts = tmp_path / "own.pem", tmp_path / "hosts.pem"
    own.touch()
    hosts.touch()
    given = {"ca_cert": None, "validate_certs": None}
    assert auth.trusted_authorities(given) is True
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(hosts))
    assert auth.trusted_authorities(given) == str(hosts)
    assert auth.trusted_authorities({**given, "ca_cert": str(own)}) == str(own)
    assert auth.trusted_authorities({**given, "validate_certs": False}) is False


def test_a_bundle_that_is_not_there(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    with pytest.raises(InvalidOption, match=r"^there is no /nonexistent; correct or unset REQUESTS_CA_BUNDLE, or give"):
        read(server)


@pytest.mark.parametrize("option", ["ca_cert", "cert_auth_public_key", "cert_auth_private_key"])
def test_a_file_that_is_a_folder(server: Server, tmp_path: Path, option: str) -> None:
    (tmp_path / "file").touch()
    files = dict.fromkeys(("cert_auth_public_key", "cert_auth_private_key"), str(tmp_path / "file"))
    with pytest.raises(InvalidOption, match=f"^{tmp_path} is a folder; .* PEM$"):
        read(server, **{**files, "auth_method": "cert", option: str(tmp_path)})
