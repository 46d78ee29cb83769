# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What connection options and kubeconfig say, as the official client reads them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from ..._domain import errors
from ..._domain.text import inert

try:
    import kubernetes.client
    import kubernetes.config
    import urllib3
    import yaml

    IMPORT_ERROR: ImportError | None = None
except ImportError as error:
    IMPORT_ERROR = error

DEFAULT_KUBECONFIG = "~/.kube/config"
FILE_OPTIONS = ("ca_cert", "client_cert", "client_key")

# What the client library says of a kubeconfig, and what it means.
_UNUSABLE = (
    (r"No configuration found", "does not exist"),
    (r"file is empty", "is empty"),
    (r"object with name (\S+) in \S*/contexts list", r"has no context \1"),
    (r"Expected key current-context", "has no current context"),
)


def configuration_of(options: Mapping[str, Any], folder: str) -> kubernetes.client.Configuration:
    """The client library's configuration; inline certificates are in files in ``folder``. Raises InvalidOption."""
    _check(options)
    configuration = kubernetes.client.Configuration()
    if options.get("host"):
        _check_url(options["host"])
        configuration.host = options["host"]
    else:
        _load_credentials(options, configuration, folder)
        _check_url(str(configuration.host))
    settings = {
        "ssl_ca_cert": options.get("ca_cert"),
        "cert_file": options.get("client_cert"),
        "key_file": options.get("client_key"),
        "verify_ssl": options.get("validate_certs"),
    }
    for name, value in settings.items():
        if value is not None:
            setattr(configuration, name, value)
    if options.get("api_key"):
        configuration.api_key = {"authorization": f"Bearer {options['api_key']}"}
        configuration.refresh_api_key_hook = None  # it would bring back the kubeconfig's
    _set_proxy(options, configuration)
    return configuration


def _set_proxy(options: Mapping[str, Any], configuration: kubernetes.client.Configuration) -> None:
    """The option, then the kubeconfig, then the environment decide: versions of the client library differ here."""
    environment = getproxies()
    scheme = urlsplit(configuration.host).scheme
    configuration.proxy = options.get("proxy") or configuration.proxy or environment.get(scheme)
    configuration.no_proxy = options.get("no_proxy") or environment.get("no")
    headers = {name: value for name, value in (options.get("proxy_headers") or {}).items() if value}
    if headers:
        configuration.proxy_headers = urllib3.make_headers(**headers)


def _load_credentials(options: Mapping[str, Any], configuration: kubernetes.client.Configuration, folder: str) -> None:
    path = _kubeconfig(options)
    try:
        if not path:
            kubernetes.config.load_incluster_config(client_configuration=configuration)
            return
        kubernetes.config.load_kube_config(
            config_file=path,
            context=options.get("context"),
            client_configuration=configuration,
            persist_config=False,
            temp_file_path=folder,
        )
    except kubernetes.config.ConfigException as error:
        raise _no_connection(options, _meaning(str(error))) from error
    except yaml.YAMLError as error:
        # Its own text quotes the file, which holds credentials.
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise _no_connection(options, f"is not valid YAML{where}") from None
    except OSError as error:
        raise _no_connection(options, f"can not be read: {inert(error, 200)}") from error
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _no_connection(options, "is not a kubeconfig") from None


def _kubeconfig(options: Mapping[str, Any]) -> str:
    """The path of the kubeconfig; empty in a pod, whose service account is used unless a path is given."""
    path = options.get("kubeconfig") or os.environ.get("KUBECONFIG")
    if path or "KUBERNETES_SERVICE_HOST" not in os.environ:
        return str(path or DEFAULT_KUBECONFIG)
    return ""


def _meaning(message: str) -> str:
    for pattern, meaning in _UNUSABLE:
        if found := re.search(pattern, message):
            return inert(found.expand(meaning))
    return f"can not be used: {inert(message, 200)}"


def _no_connection(options: Mapping[str, Any], trouble: str) -> errors.InvalidOption:
    path = _kubeconfig(options)
    return errors.InvalidOption(
        f"kubeconfig {path} {trouble}" if path else f"the service account of this pod {trouble}",
        next_step="set kubeconfig (K8S_AUTH_KUBECONFIG) to a kubeconfig file and context (K8S_AUTH_CONTEXT) to one of "
        "its contexts, or host (K8S_AUTH_HOST) to the URL of the API server",
    )


def context_of(options: Mapping[str, Any]) -> str:
    """The name of the context in use; empty in a pod, which has none."""
    if options.get("context"):
        return str(options["context"])
    try:
        return str(kubernetes.config.list_kube_config_contexts(_kubeconfig(options))[1]["name"])
    except (kubernetes.config.ConfigException, yaml.YAMLError, OSError, AttributeError, LookupError, TypeError):
        return ""


def _check(options: Mapping[str, Any]) -> None:
    for name in FILE_OPTIONS:
        path = options.get(name)
        if path and not os.access(path, os.R_OK):
            raise errors.InvalidOption(
                f"{name} {path} is not a file that can be read", next_step="correct the path or its permissions"
            )
    if options.get("impersonate_groups") and not options.get("impersonate_user"):
        raise errors.InvalidOption(
            "impersonate_groups is set without impersonate_user",
            next_step="name the user, too: groups alone are nobody",
        )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise errors.InvalidOption(
            f"{inert(without_login(url), 200)} is not the URL of an API server",
            next_step="write it as https://host:6443",
        )


def without_login(url: str) -> str:
    """A URL that can be shown."""
    return re.sub(r"//[^/@]*@", "//", url)
