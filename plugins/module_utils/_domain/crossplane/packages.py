# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of Crossplane that do not work, as what explains other objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..kubernetes.blockers import Blocker


@dataclass(frozen=True)
class Package:
    """A package of Crossplane that does not work, and the API groups whose objects it looks after."""

    blocker: Blocker
    groups: frozenset[str] = frozenset()


def explained(blockers: Sequence[Blocker], packages: Sequence[Package]) -> list[Blocker]:
    """Blockers and packages that do not work, causes first.

    A package explains objects of its own that say nothing, or nothing about their present spec. Any other may have
    nothing to do with it, and comes last.
    """
    silent = {
        item.ref.api_version.rpartition("/")[0]
        for item in blockers
        if item.condition.status == "Unknown" or not item.condition.message
    }
    causes = [package.blocker for package in packages if package.groups & silent]
    others = [package.blocker for package in packages if not package.groups & silent]
    return [*causes, *blockers, *others]
