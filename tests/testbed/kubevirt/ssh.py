# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH server of a VM, which the provider asks whether bootstrapping has succeeded."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import asyncssh

PORT = 22

logger = logging.getLogger(__name__)


async def serve(address: str, keys: Sequence[str], disk: Path) -> asyncssh.SSHAcceptor | None:
    """Let the owners of these keys read files of the disk; None where port 22 is not ours to listen on."""

    def answer(process: asyncssh.SSHServerProcess[str]) -> None:
        verb, _space, path = (process.command or "").partition(" ")
        file = disk / path.lstrip("/")
        if verb == "cat" and file.is_file():
            process.stdout.write(file.read_text())
            process.exit(0)
        else:
            process.stderr.write(f"{process.command}: no such file\n")
            process.exit(1)

    try:
        return await asyncssh.create_server(
            asyncssh.SSHServer,
            address,
            PORT,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            authorized_client_keys=asyncssh.import_authorized_keys("\n".join(keys)),
            process_factory=answer,
        )
    except PermissionError:
        logger.warning("%s: only root may listen on port %d; use bootstrap check `none`", address, PORT)
        return None
