# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections as people have them: IPv6, poolers, odd schemas, Secrets made with echo, kubeconfigs that act as others.

What was done is asked of psql, kubectl and the API server's audit log, which are not ours.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import audit
from tests.e2e.conftest import NewPostgreSQL, NewVault
from tests.e2e.poolers import PGBOUNCER, choosy_front, pgbouncer
from tests.e2e.postgresql_servers import installed
from tests.e2e.servers import ask
from tests.e2e.tasks import Result, refused, run
from tests.e2e.worlds import FIRST, World, new_world

NAMESPACE = "connections"
PROVED = ["readwrite", "readonly"]
SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": NAMESPACE}}


@pytest.fixture(scope="module")
def world(new_vault: NewVault, new_postgresql: NewPostgreSQL) -> World:
    return new_world(new_vault, new_postgresql, installed()["16"], "app")


@pytest.fixture
def unregistered(world: World) -> Iterator[World]:
    """The same, in the end with nothing registered and no login left."""
    yield world
    assert not run("vault_db_register", **world.options(state="absent")).get("failed")
    assert world.logins() == ""


@pytest.fixture(scope="module", autouse=True)
def _namespace() -> Iterator[None]:
    ask("kubectl", "create", "namespace", NAMESPACE)
    yield
    ask("kubectl", "delete", "namespace", NAMESPACE)


def proved(result: Result) -> list[str]:
    assert not result.get("failed"), result
    return [role["role"] for role in result["verified"]]


# ---- PostgreSQL


def test_an_address_of_ipv6_with_and_without_brackets(unregistered: World) -> None:
    """As libpq wants it, and as provider-sql publishes it; to Vault and to the record they are the same."""
    checked = run("vault_db_register", **unregistered.options(host="[::1]"), _ansible_check_mode=True)
    assert (checked["changed"], unregistered.knows("made/here/config/app")) == (True, False)
    assert proved(run("vault_db_register", **unregistered.options(host="[::1]"))) == PROVED
    assert not run("vault_db_register", **unregistered.options(host="::1"))["changed"]
    details = unregistered.vault.vault("read", "-format=json", "made/here/config/app")
    url = json.loads(details)["data"]["connection_details"]["connection_url"]
    assert f"@[::1]:{unregistered.postgresql.port}/app?" in url
    assert unregistered.vault.vault("read", "-field=endpoint", "secret/app") == "::1"
    unregistered.use_credential("made/here/creds/readwrite")


def test_a_secret_says_where_as_provider_sql_publishes_it(unregistered: World) -> None:
    facts = {"endpoint": "[::1]", "port": str(unregistered.postgresql.port), "database": "app", "sslmode": "disable"}
    given = {**facts, "username": "vault", "password": FIRST}
    literals = [f"--from-literal={key}={value}" for key, value in given.items()]
    ask("kubectl", "-n", NAMESPACE, "create", "secret", "generic", "published", *literals)
    options = unregistered.options(connection_secret={"namespace": NAMESPACE, "name": "published"})
    for option in ("host", "port", "database", "sslmode", "username", "password"):
        del options[option]
    assert proved(run("vault_db_register", **options)) == PROVED
    assert not run("vault_db_register", **options)["changed"]


@pytest.mark.parametrize("key", ["endpoint", "port", "username", "password", "sslmode", "database"])
def test_a_secret_that_was_made_with_echo(world: World, key: str) -> None:
    given = {"endpoint": "127.0.0.1", "port": "5432", "username": "vault", "password": FIRST}
    given |= {"sslmode": "disable", "database": "app"}
    literals = [f"--from-literal={name}={value}" for name, value in {**given, key: f"{given[key]}\n"}.items()]
    ask("kubectl", "-n", NAMESPACE, "create", "secret", "generic", f"echo-{key}", *literals)
    options = world.options(connection_secret={"namespace": NAMESPACE, "name": f"echo-{key}"})
    for option in ("host", "port", "database", "sslmode", "username", "password"):
        del options[option]
    said = refused("vault_db_register", **options)
    assert said.startswith(f"connection_secret is Secret {NAMESPACE}/echo-{key}, whose key {key} has a line break, ")
    assert FIRST not in said
    assert not world.knows("made/here/config/app")


