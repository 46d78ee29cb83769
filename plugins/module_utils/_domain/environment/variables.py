# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with the variables of an environment, beyond what a role's argument spec can say."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import InvalidOption
from ..units import seconds

# What a run has found out itself, as is the status of each role.
GIVEN = ("environment_plan",)

_DURATION = re.compile(r"_(timeout|ttl)$")


@dataclass(frozen=True)
class Variables:
    """The variables of one host: ``given`` are all names that there are, ``values`` are of those that a role knows.

    ``known`` has the names that each role knows, ``formerly`` what there is instead of a name that was one, and
    ``refused`` what argument specs and the roles themselves have to say, for each role.
    """

    environment: str
    namesakes: Sequence[str]
    capabilities: Sequence[str]
    given: Collection[str]
    values: Mapping[str, Any]
    known: Mapping[str, Collection[str]]
    formerly: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, Sequence[str]] = field(default_factory=dict)


def problems(variables: Variables) -> list[str]:
    """What is wrong with them, a sentence each."""
    found = [*_of_the_environment(variables), *variables.refused.get("", ())]
    for role in variables.known:
        found += [*_unknown(role, variables), *_no_durations(role, variables), *variables.refused.get(role, ())]
    return found


def _of_the_environment(variables: Variables) -> Iterator[str]:
    if len(variables.namesakes) > 1:
        hosts = " and ".join(variables.namesakes)
        yield f"{hosts} are both environment {variables.environment}; give each an environment_name of its own"
    for capability in variables.capabilities:
        if capability not in variables.known:
            yield f"environment_capabilities has {capability}, which no environment can have"
    for name, instead in variables.formerly.items():
        if name in variables.given:
            yield f"there is no variable {name} any more; {instead}"


def _unknown(role: str, variables: Variables) -> Iterator[str]:
    known = {*variables.known[role], f"{role}_status", *GIVEN, *variables.formerly}
    unknown = sorted(name for name in variables.given if name.startswith(f"{role}_") and name not in known)
    if unknown:
        yield f"role {role} does not know {', '.join(unknown)}; it knows {', '.join(sorted(variables.known[role]))}"


def _no_durations(role: str, variables: Variables) -> Iterator[str]:
    for name in variables.known[role]:
        if _DURATION.search(name):
            try:
                seconds(variables.values.get(name, 0), name)
            except InvalidOption as refusal:
                yield str(refusal)
