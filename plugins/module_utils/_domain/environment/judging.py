# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which changes of a plan a verb may make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Entry = Mapping[str, Any]

_UNPROTECT = "write environment_protected: false into the inventory and run provision, in a run of its own, before"


def refusals(plan: Sequence[Entry], verb: str, guarded: bool) -> list[str]:
    """What of a plan the verb does not do, a sentence each; ``guarded`` when nothing may be taken away."""
    found = [*_taken(plan)] if guarded else []
    return [*found, *_no_sizes(plan)] if verb == "resize" else found


def _taken(plan: Sequence[Entry]) -> Iterator[str]:
    for entry in plan:
        if entry["action"] == "replace":
            yield f"{entry['object']} would be replaced, and the environment is protected; {_UNPROTECT}"
        for change in entry["changes"]:
            if change["shrinks"] and entry["action"] != "replace":
                yield f"{_told(entry, change)} takes something away, and the environment is protected; {_UNPROTECT}"


def _no_sizes(plan: Sequence[Entry]) -> Iterator[str]:
    for entry in plan:
        if entry["action"] == "create":
            yield f"there is no {entry['object']} that could be resized; provision makes it"
        for change in entry["changes"]:
            if not change["size"]:
                yield f"{_told(entry, change)} is no matter of size; provision changes it"


def _told(entry: Entry, change: Mapping[str, Any]) -> str:
    before = "nothing" if change["before"] is None else change["before"]
    after = "nothing" if change["after"] is None else change["after"]
    return f"{entry['object']}: {change['parameter']} from {before} to {after}"
