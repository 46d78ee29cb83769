# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the servers of the test bed have, as far as it lasts, to be compared with the same another time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

from tests.e2e.servers import ask
from tests.testbed.readiness import NotReady, wait_until

# By what it is and its name: what it is like.
Listing = dict[str, Any]

# What comes and goes, or changes, without anybody's doing, by kind, and why.
PASSING = {
    "Event": "tells what has happened, and is forgotten after a while",
    "Lease": "is renewed by its holder, and says when",
    "ComponentStatus": "is not stored, but asked for when it is listed",
}
# What is kept of runs, on purpose, also of what is deleted.
HISTORIES = "ConfigMap pnow-infra/history-"
# Of an object's metadata, what every write changes.
BOOKKEEPING = ("resourceVersion", "managedFields", "generation")
SETTLED_SECONDS = 90.0

DATABASES = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1"
# Of the whole server; an object that was made anew has another oid.
SERVER = {
    "database": "SELECT datname, oid, pg_get_userbyid(datdba), datacl, datconnlimit, datallowconn FROM pg_database",
    "role": """SELECT rolname, oid, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
        rolbypassrls, rolconnlimit, rolvaliduntil, md5(rolpassword) FROM pg_authid""",
    "setting": "SELECT concat(setrole::regrole, ' in ', setdatabase), setconfig FROM pg_db_role_setting",
    "membership": """SELECT concat(roleid::regrole, ' to ', member::regrole, ' by ', grantor::regrole), admin_option,
        inherit_option, set_option FROM pg_auth_members""",
}
# Of each database.
INSIDE = {
    "schema": """SELECT nspname, oid, nspowner::regrole, nspacl FROM pg_namespace
        WHERE nspname !~ '^pg_(temp|toast_temp)_'""",
    "relation": """SELECT oid::regclass, oid, relkind, relowner::regrole, relacl FROM pg_class
        WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)'""",
    "default privileges": """SELECT concat(defaclrole::regrole, ' in ', defaclnamespace::regnamespace, ' for ',
        defaclobjtype), oid, defaclacl FROM pg_default_acl""",
}

# What Vault keeps at paths of its own: where they are listed, whatever lies below them, and how one of them is read.
KEPT_IN_VAULT = (
    "sys/policies/acl",
    "database/config",
    "database/roles",
    "database/static-roles",
    "auth/approle/role",
    "auth/userpass/users",
    "identity/entity/id",
    "identity/group/id",
)
# Said of a static role: changes with every rotation, and with time.
ROTATING = ("ttl", "last_vault_rotation", "next_vault_rotation")


def everything() -> Listing:
    """What the API server, PostgreSQL and Vault have."""
    return {**kubernetes(), **postgresql(), **vault()}


def difference(before: Listing, after: Listing) -> dict[str, list[str]]:
    """What has gone, come and changed in between."""
    both = before.keys() & after.keys()
    found = {
        "gone": sorted(before.keys() - after.keys()),
        "new": sorted(after.keys() - before.keys()),
        "changed": [f"{name}: {before[name]} -> {after[name]}" for name in sorted(both) if before[name] != after[name]],
    }
    return {verb: names for verb, names in found.items() if names}


def await_equality(expected: Listing, listed: Callable[[], Listing] = everything) -> None:
    """Waits until all there is is what was expected: what lost its owner is collected a little later."""

    def compare() -> None:
        if found := difference(expected, listed()):
            raise NotReady(json.dumps(found, indent=2))

    wait_until(compare, SETTLED_SECONDS)


def kubernetes() -> Listing:
    """Every object of every kind that can be listed."""
    kinds = ask("kubectl", "api-resources", "--verbs=list", "--output=name").replace("\n", ",")
    items = json.loads(ask("kubectl", "get", kinds, "--all-namespaces", "--output=json"))["items"]
    lasting = {_named(item): _lasting(item) for item in items if item["kind"] not in PASSING}
    return {name: item for name, item in lasting.items() if not name.startswith(HISTORIES)}


def _named(item: dict[str, Any]) -> str:
    metadata = item["metadata"]
    group = item["apiVersion"].rpartition("/")[0]
    place = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
    return f"{item['kind']}{'.' if group else ''}{group} {place}"


def _lasting(item: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in item["metadata"].items() if key not in BOOKKEEPING}
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": metadata}


def postgresql() -> Listing:
    """Databases, roles and memberships; in each database schemas, relations and what will be granted."""
    found = {f"{what} {row[0]}": row[1:] for what, query in SERVER.items() for row in _rows("postgres", query)}
    for (database,) in _rows("postgres", DATABASES):
        for what, query in INSIDE.items():
            found |= {f"{what} {row[0]} of database {database}": row[1:] for row in _rows(database, query)}
    return found


def _rows(database: str, query: str) -> list[list[Any]]:
    said = ask("psql", "--dbname", database, "-Atc", f"SELECT json_agg(found) FROM ({query}) found")
    return [list(row.values()) for row in json.loads(said or "[]")]


def vault() -> Listing:
    """Mounts, policies, what they keep, secrets by their versions, and leases."""
    mounts = {f"mount {path}": about["accessor"] for path, about in _read("sys/mounts").items()}
    logins = {f"auth {path}": about["accessor"] for path, about in _read("sys/auth").items()}
    kept = {f"vault {path}": _steady(_read(path)) for root in KEPT_IN_VAULT for path in _below(root)}
    secrets = {f"secret {path}": _read(path)["versions"] for path in _below("secret/metadata")}
    leases = {f"lease {path}": True for path in _below("sys/leases/lookup")}
    return {**mounts, **logins, **kept, **secrets, **leases}


def _below(folder: str) -> Iterator[str]:
    """The paths of everything below a folder."""
    for name in _listed(folder):
        path = f"{folder}/{name.rstrip('/')}"
        if name.endswith("/"):
            yield from _below(path)
        else:
            yield path


def _listed(folder: str) -> list[str]:
    # A folder without anything in it is exit status 2 and no error text; so is one of an engine that is not mounted.
    done = subprocess.run(["vault", "list", "-format=json", folder], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 2), done.stderr
    names: list[str] = json.loads(done.stdout) if done.returncode == 0 else []
    return names


def _read(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask("vault", "read", "-format=json", path))["data"]
    return found


def _steady(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in ROTATING}
