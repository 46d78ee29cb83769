# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what Cluster API gives a machine to boot with: a cloud-config, with kubeadm's configuration in its files."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

SUCCESS_FILE = "/run/cluster-api/bootstrap-success.complete"
SUCCESS = "success"
SSH_USER = "capk"
CONTROL_PLANE_TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
# What a kubelet without a cloud provider of its own puts on its node until the external one has looked at it.
UNINITIALIZED_TAINT = {
    "key": "node.cloudprovider.kubernetes.io/uninitialized",
    "value": "true",
    "effect": "NoSchedule",
}


class BootstrapError(Exception):
    """Bootstrap data with which no machine boots."""


@dataclass(frozen=True)
class BootstrapData:
    """What a cloud-config tells a machine; `files` are contents by path."""

    files: Mapping[str, str]
    commands: Sequence[str]
    authorized_keys: Sequence[str]

    @property
    def configuration(self) -> Mapping[str, Mapping[str, Any]]:
        """The documents of kubeadm, by their kind; raises BootstrapError if no command runs kubeadm with some."""
        for command in self.commands:
            if match := re.search(r"\bkubeadm (?:init|join)\b.*?--config[ =](\S+)", command):
                documents = yaml.safe_load_all(self.files.get(match[1], ""))
                return {document["kind"]: document for document in documents if document}
        raise BootstrapError("none of its commands is `kubeadm init` or `kubeadm join` with a configuration")


def parse(text: str, host_name: str) -> BootstrapData:
    """The content of a cloud-config, as the machine called `host_name` sees it; raises BootstrapError."""
    rendered = re.sub(r"\{\{\s*ds\.meta_data[\w.\[\]'\"]*\s*\}\}", host_name, text)
    try:
        config = yaml.safe_load(rendered)
    except yaml.YAMLError as error:
        raise BootstrapError(f"it is no YAML: {error}") from error
    if not isinstance(config, dict):
        raise BootstrapError("it is no cloud-config")
    return BootstrapData(
        files={file["path"]: _content(file) for file in config.get("write_files") or []},
        commands=[each if isinstance(each, str) else shlex.join(each) for each in config.get("runcmd") or []],
        authorized_keys=[
            key
            for user in config.get("users") or []
            if isinstance(user, dict) and user.get("name") == SSH_USER
            for key in user.get("ssh_authorized_keys") or []
        ],
    )


def arguments(value: object) -> dict[str, str]:
    """`extraArgs` of kubeadm's configuration, which is a list since v1beta4 and was a mapping before."""
    if isinstance(value, list):
        return {each["name"]: str(each.get("value", "")) for each in value}
    return {name: str(each) for name, each in value.items()} if isinstance(value, dict) else {}


def taints(registration: Mapping[str, Any], control_plane: bool) -> list[dict[str, str]]:
    """The taints of a new node: an absent or null list is kubeadm's default, an empty one is none."""
    configured = registration.get("taints")
    default = [CONTROL_PLANE_TAINT] if control_plane else []
    wanted: list[dict[str, str]] = list(default if configured is None else configured)
    if arguments(registration.get("kubeletExtraArgs")).get("cloud-provider") == "external":
        wanted.append(UNINITIALIZED_TAINT)
    return wanted


def labels(registration: Mapping[str, Any]) -> dict[str, str]:
    """The labels that the kubelet is told to give its node."""
    text = arguments(registration.get("kubeletExtraArgs")).get("node-labels", "")
    pairs = (pair.partition("=") for pair in text.split(",") if pair)
    return {name: value for name, _sign, value in pairs}


def _content(file: Mapping[str, Any]) -> str:
    content, encoding = str(file.get("content", "")), file.get("encoding", "")
    if encoding in ("b64", "base64"):
        return base64.b64decode(content).decode()
    if encoding in ("", "text/plain"):
        return content
    raise BootstrapError(f"its file {file['path']} is encoded as {encoding}, which is not understood here")
