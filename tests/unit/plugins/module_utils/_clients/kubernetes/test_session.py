# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls, and where: kubeconfigs that can not be used, credentials on disk, proxies, TLS.

The numbers of faults are those of docs/faults.md.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from cryptography.hazmat.primitives import serialization

from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes import api as kubernetes
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes.api import KubernetesApi
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InfraError, InvalidOption, Unreachable
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import ObjectRef
from ansible_collections.pnow.infra.plugins.module_utils._domain.redact import HIDDEN
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import (
    KUBERNETES,
    open_in,
    secrets_in,
    without_secrets,
)
from tests.unit.plugins.certificates import DAY, NOW, Authority
from tests.unit.plugins.scripted import ScriptedClock
from tests.unit.plugins.scripted_api_server import ScriptedApiServer, closed_port, reply, serving

MAP = ObjectRef("v1", "ConfigMap", "settings", "dev")
GET = "GET /api/v1/namespaces/dev/configmaps/settings"
LIVE = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}


@contextmanager
def connected(**options: Any) -> Iterator[KubernetesApi]:
    with kubernetes.connect(options, ScriptedClock()) as api:
        yield api


def headers_of(server: ScriptedApiServer, **options: Any) -> dict[str, list[str]]:
    """The headers of a request that was made with these options, by lower-case name."""
    with connected(**{"host": server.url, **options}) as api:
        api.get(MAP)
    found: dict[str, list[str]] = {}
    for name, value in server.requests(GET)[-1].headers:
        found.setdefault(name.lower(), []).append(value)
    return found


def refusal(**options: Any) -> InfraError:
    with pytest.raises(InfraError) as caught, connected(**options) as api:
        api.get(MAP)
    assert "\n" not in str(caught.value)
    assert caught.value.next_step
    return caught.value


def kubeconfig(folder: Path, server: str, cluster: str = "", user: str = "token: secret-token") -> str:
    path = folder / "kubeconfig"
    path.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: near\n"
        "contexts: [{name: near, context: {cluster: c, user: u}}]\n"
        f"clusters: [{{name: c, cluster: {{server: '{server}' {cluster}}}}}]\n"
        f"users: [{{name: u, user: {{{user}}}}}]\n"
    )
    return str(path)


# ---- kubeconfig


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        (None, "does not exist"),
        ("", "is empty"),
        ("just a sentence", "is not a kubeconfig"),
        ("users: [{name: u, user: {token: secret-token}}]\n]", r"is not valid YAML \(line 2, column 1\)"),
        ("a: b\nkind: Config", "has no current context"),
        ("current-context: far\ncontexts: []", "has no context far"),
        ("current-context: far\ncontexts: [{name: far, context: {cluster: c}}]", "can not be used: .* name c in "),
        ("current-context: far\ncontexts: {far: true}", "can not be used: .* to have 'name' key"),
        ("current-context: 3\ncontexts: 4", "is not a kubeconfig"),
    ],
)
def test_a_kubeconfig_that_can_not_be_used(tmp_path: Path, content: str | None, trouble: str) -> None:
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)
    with (
        pytest.raises(InvalidOption, match=f"^kubeconfig {path} {trouble}.*; set kubeconfig") as caught,
        connected(kubeconfig=str(path)),
    ):
        pass
    assert "\n" not in str(caught.value)
    assert "secret-token" not in str(caught.value)


def test_a_folder_is_no_kubeconfig(tmp_path: Path) -> None:
    assert f"kubeconfig {tmp_path} can not be read: " in str(refusal(kubeconfig=str(tmp_path)))


def test_a_kubeconfig_that_names_a_folder(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "https://127.0.0.1:1", f", certificate-authority: '{tmp_path}'")
    assert f"kubeconfig {path} names {tmp_path}, which is no file; " in str(refusal(kubeconfig=path))
    path = kubeconfig(tmp_path, "https://127.0.0.1:1", user=f"tokenFile: '{tmp_path}'")
    assert f"kubeconfig {path} can not be read, for it names {tmp_path}: Is a directory; " in str(
        refusal(kubeconfig=path)
    )


