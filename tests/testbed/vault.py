# SPDX-License-Identifier: GPL-3.0-or-later
"""Vault: initialised once, unsealed at every start, with the mounts an operations team would have."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.bed import Bed
from tests.testbed.errors import TestbedError
from tests.testbed.readiness import NotReady, wait_until
from tests.testbed.rest import Answer, RestClient, Unreachable

MOUNTS = {"secret": {"type": "kv", "options": {"version": "2"}}, "database": {"type": "database"}}
MOUNT_TIMEOUT = 30.0
# sys/health: active, standby, not initialised, sealed. Any of them means that the server serves.
SERVING = (200, 429, 501, 503)


@dataclass(frozen=True)
class Keys:
    """What opens the bed's Vault."""

    unseal_key: str
    root_token: str


def address(bed: Bed) -> str:
    return f"http://{bed.address('vault')}"


def keys(bed: Bed) -> Keys:
    """The keys of the bed's Vault; raises FileNotFoundError before it was initialised."""
    return Keys(**json.loads(_keys_file(bed).read_text()))


def prepare(bed: Bed) -> None:
    """Write Vault's configuration. Data without keys is what a killed initialisation left: nobody can ever open it."""
    data = bed.state / "vault"
    if not _keys_file(bed).exists():
        shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700, exist_ok=True)
    bed.write("vault.json", json.dumps(_configuration(bed, data), indent=2) + "\n")


def serves(bed: Bed) -> None:
    """Raises NotReady unless Vault answers, be it sealed."""
    try:
        answer = RestClient(address(bed)).request("GET", "/v1/sys/health")
    except Unreachable as error:
        raise NotReady(str(error)) from error
    if answer.status not in SERVING:
        raise NotReady(f"sys/health answers {answer.status}: {answer.body}")


def open_up(bed: Bed) -> None:
    """Initialise Vault if it is new, unseal it if it is sealed, and add what is missing of mounts and audit device."""
    state = _request(RestClient(address(bed)), "GET", "sys/seal-status").body
    if not state["initialized"]:
        _initialise(bed)
    if state["sealed"]:
        _request(RestClient(address(bed)), "PUT", "sys/unseal", {"key": _saved_keys(bed).unseal_key})
    client = RestClient(address(bed), headers={"X-Vault-Token": _saved_keys(bed).root_token})
    wait_until(lambda: _is_active(client), MOUNT_TIMEOUT)
    _add_audit_device(client, bed)
    _add_mounts(client)


def _configuration(bed: Bed, data: Path) -> dict[str, object]:
    listener = {"address": bed.address("vault"), "tls_disable": True}
    return {
        "storage": {"file": {"path": str(data)}},
        "listener": {"tcp": listener},
        "api_addr": address(bed),
        "disable_mlock": True,
    }


def _initialise(bed: Bed) -> None:
    shares = {"secret_shares": 1, "secret_threshold": 1}
    answer = _request(RestClient(address(bed)), "PUT", "sys/init", shares).body
    opened = {"unseal_key": answer["keys_base64"][0], "root_token": answer["root_token"]}
    bed.write(_keys_file(bed).name, json.dumps(opened, indent=2) + "\n")


def _saved_keys(bed: Bed) -> Keys:
    try:
        return keys(bed)
    except FileNotFoundError:
        raise TestbedError(
            f"Vault of test bed '{bed.name}' was initialised, but its keys were never saved: nobody can open it. "
            "`stop vault` and `up` make a new one."
        ) from None


def _is_active(client: RestClient) -> None:
    answer = client.request("GET", "/v1/sys/health")
    if answer.status != 200:
        raise NotReady(f"sys/health answers {answer.status}: {answer.body}")


def _add_audit_device(client: RestClient, bed: Bed) -> None:
    if "file/" not in _request(client, "GET", "sys/audit").body["data"]:
        options = {"file_path": str(bed.logs / "vault-audit.jsonl")}
        _request(client, "PUT", "sys/audit/file", {"type": "file", "options": options})


def _add_mounts(client: RestClient) -> None:
    present = _request(client, "GET", "sys/mounts").body["data"]
    for name, mount in MOUNTS.items():
        if f"{name}/" not in present:
            _request(client, "POST", f"sys/mounts/{name}", mount)
    wait_until(lambda: _is_upgraded(client), MOUNT_TIMEOUT)


def _is_upgraded(client: RestClient) -> None:
    """A version 2 key-value store refuses to serve for a moment after it was mounted."""
    answer = client.request("GET", "/v1/secret/config")
    if not answer.ok:
        raise NotReady(f"secret/config answers {answer.status}: {answer.body}")


def _keys_file(bed: Bed) -> Path:
    return bed.state / "vault-keys.json"


def _request(client: RestClient, method: str, path: str, body: object = None) -> Answer:
    answer = client.request(method, f"/v1/{path}", body)
    if not answer.ok:
        raise TestbedError(f"Vault refuses {method} {path} ({answer.status}): {answer.body}")
    return answer
