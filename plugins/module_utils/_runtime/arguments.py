# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces of argument specs, each documented by the doc fragment of the same name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.basic import env_fallback
from ansible.module_utils.errors import AnsibleFallbackNotFound
from ansible.module_utils.parsing.convert_bool import boolean

from .._domain.redact import HIDDEN

ArgumentSpec = Mapping[str, dict[str, Any]]

_LOGIN_IN_URL = re.compile(r"//[^/@]*@")


def _from_env(*names: str) -> tuple[Any, list[str]]:
    return env_fallback, list(names)


def _not_from_env(name: str) -> bool:
    """A fallback: the opposite of a boolean environment variable."""
    try:
        return not boolean(os.environ[name])
    except (KeyError, TypeError):
        raise AnsibleFallbackNotFound from None


PROXY_HEADERS: ArgumentSpec = {
    "proxy_basic_auth": {
        "type": "str",
        "no_log": True,
        "fallback": _from_env("K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH"),
    },
    "basic_auth": {"type": "str", "no_log": True, "fallback": _from_env("K8S_AUTH_PROXY_HEADERS_BASIC_AUTH")},
    "user_agent": {"type": "str", "fallback": _from_env("K8S_AUTH_PROXY_HEADERS_USER_AGENT")},
}

KUBERNETES: ArgumentSpec = {
    # As text it is a path; as a mapping it has credentials, which AnsibleModule would write into the system's log.
    "kubeconfig": {"type": "raw", "no_log": True, "fallback": _from_env("K8S_AUTH_KUBECONFIG")},
    "context": {"type": "str", "fallback": _from_env("K8S_AUTH_CONTEXT")},
    "host": {"type": "str", "fallback": _from_env("K8S_AUTH_HOST")},
    "api_key": {"type": "str", "no_log": True, "fallback": _from_env("K8S_AUTH_API_KEY")},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca_cert"], "fallback": _from_env("K8S_AUTH_SSL_CA_CERT")},
    "client_cert": {"type": "path", "aliases": ["cert_file"], "fallback": _from_env("K8S_AUTH_CERT_FILE")},
    "client_key": {"type": "path", "aliases": ["key_file"], "fallback": _from_env("K8S_AUTH_KEY_FILE")},
    "validate_certs": {"type": "bool", "aliases": ["verify_ssl"], "fallback": _from_env("K8S_AUTH_VERIFY_SSL")},
    "proxy": {"type": "str", "fallback": _from_env("K8S_AUTH_PROXY")},
    "no_proxy": {"type": "str", "fallback": _from_env("K8S_AUTH_NO_PROXY")},
    "proxy_headers": {"type": "dict", "apply_defaults": True, "options": PROXY_HEADERS},
    "impersonate_user": {"type": "str", "fallback": _from_env("K8S_AUTH_IMPERSONATE_USER")},
    "impersonate_groups": {
        "type": "list",
        "elements": "str",
        "fallback": _from_env("K8S_AUTH_IMPERSONATE_GROUPS"),
    },
}

VAULT: ArgumentSpec = {
    "url": {
        "type": "str",
        "default": "http://127.0.0.1:8200",
        "fallback": _from_env("ANSIBLE_HASHI_VAULT_ADDR", "VAULT_ADDR"),
    },
    "namespace": {"type": "str", "fallback": _from_env("ANSIBLE_HASHI_VAULT_NAMESPACE", "VAULT_NAMESPACE")},
    "ca_cert": {
        "type": "path",
        "aliases": ["cacert"],
        "fallback": _from_env("ANSIBLE_HASHI_VAULT_CA_CERT", "VAULT_CACERT"),
    },
    "validate_certs": {"type": "bool", "fallback": (_not_from_env, ["VAULT_SKIP_VERIFY"])},
    "timeout": {"type": "int", "default": 30, "fallback": _from_env("ANSIBLE_HASHI_VAULT_TIMEOUT")},
    "retries": {"type": "int", "default": 3, "fallback": _from_env("ANSIBLE_HASHI_VAULT_RETRIES")},
    "auth_method": {
        "type": "str",
        "choices": ["token", "approle", "kubernetes", "jwt", "userpass", "cert", "none"],
        "default": "token",
        "fallback": _from_env("ANSIBLE_HASHI_VAULT_AUTH_METHOD"),
    },
    "auth_mount_point": {"type": "str"},
    "token": {"type": "str", "no_log": True, "fallback": _from_env("ANSIBLE_HASHI_VAULT_TOKEN", "VAULT_TOKEN")},
    "token_path": {"type": "path", "no_log": False, "fallback": _from_env("ANSIBLE_HASHI_VAULT_TOKEN_PATH")},
    "token_file": {
        "type": "str",
        "no_log": False,
        "default": ".vault-token",
        "fallback": _from_env("ANSIBLE_HASHI_VAULT_TOKEN_FILE"),
    },
    "role_id": {"type": "str", "fallback": _from_env("ANSIBLE_HASHI_VAULT_ROLE_ID")},
    "secret_id": {"type": "str", "no_log": True, "fallback": _from_env("ANSIBLE_HASHI_VAULT_SECRET_ID")},
    "jwt": {"type": "str", "no_log": True, "fallback": _from_env("ANSIBLE_HASHI_VAULT_JWT")},
    "auth_username": {"type": "str", "fallback": _from_env("ANSIBLE_HASHI_VAULT_USERNAME")},
    "auth_password": {"type": "str", "no_log": True, "fallback": _from_env("ANSIBLE_HASHI_VAULT_PASSWORD")},
    "cert_auth_public_key": {"type": "path", "fallback": _from_env("ANSIBLE_HASHI_VAULT_CERT_AUTH_PUBLIC_KEY")},
    "cert_auth_private_key": {
        "type": "path",
        "no_log": False,
        "fallback": _from_env("ANSIBLE_HASHI_VAULT_CERT_AUTH_PRIVATE_KEY"),
    },
}

