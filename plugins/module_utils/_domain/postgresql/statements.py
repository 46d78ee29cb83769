# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQL that Vault runs when it makes a login role, and when it removes one.

Vault fills in ``{{name}}``, ``{{password}}`` and ``{{expiration}}``. It runs a list of statements in one transaction,
and splits each of them at its semicolons unless it contains the word END. All of it needs PostgreSQL 14 or newer.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InvalidOption

LOGIN = '"{{name}}"'
LOGIN_NAME = "'{{name}}'"
PASSWORD = "'{{password}}'"  # noqa: S105 - Vault's placeholder for one
EXPIRATION = "'{{expiration}}'"

# What Vault knows the login and its password by.
NAMES = ("{{name}}", "{{username}}")
PASSWORDS = ("{{password}}",)

# Longer names are cut by PostgreSQL without an error.
LONGEST = 63
# Bytes. Vault takes no text of a mebibyte, and says so after the connection was stored.
LONGEST_STATEMENT = 1_000_000
# What ends a statement or a function body early, or is a placeholder of Vault's.
MISREAD = (";", "$$", "{{", "}}")


def checked_name(name: str, option: str) -> str:
    """The name of a PostgreSQL role, fit to stand in a statement. Raises InvalidOption naming ``option``."""
    if not name:
        raise InvalidOption(f"{option} is missing", next_step="give the name of a PostgreSQL role")
    if len(name.encode()) > LONGEST:
        raise InvalidOption(f"{option} is longer than {LONGEST} bytes", next_step="PostgreSQL knows no such role")
    if not name.isprintable() or any(text in name for text in MISREAD):
        raise InvalidOption(
            f"{option} is {name!r}, which can not stand in a statement that Vault runs",
            next_step=f"use a name without control characters, {', '.join(MISREAD)}",
        )
    return name


def checked_statements(lines: Sequence[str], option: str, needed: Sequence[Sequence[str]]) -> list[str]:
    """Statements of the user's own, if there are any. Of each group of placeholders in ``needed`` one must occur.

    Raises InvalidOption naming ``option``.
    """
    for placeholders in needed if lines else ():
        if not any(placeholder in line for line in lines for placeholder in placeholders):
            raise InvalidOption(
                f"{option} has no {' or '.join(placeholders)}",
                next_step="write it where Vault is to put the login's own; it does so in every statement",
            )
    if any(len(line.encode()) > LONGEST_STATEMENT for line in lines):
        raise InvalidOption(
            f"{option} has a statement of more than {LONGEST_STATEMENT} bytes", next_step="Vault takes no longer text"
        )
    return list(lines)


def quoted_identifier(name: str) -> str:
    """A name as it stands in SQL."""
    return '"' + name.replace('"', '""') + '"'


def quoted_literal(text: str) -> str:
    """A text as it stands in SQL."""
    return "'" + text.replace("'", "''") + "'"


def create_readwrite(owner: str) -> list[str]:
    """A login that acts as the owner, so that whatever it creates belongs to the owner and outlives the login."""
    group = quoted_identifier(owner)
    return [_create_login(group), f"ALTER ROLE {LOGIN} SET role TO {group}"]


def create_readonly(owner: str, reader: str) -> list[str]:
    """A login in the readers' group, after that group may read what the owner has made and will make."""
    return [_readable(owner, reader), _create_login(quoted_identifier(reader))]


def revoke(owner: str) -> list[str]:
    """Ends the login's sessions and drops it; whatever it owns, for it may act as itself, goes to the owner.

    The login is locked in a transaction of its own: a client that reconnects while its sessions are ended would
    otherwise slip in, and outlive its role. Everything may be run again after a failure.
    """
    return [_lock_login(), "COMMIT AND CHAIN", _drop_login(owner)]


def _create_login(group: str) -> str:
    return f"CREATE ROLE {LOGIN} LOGIN PASSWORD {PASSWORD} VALID UNTIL {EXPIRATION} IN ROLE {group}"


def _readable(owner: str, reader: str) -> str:
    owner_group, reader_group = quoted_identifier(owner), quoted_identifier(reader)
    owner_name, reader_name = quoted_literal(owner), quoted_literal(reader)
    return f"""\
DO $$
DECLARE
  missing text;
BEGIN
  ALTER DEFAULT PRIVILEGES FOR ROLE {owner_group} GRANT USAGE ON SCHEMAS TO {reader_group};
  ALTER DEFAULT PRIVILEGES FOR ROLE {owner_group} GRANT SELECT ON TABLES TO {reader_group};
  ALTER DEFAULT PRIVILEGES FOR ROLE {owner_group} GRANT SELECT ON SEQUENCES TO {reader_group};
  FOR missing IN
    SELECT format('GRANT USAGE ON SCHEMA %I TO %I', nspname, {reader_name})
      FROM pg_namespace
      WHERE pg_get_userbyid(nspowner) IN ({owner_name}, 'pg_database_owner')
        AND NOT has_schema_privilege({reader_name}, oid, 'USAGE')
    UNION ALL
    SELECT format('GRANT SELECT ON %s TO %I', oid::regclass, {reader_name})
      FROM pg_class
      WHERE pg_get_userbyid(relowner) = {owner_name} AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND NOT has_table_privilege({reader_name}, oid, 'SELECT')
  LOOP
    EXECUTE missing;
  END LOOP;
END
$$"""  # noqa: S608 - a statement for Vault to keep, of quoted names


def _lock_login() -> str:
    return f"""\
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = {LOGIN_NAME}) THEN
    ALTER ROLE {LOGIN} NOLOGIN;
  END IF;
END
$$"""


def _drop_login(owner: str) -> str:
    return f"""\
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = {LOGIN_NAME}) THEN
    SET LOCAL lock_timeout = '10s';
    GRANT {LOGIN} TO CURRENT_USER;
    PERFORM pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = {LOGIN_NAME};
    REASSIGN OWNED BY {LOGIN} TO {quoted_identifier(owner)};
    DROP OWNED BY {LOGIN};
    DROP ROLE {LOGIN};
  END IF;
END
$$"""  # noqa: S608 - a statement for Vault to keep, of quoted names
