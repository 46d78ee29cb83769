# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What connection options and kubeconfig say, as the official client reads them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from ..._domain import errors
from ..._domain.text import inert
from .impersonation import Impersonation
from .kubeconfig import Kubeconfig

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
    (r"File does not exist: (.+)", r"names \1, which is no file"),
)


@dataclass(frozen=True)
class Settings:
    """How to call an API server, and as whom; ``context`` is that of the kubeconfig, if one was read."""

    configuration: kubernetes.client.Configuration
    context: str
    impersonation: Impersonation


def settings_of(options: Mapping[str, Any], folder: str) -> Settings:
    """What options and kubeconfig say; inline certificates are in files in ``folder``.

    Raises InvalidOption, and Unauthorized when an exec credential plugin fails.
    """
    _check_files(options)
    configuration = kubernetes.client.Configuration()
    context, impersonation = "", Impersonation()
    if options.get("host"):
        _check_url(options["host"])
        configuration.host = options["host"]
    else:
        context, impersonation = _load_credentials(options, configuration, folder)
        _check_url(str(configuration.host))
    overriding = {
        "ssl_ca_cert": options.get("ca_cert"),
        "cert_file": options.get("client_cert"),
        "key_file": options.get("client_key"),
        "verify_ssl": options.get("validate_certs"),
    }
    for name, value in overriding.items():
        if value is not None:
            setattr(configuration, name, value)
    if options.get("api_key"):
        configuration.api_key = {"authorization": f"Bearer {options['api_key']}"}
        configuration.refresh_api_key_hook = None  # it would bring back the kubeconfig's
    _set_proxy(options, configuration)
    return Settings(configuration, context, impersonation.overridden_by(options))


def _set_proxy(options: Mapping[str, Any], configuration: kubernetes.client.Configuration) -> None:
    """The option, then the kubeconfig, then the environment decide: versions of the client library differ here."""
    environment = getproxies()
    scheme = urlsplit(configuration.host).scheme
    configuration.proxy = options.get("proxy") or configuration.proxy or environment.get(scheme)
    configuration.no_proxy = options.get("no_proxy") or environment.get("no")
    headers = {name: value for name, value in (options.get("proxy_headers") or {}).items() if value}
    if headers:
        configuration.proxy_headers = urllib3.make_headers(**headers)


def _load_credentials(
    options: Mapping[str, Any], configuration: kubernetes.client.Configuration, folder: str
) -> tuple[str, Impersonation]:
    """Fills the configuration; the context and the impersonation come from a kubeconfig, a pod has none."""
    source = _kubeconfig(options)
    path = source if isinstance(source, str) else "that is given as a mapping"
    try:
        if not source:
            kubernetes.config.load_incluster_config(client_configuration=configuration)
            return "", Impersonation()
        kubeconfig = Kubeconfig(source, options.get("context"))
        kubeconfig.load(configuration, folder, run_plugin=not options.get("api_key"))
        return kubeconfig.context, kubeconfig.impersonation
    except kubernetes.config.ConfigException as error:
        raise _no_connection(path, _meaning(str(error))) from error
    except yaml.YAMLError as error:
        # Its own text quotes the file, which holds credentials.
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise _no_connection(path, f"is not valid YAML{where}") from None
    except OSError as error:
        what = "" if str(error.filename) == path else f", for it names {inert(error.filename, 200)}"
        raise _no_connection(path, f"can not be read{what}: {error.strerror}") from error
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _no_connection(path, "is not a kubeconfig") from None


def _kubeconfig(options: Mapping[str, Any]) -> str | Mapping[str, Any]:
    """The kubeconfig or its path; empty in a pod, whose service account is used unless one is given."""
    given = options.get("kubeconfig") or os.environ.get("KUBECONFIG")
    if isinstance(given, Mapping):
        return given
    if given or "KUBERNETES_SERVICE_HOST" not in os.environ:
        return os.path.expandvars(Path(str(given or DEFAULT_KUBECONFIG)).expanduser())
    return ""


def _meaning(message: str) -> str:
    for pattern, meaning in _UNUSABLE:
        if found := re.search(pattern, message):
            return inert(found.expand(meaning))
    return f"can not be used: {inert(message, 200)}"


def _no_connection(path: str, trouble: str) -> errors.InvalidOption:
    return errors.InvalidOption(
        f"kubeconfig {path} {trouble}" if path else f"the service account of this pod {trouble}",
        next_step="set kubeconfig (K8S_AUTH_KUBECONFIG) to a kubeconfig file and context (K8S_AUTH_CONTEXT) to one of "
        "its contexts, or host (K8S_AUTH_HOST) to the URL of the API server",
    )


def _check_files(options: Mapping[str, Any]) -> None:
    for name in FILE_OPTIONS:
        path = options.get(name)
        if path and Path(path).is_dir():
            raise errors.InvalidOption(f"{name} {path} is a folder", next_step="name a file in it")
        if path and not os.access(path, os.R_OK):
            raise errors.InvalidOption(
                f"{name} {path} is not a file that can be read", next_step="correct the path or its permissions"
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
