# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTML in which what is not an element is text, whatever it looks like."""

from __future__ import annotations

from html import escape
from typing import TypeAlias

_VOID = frozenset({"br", "link", "meta"})


class Html(str):
    """Markup that was made here. Every other text is escaped when it becomes part of it."""

    __slots__ = ()


Child: TypeAlias = "str | None"


def element(tag: str, /, *children: Child, **attributes: str | None) -> Html:
    """An element; ``class_`` and ``data_label`` are ``class`` and ``data-label``, and what is None is left out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Html(f"<{tag}{given}>")
    return Html(f"<{tag}{given}>{together(*children)}</{tag}>")


def together(*children: Child) -> Html:
    """One after the other."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children if child is not None))