WAIT: ArgumentSpec = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "str", "default": "5m"},
}

STATE: ArgumentSpec = {"state": {"type": "str", "choices": ["present", "absent"], "default": "present"}}

ADOPT: ArgumentSpec = {"adopt": {"type": "bool", "default": False}}

FORCE: ArgumentSpec = {"force_conflicts": {"type": "bool", "default": False}}

GITOPS: ArgumentSpec = {"gitops_owned": {"type": "str", "choices": ["refuse", "apply"], "default": "refuse"}}

CLAIM_NAME: ArgumentSpec = {
    "api_version": {"type": "str", "required": True},
    "kind": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str"},
}

CLAIM: ArgumentSpec = {
    **CLAIM_NAME,
    "parameters": {"type": "dict", "default": {}},
    "spec": {"type": "dict", "default": {}},
    "composition_selector": {"type": "dict", "default": {}},
    "composition_ref": {"type": "str"},
    "composition_revision_selector": {"type": "dict", "default": {}},
    "composition_revision_ref": {"type": "str"},
    "composition_update_policy": {"type": "str", "choices": ["Automatic", "Manual"]},
    "connection_secret": {"type": "str", "no_log": False},
    "labels": {"type": "dict", "default": {}},
    "annotations": {"type": "dict", "default": {}},
}

CLUSTER_NAME: ArgumentSpec = {
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
    "api_domain": {"type": "str", "default": "yourdomain.com"},
}

ENDPOINT: ArgumentSpec = {"host": {"type": "str", "required": True}, "port": {"type": "int", "required": True}}

CLUSTER: ArgumentSpec = {
    **CLUSTER_NAME,
    "environment": {"type": "str"},
    "control_plane_nodes": {"type": "int"},
    "control_plane_cpu": {"type": "str"},
    "control_plane_memory": {"type": "str"},
    "control_plane_storage": {"type": "str"},
    "control_plane_endpoint": {"type": "dict", "options": ENDPOINT},
    "worker_nodes": {"type": "int"},
    "worker_cpu": {"type": "str"},
    "worker_memory": {"type": "str"},
    "worker_storage": {"type": "str"},
    # Not a text: what YAML has read as a number shall not pass for one.
    "kubernetes_version": {"type": "raw"},
    "machine_image_registry": {"type": "str"},
    "enable_live_migration": {"type": "bool"},
    "network_plugin": {"type": "str"},
    "pod_cidr": {"type": "str"},
    "service_cidr": {"type": "str"},
    "service_type": {"type": "str"},
    "storage_class": {"type": "str"},
    "node_drain_timeout": {"type": "str"},
    "node_deletion_timeout": {"type": "str"},
    "node_volume_detach_timeout": {"type": "str"},
    "paused": {"type": "bool", "default": False},
    "rollout_after": {"type": "str"},
    "vault_path": {"type": "str"},
    "composition_selector": {"type": "dict", "default": {}},
    "labels": {"type": "dict", "default": {}},
    "annotations": {"type": "dict", "default": {}},
}


def secrets_in(spec: ArgumentSpec, options: Mapping[str, Any]) -> Iterator[str]:
    """The values of the options that the spec marks ``no_log``, at any depth."""
    for name, rules in spec.items():
        value = options.get(name)
        if _is_secret(rules, value):
            yield from _credentials_in(value)
        for suboptions in value if isinstance(value, list) else [value]:
            if isinstance(suboptions, dict):
                yield from secrets_in(rules.get("options") or {}, suboptions)


def open_in(spec: ArgumentSpec, options: Mapping[str, Any]) -> Iterator[str]:
    """What the user wrote in the open: names of options, and the texts of those that are not marked ``no_log``.

    Not what is in an option without suboptions of its own, such as a manifest: only its engine knows what that means.
    """
    for name, rules in spec.items():
        value = options.get(name)
        yield name
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield from open_in(rules.get("options") or {}, item)
            elif isinstance(item, str) and not _is_secret(rules, item):
                yield _LOGIN_IN_URL.sub("//", item)


def without_secrets(spec: ArgumentSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as they may be shown."""
    return {name: _shown(spec.get(name) or {}, value) for name, value in options.items()}


def _shown(rules: Mapping[str, Any], value: Any) -> Any:
    if _is_secret(rules, value):
        return HIDDEN
    if isinstance(value, list):
        return [_shown(rules, item) for item in value]
    return without_secrets(rules["options"], value) if isinstance(value, dict) and "options" in rules else value


def _is_secret(rules: Mapping[str, Any], value: Any) -> bool:
    """Whether a value may not be shown; the path of a file with secrets may."""
    is_path = rules.get("type") == "raw" and isinstance(value, str)
    return bool(rules.get("no_log") and value and not is_path)


def _credentials_in(value: Any) -> Iterator[str]:
    """The texts of a secret option; of a kubeconfig those that its users log in with."""
    if not isinstance(value, dict):
        yield str(value)
        return
    for entry in value.get("users") or ():
        user = entry.get("user") if isinstance(entry, dict) else None
        yield from (str(text) for text in (user or {}).values() if isinstance(text, str))


def extended_environment(extra: Mapping[str, Any]) -> None:
    """Adds a task's ``environment`` to this process, which exists for this one task only."""
    os.environ.update({name: str(value) for name, value in extra.items()})
