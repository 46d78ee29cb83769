# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to one API server as one caller."""

from __future__ import annotations

import ssl
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from ..._domain import errors
from ..._domain.text import inert
from .configuration import settings_of, without_login

with suppress(ImportError):  # without them nobody connects, and is told so
    import kubernetes.client
    import urllib3
    from kubernetes.config import kube_config
    from urllib3.util import create_urllib3_context

USER_AGENT = "pnow.infra/0.1.0"


class Session:
    """A connection pool, and the caller's credentials as they were when it was opened."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        # The client library writes inline certificates to files, and would remove them when the interpreter exits,
        # which a forked Ansible worker never does: they get a folder of our own, and are gone before the first request.
        with tempfile.TemporaryDirectory(prefix="pnow-infra-") as folder:
            try:
                self._settings = settings_of(options, folder)
                self.pool = _pool(self._settings.configuration)
            finally:
                # It remembers what it wrote, and some versions would name a file again that is gone with its folder.
                kube_config._cleanup_temp_files()
        self.url = str(self._settings.configuration.host).rstrip("/")

    @property
    def unverified(self) -> bool:
        return self.url.startswith("https:") and not self._settings.configuration.verify_ssl

    @cached_property
    def place(self) -> str:
        """The URL, and by which context and proxy it was found: what a person needs to look it up."""
        notes = []
        if self._settings.context:
            notes.append(f"context {self._settings.context}")
        if isinstance(self.pool, urllib3.ProxyManager):
            notes.append(f"through proxy {without_login(str(self._settings.configuration.proxy))}")
        return without_login(self.url) + (f" ({', '.join(notes)})" if notes else "")

    def headers(self) -> urllib3.HTTPHeaderDict:
        """The headers of every request. Raises InvalidOption for a credential that can not be one."""
        headers = urllib3.HTTPHeaderDict({"Accept": "application/json", "User-Agent": USER_AGENT})
        settings: Mapping[str, Any] = self._settings.configuration.auth_settings()
        for setting in settings.values():
            headers[setting["key"]] = _header("credential", str(setting["value"] or ""))
        for name, value in self._settings.impersonation.headers():
            headers.add(name, _header("user or group to act as", value))
        return headers


class Sessions:
    """The present session, opened anew when the server no longer accepts its credential."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._lock = threading.Lock()
        self.current = Session(options)

    def renewed(self, refused: Session) -> Session:
        """A session with the credential as it is by now; of the threads that ask, the first one reads it."""
        with self._lock:
            if self.current is refused:
                self.current = Session(self._options)
            return self.current

    def close(self) -> None:
        self.current.pool.clear()


def _pool(configuration: kubernetes.client.Configuration) -> urllib3.PoolManager:
    """The client library's connection pool, with the credentials in memory instead of in files."""
    pool: urllib3.PoolManager = kubernetes.client.ApiClient(configuration).rest_client.pool_manager
    for name in ("ca_certs", "cert_file", "key_file"):
        pool.connection_pool_kw.pop(name, None)
    pool.connection_pool_kw["ssl_context"] = _tls(configuration)
    return pool


def _tls(configuration: kubernetes.client.Configuration) -> ssl.SSLContext:
    required = ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE
    context = create_urllib3_context(cert_reqs=required)
    try:
        if configuration.ssl_ca_cert:
            context.load_verify_locations(configuration.ssl_ca_cert)
        else:
            context.load_default_certs()
    except OSError as error:
        trouble = "is not in PEM form" if isinstance(error, ssl.SSLError) else "can not be read"
        raise errors.InvalidOption(
            f"the CA certificate for the Kubernetes API {trouble}: {inert(error.strerror or error, 200)}",
            next_step="correct ca_cert (K8S_AUTH_SSL_CA_CERT), or certificate-authority in the kubeconfig",
        ) from error
    if configuration.cert_file:
        try:
            # Without a password OpenSSL would ask the terminal for that of an encrypted key.
            context.load_cert_chain(configuration.cert_file, configuration.key_file, password="")
        except OSError as error:
            trouble = "are not a pair in PEM form" if isinstance(error, ssl.SSLError) else "can not be read"
            raise errors.InvalidOption(
                f"client certificate and key for the Kubernetes API {trouble}: {inert(error.strerror or error, 200)}",
                next_step="correct client_cert and client_key, or the kubeconfig; the key must not be encrypted",
            ) from error
    return context


def _header(name: str, value: str) -> str:
    stripped = value.strip()
    if not stripped.isascii() or not stripped.isprintable():
        raise errors.InvalidOption(
            f"the {name} for the Kubernetes API has a line break or another character that can not be sent",
            next_step="check where it is read from",
        )
    return stripped
