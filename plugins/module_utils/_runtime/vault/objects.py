# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of module ``vault_object``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from ..._domain.errors import InvalidOption
from ..._domain.plain import plain
from ..._domain.plan import Plan
from ..._domain.vault.fields import is_empty, is_same, is_secret, secrets_in, shown, told
from ..._domain.vault.ports import Data, Engine, Vault
from ..._domain.vault.values import is_named_path
from ..task import Outcome, Request
from .writes import VaultWrite, perform_all, reported

# Engines that keep what they are given, and nothing else.
KEEPERS = ("kv", "generic", "cubbyhole")
# Auth methods of whose configuration a write resets what it does not have.
RESETTERS = ("kubernetes", "jwt", "oidc")
_MOUNTED = re.compile(r"sys/(mounts|auth)/.*(?<!/tune)")


def reconcile_object(request: Request, vault: Vault) -> Outcome:
    """Brings the given fields of what is at a path to their values, or the path to nothing."""
    fields = plain(request.options["fields"], "fields")
    wanted = {name: value for name, value in fields.items() if value is not None}
    for secret in secrets_in(wanted):
        request.redactor.remember(secret)
    thing = _Object(request, vault, _checked_path(request.options["path"]), wanted)
    absent = request.options["state"] == "absent"
    writes = list(thing.removal() if absent else thing.writes())
    if not request.check_mode:
        perform_all(writes, request.reporter)
        thing.look_again()
    return Outcome(Plan(tuple(writes)), {"path": thing.path, **({"kept": thing.kept} if absent else {})})


class _Object:
    """What is at a path. ``kept`` has the fields for which it was not deleted."""

    def __init__(self, request: Request, vault: Vault, path: str, wanted: dict[str, Any]) -> None:
        self.path = path
        self.kept: list[str] = []
        self._request = request
        self._vault = vault
        self._wanted = wanted
        self._live = vault.read(path)
        self._told = told(self._live or {}, path)
        self._untold: list[str] = []

    def removal(self) -> Iterator[VaultWrite]:
        """The deletion, unless what is there is something else than the fields say."""
        if not self._is_there:
            return
        self.kept = self._differing()
        if self.kept:
            self._request.reporter.warn(f"{self.path} is kept: it has other values of {', '.join(self.kept)}")
            return
        gone, there = {"state": "absent"}, {"state": "present"}
        yield VaultWrite("delete", self.path, there, gone, perform=partial(self._vault.delete, self.path))

    def writes(self) -> Iterator[VaultWrite]:
        """The write that is needed, if any."""
        creates = self._live is None
        differing = list(self._wanted) if creates else self._differing()
        asked = self._secrets() if self._request.options["update_secrets"] else []
        if not (creates or differing or asked):
            return
        engine = self._vault.engine(self.path)
        self._check_mount(engine, differing)
        left = [] if creates or asked or self._is_reset(engine) else self._secrets()
        fields = {name: value for name, value in self._wanted.items() if name not in left}
        self._untold = [name for name in differing if name not in self._told and not is_secret(name, fields.get(name))]
        before, after = self._diff(engine, fields)
        data = {**fields, **self._condition(engine)}
        verb = "create" if creates else "update"
        yield VaultWrite(verb, self.path, before, after, perform=partial(self._vault.write, self.path, data))

    def look_again(self) -> None:
        """After a write: Vault takes a field that it does not know without a word."""
        if not self._untold:
            return
        with reported(changed=True):
            found = told(self._vault.read(self.path) or {}, self.path)
        for name in self._untold:
            if name not in found and not is_empty(self._wanted[name]):
                self._request.reporter.warn(
                    f"Vault does not tell {name} of {self.path}, so every run writes it again; "
                    "correct its name, or leave it out once it is as it should be"
                )

    @property
    def _is_there(self) -> bool:
        """Of a key-value secret whose newest version was deleted, something is left that is not there any more."""
        deleted = set(self._told) == {"data", "metadata"} and self._told["data"] is None
        return self._live is not None and not deleted

    def _is_reset(self, engine: Engine) -> bool:
        return engine.type in RESETTERS and self._inside(engine) == "config"

    def _secrets(self) -> list[str]:
        """The wanted fields that Vault does not give back."""
        return [name for name, value in self._wanted.items() if name not in self._told and is_secret(name, value)]

    def _differing(self) -> list[str]:
        found = self._told
        return [
            name
            for name, value in self._wanted.items()
            if not (
                is_same(name, value, found[name]) if name in found else is_empty(value) or self._is_kept(name, value)
            )
        ]

    def _is_kept(self, name: str, value: Any) -> bool:
        """Whether a secret that is not given back may be as wanted; of some Vault says at least whether it has one."""
        return is_secret(name, value) and self._told.get(f"{name}_set") is not False

    def _diff(self, engine: Engine, fields: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        hide = engine.type in KEEPERS and not self._inside(engine).startswith(("metadata/", "config"))
        before = {name: self._told[name] for name in fields if name in self._told}
        same = {name: value for name, value in before.items() if is_same(name, fields[name], value)}
        # What is the same is shown in Vault's own words.
        return shown(before, before, hide=hide), shown({**fields, **same}, before, hide=hide)

    def _condition(self, engine: Engine) -> Data:
        """Where Vault can be told what a write has seen, it refuses one that would undo somebody else's."""
        if engine.type != "kv" or engine.version != 2 or "options" in self._wanted:
            return {}
        if not self._inside(engine).startswith("data/"):
            return {}
        return {"options": {"cas": int((self._told.get("metadata") or {}).get("version") or 0)}}

    def _inside(self, engine: Engine) -> str:
        return self.path.removeprefix(engine.mount_point).strip("/")

    def _check_mount(self, engine: Engine, differing: list[str]) -> None:
        """An engine or auth method that is mounted is changed elsewhere. Raises InvalidOption."""
        if self._live is None or engine.type != "system" or not _MOUNTED.fullmatch(self.path):
            return
        raise InvalidOption(
            f"{self.path} is there with other values of {', '.join(differing)}, and Vault changes none of them there",
            next_step=f"give what can be changed at {self.path}/tune, or unmount it first",
        )


def _checked_path(path: str) -> str:
    path = path.strip("/")
    if "/" not in path or not is_named_path(path):
        raise InvalidOption(
            f"path is {path!r}, which is no path in Vault",
            next_step="write it as vault read takes it, for example sys/policies/acl/dev-operator",
        )
    return path
