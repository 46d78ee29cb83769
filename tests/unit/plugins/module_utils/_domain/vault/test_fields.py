# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields as they are given, beside what Vault 1.21 gave back for them; and which of them nobody may see."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.redact import HIDDEN, HIDDEN_NEW
from ansible_collections.pnow.infra.plugins.module_utils._domain.vault.fields import (
    is_empty,
    is_same,
    is_secret,
    secrets_in,
    shown,
    told,
)


@pytest.mark.parametrize(
    ("name", "wanted", "live"),
    [
        ("token_ttl", "1h", 3600),
        ("token_ttl", "1h30m", 5400),
        ("token_ttl", 3600, 3600),
        ("token_ttl", "3600", 3600),
        ("token_ttl", "1.5h", 5400),
        ("token_ttl", "7d", 604800),
        ("token_ttl", "1500ms", 1),
        ("max_idle_connections", "-1", -1),
        ("ttl", "", 0),
        ("rate", "100", 100),
        ("rate", "0.5", 0.5),
        ("token_policies", "dev,prod", ["dev", "prod"]),
        ("token_policies", "dev, prod", ["dev", "prod"]),
        ("token_policies", ["b", "a", "a"], ["b", "a", "a"]),
        ("policies", ["b", "A"], ["A", "b"]),
        ("policies", "B,a", ["a", "b"]),
        ("entity_ids", ["b", "a", "b"], ["a", "b"]),
        ("token_policies", "", []),
        ("token_policies", None, []),
        ("ou", "x", ["x"]),
        ("ports", [1, 2], ["1", "2"]),
        ("bind_secret_id", "true", True),
        ("bind_secret_id", "True", True),
        ("bind_secret_id", 1, True),
        ("cas_required", "false", False),
        ("cas_required", "", False),
        ("secret_id_num_uses", "5", 5),
        ("token_bound_cidrs", ["10.0.0.1/32", "2001:DB8::/32"], ["10.0.0.1", "2001:db8::/32"]),
        ("secret_id_bound_cidrs", "10.0.0.0/8,10.0.0.1/32", ["10.0.0.0/8", "10.0.0.1/32"]),
        ("token_bound_cidrs", "10.0.0.1", ["10.0.0.1/32"]),
        ("delete_version_after", "720h", "720h0m0s"),
        ("delete_version_after", 2592000, "720h0m0s"),
        ("delete_version_after", "30d", "720h0m0s"),
        ("delete_version_after", "0", "0s"),
        ("expiry", "72h", "72h"),
        ("default_lease_ttl", "1h", 3600),
        ("options", {"version": 2}, {"version": "2"}),
        ("custom_metadata", {"n": 5, "on": True}, {"n": "5", "on": "true"}),
        ("metadata", "a=b,c=d", {"a": "b", "c": "d"}),
        ("bound_claims", '{"team": ["b", "a"]}', {"team": ["b", "a"]}),
        ("config", {"max_lease_ttl": "72h"}, {"max_lease_ttl": 259200, "force_no_cache": False}),
        ("metadata", {}, {}),
        ("groups", "b,a", "a,b"),
        ("groups", ["b", "a"], "a,b"),
        ("allowed_headers", ["X-Mine"], ["Content-Type", "X-Vault-Token", "Authorization", "X-Mine"]),
        ("audience", None, ""),
        ("audience", "", None),
        ("listing_visibility", "", None),
        ("max_open_connections", 7, "7"),
        ("verify", True, "true"),
        ("policy", "# x\n", "# x\n"),
        ("data", {"n": 5}, {"n": 5}),
    ],
)
def test_what_is_the_same(name: str, wanted: Any, live: Any) -> None:
    assert is_same(name, wanted, live)


