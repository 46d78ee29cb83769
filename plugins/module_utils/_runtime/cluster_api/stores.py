# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the kubeconfig of a cluster is kept: a file, or Vault."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..._domain.cluster_api.kubeconfig import Kubeconfig
from ..._domain.errors import Failed, InvalidOption
from ..._domain.plan import Action
from ..._domain.redact import HIDDEN, HIDDEN_NEW
from ..._domain.vault.ports import Vault
from ..vault.key_value import open_secret

# What is kept beside the kubeconfig in Vault.
_FIELDS = ("kubeconfig", "server", "issuer", "expires")
_MODE = 0o600
_FOLDER_MODE = 0o700


@dataclass(frozen=True, kw_only=True)
class Keeping(Action):
    """A write of the kubeconfig, or its removal."""

    perform: Callable[[], object] = field(repr=False, compare=False)


class Store(Protocol):
    """One place; what is wrong with it is raised when it is opened. ``text`` is the kubeconfig that is kept there."""

    text: str | None

    def keep(self, kubeconfig: Kubeconfig) -> Keeping | None:
        """What is needed so that it has the kubeconfig; None when nothing is."""

    def announce(self) -> Keeping:
        """What will be needed for one that is still to be made."""

    def remove(self) -> Keeping | None:
        """What is needed so that it has none."""

    def fact(self) -> dict[str, str]:
        """Where it is."""


class FileStore:
    """A file that only its owner may read, replaced as a whole."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        with _said(self._path):
            if self._path.is_dir():
                raise InvalidOption(f"kubeconfig_path {path} is a folder", next_step="name a file in it")
            folder = self._path.parent
            if folder.exists() and not _is_safe(folder):
                raise InvalidOption(
                    f"kubeconfig_path {path} is in a folder that everybody may write to",
                    next_step="name a file in a folder of your own",
                )
            self.text: str | None = None
            if self._path.exists():
                self.text = self._path.read_bytes().decode(errors="replace")
            self._mode = stat.S_IMODE(self._path.stat().st_mode) if self.text is not None else _MODE

    def keep(self, kubeconfig: Kubeconfig) -> Keeping | None:
        if self.text == kubeconfig.text and self._mode == _MODE:
            return None
        return self._action(kubeconfig)

    def announce(self) -> Keeping:
        return self._action(None)

    def remove(self) -> Keeping | None:
        if self.text is None:
            return None
        gone, there = {"state": "absent"}, {"state": "present"}
        return Keeping("delete", str(self._path), there, gone, perform=self._unlink)

    def fact(self) -> dict[str, str]:
        return {"path": str(self._path)}

    def _action(self, kubeconfig: Kubeconfig | None) -> Keeping:
        verb = "create" if self.text is None else "replace"
        before = {} if self.text is None else {"mode": f"{self._mode:04o}", "kubeconfig": HIDDEN}
        changed = HIDDEN if kubeconfig and kubeconfig.text == self.text else HIDDEN_NEW
        after = {"mode": f"{_MODE:04o}", "kubeconfig": changed, **(kubeconfig.notes() if kubeconfig else {})}
        return Keeping(verb, str(self._path), before, after, perform=lambda: self._write(kubeconfig))

    def _write(self, kubeconfig: Kubeconfig | None) -> None:
        if kubeconfig is None:
            return
        with _said(self._path):
            self._path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
            try:
                with os.fdopen(descriptor, "w") as file:
                    file.write(kubeconfig.text)
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(self._path)
            except BaseException:
                Path(name).unlink()
                raise

    def _unlink(self) -> None:
        with _said(self._path):
            self._path.unlink(missing_ok=True)


class VaultStore:
    """A secret of a key-value engine; what else it has is left as it is."""

    def __init__(self, vault: Vault, path: str) -> None:
        self._path = path.strip("/")
        self._secret = open_secret(vault, path)
        kept = self._secret.values.get("kubeconfig")
        self.text = None if kept is None else str(kept)

    def keep(self, kubeconfig: Kubeconfig) -> Keeping | None:
        stored = self._secret.values
        wanted = {"kubeconfig": kubeconfig.text, **kubeconfig.notes()}
        if all(stored.get(name) == value for name, value in wanted.items()):
            return None
        changed = HIDDEN if stored.get("kubeconfig") == kubeconfig.text else HIDDEN_NEW
        return self._action({**kubeconfig.notes(), "kubeconfig": changed}, {**stored, **wanted})

    def announce(self) -> Keeping:
        return self._action({"kubeconfig": HIDDEN_NEW}, {})

    def remove(self) -> Keeping | None:
        if self.text is None:
            return None
        left = {name: value for name, value in self._secret.values.items() if name not in _FIELDS}
        perform = (lambda: self._secret.write_values(left)) if left else self._secret.remove
        gone, there = {"state": "absent"}, {"state": "present"}
        return Keeping("delete", self._path, there, gone, perform=perform)

    def fact(self) -> dict[str, str]:
        return {"vault_path": self._path}

    def _action(self, after: dict[str, Any], values: dict[str, Any]) -> Keeping:
        stored = self._secret.values
        verb = "create" if self.text is None else "update"
        before = {name: HIDDEN if name == "kubeconfig" else stored[name] for name in _FIELDS if name in stored}
        return Keeping(verb, self._path, before, after, perform=lambda: self._secret.write_values(values))


def _is_safe(folder: Path) -> bool:
    mode = folder.stat().st_mode
    return not mode & stat.S_IWOTH or bool(mode & stat.S_ISVTX)


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """Turns what the system says into a sentence."""
    try:
        yield
    except OSError as error:
        raise Failed(
            f"kubeconfig_path {path} can not be used: {error.strerror or error}",
            next_step="correct the path or its permissions",
        ) from error
