# SPDX-License-Identifier: GPL-3.0-or-later
"""Vault in states that the bed's own may not be put into: new, sealed, clustered, behind TLS; tokens that end early.

What was done is asked of the vault command, which is not ours.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import NewVault
from tests.e2e.tasks import refused, run
from tests.e2e.vault_servers import PATIENCE, VaultServer
from tests.e2e.web_servers import plain_web_server, server_under_a_path
from tests.testbed.readiness import wait_until

PKI = Path(os.environ["PNOW_TESTBED_STATE"]) / "pki"
POLICY = {"path": "sys/policies/acl/e2e", "fields": {"policy": 'path "e2e/x" { capabilities = ["read"] }'}}
OPERATOR = 'path "sys/policies/acl/*" { capabilities = ["read", "create", "update", "delete"] }'


@pytest.fixture(scope="module")
def server(new_vault: NewVault) -> VaultServer:
    """One that serves."""
    server = new_vault()
    server.initialise()
    server.vault("policy", "write", "operator", server.file("operator.hcl", OPERATOR))
    server.vault("auth", "enable", "approle")
    return server


def policies(server: VaultServer) -> list[str]:
    names: list[str] = json.loads(server.vault("policy", "list", "-format=json"))
    return names


def approle(server: VaultServer, *settings: str) -> dict[str, str]:
    """Options that log in as a new AppRole."""
    role = "auth/approle/role/e2e"
    server.vault("write", role, "token_policies=operator", *settings)
    return {
        "url": server.url,
        "auth_method": "approle",
        "role_id": server.vault("read", "-field=role_id", f"{role}/role-id"),
        "secret_id": server.vault("write", "-force", "-field=secret_id", f"{role}/secret-id"),
    }


def test_a_server_that_is_not_initialised_is_not_called_sealed(new_vault: NewVault) -> None:
    said = refused("vault_object", url=new_vault().url, token="none", retries=0, **POLICY)
    assert said.endswith("is not initialized; initialize it and run again")


def test_a_sealed_server(new_vault: NewVault) -> None:
    server = new_vault()
    server.initialise()
    server.vault("operator", "seal")
    options: dict[str, Any] = {"url": server.url, "token": server.token, "retries": 0, **POLICY}
    assert refused("vault_object", **options).endswith("is sealed; unseal it and run again")
    server.unseal()
    assert run("vault_object", **options)["changed"]
    assert "e2e" in policies(server)


def test_a_cluster_whose_leader_dies(new_vault: NewVault) -> None:
    leader, standby, other = new_vault(), new_vault(), new_vault()
    leader.initialise()
    for joining in (standby, other):
        joining.join(leader)
    for joined in (standby, other):
        wait_until(joined.expect_vote, PATIENCE)
    options = {"url": standby.url, "token": leader.token, **POLICY}
    assert run("vault_object", **options)["changed"]
    assert "e2e" in policies(leader)

    leader.stop()
    assert run("vault_object", state="absent", **options)["changed"]
    assert "e2e" not in policies(standby)

    other.stop()
    # Whichever of the two was active, it is not without the other.
    wait_until(lambda: standby.expect(429, 474), PATIENCE)
    said = refused("vault_object", **{**options, "retries": 1})
    assert "a standby whose cluster has no active node" in said or "the active node by what" in said


@pytest.mark.parametrize("state", ["present", "absent"])
def test_every_token_ends_with_its_first_use(server: VaultServer, state: str) -> None:
    """A read and a write need two logins, and both are made: in check mode the read alone."""
    options: dict[str, Any] = {**approle(server, "token_num_uses=1"), **POLICY, "state": state}
    assert run("vault_object", _ansible_check_mode=True, **options)["changed"]
    assert run("vault_object", **options)["changed"]
    assert ("e2e" in policies(server)) == (state == "present")
    assert not run("vault_object", **options)["changed"]


def test_a_login_that_may_not_be_repeated(server: VaultServer) -> None:
    login = approle(server, "token_num_uses=1", "secret_id_num_uses=1")
    said = refused("vault_object", **login, **POLICY)
    assert "the token got at auth/approle/login expired or was revoked, and Vault at" in said
    assert "invalid role or secret ID; check auth_mount_point" in said
    assert login["secret_id"] not in said
    assert "e2e" not in policies(server)


def test_a_given_token_that_ends(server: VaultServer) -> None:
    token = server.vault("token", "create", "-policy=operator", "-use-limit=1", "-field=token")
    said = refused("vault_object", url=server.url, token=token, **POLICY)
    assert (
        "does not accept the token that is given as token (VAULT_TOKEN); it has expired, was revoked or is wrong"
        in said
    )
    assert token not in said
    assert "e2e" not in policies(server)


def test_a_revoked_token_of_vault_login(server: VaultServer, tmp_path: Path) -> None:
    token = server.vault("token", "create", "-policy=operator", "-field=token")
    (tmp_path / ".vault-token").write_text(token)
    options = {"url": server.url, "token_path": str(tmp_path), **POLICY}
    assert run("vault_object", _ansible_check_mode=True, **options)["changed"]
    server.vault("token", "revoke", token)
    assert f"does not accept the token in {tmp_path}/.vault-token" in refused("vault_object", **options)


def test_a_login_by_certificate(new_vault: NewVault) -> None:
    server = new_vault(PKI / "server")
    server.initialise()
    server.vault("policy", "write", "operator", server.file("operator.hcl", OPERATOR))
    server.vault("auth", "enable", "cert")
    trusted = ("display_name=e2e", f"certificate=@{PKI / 'ca.crt'}", "allowed_common_names=testbed-admin")
    server.vault("write", "auth/cert/certs/e2e", "token_policies=operator", *trusted)

    def shown(identity: str, **changed: str) -> dict[str, str]:
        folder = PKI / identity
        files = {"cert_auth_public_key": f"{folder / 'tls.crt'}", "cert_auth_private_key": f"{folder / 'tls.key'}"}
        return {"url": server.url, "ca_cert": f"{PKI / 'ca.crt'}", "auth_method": "cert", **files, **changed}

    options = {"retries": 0, **POLICY}
    assert "gives no token at auth/cert/login" in refused("vault_object", **shown("crossplane"), **options)
    assert "set ca_cert (VAULT_CACERT)" in refused("vault_object", **shown("admin", ca_cert=""), **options)
    assert "there is no file /none" in refused("vault_object", **shown("admin", ca_cert="/none"), **options)
    assert run("vault_object", **shown("admin"), **options)["changed"]
    assert "e2e" in policies(server)
    assert not run("vault_object", **shown("admin", role_id="e2e"), **options)["changed"]


@pytest.mark.parametrize(
    ("theirs", "ours", "says"), [("server", "http", "HTTP request"), ("", "https", "did not answer")]
)
def test_one_side_speaks_tls(new_vault: NewVault, theirs: str, ours: str, says: str) -> None:
    server = new_vault(PKI / theirs if theirs else None)
    assert says in refused("vault_object", url=f"{ours}://{server.address}", token="none", retries=0, **POLICY)


REGISTRATION: dict[str, Any] = {
    "name": "e2e",
    "host": "db.example.org",
    "database": "e2e",
    "username": "vault",
    "password": "c4nary-password",
    "roles": [{"name": "e2e", "owner": "owner"}],
}
# Every module, and what it would say of nothing: that all is well.
TASKS: list[tuple[str, dict[str, Any]]] = [
    ("vault_db_info", {"name": "e2e"}),
    ("vault_db_info", {"vault_path": "secret/e2e"}),
    ("vault_db_register", {**REGISTRATION, "state": "absent"}),
    ("vault_db_register", REGISTRATION),
    ("vault_db_register", {**REGISTRATION, "vault_path": "secret/e2e", "state": "absent"}),
    ("vault_object", {"path": "database/roles/e2e", "state": "absent"}),
    ("vault_object", {"path": "database/roles/e2e", "fields": {"db_name": "e2e"}}),
]
EACH = pytest.mark.parametrize(
    ("module", "options"), TASKS, ids=[f"{module}-{number}" for number, (module, _options) in enumerate(TASKS)]
)


@EACH
def test_a_plain_web_server(module: str, options: dict[str, Any]) -> None:
    with plain_web_server() as url:
        said = refused(module, url=url, token="none", retries=0, **options)
    assert f"something that is not Vault answered at {url} with status 404 (text/html)" in said
    assert said.endswith("correct url (VAULT_ADDR), or look at what stands between")


@EACH
def test_a_vault_with_nothing_mounted(server: VaultServer, module: str, options: dict[str, Any]) -> None:
    said = refused(module, url=server.url, token=server.token, **options)
    assert " has no engine mounted at " in said
    mounted = "mounted are auth/approle/, auth/token/, cubbyhole/, identity/, sys/"
    assert f" that the token may see; {mounted}; mount one there, or correct the path or the policy" in said


@EACH
@pytest.mark.parametrize(
    ("path", "why"), [("/v1", "where Vault's API begins"), ("/ui", "where Vault shows itself to browsers")]
)
def test_a_path_of_vaults_own(server: VaultServer, module: str, options: dict[str, Any], path: str, why: str) -> None:
    said = refused(module, url=f"{server.url}{path}", token=server.token, **options)
    assert said == f"url (VAULT_ADDR) is '{server.url}{path}', {why}; give the server's: {server.url}"


def test_vault_under_a_path_of_another_server(server: VaultServer) -> None:
    with server_under_a_path("/tools/vault", server.url) as url:
        below = {"url": f"{url}/tools/vault/", "token": server.token, **POLICY}
        assert run("vault_object", _ansible_check_mode=True, **below)["changed"]
        assert run("vault_object", **below)["changed"]
        assert "e2e" in policies(server)
        assert not run("vault_object", **below)["changed"]
        assert run("vault_object", state="absent", **below)["changed"]
        assert "e2e" not in policies(server)
        assert not run("vault_object", state="absent", **below)["changed"]
        assert "no engine mounted at database/" in refused(
            "vault_db_info", url=below["url"], token=server.token, name="x"
        )
        for wrong in (url, f"{url}/tools"):
            assert "not Vault answered" in refused("vault_object", state="absent", **{**below, "url": wrong})


def test_nothing_of_a_secret_leaves_a_module(server: VaultServer) -> None:
    """In a process of its own it tells its arguments, too."""
    server.vault("auth", "enable", "userpass")
    user = {"path": "auth/userpass/users/jane", "fields": {"password": "c4nary", "token_policies": "operator"}}
    for options in ({}, {"update_secrets": True}, {"state": "absent"}):
        result = run("vault_object", url=server.url, token=server.token, **user, **options)
        assert result["changed"], result
        assert "c4nary" not in json.dumps(result)
