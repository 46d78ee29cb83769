# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The writes that a plan for Vault is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..._domain.errors import InfraError
from ..._domain.plan import Action
from ..._domain.ports import Reporter


@dataclass(frozen=True, kw_only=True)
class VaultWrite(Action):
    """An action, and the call that does it."""

    perform: Callable[[], object] = field(repr=False, compare=False)


def perform_all(writes: Sequence[VaultWrite], reporter: Reporter, *, changed: bool = False) -> None:
    """Makes the writes in order. When one fails, the error tells whether earlier ones have changed something."""
    for position, write in enumerate(writes):
        with reported(changed=changed or position > 0):
            write.perform()
        reporter.line(f"{write.verb} {write.target}")


@contextmanager
def reported(*, changed: bool) -> Iterator[None]:
    """Lets an error tell whether something had been changed before it."""
    try:
        yield
    except InfraError as error:
        error.facts["changed"] = changed or bool(error.facts.get("changed"))
        raise