def test_the_options_alone_decide(unregistered: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what people have in their shells, any of which sends a login elsewhere, or changes or forbids it."""
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").write_text("no certificate")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in {
        "PGHOSTADDR": "192.0.2.1",
        "PGSERVICE": "elsewhere",
        "PGTARGETSESSIONATTRS": "read-only",
        "PGOPTIONS": "-c default_transaction_read_only=on",
        "PGPASSFILE": "/nonexistent",
        "PGREQUIREAUTH": "gss",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/nonexistent",
        "PGDATESTYLE": "nonsense",
    }.items():
        monkeypatch.setenv(name, value)
    assert proved(run("vault_db_register", **unregistered.options())) == PROVED
    assert not run("vault_db_register", **unregistered.options())["changed"]


@pytest.fixture(params=["pgbouncer", "choosy_front"])
def pooled(request: pytest.FixtureRequest, unregistered: World, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The options of a registration whose database is reached through something that refuses startup options."""
    with ExitStack() as fronts:
        if request.param == "choosy_front":
            port = fronts.enter_context(choosy_front(unregistered.postgresql))
        elif PGBOUNCER is None:
            pytest.skip("PgBouncer is not installed; Debian's pgbouncer would be one")
        else:
            port = fronts.enter_context(pgbouncer(unregistered.postgresql, tmp_path))
        login = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "vault", "PGPASSWORD": FIRST}
        asked = ["psql", "--no-psqlrc", "-Atc", "SELECT 1"]
        environment = {"PATH": os.environ["PATH"], **login, "PGDATABASE": "app"}
        assert subprocess.run(asked, env=environment, check=True, capture_output=True).stdout == b"1\n"
        options = {**environment, "PGOPTIONS": "-c statement_timeout=15s"}
        done = subprocess.run(asked, env=options, check=False, capture_output=True, text=True)
        assert "unsupported startup parameter" in done.stderr
        yield unregistered.options(port=port)
        assert not run("vault_db_register", **unregistered.options(port=port, state="absent")).get("failed")


def test_behind_a_pooler(pooled: dict[str, Any], world: World) -> None:
    assert proved(run("vault_db_register", **pooled)) == PROVED
    assert not run("vault_db_register", **pooled)["changed"]
    assert proved(run("vault_db_register", **pooled, verify="always")) == PROVED
    assert world.postgresql.psql("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'pnow%'", database="app") == "0"


def test_what_a_killed_proof_has_left_is_dropped_and_what_others_prove_is_not(
    unregistered: World, request: pytest.FixtureRequest
) -> None:
    psql, owner = unregistered.postgresql.psql, '"app-owner"'
    digest = "left(encode(sha256('v-alive'), 'hex'), 32)"
    alive = psql(f"SELECT 'pnow_infra_proof_' || {digest}")
    tables = [f"CREATE TABLE {name} ()" for name in ("pnow_infra_proof", "pnow_infra_proof_dead", alive, "pnow")]
    psql('CREATE ROLE "v-alive"')
    request.addfinalizer(lambda: psql('DROP ROLE "v-alive"'))
    psql(f"SET ROLE {owner}", *tables, database="app")
    assert proved(run("vault_db_register", **unregistered.options(verify="always"))) == PROVED
    left = "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE tablename LIKE 'pnow%'"
    assert psql(left, database="app") == f"pnow {alive}"
    psql(f"DROP TABLE pnow, {alive}", database="app")


SCHEMAS = [
    # As PostgreSQL 14 makes every database.
    (
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "role readonly .* has not been refused a table of its own: PostgreSQL allowed it",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    ),
    (
        'GRANT CREATE ON SCHEMA public TO "app-reader"',
        "role readonly .* has not been refused a table of its own: PostgreSQL allowed it",
        'REVOKE CREATE ON SCHEMA public FROM "app-reader"',
    ),
    (
        "ALTER SCHEMA public OWNER TO postgres",
        "role readwrite .* has not created and filled a table: .* permission denied for schema public",
        'GRANT CREATE ON SCHEMA public TO "app-owner"',
    ),
    (
        "ALTER SCHEMA public OWNER TO postgres; REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "role readwrite .* has not created and filled a table: .* no schema has been selected to create in",
        'GRANT USAGE, CREATE ON SCHEMA public TO "app-owner"',
    ),
    (
        "DROP SCHEMA public CASCADE",
        "role readwrite .* has not created and filled a table: .* no schema has been selected to create in",
        'CREATE SCHEMA public AUTHORIZATION "app-owner"',
    ),
]


