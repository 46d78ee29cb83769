# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file with a line per run, for whoever collects them."""

from __future__ import annotations

import os

from ..._domain.errors import InvalidOption


class AuditFile:
    """Implements ``ports.Log``. A new file is its owner's alone, whatever the umask; one that exists is left so."""

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def wanted(self) -> bool:
        return bool(self._path)

    def require(self) -> None:
        """Raises InvalidOption when nothing could be added to it."""
        self.append("")

    def append(self, line: str) -> None:
        if not self.wanted:
            return
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                file.write(f"{line}\n".encode() if line else b"")
        except OSError as error:
            raise InvalidOption(
                f"runs can not be noted in {self._path}: {error.strerror or error}",
                next_step="correct audit_file, or what is there",
            ) from error
