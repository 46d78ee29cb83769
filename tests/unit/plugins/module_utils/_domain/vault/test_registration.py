# SPDX-License-Identifier: GPL-3.0-or-later
"""A registration from options and a Secret, its fields as Vault takes them, and Vault's answers in the same form."""

from __future__ import annotations

from posixpath import normpath
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.postgresql.endpoint import Endpoint
from ansible_collections.pnow.infra.plugins.module_utils._domain.vault.registration import (
    FACTS,
    Place,
    allowed_roles,
    observed_connection,
    observed_role,
    place_from,
    registration_from,
    role_names,
)
from tests.unit.plugins import registrations
from tests.unit.plugins.registrations import READONLY
from tests.unit.plugins.registrations import ROLE as READWRITE

# Here the port may come from the Secret.
OPTIONS: dict[str, Any] = {**registrations.OPTIONS, "port": None}
SECRET = {
    "endpoint": "10.0.0.7",
    "port": "6432",
    "database": "other-db",
    "sslmode": "require",
    "username": "other",
    "password": "other-password",
}


def test_safe_defaults() -> None:
    endpoint = registration_from(OPTIONS, {}).endpoint
    assert (endpoint.port, endpoint.sslmode) == (5432, "verify-full")


def test_options_come_before_the_secret_and_the_secret_before_defaults() -> None:
    nothing = dict.fromkeys(("host", "database", "username", "password"))
    from_secret = registration_from({**OPTIONS, **nothing}, SECRET)
    assert from_secret.endpoint == Endpoint("10.0.0.7", 6432, "other-db", "require")
    assert (from_secret.username, from_secret.password) == ("other", "other-password")
    mixed = registration_from(OPTIONS, SECRET)
    assert mixed.endpoint == Endpoint("db.example.org", 6432, "dev-db", "require")
    assert mixed.username == "dev-vault"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"host": None}, "host is missing; give it, or a connection_secret with key endpoint"),
        ({"password": ""}, "password is missing"),
        ({"host": "a@b"}, "host is 'a@b', which names no host"),
        ({"host": "db/x"}, "which names no host"),
        ({"port": 0}, None),
        ({"port": 65536}, "port is '65536', which is no TCP port"),
        ({"username": "a:b"}, "username has a ':'"),
        ({"name": "../x"}, "name is '../x', which can not be a name in Vault"),
        ({"mount_point": "a/../b"}, "mount_point is 'a/../b', which is no path"),
        ({"mount_point": "/"}, "which is no path"),
        ({"mount_point": "a/./b"}, "which is no path"),
        ({"name": "a..b"}, "name is 'a..b', which can not be a name in Vault"),
        ({"roles": [READWRITE, READWRITE]}, r"roles\[1\].name is 'dev-readwrite' again"),
        ({"roles": [{**READWRITE, "name": "a b"}]}, r"roles\[0\].name is 'a b'"),
        ({"roles": [{**READWRITE, "owner": None}]}, r"roles\[0\].owner is missing"),
        ({"roles": [READWRITE, {**READONLY, "reader": None}]}, r"roles\[1\].reader is missing"),
        ({"roles": [{**READWRITE, "default_ttl": "2h", "max_ttl": "1h"}]}, r"roles\[0\].default_ttl is longer"),
        ({"roles": [{**READWRITE, "max_ttl": "soon"}]}, r"roles\[0\].max_ttl is 'soon', which is not a duration"),
        ({"tls_certificate": "PEM"}, "only one of tls_certificate and tls_private_key is given; give both"),
        ({"tls_private_key": "PEM"}, "only one of tls_certificate and tls_private_key is given; give both"),
        ({"max_open_connections": -2}, "max_open_connections is -2"),
        ({"max_connection_lifetime": "long"}, "max_connection_lifetime is 'long', which is not a duration"),
        ({"root_rotation_statements": ["ALTER ROLE x"]}, r"root_rotation_statements has no \{\{name"),
        (
            {"roles": [{**READWRITE, "creation_statements": ["CREATE ROLE x PASSWORD '{{password}}'"]}]},
            r"roles\[0\].creation_statements has no \{\{name\}\} or \{\{username\}\}; write it where",
        ),
        (
            {"roles": [{**READWRITE, "creation_statements": ['CREATE ROLE "{{name}}"']}]},
            r"roles\[0\].creation_statements has no \{\{password\}\}",
        ),
        (
            {"roles": [{**READWRITE, "renew_statements": ["{{name}}" * 200_000]}]},
            r"roles\[0\].renew_statements has a statement of more than 1000000 bytes; Vault takes no longer text",
        ),
        (
            {"roles": [{**READWRITE, "revocation_statements": ["DROP ROLE x"]}]},
            r"revocation_statements has no \{\{name",
        ),
    ],
)
def test_an_impossible_option_is_named(change: dict[str, Any], why: str | None) -> None:
    if why is None:
        assert registration_from({**OPTIONS, **change}, {}).endpoint.port == 5432
        return
    with pytest.raises(InvalidOption, match=why):
        registration_from({**OPTIONS, **change}, {})