@pytest.fixture(params=range(len(SCHEMAS)))
def schema(request: pytest.FixtureRequest, unregistered: World) -> Iterator[tuple[str, str]]:
    """A schema public that is not as a proof needs it; what is said of it, and what mends it."""
    harm, said, mended = SCHEMAS[request.param]
    unregistered.postgresql.psql(harm, database="app")
    yield said, mended
    unregistered.postgresql.psql(
        "DROP SCHEMA IF EXISTS public CASCADE",
        "CREATE SCHEMA public AUTHORIZATION pg_database_owner",
        "GRANT USAGE ON SCHEMA public TO PUBLIC",
        database="app",
    )


def test_a_schema_that_does_not_fit_is_mended_by_what_the_message_says(
    schema: tuple[str, str], world: World, request: pytest.FixtureRequest
) -> None:
    said, mended = schema
    result = run("vault_db_register", **world.options())
    assert (result["failed"], result["changed"]) == (True, True)
    ending = f", which the schema's owner mends in database app with {mended}; mend what it names and run again"
    assert ending in result["msg"], result["msg"]
    assert re.search(said, result["msg"]), result["msg"]
    world.postgresql.psql(mended, database="app")
    options = world.options()
    if request.node.callspec.params["schema"] == 3:
        # The reader needs a way in, too, which is nobody's but the owner's to give.
        world.postgresql.psql('GRANT USAGE ON SCHEMA public TO "app-reader"', database="app")
    assert proved(run("vault_db_register", **options)) == PROVED
    assert not run("vault_db_register", **options)["changed"]


# ---- Kubernetes


def bed_config() -> dict[str, Any]:
    """The test bed's kubeconfig with everything in it."""
    view = ("kubectl", "config", "view", "--raw", "--minify", "--flatten", "--output=json")
    config: dict[str, Any] = json.loads(ask(*view))
    return config


def kubeconfig(folder: Path, user: dict[str, Any], cluster: dict[str, Any] | None = None) -> str:
    """The test bed's kubeconfig with more said of its user or its cluster; what is None is taken away."""
    config = bed_config()
    for entry, changes in ((config["users"][0], user), (config["clusters"][0], cluster or {})):
        [kind] = entry.keys() - {"name"}
        entry[kind] = {name: value for name, value in {**entry[kind], **changes}.items() if value is not None}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return str(path)


def audit_log() -> Path:
    return Path(os.environ["PNOW_TESTBED_STATE"], "logs", audit.KUBERNETES)


def seen_as(start: int, agent: str) -> dict[str, Any]:
    """Whom a client has acted as, by the API server's account."""
    log = audit_log()
    events = [
        event
        for event in audit.events(log, start)
        if event["userAgent"].startswith(agent) and (event.get("objectRef") or {}).get("namespace") == NAMESPACE
    ]
    assert events, f"{agent} has asked nothing"
    found: dict[str, Any] = events[-1].get("impersonatedUser") or {}
    return found


ACTING = [
    ({"as": "nobody@example.org"}, (), {}),
    ({"as": "jane", "as-groups": ["dev", "ops"], "as-uid": "7"}, (), {}),
    ({"as": "jane", "as-groups": ["dev"], "as-user-extra": {"acme.com/Scopes": ["a", "b"], "odd key%": ["c"]}}, (), {}),
    ({"as": "jane", "as-groups": ["dev"]}, ("--as=joe",), {"impersonate_user": "joe"}),
    ({"as": "jane", "as-groups": ["dev"]}, ("--as-group=qa",), {"impersonate_groups": ["qa"]}),
    ({"as": "jane"}, ("--as=joe", "--as-group=qa"), {"impersonate_user": "joe", "impersonate_groups": ["qa"]}),
]


@pytest.mark.parametrize(("user", "flags", "options"), ACTING)
def test_a_kubeconfig_acts_as_kubectl_does(
    tmp_path: Path, user: dict[str, Any], flags: tuple[str, ...], options: dict[str, Any]
) -> None:
    path = kubeconfig(tmp_path, user)
    start = audit_log().stat().st_size
    asked = ["kubectl", f"--kubeconfig={path}", *flags, "-n", NAMESPACE, "get", "configmap", "settings"]
    assert "Forbidden" in subprocess.run(asked, check=False, capture_output=True, text=True).stderr
    said = refused("manifests", kubeconfig=path, manifests=[SETTINGS], **options)
    assert said.startswith(f"{options.get('impersonate_user', user['as'])} may not get configmaps in namespace")
    theirs, ours = seen_as(start, "kubectl"), seen_as(start, "pnow.infra")
    assert theirs["username"] == options.get("impersonate_user", user["as"])
    assert ours == theirs


