# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of module ``vault_object``."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..._domain.errors import InvalidOption
from ..._domain.plan import Plan
from ..._domain.vault.ports import Vault
from ..._domain.vault.values import is_path, normalised
from ..task import Outcome, Request
from .writes import VaultWrite, perform_all


def reconcile_object(request: Request, vault: Vault) -> Outcome:
    """Brings the given fields of what is at a path to their values, or the path to nothing."""
    path = _checked_path(request.options["path"])
    writes = _writes(vault, path, request.options["fields"], absent=request.options["state"] == "absent")
    if not request.check_mode:
        perform_all(writes, request.reporter)
    return Outcome(Plan(tuple(writes)), {"path": path})


def _writes(vault: Vault, path: str, fields: dict[str, Any], *, absent: bool) -> list[VaultWrite]:
    live = vault.read(path)
    if absent:
        gone, there = {"state": "absent"}, {"state": "present"}
        return [VaultWrite("delete", path, there, gone, perform=partial(vault.delete, path))] if live else []
    before = (
        {name: normalised(live[name], like=value) for name, value in fields.items() if name in live} if live else {}
    )
    if live is not None and before == fields:
        return []
    verb = "create" if live is None else "update"
    return [VaultWrite(verb, path, before, fields, perform=partial(vault.write, path, fields))]


def _checked_path(path: str) -> str:
    path = path.strip("/")
    if "/" not in path or not is_path(path):
        raise InvalidOption(
            f"path is {path!r}, which is no path in Vault",
            next_step="write it as vault read takes it, for example sys/policies/acl/dev-operator",
        )
    return path