@given(st.text(min_size=1, max_size=63))
def test_any_database_has_a_url_that_vault_can_fill_in(database: str) -> None:
    url = Endpoint("db.example.org", 5432, database, "require").url
    assert url.count("{{") == 2
    parts = urlsplit(url.replace("{{username}}:{{password}}", "u:p"))
    assert unquote(parts.path[1:]) == database
    assert (parts.hostname, parts.port, parts.query) == ("db.example.org", 5432, "sslmode=require&connect_timeout=10")


def test_an_ipv6_address_is_the_same_with_and_without_brackets() -> None:
    bare, bracketed = (registration_from({**OPTIONS, "host": host}, {}) for host in ("2001:db8::1", "[2001:db8::1]"))
    assert "@[2001:db8::1]:5432/" in bare.endpoint.url
    assert bare.facts()["endpoint"] == "2001:db8::1"
    assert (bare.facts(), bare.fingerprint()) == (bracketed.facts(), bracketed.fingerprint())


@pytest.mark.parametrize("option", ["host", "port", "database", "sslmode", "username", "password"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_line_break_of_echo_is_named(option: str, ending: str) -> None:
    key = "endpoint" if option == "host" else option
    secret = {**SECRET, key: f"{SECRET[key]}{ending}"}
    options = {**OPTIONS, **dict.fromkeys(("host", "database", "username", "password"))}
    options["connection_secret"] = {"namespace": "dev", "name": "postgres"}
    with pytest.raises(InvalidOption) as caught:
        registration_from(options, secret)
    assert str(caught.value) == (
        f"connection_secret is Secret dev/postgres, whose key {key} has a line break, as echo leaves one; "
        "make it with printf, echo -n or kubectl create secret --from-literal"
    )
    given = {**OPTIONS, "port": 5432, option: f"x{ending}"}
    with pytest.raises(InvalidOption, match=f"^{option} has a line break; give it without$"):
        registration_from(given, {})


def test_a_place_has_no_stray_slashes() -> None:
    place = place_from({**OPTIONS, "mount_point": "/team/database/"})
    assert place == Place("team/database", "postgres-dev")
    assert place.credentials_path("dev-readonly") == "team/database/creds/dev-readonly"


@given(st.text(st.sampled_from("ab0.-_@/%?#; {}\\\n\tü\0"), min_size=1, max_size=8) | st.text(max_size=20))
def test_a_name_is_refused_or_stays_in_its_folder(name: str) -> None:
    try:
        place = place_from({**OPTIONS, "mount_point": name, "name": role_names([{"name": name}])[0]})
    except InvalidOption:
        return
    for path in (place.connection_path, place.rotation_path, place.role_path(name), place.credentials_path(name)):
        read = urlsplit(f"http://vault/v1/{path}")
        assert (normpath(unquote(read.path)), read.query, read.fragment) == (f"/v1/{path}", "", "")
        assert path.isascii()
        assert path.count("/") == 2
        assert path.startswith(f"{name}/")


@given(st.text(st.sampled_from("ab.@-/%?# {}"), min_size=1, max_size=12))
def test_a_mount_point_is_refused_or_one_place(mount_point: str) -> None:
    try:
        place = place_from({**OPTIONS, "mount_point": mount_point})
    except InvalidOption:
        return
    read = urlsplit(f"http://vault/v1/{place.connection_path}")
    assert normpath(unquote(read.path)) == f"/v1/{mount_point.strip('/')}/config/postgres-dev"


def test_only_names_count_for_role_names() -> None:
    assert role_names([{"name": "dev-readwrite"}, {"name": "other"}]) == ["dev-readwrite", "other"]


def test_the_password_is_no_field_and_is_not_shown() -> None:
    registration = registration_from(OPTIONS, {})
    assert "first-password" not in repr(registration)
    assert "first-password" not in str(registration.connection_fields())


def test_statements_of_ones_own_take_the_place_of_the_usual_ones() -> None:
    own = {"creation_statements": ["CREATE ROLE \"{{username}}\" PASSWORD '{{password}}'"], "renew_statements": None}
    role = registration_from({**OPTIONS, "roles": [{**READWRITE, **own}]}, {}).roles[0].fields("postgres-dev")
    usual = registration_from(OPTIONS, {}).roles[0].fields("postgres-dev")
    assert {name for name in role if role[name] != usual[name]} == {"creation_statements"}


def test_facts_are_texts_that_name_no_secret() -> None:
    facts = registration_from(OPTIONS, {}).facts()
    assert tuple(facts) == FACTS
    assert facts["roles"] == "dev-readwrite,dev-readonly"
    assert "first-password" not in str(facts)


@pytest.mark.parametrize(
    "change",
    [
        {"host": "other"},
        {"roles": [READWRITE]},
        {"roles": [{**READWRITE, "max_ttl": "12h"}, READONLY]},
        {"max_open_connections": 9},
        {"name": "other"},
        {"mount_point": "other"},
    ],
)
def test_another_registration_has_another_fingerprint(change: dict[str, Any]) -> None:
    fingerprint = registration_from(OPTIONS, {}).fingerprint()
    assert registration_from({**OPTIONS, "password": "other", "tls_certificate": None}, {}).fingerprint() == fingerprint
    assert registration_from({**OPTIONS, **change}, {}).fingerprint() != fingerprint


def test_the_key_of_a_certificate_is_no_field() -> None:
    registration = registration_from({**OPTIONS, "tls_certificate": "CERT", "tls_private_key": "KEY"}, {})
    assert registration.key_fields() == {"private_key": "KEY"}
    assert registration.connection_fields()["tls_certificate"] == "CERT"
    assert "KEY" not in repr(registration)
    assert registration_from(OPTIONS, {}).key_fields() == {}


@pytest.mark.parametrize(
    ("option", "given", "told"),
    [
        ("max_open_connections", 7, "7"),
        ("max_connection_lifetime", "5m", "300s"),
        ("max_connection_lifetime", "5m", 300),
        ("max_idle_connections", 0, None),
        ("username_template", "", None),
    ],
)
def test_a_setting_may_come_in_another_form(option: str, given: Any, told: Any) -> None:
    desired = registration_from({**OPTIONS, option: given}, {}).connection_fields()
    live = {**desired, "connection_details": {option: told} if told is not None else {}}
    live["root_credentials_rotate_statements"] = []
    assert observed_connection(live, desired) == desired
    live["connection_details"][option] = "nonsense"
    assert observed_connection(live, desired) != desired


def test_what_vault_answers_equals_what_it_was_told() -> None:
    registration = registration_from({**OPTIONS, "tls_ca": "PEM"}, {})
    desired = registration.connection_fields()
    answer = {
        **{key: desired[key] for key in ("plugin_name", "verify_connection")},
        "allowed_roles": ["dev-readwrite", "dev-readonly"],
        "connection_details": {key: desired[key] for key in ("connection_url", "username", "tls_ca")},
        "rotation_window": 0,
    }
    assert observed_connection(answer, desired) == desired
    role = registration.roles[0].fields("postgres-dev")
    assert observed_role({**role, "default_ttl": 3600.0, "max_ttl": "24h", "credential_config": {}}, role) == role


def test_a_field_that_vault_lost_differs() -> None:
    role = registration_from(OPTIONS, {}).roles[0].fields("postgres-dev")
    for name in role:
        lacking = {key: value for key, value in role.items() if key != name}
        assert (observed_role(lacking, role) == role) is (role[name] == [])


def test_one_statement_may_come_as_a_text() -> None:
    role = registration_from(OPTIONS, {}).roles[0].fields("postgres-dev")
    answer = {**role, "revocation_statements": "DROP ROLE x", "renew_statements": ""}
    assert observed_role(answer, role)["revocation_statements"] == ["DROP ROLE x"]
    assert observed_role(answer, role)["renew_statements"] == []


def test_patterns_among_allowed_roles_name_none() -> None:
    assert allowed_roles({"allowed_roles": ["dev-readwrite", "dev-*", "*"]}) == ["dev-readwrite"]
    assert allowed_roles({}) == []
