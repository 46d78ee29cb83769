# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQL that Vault keeps: names quoted whatever they are, or refused; placeholders where Vault looks for them."""

from __future__ import annotations

import re
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.postgresql.statements import (
    LONGEST,
    MISREAD,
    PASSWORDS,
    checked_name,
    checked_statements,
    create_readonly,
    create_readwrite,
    quoted_identifier,
    quoted_literal,
    revoke,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.postgresql.statements import NAMES as NAMED

QUOTED = re.compile(r'"(?:[^"]|"")*"')


def acceptable(name: str) -> bool:
    return name.isprintable() and len(name.encode()) <= LONGEST and not any(text in name for text in MISREAD)


NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=LONGEST).filter(acceptable)


def test_a_readwrite_login_acts_as_the_owner() -> None:
    assert create_readwrite("dev-user") == [
        "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE \"dev-user\"",
        'ALTER ROLE "{{name}}" SET role TO "dev-user"',
    ]


def test_a_readonly_login_belongs_to_the_readers_only() -> None:
    grants, create = create_readonly("dev-user", "dev-reader")
    assert create.endswith('IN ROLE "dev-reader"')
    assert 'ALTER DEFAULT PRIVILEGES FOR ROLE "dev-user" GRANT SELECT ON TABLES TO "dev-reader";' in grants
    assert not re.search(r"INSERT|UPDATE|DELETE|ALL", grants.replace("UNION ALL", ""))


def test_the_login_is_locked_for_good_before_its_sessions_are_ended() -> None:
    lock, commit, drop = revoke("dev-user")
    assert "NOLOGIN" in lock
    assert commit == "COMMIT AND CHAIN"
    steps = [drop.index(text) for text in ("pg_terminate_backend", "REASSIGN OWNED", "DROP OWNED", "DROP ROLE")]
    assert steps == sorted(steps)


@given(NAMES, NAMES)
def test_vault_reads_every_statement_as_one(owner: str, reader: str) -> None:
    for statement in [*create_readwrite(owner), *create_readonly(owner, reader), *revoke(owner)]:
        assert ";" not in statement or re.search(r"\bEND\b", statement)
        assert statement.count("{{") == len(re.findall(r"{{(?:name|password|expiration)}}", statement))


@given(NAMES)
def test_a_name_survives_quoting(name: str) -> None:
    assert checked_name(name, "owner") == name
    assert QUOTED.fullmatch(quoted_identifier(name))
    assert quoted_identifier(name)[1:-1].replace('""', '"') == name
    assert quoted_literal(name)[1:-1].replace("''", "'") == name


@given(NAMES)
def test_a_name_is_quoted_as_libpq_does_it(name: str) -> None:
    assert quoted_identifier(name) == sql.Identifier(name).as_string(None)
    # Where a literal has a backslash, libpq writes E'...', which does not rely on a setting of the server.
    if "\\" not in name:
        assert quoted_literal(name) == sql.Literal(name).as_string(None)


FRAGMENTS = ["{{name}}", "{{username}}", "{{password}}", "{{ name }}", "{name}", "{{", "}}", "name", " ", "'"]


@given(st.lists(st.lists(st.sampled_from(FRAGMENTS), max_size=6).map("".join), min_size=1, max_size=3))
def test_statements_of_ones_own_have_their_placeholders_or_are_refused(lines: list[str]) -> None:
    everything = "\n".join(lines)
    complete = "{{password}}" in everything and any(name in everything for name in NAMED)
    with nullcontext() if complete else pytest.raises(InvalidOption, match="creation_statements has no"):
        assert checked_statements(lines, "creation_statements", [NAMED, PASSWORDS]) == lines


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "roles.0..owner is missing; give"),
        ("x" * 64, "roles.0..owner is longer than 63 bytes"),
        ("ü" * 32, "roles.0..owner is longer than 63 bytes"),
        ("a;b", "can not stand in a statement"),
        ("a$$b", "can not stand in a statement"),
        ("{{name}}", "can not stand in a statement"),
        ("a\0b", "can not stand in a statement"),
        ("a\nb", "can not stand in a statement"),
    ],
)
def test_what_could_be_misread_is_refused_by_option(name: str, why: str) -> None:
    with pytest.raises(InvalidOption, match=why):
        checked_name(name, "roles[0].owner")
