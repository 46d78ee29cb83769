# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.proof ENVIRONMENT [OPTION...]`: is what it has usable, or gone?

An application's database is meant, or the environment's own; that one is gone when all that is called like it is. A
cluster is usable when it is opened by the kubeconfig in Vault.

Asked with other eyes than the collection's own: kubectl, psql and the vault command, found on PATH and pointed at their
servers by the environment. Prints a short table; the first fact that is not as it should be ends it with exit status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MANAGED = ("databases", "defaultprivileges", "grants", "roles")
MANAGED_API = {"claims": "postgresql.sql.crossplane.io", "namespaced": "postgresql.sql.m.crossplane.io"}
MOUNT = "database"

PATIENCE = 60  # seconds, for one program

READY = ("Ready", "True")

IF_ANY = ("--ignore-not-found", "--output=name")

ROLES = "SELECT string_agg(rolname, ', ') FROM pg_roles WHERE rolname ~ :'name'"
MAKE_TABLE = """
CREATE TABLE :"name" (proved boolean);
SELECT tableowner FROM pg_tables WHERE tablename = :'name';
DROP TABLE :"name";
"""


class Disproved(Exception):
    """A fact is not as it should be; the text says which, in one sentence."""


@dataclass(frozen=True)
class Names:
    """What an environment's database is called everywhere."""

    environment: str
    app: str
    style: str
    domain: str

    @property
    def instance(self) -> str:
        return f"{self.environment}-{self.app}" if self.app else self.environment

    @property
    def claim_resource(self) -> str:
        return f"postgresqlinstances.database.{self.domain}"

    @property
    def resources_behind(self) -> str:
        composite = [f"x{self.claim_resource}"] if self.style == "claims" else []
        return ",".join([*composite, *(f"{kind}.{MANAGED_API[self.style]}" for kind in MANAGED)])

    @property
    def selector_behind(self) -> str:
        if self.style == "claims":
            return f"crossplane.io/claim-name={self.claim},crossplane.io/claim-namespace={self.environment}"
        return f"crossplane.io/composite={self.claim}"

    @property
    def claim(self) -> str:
        return f"{self.instance}-database"

    @property
    def database(self) -> str:
        return f"{self.instance}-db"

    @property
    def owner(self) -> str:
        return f"{self.instance}-user"

    @property
    def connection(self) -> str:
        return f"postgres-{self.instance}"

    @property
    def vault_roles(self) -> tuple[str, str]:
        return f"{self.instance}-readwrite", f"{self.instance}-readonly"


