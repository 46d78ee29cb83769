# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that the roles of a registration do what they promise, with fresh credentials that end with the proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from ..._domain.errors import Failed, Forbidden, InfraError, Unauthorized, Unreachable
from ..._domain.ports import Reporter
from ..._domain.postgresql.ports import PostgreSQL, Session
from ..._domain.vault.ports import Credential, Issuer, Vault
from ..._domain.vault.registration import READONLY, READWRITE, Registration, Role

# Seconds. Whatever happens to this process, its credentials end with their token.
ISSUER_TTL = 300

# Each login has a table of its own. One that a killed process has left is known by its name: it has no login any more.
TABLE = "pnow_infra_proof"
DIGITS = 32
LEFT_BEHIND = f"""
SELECT format('%I.%I', nspname, relname)
  FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE starts_with(relname, '{TABLE}') AND relkind = 'r' AND pg_get_userbyid(relowner) = current_user
    AND NOT EXISTS (
      SELECT FROM pg_roles
        WHERE relname = '{TABLE}_' || left(encode(sha256(convert_to(rolname, 'UTF8')), 'hex'), {DIGITS})
    )
"""  # noqa: S608 - constants
PLACE_AND_OWNER = """
SELECT format('%I.%I', nspname, relname), pg_get_userbyid(relowner)
  FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE pg_class.oid = '{table}'::regclass
"""

# What would mend a schema in which a writer may not create, or a reader may.
ALLOWING = """
SELECT CASE
    WHEN current_schema() IS NOT NULL
      THEN format('GRANT CREATE ON SCHEMA %I TO %I', current_schema(), current_user)
    WHEN to_regnamespace('public') IS NOT NULL
      THEN format('GRANT USAGE, CREATE ON SCHEMA public TO %I', current_user)
    ELSE format('CREATE SCHEMA public AUTHORIZATION %I', current_user)
  END
  WHERE current_schema() IS NULL OR NOT has_schema_privilege(current_schema(), 'CREATE')
"""
FORBIDDING = """
SELECT format(
    'REVOKE CREATE ON SCHEMA %I FROM %s',
    nspname,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
  )
  FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner)))
  WHERE nspname = current_schema() AND privilege_type = 'CREATE'
    AND (grantee = 0 OR pg_has_role(grantee, 'USAGE'))
"""


@dataclass(frozen=True)
class Login:
    """An open session under a fresh credential of a role, and what has been proved with it."""

    role: Role
    credential: Credential
    session: Session
    database: str
    proved: list[str] = field(default_factory=list)

    @contextmanager
    def proving(self, what: str) -> Iterator[None]:
        with _step(self.role, what):
            yield
        self.proved.append(what)

    @property
    def table(self) -> str:
        """The name of its table."""
        return f"{TABLE}_{sha256(self.credential.username.encode()).hexdigest()[:DIGITS]}"

    def mended_by(self, question: str) -> str:
        """The statements that would mend what has been found; none when something else is the matter."""
        statements = "; ".join(row[0] for row in self.session.query(question))
        return f", which the schema's owner mends in database {self.database} with {statements}" if statements else ""

    def fact(self) -> dict[str, Any]:
        """The login as an entry of the result's ``verified``."""
        return {"role": self.role.name, "access": self.role.access, "proved": self.proved}


def prove(wanted: Registration, vault: Vault, postgresql: PostgreSQL, reporter: Reporter) -> list[dict[str, Any]]:
    """Uses a credential of every role, and revokes it with its session open. Raises Failed, naming role and step."""
    with vault.issuer(ISSUER_TTL) as issuer, ExitStack() as sessions:
        logins = [_log_in(wanted, role, issuer, postgresql, sessions) for role in wanted.roles]
        _prove_access(logins)
        for position, login in enumerate(logins):
            _prove_revocation(wanted, login, logins[position + 1 :], issuer, postgresql)
            reporter.line(f"{login.role.name}: a fresh credential has {', '.join(login.proved)}")
        return [login.fact() for login in logins]


@contextmanager
def _step(role: Role, what: str) -> Iterator[None]:
    try:
        yield
    except InfraError as error:
        raise Failed(
            f"role {role.name} is registered, but a fresh credential has not {what}: {error.message}",
            next_step="mend what it names and run again with verify set to always",
        ) from error