def test_groups_alone_are_refused_as_by_kubectl(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, {"as-groups": ["dev"]})
    done = subprocess.run(["kubectl", f"--kubeconfig={path}", "get", "ns"], check=False, capture_output=True, text=True)
    assert "without impersonating a user" in done.stderr
    assert "set without a user to act as" in refused("manifests", kubeconfig=path, manifests=[SETTINGS])


def executing(script: str, **more: Any) -> dict[str, Any]:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": ["-c", script]}
    certificates = dict.fromkeys(("client-certificate-data", "client-key-data", "token"))
    return {**certificates, "exec": {**plugin, "interactiveMode": "Never", **more}}


def test_a_credential_plugin(tmp_path: Path) -> None:
    """One that gives the test bed's own certificate."""
    (tmp_path / "user.json").write_text(json.dumps(bed_config()["users"][0]["user"]))
    script = f"""
import base64, json
user = json.load(open({str(tmp_path / "user.json")!r}))
plain = lambda name: base64.b64decode(user[name + '-data']).decode()
status = {{'clientCertificateData': plain('client-certificate'), 'clientKeyData': plain('client-key')}}
print(json.dumps({{'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential', 'status': status}}))
"""
    path = kubeconfig(tmp_path, executing(script))
    ask("kubectl", f"--kubeconfig={path}", "get", "namespace", NAMESPACE)
    assert run("manifests", kubeconfig=path, manifests=[SETTINGS])["changed"]
    assert not run("manifests", kubeconfig=path, manifests=[SETTINGS])["changed"]
    ask("kubectl", "-n", NAMESPACE, "delete", "configmap", "settings")


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        (executing("import sys; sys.exit('token has expired')"), "failed with exit code 1: token has expired; run it"),
        (executing("", command="no-such-plugin"), "can not be run where this task runs: No such file or directory; "),
    ],
)
def test_a_credential_plugin_that_fails(tmp_path: Path, plugin: dict[str, Any], words: str) -> None:
    path = kubeconfig(tmp_path, plugin)
    said = refused("manifests", kubeconfig=path, manifests=[SETTINGS])
    assert said.startswith(f"the exec credential plugin {plugin['exec']['command']} that the kubeconfig names {words}")
    assert "anonymous" not in said


def test_folders_where_files_are_meant(tmp_path: Path, world: World) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for option in ("ca_cert", "client_cert", "client_key"):
        said = refused("manifests", manifests=[SETTINGS], **{option: str(folder)})
        assert said == f"{option} {folder} is a folder; name a file in it"
    path = kubeconfig(tmp_path, {}, {"certificate-authority": str(folder), "certificate-authority-data": None})
    assert f"names {folder}, which is no file; " in refused("manifests", kubeconfig=path, manifests=[SETTINGS])
    assert f"kubeconfig {folder} can not be read: Is a directory; " in refused(
        "manifests", kubeconfig=str(folder), manifests=[SETTINGS]
    )
    said = refused("vault_object", url=world.vault.url, token="x", path="secret/x", ca_cert=str(folder))
    assert said.startswith(f"{folder} is a folder; ca_cert (VAULT_CACERT) names it")


def test_joined_kubeconfigs(tmp_path: Path) -> None:
    """Users in one file, clusters and contexts in another, one that does not exist; the first context counts."""
    config = bed_config()
    users = {"apiVersion": "v1", "kind": "Config", "users": config.pop("users")}
    other = {"apiVersion": "v1", "kind": "Config", "current-context": "elsewhere"}
    for name, part in {"users": users, "rest": config, "other": other}.items():
        (tmp_path / name).write_text(yaml.safe_dump(part))
    joined = ":".join(str(tmp_path / name) for name in ("absent", "rest", "users", "other"))
    environment = {**os.environ, "KUBECONFIG": joined}
    subprocess.run(["kubectl", "get", "namespace", NAMESPACE], env=environment, check=True, capture_output=True)
    assert not run("manifests", kubeconfig=joined, manifests=[SETTINGS]).get("failed")
    assert not run("manifests", kubeconfig=joined, manifests=[SETTINGS])["changed"]