def main() -> None:
    """Prove what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("environment", help="for example dev")
    parser.add_argument("--app", default="", help="application whose database is meant")
    parser.add_argument("--cluster", action="store_true", help="prove that the environment's cluster is usable, too")
    parser.add_argument("--gone", action="store_true", help="prove that nothing is left of it")
    parser.add_argument("--style", choices=list(MANAGED_API), default="claims", help="of the platform API")
    parser.add_argument("--domain", default="yourdomain.com", help="of the platform API")
    options = parser.parse_args()
    names = Names(options.environment, options.app, options.style, options.domain)
    try:
        facts = _gone(names) if options.gone else _usable(names)
        if options.cluster:
            facts["cluster"] = _cluster(options.environment)
    except Disproved as error:
        sys.exit(f"What {names.instance} has is not {'gone' if options.gone else 'usable'}: {error}")
    _print_table(facts)


def _usable(names: Names) -> dict[str, str]:
    return {
        "instance": names.instance,
        "claim": _claim(names),
        "database": _database(names),
        "Vault role": _vault_roles(names),
        "credential": _credential(names),
    }


def _claim(names: Names) -> str:
    claim = json.loads(_run(*_get_claim(names), "--output=json"))
    conditions = {condition["type"]: condition for condition in claim.get("status", {}).get("conditions", [])}
    for wanted in ("Synced", "Ready"):
        condition = conditions.get(wanted, {"status": "not reported"})
        if condition["status"] != "True":
            raise Disproved(f"claim {names.claim} is {wanted}={condition['status']} {condition.get('message', '')}")
    return f"{names.claim} Ready"


def _get_claim(names: Names) -> tuple[str, ...]:
    return "kubectl", "get", names.claim_resource, names.claim, "--namespace", names.environment


def _database(names: Names) -> str:
    owner = _query("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = :'name'", name=names.database)
    _expect(f"owner of database {names.database}", owner, names.owner)
    return f"{names.database} of {owner}"


def _vault_roles(names: Names) -> str:
    for role in names.vault_roles:
        _expect(f"connection of Vault role {role}", _vault_read(f"{MOUNT}/roles/{role}")["db_name"], names.connection)
    return names.vault_roles[0]


def _credential(names: Names) -> str:
    """Issue a credential, use it, revoke it."""
    issued = json.loads(_run("vault", "read", "-format=json", f"{MOUNT}/creds/{names.vault_roles[0]}"))
    login = issued["data"]["username"]
    try:
        _expect("owner of a table made with it", _make_table(names, login, issued["data"]["password"]), names.owner)
    finally:
        _run("vault", "lease", "revoke", "-sync", issued["lease_id"])
    _expect(f"role {login} after its lease was revoked", _query(ROLES, name=f"^{login}$"), "")
    return f"logged in, made a table of {names.owner}, revoked"


def _make_table(names: Names, login: str, password: str) -> str:
    """Make and drop a table as somebody else would; returns its owner."""
    credential = {"PGDATABASE": names.database, "PGUSER": login, "PGPASSWORD": password}
    return _query(MAKE_TABLE, credential, name=f"proof_{secrets.token_hex(4)}")


def _cluster(environment: str) -> str:
    """Open the cluster with what is in Vault."""
    kubeconfig = _run("vault", "kv", "get", "-mount=secret", "-field=kubeconfig", f"clusters/{environment}")
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(kubeconfig)
        file.flush()
        nodes = json.loads(_run("kubectl", f"--kubeconfig={file.name}", "get", "nodes", "--output=json"))["items"]
    ready = [node for node in nodes for each in node["status"]["conditions"] if (each["type"], each["status"]) == READY]
    if not ready or len(ready) < len(nodes):
        raise Disproved(f"{len(ready)} of {len(nodes)} nodes of the cluster are ready")
    return f"{len(ready)} nodes ready, by the kubeconfig in Vault"


def _gone(names: Names) -> dict[str, str]:
    _expect("claim", _run(*_get_claim(names), *IF_ANY), "")
    behind = ("--all-namespaces", "--selector", names.selector_behind)
    _expect("what is behind it", _run("kubectl", "get", names.resources_behind, *behind, *IF_ANY), "")
    _expect("database", _query("SELECT datname FROM pg_database WHERE datname = :'name'", name=names.database), "")
    _expect("PostgreSQL roles", _query(ROLES, name=f"^(v-.*-)?{names.instance}-"), "")
    _expect("Vault connection", _vault_listed("config", {names.connection}), "")
    _expect("Vault roles", _vault_listed("roles", set(names.vault_roles)), "")
    return {"instance": names.instance, "claim": "gone", "database": "gone", "Vault role": "gone"}


def _query(sql: str, login: Mapping[str, str] | None = None, **variables: str) -> str:
    """What psql prints for statements, unadorned; as the server's administrator unless told otherwise."""
    quiet = ["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]
    bound = [f"--set={name}={value}" for name, value in variables.items()]
    return _run("psql", *quiet, *bound, environment={"PGDATABASE": "postgres", **(login or {})}, text=sql)


def _vault_read(path: str) -> Any:
    return json.loads(_run("vault", "read", "-format=json", path))["data"]


def _vault_listed(kind: str, wanted: set[str]) -> str:
    # An empty list is exit status 2 and no error text.
    listed = json.loads(_run("vault", "list", "-format=json", f"{MOUNT}/{kind}", accept=(0, 2)) or "[]")
    return ", ".join(sorted(wanted & set(listed)))


def _run(
    *command: str, environment: Mapping[str, str] | None = None, text: str | None = None, accept: tuple[int, ...] = (0,)
) -> str:
    """What a program prints, given `text` to read; exit statuses other than those accepted disprove."""
    inherited = {**os.environ, **(environment or {})}
    try:
        done = subprocess.run(
            command, env=inherited, input=text, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except FileNotFoundError:
        raise Disproved(f'{command[0]} is not on PATH; use eval "$(make -s env)" first') from None
    except subprocess.TimeoutExpired:
        raise Disproved(f"{command[0]} did not answer within {PATIENCE} s") from None
    if done.returncode not in accept:
        raise Disproved(f"{' '.join(command[:2])} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def _expect(what: str, seen: str, wanted: str) -> None:
    if seen != wanted:
        raise Disproved(f"{what} should be {wanted or 'gone'}, seen: {seen or 'nothing'}")


def _print_table(facts: Mapping[str, str]) -> None:
    widths = [max(len(title), len(value)) for title, value in facts.items()]
    for row in (facts.keys(), facts.values()):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