def test_of_joined_kubeconfigs_the_first_that_names_a_context_decides(
    api_server: ScriptedApiServer, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    first, second = kubeconfig(tmp_path, api_server.url), kubeconfig(tmp_path / "other", "https://127.0.0.1:1")
    Path(second).write_text(Path(second).read_text().replace("near", "far").replace("name: c", "name: d"))
    assert headers_of(api_server, host=None, kubeconfig=f"{first}:{second}")["authorization"] == ["Bearer secret-token"]


def test_a_context_that_the_kubeconfig_does_not_have(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "https://127.0.0.1:1")
    assert f"kubeconfig {path} has no context far" in str(refusal(kubeconfig=path, context="far"))


def test_the_environment_names_the_kubeconfig(
    api_server: ScriptedApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'absent'}:{kubeconfig(tmp_path, api_server.url)}")
    assert headers_of(api_server, host=None)["authorization"] == ["Bearer secret-token"]


def test_a_kubeconfig_that_is_given_as_a_mapping(api_server: ScriptedApiServer, tmp_path: Path) -> None:
    content = yaml.safe_load(Path(kubeconfig(tmp_path, api_server.url)).read_text(encoding="utf-8"))
    assert headers_of(api_server, host=None, kubeconfig=content)["authorization"] == ["Bearer secret-token"]
    del content["current-context"]
    assert "kubeconfig that is given as a mapping has no current context; " in str(refusal(kubeconfig=content))
    told = str(refusal(kubeconfig={**content, "current-context": "near", "contexts": "none"}))
    assert "kubeconfig that is given as a mapping is not a kubeconfig; " in told
    assert "secret-token" not in told


def test_of_a_kubeconfig_that_is_given_as_a_mapping_nothing_is_shown() -> None:
    content = {"clusters": [{"name": "dev"}], "users": [{"name": "admin", "user": {"token": "c4nary-token"}}]}
    options = {"kubeconfig": content, "context": "dev"}
    assert list(secrets_in(KUBERNETES, options)) == ["c4nary-token"]
    assert without_secrets(KUBERNETES, options) == {"kubeconfig": HIDDEN, "context": "dev"}
    path = {"kubeconfig": "/home/jane/.kube/config"}
    assert without_secrets(KUBERNETES, path) == path
    assert list(secrets_in(KUBERNETES, path)) == []
    assert path["kubeconfig"] in open_in(KUBERNETES, path)


def test_a_path_may_begin_at_home(
    api_server: ScriptedApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig(tmp_path, api_server.url)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("~/kubeconfig", "$HOME/kubeconfig"):
        assert headers_of(api_server, host=None, kubeconfig=path)["authorization"] == ["Bearer secret-token"]


def test_a_pod_without_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    message = str(refusal())
    assert message.startswith("the service account of this pod can not be used: Service token file does not exist")


# ---- credentials on disk


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def _permissive_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def inlined(folder: Path, server: str, authority: Authority) -> str:
    """A kubeconfig with all credentials in it."""
    certificate, key = (base64.b64encode(item).decode() for item in authority.client("awx"))
    trusted = base64.b64encode(authority.path.read_bytes()).decode()
    user = f"client-certificate-data: {certificate}, client-key-data: {key}"
    return kubeconfig(folder, server, f", certificate-authority-data: {trusted}", user)


@pytest.mark.parametrize("times", [1, 2])
def test_inline_credentials_are_not_on_disk_while_they_are_used(
    authority: Authority, tmp_path: Path, temporary: Path, times: int
) -> None:
    with serving(authority.demanding_server()) as server:
        server.on(GET, reply(200, LIVE))
        path = inlined(tmp_path, server.url, authority)
        for _time in range(times):
            with connected(kubeconfig=path) as api:
                assert list(temporary.iterdir()) == []
                assert api.get(MAP) == LIVE
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("_permissive_umask")
def test_inline_credentials_are_private_while_they_are_read(
    authority: Authority, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: dict[str, list[int]] = {}
    load = ssl.SSLContext.load_cert_chain

    def observed(*arguments: Any, **options: Any) -> None:
        found = list(temporary.rglob("*"))
        modes["folders"] = [stat.S_IMODE(item.stat().st_mode) for item in found if item.is_dir()]
        modes["files"] = [stat.S_IMODE(item.stat().st_mode) for item in found if item.is_file()]
        load(*arguments, **options)

    path = inlined(tmp_path, "https://127.0.0.1:1", authority)
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", observed)
    with connected(kubeconfig=path):
        assert modes == {"folders": [0o700], "files": [0o600, 0o600, 0o600]}


KILLED = """
import sys
from ansible_collections.pnow.infra.plugins.module_utils._clients import clock
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes import api as kubernetes
with kubernetes.connect({"kubeconfig": sys.argv[1]}, clock.SystemClock()):
    print("connected", flush=True)
    sys.stdin.read()
"""


def test_a_killed_task_leaves_no_credentials(authority: Authority, tmp_path: Path, temporary: Path) -> None:
    path = inlined(tmp_path, "https://127.0.0.1:1", authority)
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, path],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as task:
        assert task.stdout is not None
        assert task.stdout.readline() == b"connected\n"
        task.kill()
    assert list(temporary.iterdir()) == []


def test_a_failed_connection_leaves_nothing_either(tmp_path: Path, temporary: Path) -> None:
    refusal(kubeconfig=str(tmp_path / "absent"))
    assert list(temporary.iterdir()) == []


# ---- options


@pytest.mark.parametrize("option", ["ca_cert", "client_cert", "client_key"])
def test_a_file_that_is_not_there(tmp_path: Path, option: str) -> None:
    message = str(refusal(host="https://127.0.0.1:1", **{option: str(tmp_path / "absent.pem")}))
    assert message.startswith(f"{option} {tmp_path / 'absent.pem'} is not a file that can be read; ")


@pytest.mark.parametrize("option", ["ca_cert", "client_cert", "client_key"])
def test_a_file_that_is_a_folder(tmp_path: Path, option: str) -> None:
    message = str(refusal(host="https://127.0.0.1:1", **{option: str(tmp_path)}))
    assert message.startswith(f"{option} {tmp_path} is a folder; ")


def test_an_authority_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    message = str(refusal(host="https://127.0.0.1:1", ca_cert=str(path)))
    assert message.startswith("the CA certificate for the Kubernetes API is not in PEM form: ")


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_key_that_can_not_be_used(authority: Authority, tmp_path: Path, encrypted: bool) -> None:
    certificate, key = authority.client("awx")
    if encrypted:
        private = serialization.load_pem_private_key(key, None)
        secret = serialization.BestAvailableEncryption(b"secret")
        key = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
    else:
        key = authority.client("another")[1]
    (tmp_path / "client.crt").write_bytes(certificate)
    (tmp_path / "client.key").write_bytes(key)
    files = {"client_cert": str(tmp_path / "client.crt"), "client_key": str(tmp_path / "client.key")}
    message = str(refusal(host="https://127.0.0.1:1", **files))
    assert message.startswith("client certificate and key for the Kubernetes API are not a pair in PEM form: ")


@pytest.mark.parametrize("host", ["127.0.0.1:6443", "https://", "ftp://host", "https://[::1", "https://host:port"])
def test_a_host_that_is_no_url(host: str) -> None:
    assert str(refusal(host=host)) == f"{host} is not the URL of an API server; write it as https://host:6443"


def test_a_login_in_a_url_is_not_shown() -> None:
    message = str(refusal(host=f"http://admin:secret@127.0.0.1:{closed_port()}/"))
    assert "secret" not in message
    assert "http://127.0.0.1:" in message


def test_a_token_is_sent_without_its_line_break(api_server: ScriptedApiServer) -> None:
    assert headers_of(api_server, api_key="secret-token\n")["authorization"] == ["Bearer secret-token"]


@pytest.mark.parametrize("token", ["secret\ntoken", "secret\x00token", "secret-t\u00f6ken"])
def test_a_token_that_can_not_be_sent_is_not_shown(api_server: ScriptedApiServer, token: str) -> None:
    message = str(refusal(host=api_server.url, api_key=token))
    assert message.startswith("the credential for the Kubernetes API has a line break or another character")
    assert "secret" not in message


def test_the_option_beats_the_kubeconfig(api_server: ScriptedApiServer, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, api_server.url)
    headers = headers_of(api_server, host=None, kubeconfig=path, api_key="option-token")
    assert headers["authorization"] == ["Bearer option-token"]


def test_the_environment_sets_what_a_task_does_not(
    api_server: ScriptedApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K8S_AUTH_HOST", "http://api.example.org:6443")
    monkeypatch.setenv("K8S_AUTH_PROXY", api_server.url)
    monkeypatch.setenv("K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH", "user:secret")
    monkeypatch.setenv("K8S_AUTH_IMPERSONATE_USER", "jane")
    monkeypatch.setenv("K8S_AUTH_IMPERSONATE_GROUPS", "dev,ops")
    validated = ArgumentSpecValidator(dict(KUBERNETES)).validate({})
    assert not validated.error_messages
    with connected(**validated.validated_parameters) as api:
        api.get(MAP)
    asked = api_server.asked[0]
    assert asked.header("Proxy-Authorization") == ["Basic " + base64.b64encode(b"user:secret").decode()]
    assert asked.header("Impersonate-User") == ["jane"]
    assert "user:secret" in secrets_in(KUBERNETES, validated.validated_parameters)


def test_impersonation(api_server: ScriptedApiServer) -> None:
    headers = headers_of(api_server, impersonate_user="jane", impersonate_groups=["dev", "ops"])
    assert headers["impersonate-user"] == ["jane"]
    assert headers["impersonate-group"] == ["dev", "ops"]


IMPERSONATING = """
  token: t, as: jane, as-uid: 7, as-groups: [dev, 'ops'],
  as-user-extra: {'acme.com/Scopes': [a, b], plain: [c]}
"""


def impersonating(headers: dict[str, list[str]]) -> dict[str, list[str]]:
    prefix = "impersonate-"
    return {name.removeprefix(prefix): values for name, values in headers.items() if name.startswith(prefix)}


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({}, {}),
        ({"impersonate_user": "joe"}, {"user": ["joe"]}),
        ({"impersonate_groups": ["qa"]}, {"group": ["qa"]}),
        ({"impersonate_user": "joe", "impersonate_groups": ["qa"]}, {"user": ["joe"], "group": ["qa"]}),
    ],
)
def test_a_kubeconfig_acts_as_somebody_else(
    api_server: ScriptedApiServer, tmp_path: Path, options: dict[str, Any], changed: dict[str, list[str]]
) -> None:
    path = kubeconfig(tmp_path, api_server.url, user=IMPERSONATING)
    assert impersonating(headers_of(api_server, host=None, kubeconfig=path, **options)) == {
        "user": ["jane"],
        "uid": ["7"],
        "group": ["dev", "ops"],
        "extra-acme.com%2fscopes": ["a", "b"],
        "extra-plain": ["c"],
        **changed,
    }


@pytest.mark.parametrize("user", ["as-groups: [dev]", "as-uid: 7", "as-user-extra: {a: [b]}"])
def test_a_kubeconfig_with_groups_alone(tmp_path: Path, user: str) -> None:
    path = kubeconfig(tmp_path, "https://127.0.0.1:1", user=f"token: t, {user}")
    assert "set without a user to act as; name the user, too" in str(refusal(kubeconfig=path))


@pytest.mark.parametrize(
    "user", ["as: jane, as-groups: dev", "as: jane, as-user-extra: {a: b}", "as: jane, as-user-extra: [a]"]
)
def test_impersonation_that_is_not_written_as_kubectl_reads_it(tmp_path: Path, user: str) -> None:
    path = kubeconfig(tmp_path, "https://127.0.0.1:1", user=f"token: t, {user}")
    assert f"kubeconfig {path} is not a kubeconfig" in str(refusal(kubeconfig=path))


def test_groups_alone_are_nobody(api_server: ScriptedApiServer) -> None:
    error = refusal(host=api_server.url, impersonate_groups=["dev"])
    assert str(error).startswith("impersonate_groups is set without a user to act as; ")


# ---- proxies and names: faults 72


def test_a_proxy_is_gone_through(api_server: ScriptedApiServer) -> None:
    proxied = "GET /api/v1/namespaces/dev/configmaps/settings"
    api_server.on(proxied, reply(200, LIVE))
    headers = {"proxy_basic_auth": "user:secret", "basic_auth": None, "user_agent": None}
    with connected(host="http://api.example.org:6443", proxy=api_server.url, proxy_headers=headers) as api:
        assert api.get(MAP) == LIVE
    (asked,) = api_server.requests(proxied)
    assert asked.header("Host") == ["api.example.org:6443"]
    assert asked.header("Proxy-Authorization") == ["Basic " + base64.b64encode(b"user:secret").decode()]


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY"])
def test_the_proxy_of_the_environment(
    api_server: ScriptedApiServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, api_server.url)
    with connected(host="http://api.example.org:6443") as api:
        api.get(MAP)
    assert api_server.asked


@pytest.mark.parametrize("exempt", ["127.0.0.1", "example.org,127.0.0.0/8"])
def test_no_proxy(api_server: ScriptedApiServer, monkeypatch: pytest.MonkeyPatch, exempt: str) -> None:
    nowhere = f"http://127.0.0.1:{closed_port()}"
    headers_of(api_server, proxy=nowhere, no_proxy=exempt)
    monkeypatch.setenv("http_proxy", nowhere)
    monkeypatch.setenv("no_proxy", exempt)
    headers_of(api_server)


def test_a_proxy_that_is_down_is_named() -> None:
    port = closed_port()
    error = refusal(host="https://api.example.org", proxy=f"http://user:secret@127.0.0.1:{port}")
    assert f"at https://api.example.org (through proxy http://127.0.0.1:{port})" in error.message
    assert error.message.startswith("the proxy on the way to the Kubernetes API")
    assert "refused" in error.message
    assert "secret" not in str(error)


def test_a_proxy_that_refuses_is_asked_once(api_server: ScriptedApiServer) -> None:
    api_server.on("CONNECT", reply(407, ""))
    error = refusal(host="https://api.example.org", proxy=api_server.url)
    assert "does not let through: Tunnel connection failed: 407" in error.message
    assert len(api_server.asked) == 1


def test_a_name_that_can_not_be_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    error = refusal(host="https://api.example.org.")
    assert "the host name of the Kubernetes API at https://api.example.org. can not be resolved" in error.message
    assert "in 5 attempts (name not found x 5)" in error.message
    assert "Name or service not known" in error.message


# ---- TLS: faults 20


def test_a_trusted_certificate(authority: Authority) -> None:
    with serving(authority.server()) as server:
        headers_of(server, ca_cert=str(authority.path))


def test_a_trusted_certificate_by_kubeconfig(authority: Authority, tmp_path: Path) -> None:
    inline = base64.b64encode(authority.path.read_bytes()).decode()
    with serving(authority.server()) as server:
        path = kubeconfig(tmp_path, server.url, f", certificate-authority-data: {inline}")
        headers_of(server, host=None, kubeconfig=path)


def distrust(server: ScriptedApiServer, **options: Any) -> InfraError:
    """The error of a certificate that is refused, which is not worth another attempt."""
    error = refusal(host=server.url, **options)
    assert isinstance(error, Unreachable)
    assert "attempts" not in error.message
    assert server.asked == []
    return error


def test_an_unknown_authority(authority: Authority, tmp_path: Path) -> None:
    with serving(authority.server()) as server:
        error = distrust(server, ca_cert=str(Authority(tmp_path, "another").path))
    assert (
        f"certificate of the Kubernetes API at {server.url} is signed by nobody that is trusted here" in error.message
    )
    assert "set ca_cert" in error.next_step


def test_another_host(authority: Authority) -> None:
    with serving(authority.server("127.0.0.2")) as server:
        error = distrust(server, ca_cert=str(authority.path))
    assert "is for another address" in error.message
    assert "127.0.0.1" in error.message


def test_an_expired_certificate(authority: Authority) -> None:
    with serving(authority.server(begins=NOW - 2 * DAY, ends=NOW - DAY)) as server:
        error = distrust(server, ca_cert=str(authority.path))
    assert "has expired" in error.message
    assert error.next_step == "renew it on the server"


def test_a_certificate_of_tomorrow(authority: Authority) -> None:
    with serving(authority.server(begins=NOW + DAY, ends=NOW + 2 * DAY)) as server:
        assert "is not valid yet" in distrust(server, ca_cert=str(authority.path)).message


def test_http_behind_https(api_server: ScriptedApiServer) -> None:
    error = refusal(host=api_server.url.replace("http", "https"))
    assert "does not speak TLS" in error.message
    assert "attempts" not in error.message


def test_https_behind_http(api_server: ScriptedApiServer) -> None:
    api_server.on("GET /api/v1", reply(400, "Client sent an HTTP request to an HTTPS server.\n"))
    assert "speaks HTTPS only; write its URL as https://..." in str(refusal(host=api_server.url))


@pytest.mark.parametrize("by_kubeconfig", [False, True])
def test_unverified_is_said_once(authority: Authority, tmp_path: Path, by_kubeconfig: bool) -> None:
    warnings: list[str] = []
    with serving(authority.server(ends=NOW - DAY / 2)) as server:
        path = kubeconfig(tmp_path, server.url, ", insecure-skip-tls-verify: true")
        options = {"kubeconfig": path} if by_kubeconfig else {"host": server.url, "validate_certs": False}
        with kubernetes.connect(options, ScriptedClock(), warnings.append) as api:
            api.get(MAP)
            api.get(MAP)
    (warning,) = warnings
    assert f"the certificate of the Kubernetes API at {server.url}" in warning
    assert "is not verified" in warning


def test_verified_is_not_worth_a_word(authority: Authority) -> None:
    warnings: list[str] = []
    with serving(authority.server()) as server:
        options = {"host": server.url, "ca_cert": str(authority.path)}
        with kubernetes.connect(options, ScriptedClock(), warnings.append):
            pass
    assert warnings == []
