# SPDX-License-Identifier: GPL-3.0-or-later
"""The Vault client against a scripted server on loopback: tokens, retries, bounds, and what refusals mean."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._clients.vault import api as vault
from ansible_collections.pnow.infra.plugins.module_utils._clients.vault import auth
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import (
    Failed,
    Forbidden,
    InvalidOption,
    NotMounted,
    Rejected,
    Unauthorized,
    Unreachable,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.vault.ports import Credential, Engine, StuckLease
from tests.unit.plugins.scripted import ScriptedClock

Answer = tuple[int, Any]

# As Vault says it of a token that expired, was revoked, or never was one.
ENDED: Answer = (403, {"errors": ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]})


class QuietServer(ThreadingHTTPServer):
    """Says nothing of a client that hung up, and ends at once."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None: ...


class Server:
    """Answers each request with the next of its answers for that path, the last one for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.seen: list[tuple[str, str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.location = ""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                sent = json.loads(self.rfile.read(length) or b"null") or {}
                path = self.path.removeprefix("/v1/")
                server.seen.append((self.command, path, sent))
                server.headers.append(dict(self.headers))
                answers = server.answers.get(path, [(204, "")])
                status, body = answers.pop(0) if len(answers) > 1 else answers[0]
                if isinstance(body, dict) and "errors" not in body:
                    body = {"request_id": "r3que5t", **body}
                content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                if server.location:
                    self.send_header("Location", server.location)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = do_LIST = answer  # noqa: N815 - names of http.server

            def log_message(self, *_: object) -> None: ...

        self._http = QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=[0.01], daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def options(server: Server, **changed: Any) -> dict[str, Any]:
    return {
        "url": server.url,
        "namespace": None,
        "ca_cert": None,
        "validate_certs": None,
        "timeout": 5,
        "retries": 2,
        "auth_method": "token",
        "auth_mount_point": None,
        "token": "caller-token",
        "token_path": None,
        "token_file": ".vault-token",
        "role_id": None,
        "secret_id": None,
        "jwt": None,
        "auth_username": None,
        "auth_password": None,
        "cert_auth_public_key": None,
        "cert_auth_private_key": None,
        **changed,
    }


def read(server: Server, path: str = "database/roles/dev", **changed: Any) -> dict[str, Any] | None:
    with vault.connect(options(server, **changed), ScriptedClock(), lambda _: None) as api:
        return api.read(path)


def test_data_at_a_path(server: Server) -> None:
    server.answers["database/roles/dev"] = [(200, {"data": {"max_ttl": 3600}})]
    assert read(server, namespace="team") == {"max_ttl": 3600}
    assert server.headers[0]["X-Vault-Token"] == "caller-token"
    assert server.headers[0]["X-Vault-Namespace"] == "team"
    assert server.headers[0]["User-Agent"].startswith("pnow.infra/")


MOUNTS = "sys/internal/ui/mounts"
NOTHING: Answer = (404, {"errors": []})
# As Vault says it, be there no such engine or no right to see it.
UNSEEN: Answer = (403, {"errors": ["preflight capability check returned 403, please ensure client's policies ..."]})


def mounted(path: str, mount_point: str, **details: Any) -> dict[str, list[Answer]]:
    """What Vault says of the engine that serves a path."""
    data = {"path": f"{mount_point}/", "type": "database", "config": {"max_lease_ttl": 60}, **details}
    return {f"{MOUNTS}/{path}": [(200, {"data": data})]}


@pytest.mark.parametrize("messages", [[], ["1 error occurred:\n\t* policy does not exist\n\n"]])
def test_nothing_at_a_path_of_a_mounted_engine(server: Server, messages: list[str]) -> None:
    server.answers = mounted("database/roles/dev", "database")
    server.answers["database/roles/dev"] = [(404, {"errors": messages})]
    server.answers["database/config/dev"] = server.answers["database/config"] = [NOTHING]
    with vault.connect(options(server), ScriptedClock(), lambda _: None) as api:
        assert api.read("database/roles/dev") is None
        assert api.read("database/config/dev") is None
        assert api.list_keys("database/config") == []
    asked = [path for _verb, path, _body in server.seen if path.startswith(MOUNTS)]
    assert asked == [f"{MOUNTS}/database/roles/dev"], "an engine is asked for once"


@pytest.mark.parametrize("method", ["read", "list_keys", "delete"])
@pytest.mark.parametrize("answer", [NOTHING, (404, {"errors": ['no handler for route "databse/roles/dev".']})])
def test_nothing_where_nothing_is_mounted(server: Server, method: str, answer: Answer) -> None:
    server.answers["databse/roles/dev"] = [answer]
    server.answers[f"{MOUNTS}/databse/roles/dev"] = [UNSEEN]
    seen = {"secret": {"database/": {}, "secret/": {}}, "auth": {"token/": {}}}
    server.answers[MOUNTS] = [(200, {"data": seen})]
    with vault.connect(options(server), ScriptedClock(), lambda _: None) as api:
        if method == "delete" and answer is NOTHING:
            return
        with pytest.raises(
            NotMounted,
            match=r"no engine mounted at databse/ .*; mounted are auth/token/, database/, secret/; mount one",
        ):
            getattr(api, method)("databse/roles/dev")


@pytest.mark.parametrize(
    ("path", "named"),
    [("teams/kvv/x", "teams/kvv/"), ("team/kv/x", "team/"), ("auth/aprole/role/x", "auth/aprole/"), ("x", "x/")],
)
def test_the_part_of_a_path_that_is_wrong_is_named(server: Server, path: str, named: str) -> None:
    server.answers[f"{MOUNTS}/{path}"] = [UNSEEN]
    server.answers[MOUNTS] = [(200, {"data": {"secret": {"teams/kv/": {}}, "auth": {"approle/": {}}}})]
    with (
        vault.connect(options(server), ScriptedClock(), lambda _: None) as api,
        pytest.raises(NotMounted, match=f"mounted at {named} that"),
    ):
        api.engine(path)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("sys/mounts/x", "No secret engine mount at x/"),
        ("sys/auth/x", "No auth engine at x/"),
        ("sys/config/auditing/request-headers/x", "Could not find header in config"),
    ],
)
def test_absence_in_other_words(server: Server, path: str, said: str) -> None:
    server.answers = mounted(path, "sys", type="system")
    server.answers[path] = [(400, {"errors": [said]})]
    assert read(server, path) is None


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"errors": ["1 error occurred:\n\t* unsupported path\n\n"]}, "unsupported path"),
        (
            {"data": None, "warnings": ["Invalid path for a versioned K/V secrets engine."]},
            "Invalid path for a versioned",
        ),
    ],
)
def test_a_path_that_an_engine_does_not_have_is_no_absence(server: Server, body: dict[str, Any], why: str) -> None:
    server.answers["database/rolls/dev"] = [(404, body)]
    with pytest.raises(Rejected, match=f"rejects to read database/rolls/dev: .*{why}"):
        read(server, "database/rolls/dev")


@pytest.mark.parametrize("status", [200, 301, 400, 403, 404, 405, 500, 501, 503])
@pytest.mark.parametrize("body", ["<html>File not\nfound</html>", '{"error": "not found"}', "[]", ""])
def test_something_that_is_not_vault(server: Server, status: int, body: str) -> None:
    server.answers["x"] = [(status, body)]
    with vault.connect(options(server), ScriptedClock(), lambda _: None) as api:
        for act in (api.read, api.list_keys, api.delete, lambda path: api.write(path, {})):
            with pytest.raises(
                Unreachable, match=f"something that is not Vault answered at {server.url} with status {status}"
            ):
                act("x")


def test_a_redirection_that_loses_a_write(server: Server) -> None:
    """A proxy that sends everything on to https with a 301 makes a GET of each POST."""
    behind = Server()
    server.answers["x"] = [(301, "")]
    server.location = f"{behind.url}/v1/x"
    behind.answers["x"] = [(200, {"data": {"there": "already"}})]
    with vault.connect(options(server), ScriptedClock(), lambda _: None) as api:
        assert api.read("x") == {"there": "already"}
        with pytest.raises(Unreachable, match=rf"loses a POST, so nothing .*; set url \(VAULT_ADDR\) to {behind.url}"):
            api.write("x", {})
    behind.close()


def test_vault_under_a_path_of_another_server(server: Server) -> None:
    server.answers["/vault/v1/x"] = [(200, {"data": {"here": "it is"}})]
    with vault.connect({**options(server), "url": f"{server.url}/vault/"}, ScriptedClock(), lambda _: None) as api:
        assert api.read("x") == {"here": "it is"}
        assert api.server == f"{server.url}/vault"
        server.answers["/vault/v1/x"] = [(404, "")]
        with pytest.raises(Unreachable, match=f"not Vault answered at {server.url}/vault with"):
            api.read("x")


@pytest.mark.parametrize(
    ("name", "sent"), [("Team A", "Team%20A"), ("a?b#c", "a%3Fb%23c"), ("grün", "gr%C3%BCn"), ("a%2Fb", "a%2Fb")]
)
def test_a_name_is_sent_as_it_is(server: Server, name: str, sent: str) -> None:
    server.answers[f"identity/group/name/{sent}"] = [(200, {"data": {"found": True}})]
    assert read(server, f"identity/group/name/{name}") == {"found": True}


@pytest.mark.parametrize("status", [412, 429, 502, 503, 504])
def test_what_may_pass_is_tried_again(server: Server, status: int) -> None:
    server.answers["database/roles/dev"] = [(status, ""), (status, ""), (200, {"data": {}})]
    assert read(server) == {}
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", [400, 403, 500])
def test_what_will_not_pass_is_tried_once(server: Server, status: int) -> None:
    server.answers["database/roles/dev"] = [(status, {"errors": ["no"]})]
    with pytest.raises((Rejected, Forbidden, Failed)):
        read(server)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("status", "messages", "error", "text"),
    [
        (
            403,
            ["permission denied"],
            Forbidden,
            "not allow to read database/roles/dev; grant read on ",
        ),
        (
            403,
            ["permission denied", "invalid token"],
            Unauthorized,
            r"the token that is given as token \(VAULT_TOKEN\); it has expired, was revoked or is wrong; log in again",
        ),
        (403, ["missing client token"], Unauthorized, "does not accept the token"),
        (503, ["Vault is sealed"], Unreachable, "is sealed; unseal it and run again"),
        (
            500,
            ["local node not active but active cluster node not found"],
            Unreachable,
            "is a standby whose cluster has no active node; look at its peers",
        ),
        (503, ["maintenance"], Unreachable, "is not serving: maintenance; look"),
        (500, ["database is down"], Failed, "failed to read database/roles/dev: database is down; mend"),
        (400, ["bad\x1b[31m field\n"], Rejected, "rejects to read database/roles/dev: bad field; see"),
        (429, ["quota exceeded"], Unreachable, "answered 429 to read database/roles/dev: quota exceeded; look"),
    ],
)
def test_a_refusal_is_one_sentence(
    server: Server, status: int, messages: list[str], error: type[Exception], text: str
) -> None:
    server.answers["database/roles/dev"] = [(status, {"errors": messages})]
    with pytest.raises(error, match=text):
        read(server)


@pytest.mark.parametrize(
    ("seal", "text"),
    [
        ({"sealed": True, "initialized": True}, "is sealed; unseal it and run again"),
        ({"sealed": True, "initialized": False}, "is not initialized; initialize it and run again"),
        ({"errors": ["no"]}, "is sealed; unseal it and run again"),
    ],
)
def test_a_closed_server_is_asked_why(server: Server, seal: dict[str, Any], text: str) -> None:
    server.answers = {"x": [(503, {"errors": ["Vault is sealed"]})], "sys/seal-status": [(200, seal)]}
    with pytest.raises(Unreachable, match=text):
        read(server, "x")


def test_a_standby_is_given_the_time_to_learn_of_its_leader(server: Server) -> None:
    leaderless = (500, {"errors": ["local node not active but active cluster node not found"]})
    server.answers["x"] = [leaderless, leaderless, (200, {"data": {}})]
    clock = ScriptedClock()
    with vault.connect(options(server), clock, lambda _: None) as api:
        assert api.read("x") == {}
    assert 2 * vault.ELECTION_PAUSE >= clock.now >= vault.ELECTION_PAUSE


def test_the_leader_is_followed(server: Server) -> None:
    leader = Server()
    server.answers["x"] = [(307, "")]
    server.location = f"{leader.url}/v1/x"
    with vault.connect(options(server), ScriptedClock(), lambda _: None) as api:
        api.write("x", {"a": 1})
        leader.close()
        with pytest.raises(
            Unreachable, match=rf"Vault at {leader.url}, the active node by what {server.url} says, did"
        ):
            api.write("x", {"a": 2})
    assert leader.seen == [("POST", "x", {"a": 1})]
    assert leader.headers[0]["X-Vault-Token"] == "caller-token"


def test_an_answer_that_is_not_vaults(server: Server) -> None:
    server.answers["database/roles/dev"] = [(502, "<html>Bad Gateway</html>")]
    with pytest.raises(Unreachable, match=r"not Vault answered at .* with status 502 .*: <html>Bad Gateway"):
        read(server)


def test_a_server_that_is_not_there(server: Server) -> None:
    server.close()
    with pytest.raises(Unreachable, match=r"did not answer in 3 attempts: .*refused; check that it runs and that url"):
        read(server)


def test_a_silent_server_is_not_waited_for_twice(server: Server) -> None:
    asked = threading.Event()
    server.answers = {}

    class Silent(dict[str, list[Answer]]):
        def get(self, *_: object) -> Any:
            asked.wait(5)
            return [(204, "")]

    server.answers = Silent()
    with pytest.raises(Unreachable, match=r"did not answer: .*timed out"):
        read(server, timeout=1)
    asked.set()
    assert len(server.seen) == 1


@pytest.mark.parametrize("changed", [{"timeout": 0}, {"retries": -1}])
def test_impossible_bounds_are_refused(server: Server, changed: dict[str, int]) -> None:
    with pytest.raises(InvalidOption, match="timeout or retries is too small"):
        read(server, **changed)


def test_the_token_file_of_a_login(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".vault-token").write_text("file-token\n", encoding="utf-8")
    learned: list[str] = []
    given = options(server, token=None, token_path=str(tmp_path))
    with vault.connect(given, ScriptedClock(), learned.append) as api:
        api.delete("x")
    assert server.headers[0]["X-Vault-Token"] == "file-token"
    assert learned == ["file-token"]


def test_a_token_file_that_is_not_accepted_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".vault-token").write_text("file-token\n", encoding="utf-8")
    server.answers["x"] = [ENDED]
    with pytest.raises(Unauthorized, match=rf"does not accept the token in {tmp_path}/.vault-token; it has expired"):
        read(server, "x", token=None, token_path=str(tmp_path))


def test_an_agent_whose_token_is_not_accepted(server: Server) -> None:
    server.answers["x"] = [(403, {"errors": ["missing client token"]})]
    with pytest.raises(Unauthorized, match=r"the token that an agent is to add; it has .*; look at the agent"):
        read(server, "x", auth_method="none")


def test_no_token_anywhere(server: Server, tmp_path: Path) -> None:
    with pytest.raises(Unauthorized, match=r"there is no token for Vault .* set token \(VAULT_TOKEN\)"):
        read(server, token=None, token_path=str(tmp_path))


def test_an_approle_login_ends_with_the_context(server: Server) -> None:
    server.answers["auth/team/login"] = [(200, {"auth": {"client_token": "login-token"}})]
    learned: list[str] = []
    given = options(server, auth_method="approle", auth_mount_point="team", role_id="role", secret_id="secret")
    given["namespace"] = "team"
    with vault.connect(given, ScriptedClock(), learned.append) as api:
        api.write("database/roles/dev", {"max_ttl": 60})
    assert [(verb, path) for verb, path, _body in server.seen] == [
        ("POST", "auth/team/login"),
        ("POST", "database/roles/dev"),
        ("POST", "auth/token/revoke-self"),
    ]
    assert server.seen[0][2] == {"role_id": "role", "secret_id": "secret"}
    assert server.headers[2]["X-Vault-Token"] == "login-token"
    assert {headers["X-Vault-Namespace"] for headers in server.headers} == {"team"}
    assert learned == ["login-token"]


def logins(*tokens: str) -> list[Answer]:
    return [(200, {"auth": {"client_token": token}}) for token in tokens]


@pytest.mark.parametrize("verb", ["read", "list_keys", "delete", "revoke"])
def test_a_login_is_repeated_when_its_token_ends(server: Server, verb: str) -> None:
    path = "sys/leases/revoke" if verb == "revoke" else "x"
    server.answers["auth/approle/login"] = logins("first-token", "second-token")
    server.answers[path] = [ENDED, (200, {"data": {}})]
    learned: list[str] = []
    with vault.connect(options(server, auth_method="approle", role_id="r"), ScriptedClock(), learned.append) as api:
        getattr(api, verb)("x")
        getattr(api, verb)("x")
    login = ("auth/approle/login", None)
    sent = [(seen[1], headers.get("X-Vault-Token")) for seen, headers in zip(server.seen, server.headers, strict=True)]
    assert sent == [
        login,
        (path, "first-token"),
        login,
        (path, "second-token"),
        (path, "second-token"),
        ("auth/token/revoke-self", "second-token"),
    ]
    assert learned == ["first-token", "second-token"]


def test_what_a_token_may_not_do_is_no_reason_to_log_in_again(server: Server) -> None:
    server.answers["auth/approle/login"] = logins("login-token")
    server.answers["x"] = [(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})]
    with pytest.raises(Forbidden, match="grant read on x to the token"):
        read(server, "x", auth_method="approle", role_id="r")
    assert [path for _verb, path, _body in server.seen] == ["auth/approle/login", "x", "auth/token/revoke-self"]


def test_a_token_that_always_ends_is_not_replaced_for_ever(server: Server) -> None:
    server.answers["auth/approle/login"] = logins("login-token")
    server.answers["x"] = [ENDED]
    with pytest.raises(Unauthorized, match=r"does not accept the token got at auth/approle/login; .*; run again"):
        read(server, "x", auth_method="approle", role_id="r")
    assert [path for _verb, path, _body in server.seen].count("x") == 2


def test_a_login_that_works_only_once_says_both(server: Server) -> None:
    server.answers["auth/approle/login"] = [*logins("login-token"), (400, {"errors": ["invalid role or secret ID"]})]
    server.answers["x"] = [ENDED]
    said = (
        r"the token got at auth/approle/login expired or was revoked, and Vault at .* gives no token .*secret ID; check"
    )
    with pytest.raises(Unauthorized, match=said):
        read(server, "x", auth_method="approle", role_id="r")


def test_a_pod_logs_in_again_with_the_token_that_it_has_by_then(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    monkeypatch.setattr(auth, "SERVICE_ACCOUNT_TOKEN", file)
    file.write_text("first")
    server.answers["auth/kubernetes/login"] = logins("login-token")
    server.answers["x"] = [ENDED, (200, {"data": {}})]
    given = options(server, auth_method="kubernetes", role_id="ops")
    with vault.connect(given, ScriptedClock(), lambda _: None) as api:
        file.write_text("second")
        api.read("x")
    assert [body["jwt"] for _verb, path, body in server.seen if path.startswith("auth/kub")] == ["first", "second"]


def test_the_end_of_a_proofs_token_is_not_hidden_by_another(server: Server) -> None:
    server.answers["auth/approle/login"] = logins("login-token")
    server.answers["auth/token/create"] = logins("child-token")
    server.answers["database/creds/dev"] = [ENDED]
    with (
        vault.connect(options(server, auth_method="approle", role_id="r"), ScriptedClock(), lambda _: None) as api,
        pytest.raises(Unauthorized, match=r"does not accept the token made for the proof; .*; run again"),
        api.issuer(300) as issuer,
    ):
        issuer.issue("database/creds/dev")


@pytest.mark.parametrize(
    ("given", "path", "data"),
    [
        ({"auth_method": "jwt", "role_id": "ops", "jwt": "a.b.c"}, "jwt/login", {"role": "ops", "jwt": "a.b.c"}),
        (
            {"auth_method": "kubernetes", "auth_mount_point": "/dev/", "role_id": "ops", "jwt": "a.b.c"},
            "dev/login",
            {"role": "ops", "jwt": "a.b.c"},
        ),
        (
            {"auth_method": "userpass", "auth_username": "a b/c", "auth_password": "secret"},
            "userpass/login/a%20b%2Fc",
            {"password": "secret"},
        ),
    ],
)
def test_a_login_by_each_method(server: Server, given: dict[str, Any], path: str, data: dict[str, str]) -> None:
    server.answers[f"auth/{path}"] = [(200, {"auth": {"client_token": "login-token"}})]
    read(server, **given)
    assert server.seen[0] == ("POST", f"auth/{path}", data)
    assert server.headers[1]["X-Vault-Token"] == "login-token"
    assert server.seen[-1][1] == "auth/token/revoke-self"


def test_a_pod_logs_in_with_its_service_account(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "SERVICE_ACCOUNT_TOKEN", tmp_path / "token")
    given = options(server, auth_method="kubernetes", role_id="ops")
    learned: list[str] = []
    with pytest.raises(InvalidOption, match=r"jwt is missing, and there is no .*token; run in a pod"):
        read(server, auth_method="kubernetes", role_id="ops")
    (tmp_path / "token").write_text("pod-token\n")
    server.answers["auth/kubernetes/login"] = [(200, {"auth": {"client_token": "login-token"}})]
    with vault.connect(given, ScriptedClock(), learned.append):
        pass
    assert server.seen[0][2] == {"role": "ops", "jwt": "pod-token"}
    assert learned == ["pod-token", "login-token"]


def test_no_token_is_sent_where_an_agent_adds_one(server: Server) -> None:
    read(server, auth_method="none")
    assert "X-Vault-Token" not in server.headers[0]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"auth_method": "jwt", "role_id": "ops"}, "jwt is missing; auth_method jwt needs it"),
        ({"auth_method": "userpass", "auth_username": "me"}, "auth_password is missing"),
        ({"auth_method": "cert"}, "cert_auth_public_key is missing; auth_method cert needs it"),
        ({"ca_cert": "/none"}, r"there is no file /none; ca_cert \(VAULT_CACERT\) names it"),
        ({"auth_method": "cert", "cert_auth_public_key": "/none", "cert_auth_private_key": "/none"}, "no file /none"),
    ],
)
def test_what_a_method_needs(server: Server, given: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidOption, match=why):
        read(server, **given)
    assert server.seen == []


def test_a_refused_login_says_what_to_check(server: Server) -> None:
    server.answers["auth/approle/login"] = [(400, {"errors": ["invalid role or secret ID"]})]
    with pytest.raises(Unauthorized, match="invalid role or secret ID; check auth_mount_point, and what auth_method"):
        read(server, auth_method="approle", role_id="role")
    with pytest.raises(InvalidOption, match="role_id is missing"):
        read(server, auth_method="approle")


def test_the_engine_at_a_mount_point(server: Server) -> None:
    server.answers = mounted("database", "database")
    with vault.connect(options(server), ScriptedClock(), lambda _: None) as api:
        assert api.engine("database") == Engine("database", "database", 60)
        assert api.engine("database/config/dev") == Engine("database", "database", 60)
    assert len(server.seen) == 1


def test_the_mount_point_of_an_auth_method(server: Server) -> None:
    server.answers = mounted("auth/team/role/x", "team", type="approle")
    with vault.connect(options(server), ScriptedClock(), lambda _: None) as api:
        assert api.engine("auth/team/role/x").mount_point == "auth/team"


def test_a_token_that_is_not_accepted_may_not_see_an_engine(server: Server) -> None:
    server.answers[f"{MOUNTS}/database"] = [(403, {"errors": ["permission denied", "invalid token"]})]
    with vault.connect(options(server), ScriptedClock(), lambda _: None) as api, pytest.raises(Unauthorized):
        api.engine("database")


def test_what_is_below_a_path(server: Server) -> None:
    server.answers = mounted("database/roles", "database")
    server.answers["database/roles"] = [(200, {"data": {"keys": ["dev", "pr-1"]}}), (404, {"errors": []}), (403, {})]
    with vault.connect(options(server), ScriptedClock(), lambda _: None) as api:
        assert api.list_keys("database/roles") == ["dev", "pr-1"]
        assert api.list_keys("database/roles") == []
        with pytest.raises(Forbidden, match="not allow to list database/roles; grant list on"):
            api.list_keys("database/roles")
    assert server.seen[0][0] == "LIST"


def test_leases_that_vault_has_given_up(server: Server) -> None:
    leases = [
        {"lease_id": "database/creds/dev/x1", "error": "owns\nobjects"},
        {"lease_id": "database/creds/dev-2/x2", "error": "not ours"},
    ]
    path = "sys/leases?type=irrevocable"
    server.answers[path] = [(200, {"data": {"lease_count": 2, "leases": leases}}), (403, {})]
    with vault.connect(options(server), ScriptedClock(), lambda _: None) as api:
        assert api.irrevocable_leases("database/creds/dev") == [StuckLease("database/creds/dev/x1", "owns objects")]
        with pytest.raises(Forbidden, match="grant read and sudo on sys/leases to"):
            api.irrevocable_leases("database/creds/dev")


def test_what_is_left_of_a_deleted_version(server: Server) -> None:
    left = {"data": None, "metadata": {"version": 2}}
    server.answers["secret/data/dev"] = [(404, {"data": left})]
    assert read(server, "secret/data/dev") == left


def test_the_engine_behind_a_path(server: Server) -> None:
    path = "sys/internal/ui/mounts/secret/database/dev"
    found = {"type": "kv", "path": "secret/", "options": {"version": "2"}, "config": None}
    server.answers[path] = [(200, {"data": found})]
    with vault.connect(options(server), ScriptedClock(), lambda _: None) as api:
        assert api.engine("secret/database/dev") == Engine("kv", "secret", 0, 2)


def test_credentials_are_issued_and_revoked_under_a_child_token(server: Server) -> None:
    server.answers["auth/token/create"] = [(200, {"auth": {"client_token": "child-token"}})]
    issued = {"lease_id": "lease", "data": {"username": "v-dev", "password": "issued-password"}}
    server.answers["database/creds/dev"] = [(200, issued)]
    learned: list[str] = []
    with vault.connect(options(server), ScriptedClock(), learned.append) as api:
        with api.issuer(300) as issuer:
            assert issuer.issue("database/creds/dev") == Credential("lease", "v-dev", "issued-password")
            issuer.revoke("lease")
        api.revoke_leases("database/creds/dev")
    tokens = [headers["X-Vault-Token"] for headers in server.headers]
    assert tokens == ["caller-token", "child-token", "child-token", "child-token", "caller-token"]
    assert server.seen[0][2]["explicit_max_ttl"] == "300s"
    assert server.seen[2] == ("POST", "sys/leases/revoke", {"lease_id": "lease", "sync": True})
    assert server.seen[3][1] == "auth/token/revoke-self"
    assert server.seen[4] == ("POST", "sys/leases/revoke-prefix/database/creds/dev", {"sync": True})
    assert learned == ["caller-token", "child-token", "issued-password"]


@pytest.mark.parametrize(
    ("status", "message", "error", "text"),
    [
        (403, "permission denied", Forbidden, "allow to get a token at auth/token/create; grant update on auth/"),
        (400, "batch tokens cannot create more tokens", Unauthorized, "use a service token, or set verify to never"),
    ],
)
def test_no_child_token(server: Server, status: int, message: str, error: type[Exception], text: str) -> None:
    server.answers["auth/token/create"] = [(status, {"errors": [message]})]
    with (
        vault.connect(options(server), ScriptedClock(), lambda _: None) as api,
        pytest.raises(error, match=text),
        api.issuer(300),
    ):
        pass


def test_a_prefix_is_guarded_twice(server: Server) -> None:
    server.answers["sys/leases/revoke-prefix/database/creds/dev"] = [(403, {"errors": ["permission denied"]})]
    with (
        vault.connect(options(server), ScriptedClock(), lambda _: None) as api,
        pytest.raises(Forbidden, match="grant update and sudo on sys/leases/revoke-prefix/database/creds/dev"),
    ):
        api.revoke_leases("database/creds/dev")