def _log_in(wanted: Registration, role: Role, issuer: Issuer, postgresql: PostgreSQL, sessions: ExitStack) -> Login:
    with _step(role, "been issued"):
        credential = issuer.issue(wanted.place.credentials_path(role.name))
    with _step(role, "logged in"):
        session = sessions.enter_context(postgresql.login(wanted.endpoint, credential.username, credential.password))
    return Login(role, credential, session, wanted.endpoint.database, ["logged in"])


def _prove_access(logins: Sequence[Login]) -> None:
    """Every table was made after the readers had logged in, so a reader that sees it will see later ones, too."""
    readers = [login for login in logins if login.role.access == READONLY]
    for writer in (login for login in logins if login.role.access == READWRITE):
        with _table(writer) as table:
            for reader in (login for login in readers if login.role.owner == writer.role.owner):
                _prove_reading(reader, table, written=writer.credential.username)
    for reader in readers:
        with reader.proving("been refused a table of its own"):
            _expect_refusal(reader, f"CREATE TABLE {reader.table} ()", FORBIDDING)


@contextmanager
def _table(writer: Login) -> Iterator[str]:
    """A table made and filled by the writer, by its full name; dropped when the context ends."""
    query = writer.session.query
    with writer.proving("created and filled a table"):
        for (table,) in query(LEFT_BEHIND):
            query(f"DROP TABLE IF EXISTS {table}")
        _create(writer)
        query(f"INSERT INTO {writer.table} VALUES (%s)", [writer.credential.username])  # noqa: S608 - hex digits
    try:
        with writer.proving(f"made it for {writer.role.owner}"):
            [(table, owner)] = query(PLACE_AND_OWNER.replace("{table}", writer.table))
            if owner != writer.role.owner:
                raise Failed(f"the table belongs to {owner}")
        yield table
    finally:
        with writer.proving("dropped the table"):
            query(f"DROP TABLE {writer.table}")


def _create(writer: Login) -> None:
    try:
        writer.session.query(f"CREATE TABLE {writer.table} (written text)")
    except Forbidden as error:
        raise Failed(error.message + writer.mended_by(ALLOWING)) from error


def _prove_reading(reader: Login, table: str, written: str) -> None:
    with reader.proving(f"read a table of {reader.role.owner}"):
        rows = reader.session.query(f"SELECT written FROM {table}")  # noqa: S608 - quoted by PostgreSQL
        if rows != [(written,)]:
            raise Failed(f"it saw {len(rows)} rows of 1")
    with reader.proving("been refused to write to it"):
        _expect_refusal(reader, f"INSERT INTO {table} VALUES ('refused')")  # noqa: S608 - quoted by PostgreSQL


def _expect_refusal(login: Login, statement: str, mending: str = "") -> None:
    try:
        login.session.query(statement, rolled_back=True)
    except Forbidden:
        return
    raise Failed("PostgreSQL allowed it" + (login.mended_by(mending) if mending else ""))


def _prove_revocation(
    wanted: Registration, login: Login, others: Sequence[Login], issuer: Issuer, postgresql: PostgreSQL
) -> None:
    with login.proving("been revoked"):
        issuer.revoke(login.credential.lease_id)
    with login.proving("lost its open session"):
        _expect_end(login.session)
    for witness in others[:1]:
        with login.proving("taken its role along"):
            if witness.session.query("SELECT rolname FROM pg_roles WHERE rolname = %s", [login.credential.username]):
                raise Failed(f"role {login.credential.username} is still there")
    with login.proving("lost the right to log in"):
        _expect_no_login(wanted, login.credential, postgresql)


def _expect_end(session: Session) -> None:
    try:
        session.query("SELECT 1")
    except Unreachable:
        return
    raise Failed("the session is still alive")


def _expect_no_login(wanted: Registration, credential: Credential, postgresql: PostgreSQL) -> None:
    try:
        with postgresql.login(wanted.endpoint, credential.username, credential.password):
            raise Failed("it still does")
    except Unauthorized:
        return
