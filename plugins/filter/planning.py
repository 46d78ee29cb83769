# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that make a plan of what tasks have said, and the Usages of a protected environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._domain.environment.judging import refusals
from ..module_utils._domain.environment.planning import entries, expected, unlisted
from ..module_utils._domain.environment.protecting import usages
from ..module_utils._domain.environment.table import plan_lines, remains_lines


def protecting_usages(claims: Any, environment: Any, served: Any) -> Any:
    """The Usages of an environment's claims."""
    return usages(environment, claims, served)


class FilterModule:
    """The filters, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "plan_entries": entries,
            "plan_expected": expected,
            "plan_refusals": refusals,
            "plan_unlisted": unlisted,
            "plan_table": plan_lines,
            "remains_table": remains_lines,
            "protecting_usages": protecting_usages,
        }