@pytest.mark.parametrize(
    ("name", "wanted", "live"),
    [
        ("token_ttl", "1h", 60),
        ("token_ttl", "soon", 60),
        ("token_ttl", "1h x", 3600),
        ("token_policies", "dev", ["dev", "prod"]),
        ("token_policies", ["a", "b"], ["b", "a"]),
        ("creation_statements", ["b", "a"], ["a", "b"]),
        ("token_bound_cidrs", ["10.0.0.0/8"], ["10.0.0.0/16"]),
        ("bind_secret_id", "false", True),
        ("bind_secret_id", "maybe", True),
        ("delete_version_after", "1h", "720h0m0s"),
        ("delete_version_after", "text", "1s"),
        ("custom_metadata", {"a": "b"}, {"a": "b", "c": "d"}),
        ("custom_metadata", {"a": "b"}, {"a": "c"}),
        ("custom_metadata", ["a"], {"a": "b"}),
        ("config", {"max_lease_ttl": "72h"}, {"default_lease_ttl": 3600}),
        ("allowed_headers", ["X-Mine"], ["Content-Type", "X-Other", "X-Mine"]),
        ("groups", "b a", "a b"),
        ("policy", "# x", "# x\n"),
        ("data", {"n": 5}, {"n": "5"}),
        ("data", {"n": 5}, None),
        ("audience", "x", None),
    ],
)
def test_what_differs(name: str, wanted: Any, live: Any) -> None:
    assert not is_same(name, wanted, live)


@pytest.mark.parametrize("value", [None, "", 0, "0", False, "false", [], {}])
def test_what_is_as_good_as_not_given(value: Any) -> None:
    assert is_empty(value)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "password_hash",
        "bindpass",
        "token_reviewer_jwt",
        "oidc_client_secret",
        "client_secret",
        "secret_key",
        "secret_id",
        "client_tls_key",
        "private_key",
        "pem_bundle",
        "credentials",
        "api_token",
        "integration_key",
        "key",
        "passphrase",
        "service_account_jwt",
        "self_managed_password",
        "settings_file_base64",
        "otp",
    ],
)
def test_a_secret(name: str) -> None:
    assert is_secret(name, "c4nary")
    assert is_secret(name, 12345678)
    assert list(secrets_in({"x": {name: "c4nary"}, name: ["c5nary", 7]})) == ["c4nary", "c5nary", "7"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bind_secret_id", True),
        ("bind_secret_id", "false"),
        ("secret_id_ttl", "1h"),
        ("secret_id_num_uses", "5"),
        ("token_policies", ["x"]),
        ("password_policy", "strong"),
        ("public_key", "ssh-ed25519 AAAA"),
        ("key_type", "rsa"),
        ("identity_token_key", "default"),
        ("connection_url", "postgresql://{{username}}:{{password}}@h/d"),
        ("url", "ldap://l:389"),
        ("policy", 'path "auth/token/create" {}'),
    ],
)
def test_no_secret(name: str, value: Any) -> None:
    assert not is_secret(name, value)


@pytest.mark.parametrize("value", ["postgresql://me:c4nary@h/d", "otpauth://totp/V:t?secret=C4NARY&issuer=V"])
def test_a_url_with_a_secret_in_it(value: str) -> None:
    assert is_secret("url", value)


def test_what_is_told_by_another_name() -> None:
    live = {"root_credentials_rotate_statements": ["x"], "connection_details": {"username": "u"}, "allowed_roles": []}
    found = told(live, "database/config/x")
    assert (found["root_rotation_statements"], found["username"]) == (["x"], "u")
    assert told({"X-F": {"hmac": True}}, "sys/config/auditing/request-headers/x-f")["hmac"] is True
    assert told({"enabled": True}, "sys/config/cors")["enable"] is True
    masked = {"connection_details": {"connection_url": "postgresql://u:xxxxx@h/d"}}
    assert "connection_url" not in told(masked, "database/config/x")
    assert told({}, "sys/config/auditing/request-headers/x-f") == {}


def test_what_may_be_shown() -> None:
    fields = {"password": "c4nary", "token_ttl": "1h", "nested": {"token": "c4nary", "a": "b"}}
    assert shown(fields) == {"password": HIDDEN_NEW, "token_ttl": "1h", "nested": {"token": HIDDEN_NEW, "a": "b"}}
    assert shown(fields, fields)["password"] == HIDDEN
    assert shown(fields, {"password": "other"})["password"] == HIDDEN_NEW
    assert shown({"data": {"a": "b", "c": "d"}}, {"data": {"a": "b"}}, hide=True) == {
        "data": {"a": HIDDEN, "c": HIDDEN_NEW}
    }
