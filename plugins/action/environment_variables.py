# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the variables of an environment, in the controller, where they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ..module_utils._domain.environment.variables import Variables, problems

try:
    from yaml import CSafeLoader as Loader
except ImportError:
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

ROLES = Path(__file__).parents[2] / "roles"

# Of role environment, which every environment has, and the one that registers a capability with Vault, if there is one.
COMMON, IN_VAULT = "environment", "vault_"

Options = Mapping[str, Mapping[str, Any]]


class ActionModule(ActionBase):
    """The task has ``name``, ``capabilities`` and ``formerly``."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"name", "capabilities", "formerly"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        host, capabilities = str(variables["inventory_hostname"]), self._task.args["capabilities"]
        specs = _specs([COMMON, *capabilities, *(f"{IN_VAULT}{each}" for each in capabilities)])
        values, refused = self._values([name for options in specs.values() for name in options], variables)
        merged = {name: option for options in specs.values() for name, option in options.items()}
        refused += ArgumentSpecValidator(merged).validate(values, validate_role_argument_spec=True).error_messages
        found = problems(
            Variables(
                environment=self._task.args["name"],
                namesakes=self._namesakes(variables),
                capabilities=capabilities,
                given=variables["hostvars"][host].keys(),
                values=values,
                known=specs,
                formerly=self._task.args.get("formerly", {}),
                refused={"": refused, **{role: self._own(role, variables) for role in specs}},
            )
        )
        if found:
            return {**result, "failed": True, "msg": f"{host}: {'; '.join(found)}. Nothing was changed."}
        return result

    def _values(self, names: list[str], variables: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The variables that a role knows, and what keeps those that can not be had."""
        values: dict[str, Any] = {}
        refused = []
        for name in names:
            if name in variables:
                try:
                    values[name] = self._templar.template(variables[name])
                except AnsibleError as error:
                    refused.append(f"{name} can not be had: {error.message}")
        return values, refused

    def _own(self, role: str, variables: Mapping[str, Any]) -> list[str]:
        """What a role itself has to say of its variables, in ``__<role>_problems``."""
        own: list[str] = self._templar.template(variables.get(f"__{role}_problems", []))
        return own

    def _namesakes(self, variables: Mapping[str, Any]) -> list[str]:
        """Hosts of the play that are the same environment as this one, itself among them."""
        hosts = variables["ansible_play_hosts_all"]
        names = {host: variables["hostvars"][host].get("environment_name", host) for host in hosts}
        return [host for host, name in names.items() if name == self._task.args["name"]]


def _specs(roles: list[str]) -> dict[str, Options]:
    """For each of the roles that there are, its variables by their names."""
    return {role: _options(role) for role in roles if _spec_of(role).is_file()}


def _options(role: str) -> Options:
    options: Options = yaml.load(_spec_of(role).read_bytes(), Loader)["argument_specs"]["main"]["options"]
    return {name: option for name, option in options.items() if name.startswith(f"{role}_")}


def _spec_of(role: str) -> Path:
    return ROLES / role / "meta" / "argument_specs.yml"
