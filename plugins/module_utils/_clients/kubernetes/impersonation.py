# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom requests are made as, when not as whom the credential names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ..._domain import errors

# What may stand in the name of a header; the server reads the rest as in a URL.
_HEADER_CHARACTERS = "!#$&'*+^`|"


@dataclass(frozen=True)
class Impersonation:
    """Nobody when ``user`` is empty."""

    user: str = ""
    uid: str = ""
    groups: Sequence[str] = ()
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def overridden_by(self, options: Mapping[str, Any]) -> Impersonation:
        """With the options in the place of what a kubeconfig says, each for itself, as kubectl does it."""
        merged = Impersonation(
            user=options.get("impersonate_user") or self.user,
            uid=self.uid,
            groups=options.get("impersonate_groups") or self.groups,
            extra=self.extra,
        )
        if not merged.user and merged != Impersonation():
            groups = "impersonate_groups is" if options.get("impersonate_groups") else "as-groups and the like are"
            raise errors.InvalidOption(
                f"{groups} set without a user to act as",
                next_step="name the user, too, as impersonate_user or as in the kubeconfig: groups alone are nobody",
            )
        return merged

    def headers(self) -> Iterator[tuple[str, str]]:
        if self.user:
            yield "Impersonate-User", self.user
        if self.uid:
            yield "Impersonate-Uid", self.uid
        for group in self.groups:
            yield "Impersonate-Group", group
        for name, values in self.extra.items():
            for value in values:
                yield f"Impersonate-Extra-{quote(name, safe=_HEADER_CHARACTERS)}", value


def impersonation_of(user: Mapping[str, Any]) -> Impersonation:
    """What a user of a kubeconfig says. Raises TypeError, AttributeError when it is not written as kubectl reads it."""
    extra = user.get("as-user-extra") or {}
    return Impersonation(
        user=str(user.get("as") or ""),
        uid=str(user.get("as-uid") or ""),
        groups=_texts(user.get("as-groups")),
        extra={str(name): _texts(values) for name, values in extra.items()},
    )


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values or [], list):
        raise TypeError
    return tuple(str(value) for value in values or [])
