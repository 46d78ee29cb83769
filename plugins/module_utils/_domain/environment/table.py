# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables that a person reads at the end of a verb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..text import inert
from .effects import RULES

_TITLES = ("ENVIRONMENT", "CAPABILITY", "OBJECT", "ACTION", "HOW", "WHAT")
_MOST = 60
_LONG = 200


def plan_lines(plans: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """A line for each object of each environment, and how many there are of each action."""
    rows = [_row(environment, entry) for environment, plan in plans.items() for entry in plan]
    return [*aligned(_TITLES, rows), _counted([row[3] for row in rows])]


def remains_lines(proofs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """A line for each thing that was looked for after a deletion, and how many were found in each state."""
    rows = [
        (environment, item["server"], item["kind"], item["name"], item["state"], inert(item["why"], _LONG))
        for environment, things in proofs.items()
        for item in things
    ]
    return [
        *aligned(("ENVIRONMENT", "SERVER", "KIND", "NAME", "STATE", "WHY"), rows),
        _counted([row[4] for row in rows]),
    ]


def _counted(words: Sequence[str]) -> str:
    counts = {word: list(words).count(word) for word in sorted(set(words))}
    return f"In all: {', '.join(f'{number} {word}' for word, number in counts.items()) or 'nothing'}."


def aligned(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows under their titles, each column as wide as it needs."""
    widths = [max(len(cell) for cell in column) for column in zip(titles, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (titles, *rows)
    ]


def _row(environment: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        environment,
        entry["capability"],
        entry["object"] or entry["instance"],
        entry["action"],
        entry["effect"] or "-",
        _what(entry) or "-",
    )


def _what(entry: Mapping[str, Any]) -> str:
    if not entry["in_inventory"]:
        return "not in the inventory"
    if entry["action"] == "create":
        sizes = {path.rpartition(".")[2]: value for path, value in entry["after"].items()}
        return ", ".join(f"{name} {value}" for name, value in sizes.items() if name in RULES)
    told = [f"{item['parameter']} {_shown(item['before'])} -> {_shown(item['after'])}" for item in entry["changes"]]
    return ", ".join(told) or ", ".join({**entry["before"], **entry["after"]})


def _shown(value: Any) -> str:
    return "nothing" if value is None else inert(str(value), _MOST)
