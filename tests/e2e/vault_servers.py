# SPDX-License-Identifier: GPL-3.0-or-later
"""Vault servers of a test's own: plain processes on loopback that may be sealed, ended and joined."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.testbed import ports
from tests.testbed.readiness import NotReady, wait_until
from tests.testbed.rest import RestClient, Unreachable

PATIENCE = 60.0


class VaultServer:
    """One server with raft storage in a folder; with an identity of the test bed's PKI it speaks TLS."""

    def __init__(self, folder: Path, identity: Path | None = None) -> None:
        assigned = ports.assign(("api", "cluster"), {}, ())
        self._folder = folder
        self._identity = identity
        self._cluster = f"127.0.0.1:{assigned['cluster']}"
        self._process: subprocess.Popen[bytes] | None = None
        self._key = ""
        self.token = ""
        self.address = f"127.0.0.1:{assigned['api']}"
        self.url = f"{'https' if identity else 'http'}://{self.address}"

    def start(self) -> None:
        """Starts the process, and waits until it answers, be it sealed."""
        (self._folder / "data").mkdir(parents=True, exist_ok=True)
        configuration = self._folder / "vault.json"
        configuration.write_text(json.dumps(self._configuration()))
        with (self._folder / "log").open("ab") as log:
            command = ["vault", "server", f"-config={configuration}"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self.health, PATIENCE)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def initialise(self) -> None:
        opened = json.loads(self.vault("operator", "init", "-key-shares=1", "-key-threshold=1", "-format=json"))
        self._key, self.token = opened["unseal_keys_b64"][0], opened["root_token"]
        self.unseal()

    def unseal(self) -> None:
        self.vault("operator", "unseal", self._key)
        wait_until(lambda: self.expect(200), PATIENCE)

    def join(self, leader: VaultServer) -> None:
        """Makes this new server a standby of another one."""
        self._key, self.token = leader._key, leader.token
        self.vault("operator", "raft", "join", leader.url)
        self.vault("operator", "unseal", self._key)
        wait_until(lambda: self.expect(429), PATIENCE)

    def file(self, name: str, text: str) -> str:
        """The path of a new file beside the server's own."""
        path = self._folder / name
        path.write_text(text)
        return str(path)

    def vault(self, *arguments: str) -> str:
        """What the vault command says about this server."""
        environment = {**os.environ, "VAULT_ADDR": self.url, "VAULT_TOKEN": self.token}
        if self._identity:
            environment["VAULT_CACERT"] = str(self._identity / "ca.crt")
        command = ["vault", *arguments]
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True, timeout=PATIENCE
        ).stdout

    def revoke(self, token: str) -> None:
        """Ends a token and what was issued under it; a login is made without one."""
        if token:
            self.vault("token", "revoke", token)

    def health(self) -> int:
        """The status of sys/health: 200 active, 429 and 474 standby, 501 new, 503 sealed. Raises NotReady."""
        try:
            return RestClient(self.url, self._identity).request("GET", "/v1/sys/health").status
        except Unreachable as error:
            raise NotReady(str(error)) from error

    def expect(self, *statuses: int) -> None:
        """Raises NotReady while the health is another one."""
        if (found := self.health()) not in statuses:
            raise NotReady(f"sys/health of {self.url} answers {found}")

    def expect_vote(self) -> None:
        """Raises NotReady while the cluster watches whether this new server stays."""
        peers = json.loads(self.vault("operator", "raft", "list-peers", "-format=json"))["data"]["config"]["servers"]
        if not next(peer["voter"] for peer in peers if peer["node_id"] == self.address):
            raise NotReady(f"{self.address} has no vote yet")

    def _configuration(self) -> dict[str, object]:
        listener: dict[str, object] = {"address": self.address, "cluster_address": self._cluster}
        if self._identity:
            listener |= {
                "tls_cert_file": str(self._identity / "tls.crt"),
                "tls_key_file": str(self._identity / "tls.key"),
                "tls_client_ca_file": str(self._identity / "ca.crt"),
            }
        else:
            listener["tls_disable"] = True
        return {
            "storage": {
                "raft": {"path": str(self._folder / "data"), "node_id": self.address, "performance_multiplier": 1}
            },
            "listener": {"tcp": listener},
            "api_addr": self.url,
            "cluster_addr": f"https://{self._cluster}",
            "disable_mlock": True,
            # To write what a lease looks like that Vault has given up, which would take ten minutes of its patience.
            "raw_storage_endpoint": True,
        }
