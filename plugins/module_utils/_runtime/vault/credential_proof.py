# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that the roles of a registration do what they promise, with fresh credentials that end with the proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..._domain.errors import Failed, Forbidden, InfraError, Unauthorized, Unreachable
from ..._domain.ports import Reporter
from ..._domain.postgresql.ports import PostgreSQL, Session
from ..._domain.vault.ports import Credential, Issuer, Vault
from ..._domain.vault.registration import READONLY, READWRITE, Registration, Role

# Seconds. Whatever happens to this process, its credentials end with their token.
ISSUER_TTL = 300

# One name, so that a table left by a process that was killed is found by the next; hence one proof at a time.
TABLE = "pnow_infra_proof"
TAKE_TURN = f"SELECT pg_advisory_lock(hashtext('{TABLE}'))"
END_TURN = f"SELECT pg_advisory_unlock(hashtext('{TABLE}'))"
PLACE_AND_OWNER = f"""
SELECT format('%I.%I', nspname, relname), pg_get_userbyid(relowner)
  FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE pg_class.oid = '{TABLE}'::regclass
"""  # noqa: S608 - a constant


@dataclass(frozen=True)
class Login:
    """An open session under a fresh credential of a role, and what has been proved with it."""

    role: Role
    credential: Credential
    session: Session
    proved: list[str] = field(default_factory=list)

    @contextmanager
    def proving(self, what: str) -> Iterator[None]:
        with _step(self.role, what):
            yield
        self.proved.append(what)

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
    return Login(role, credential, session, ["logged in"])


def _prove_access(logins: Sequence[Login]) -> None:
    """Every table was made after the readers had logged in, so a reader that sees it will see later ones, too."""
    readers = [login for login in logins if login.role.access == READONLY]
    for writer in (login for login in logins if login.role.access == READWRITE):
        with _table(writer) as table:
            for reader in (login for login in readers if login.role.owner == writer.role.owner):
                _prove_reading(reader, table, written=writer.credential.username)
    for reader in readers:
        with reader.proving("been refused a table of its own"):
            _expect_refusal(reader.session, f"CREATE TABLE {TABLE} ()")


@contextmanager
def _table(writer: Login) -> Iterator[str]:
    """A table made and filled by the writer, by its full name; dropped when the context ends."""
    query = writer.session.query
    with writer.proving("created and filled a table"):
        query(TAKE_TURN)
        query(f"DROP TABLE IF EXISTS {TABLE}")
        query(f"CREATE TABLE {TABLE} (written text)")
        query(f"INSERT INTO {TABLE} VALUES (%s)", [writer.credential.username])  # noqa: S608 - a constant
    try:
        with writer.proving(f"made it for {writer.role.owner}"):
            [(table, owner)] = query(PLACE_AND_OWNER)
            if owner != writer.role.owner:
                raise Failed(f"the table belongs to {owner}")
        yield table
    finally:
        with writer.proving("dropped the table"):
            query(f"DROP TABLE {TABLE}")
            query(END_TURN)


def _prove_reading(reader: Login, table: str, written: str) -> None:
    with reader.proving(f"read a table of {reader.role.owner}"):
        rows = reader.session.query(f"SELECT written FROM {table}")  # noqa: S608 - quoted by PostgreSQL
        if rows != [(written,)]:
            raise Failed(f"it saw {len(rows)} rows of 1")
    with reader.proving("been refused to write to it"):
        _expect_refusal(reader.session, f"INSERT INTO {table} VALUES ('refused')")  # noqa: S608 - quoted by PostgreSQL


def _expect_refusal(session: Session, statement: str) -> None:
    session.query("BEGIN")
    try:
        session.query(statement)
    except Forbidden:
        return
    finally:
        session.query("ROLLBACK")
    raise Failed("PostgreSQL allowed it")


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
