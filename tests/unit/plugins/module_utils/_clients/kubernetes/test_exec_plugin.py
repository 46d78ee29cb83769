# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubeconfig that names a program to get a credential from: one that works, and every way in which it does not."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes import exec_plugin
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption, Unauthorized
from tests.unit.plugins.certificates import Authority
from tests.unit.plugins.module_utils._clients.kubernetes.test_session import (
    GET,
    LIVE,
    headers_of,
    kubeconfig,
    refusal,
)
from tests.unit.plugins.scripted_api_server import ScriptedApiServer, reply, serving

VERSION = "client.authentication.k8s.io/v1"


def credential(**status: str) -> dict[str, object]:
    return {"apiVersion": VERSION, "kind": "ExecCredential", "status": status}


def plugin(folder: Path, script: str, name: str = "plugin") -> str:
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport json, os, sys\n{script}\n")
    path.chmod(0o755)
    return str(path)


def printing(answer: object) -> str:
    return f"print(json.dumps({answer!r}))"


def user(command: str, more: str = "") -> str:
    return f"exec: {{apiVersion: {VERSION}, command: '{command}', args: [login, '7'] {more}}}"


def test_a_token(api_server: ScriptedApiServer, tmp_path: Path) -> None:
    script = "assert sys.argv[1:] == ['login', '7']\n" + printing(credential(token="from-plugin"))
    path = kubeconfig(tmp_path, api_server.url, user=user(plugin(tmp_path, script)))
    assert headers_of(api_server, host=None, kubeconfig=path)["authorization"] == ["Bearer from-plugin"]


def test_a_path_is_seen_from_the_kubeconfig_and_a_name_from_the_path(
    api_server: ScriptedApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin(tmp_path, printing(credential(token="from-plugin")))
    path = kubeconfig(tmp_path, api_server.url, user=user("./plugin"))
    assert headers_of(api_server, host=None, kubeconfig=path)["authorization"] == ["Bearer from-plugin"]
    monkeypatch.setenv("PATH", str(tmp_path))
    path = kubeconfig(tmp_path, api_server.url, user=user("plugin"))
    assert headers_of(api_server, host=None, kubeconfig=path)["authorization"] == ["Bearer from-plugin"]


def test_a_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    certificate, key = (item.decode() for item in authority.client("awx"))
    answer = credential(clientCertificateData=certificate, clientKeyData=key)
    trusted = base64.b64encode(authority.path.read_bytes()).decode()
    with serving(authority.demanding_server()) as server:
        server.on(GET, reply(200, LIVE))
        path = kubeconfig(
            tmp_path,
            server.url,
            f", certificate-authority-data: {trusted}",
            user(plugin(tmp_path, printing(answer))),
        )
        headers_of(server, host=None, kubeconfig=path)


def test_it_is_told_about_the_cluster_and_its_own_variables(api_server: ScriptedApiServer, tmp_path: Path) -> None:
    script = f"""
info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])
told = dict(info['spec']['cluster'], interactive=info['spec']['interactive'], mine=os.environ['MINE'])
json.dump(told, open({str(tmp_path / "told")!r}, 'w'))
{printing(credential(token="t"))}"""
    more = ", provideClusterInfo: true, env: [{name: MINE, value: yes-mine}]"
    extensions = ", extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: x}}]"
    path = kubeconfig(tmp_path, api_server.url, extensions, user(plugin(tmp_path, script), more))
    headers_of(api_server, host=None, kubeconfig=path)
    told = json.loads((tmp_path / "told").read_text())
    assert told == {"server": api_server.url, "config": {"audience": "x"}, "interactive": False, "mine": "yes-mine"}


def test_a_token_of_the_task_needs_no_plugin(api_server: ScriptedApiServer, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, api_server.url, user=user("/nonexistent"))
    headers = headers_of(api_server, host=None, kubeconfig=path, api_key="of-the-task")
    assert headers["authorization"] == ["Bearer of-the-task"]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "sys.exit('token has expired,\\nrun sso login')",
            "failed with exit code 1: token has expired, run sso login; ",
        ),
        ("sys.exit(3)", "failed with exit code 3: it said nothing; "),
        ("os.kill(os.getpid(), 9)", "failed with signal SIGKILL: it said nothing; "),
        ("print('not json')", f"has printed no ExecCredential of {VERSION} with a token or a certificate; "),
        ("print('[]')", "has printed no ExecCredential"),
        (printing({**credential(token="t"), "apiVersion": "other/v1"}), "has printed no ExecCredential"),
        (printing(credential(clientCertificateData="c")), "has printed no ExecCredential"),
        (printing({**credential(), "status": None}), "has printed no ExecCredential"),
    ],
)
def test_a_plugin_that_fails(tmp_path: Path, script: str, words: str) -> None:
    command = plugin(tmp_path, script)
    error = refusal(kubeconfig=kubeconfig(tmp_path, "https://127.0.0.1:1", user=user(command)))
    assert isinstance(error, Unauthorized)
    assert f"the exec credential plugin {command} that the kubeconfig names {words}" in str(error)


def test_a_plugin_that_is_missing(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "https://127.0.0.1:1", user=user("no-such-plugin", ", installHint: 'try apt'"))
    error = refusal(kubeconfig=path)
    assert isinstance(error, InvalidOption)
    assert str(error).startswith(
        "the exec credential plugin no-such-plugin that the kubeconfig names can not be run where this task runs: "
        "No such file or directory (try apt); "
    )


def test_a_plugin_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exec_plugin, "TIMEOUT", 0.2)
    command = plugin(tmp_path, "import signal; signal.pause()")
    error = refusal(kubeconfig=kubeconfig(tmp_path, "https://127.0.0.1:1", user=user(command)))
    assert "has not ended after 0.2 s; run it by hand: it may wait for a login" in str(error)


def test_it_is_run_again_when_its_credential_is_refused(api_server: ScriptedApiServer, tmp_path: Path) -> None:
    script = f"""
count = {str(tmp_path / "count")!r}
open(count, 'a').write('x')
print(json.dumps({{'apiVersion': {VERSION!r}, 'kind': 'ExecCredential', 'status': {{'token': open(count).read()}}}}))"""
    path = kubeconfig(tmp_path, api_server.url, user=user(plugin(tmp_path, script)))
    api_server.on(GET, reply(401, {"message": "Unauthorized"}), reply(200, LIVE))
    assert headers_of(api_server, host=None, kubeconfig=path)["authorization"] == ["Bearer xx"]
