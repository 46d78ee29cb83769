# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says when nobody else is heard: no extra variable, no play, no role and no fact."""

from __future__ import annotations

from typing import Any

from ansible import context
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.utils.vars import load_extra_vars
from ansible.vars.manager import VariableManager


def command_line(loader: DataLoader) -> list[str]:
    """The names of the variables that were given on the command line, or by AWX as one."""
    return sorted(str(name) for name in load_extra_vars(loader))


def stated(loader: DataLoader, host: str) -> dict[str, Any]:
    """What the inventory has for the environment of a host, and which of its sources have the host.

    A value that can not be had without an extra variable is none.
    """
    sources = [str(source) for source in context.CLIARGS.get("inventory") or ()]
    variables = _variables(loader, sources, host)
    return {
        "environment": _plain(loader, variables, "environment_name") or host,
        "protected": _plain(loader, variables, "environment_protected"),
        "sources": [source for source in sources if _has(loader, source, host)] if len(sources) > 1 else sources,
    }


def _variables(loader: DataLoader, sources: list[str], host: str) -> dict[str, Any]:
    inventory = InventoryManager(loader=loader, sources=sources)
    found = inventory.get_host(host)
    if found is None:
        return {}
    manager = VariableManager(loader=loader, inventory=inventory)
    manager._extra_vars = {}  # there is no public way to leave them out
    variables: dict[str, Any] = manager.get_vars(host=found, include_hostvars=False)
    return variables


def _plain(loader: DataLoader, variables: dict[str, Any], name: str) -> Any:
    if name not in variables:
        return None
    return Templar(loader=loader, variables=variables).template(variables[name])


def _has(loader: DataLoader, source: str, host: str) -> bool:
    return InventoryManager(loader=loader, sources=[source]).get_host(host) is not None
