# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubeconfig seen from one of its contexts: what the official client reads of it, and what it leaves out."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

from . import exec_plugin
from .impersonation import Impersonation, impersonation_of

with suppress(ImportError):  # without it nobody connects, and is told so
    import kubernetes.client
    from kubernetes.config import ConfigException
    from kubernetes.config.kube_config import ConfigNode, KubeConfigLoader, KubeConfigMerger


class Kubeconfig:
    """Its content, or one file or several, joined by colons. Raises ConfigException, and what reading YAML raises."""

    def __init__(self, source: str | Mapping[str, Any], context: str | None) -> None:
        if isinstance(source, str):
            merger = KubeConfigMerger(source)
            self._merged, sources = merger.config, list(merger.config_files.values())
        else:
            self._merged, sources = ConfigNode("kubeconfig", deepcopy(dict(source))), [source]
        if self._merged is None:
            raise ConfigException("No configuration found.")
        # Of several files the first that names one decides, as for kubectl; for the client library it is the last.
        named = (config.get("current-context") for config in sources)
        self.context = str(context or next(filter(None, named), ""))
        if not self.context:
            raise ConfigException("Expected key current-context")

    @property
    def impersonation(self) -> Impersonation:
        user = self._user
        return impersonation_of(user.value) if user else Impersonation()

    def load(self, configuration: kubernetes.client.Configuration, folder: str, *, run_plugin: bool) -> None:
        """Fills the client library's configuration; inline certificates are in files in ``folder``."""
        if run_plugin:
            self._run_plugin()
        loader = KubeConfigLoader(self._merged, active_context=self.context, temp_file_path=folder)
        loader.load_and_set(configuration)

    def _run_plugin(self) -> None:
        """Puts the credential of the plugin in its place, where the client library finds it."""
        user = self._user
        if user is None or "exec" not in user or user.safe_get("token") or user.safe_get("tokenFile"):
            return
        cluster = self._named("clusters", self._active["cluster"])["cluster"].value
        folder = str(Path(user.path or ".").absolute().parent)
        status = exec_plugin.credential(user["exec"].value, cluster, folder)
        del user.value["exec"]
        if status.get("token"):
            user.value["token"] = status["token"]
        for name, key in (("client-certificate", "clientCertificateData"), ("client-key", "clientKeyData")):
            if status.get(key):
                user.value[f"{name}-data"] = base64.b64encode(status[key].encode()).decode()

    @property
    def _active(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._named("contexts", self.context)["context"].value
        return found

    @property
    def _user(self) -> ConfigNode | None:
        name = self._active.get("user")
        users = self._merged.safe_get("users")
        entry = self._merged["users"].get_with_name(name, safe=True) if name and users else None
        return entry["user"] if entry else None

    def _named(self, kind: str, name: str) -> ConfigNode:
        found: ConfigNode = self._merged[kind].get_with_name(name)
        return found
