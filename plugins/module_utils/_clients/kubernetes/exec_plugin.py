# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that a kubeconfig names to get a credential from.

The client library runs it, too, but a plugin that fails is a line in its log: the request then goes out anonymously,
and what the API server says of that leads astray.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..._domain import errors
from ..._domain.text import inert

# Seconds. One that waits for a person waits for nobody: a task has no terminal.
TIMEOUT = 60.0
# Of its words the last lines say what is wrong.
LINES = 5
_CLUSTER_CONFIG = "client.authentication.k8s.io/exec"


def credential(plugin: Mapping[str, Any], cluster: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """What the plugin says: ``token``, or ``clientCertificateData`` and ``clientKeyData``.

    ``folder`` is that of the kubeconfig. Raises InvalidOption when it can not be run, Unauthorized when it fails.
    """
    command = str(plugin["command"])
    name = f"the exec credential plugin {inert(command, 200)} that the kubeconfig names"
    # As kubectl: a path is seen from the kubeconfig, a name is looked for in the PATH.
    program = str(Path(folder, command)) if os.sep in command else command
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function  # no AnsibleModule is here to run it
            [program, *map(str, plugin.get("args") or [])],
            env=_environment(plugin, cluster),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        hint = f" ({inert(plugin['installHint'], 300)})" if plugin.get("installHint") else ""
        raise errors.InvalidOption(
            f"{name} can not be run where this task runs: {error.strerror}{hint}",
            next_step="install it there, or correct its path in the kubeconfig",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise errors.Unauthorized(
            f"{name} has not ended after {TIMEOUT:g} s", next_step="run it by hand: it may wait for a login"
        ) from error
    if done.returncode != 0:
        raise errors.Unauthorized(
            f"{name} failed with {_ending(done.returncode)}: {_words(done.stderr)}",
            next_step="run it by hand where this task runs, and log in again if that is what it wants",
        )
    return _status(done.stdout, str(plugin["apiVersion"]), name)


def _environment(plugin: Mapping[str, Any], cluster: Mapping[str, Any]) -> dict[str, str]:
    given = {str(item["name"]): str(item["value"]) for item in plugin.get("env") or []}
    info: dict[str, Any] = {
        "apiVersion": plugin["apiVersion"],
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }
    if plugin.get("provideClusterInfo"):
        settings = {item["name"]: item["extension"] for item in cluster.get("extensions") or []}
        shown = {name: value for name, value in cluster.items() if name not in ("certificate-authority", "extensions")}
        info["spec"]["cluster"] = {**shown, "config": settings.get(_CLUSTER_CONFIG)}
    return {**os.environ, **given, "KUBERNETES_EXEC_INFO": json.dumps(info)}


def _status(output: str, api_version: str, name: str) -> dict[str, Any]:
    try:
        answer = json.loads(output)
        status = answer["status"]
        usable = answer["kind"] == "ExecCredential" and answer["apiVersion"] == api_version
        usable &= bool(status.get("token") or (status.get("clientCertificateData") and status.get("clientKeyData")))
    except (ValueError, LookupError, TypeError, AttributeError):
        usable = False
    if not usable:
        raise errors.Unauthorized(
            f"{name} has printed no ExecCredential of {inert(api_version, 100)} with a token or a certificate",
            next_step="run it by hand and look at its output",
        )
    return dict(status)


def _ending(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"signal {signal.Signals(-code).name}"


def _words(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.strip()]
    return inert(" ".join(lines[-LINES:]), 400) or "it said nothing"
