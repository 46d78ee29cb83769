# SPDX-License-Identifier: GPL-3.0-or-later
"""A server's text is shown inert, on one line, and cut."""

from __future__ import annotations

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.text import LONGEST, inert


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\r\n", "two lines"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b[2Jgone\x00\x07", "gone"),
        ("right\u202eleft", "right left"),
        ("{{ lookup('pipe', 'id') }}", "{{ lookup('pipe', 'id') }}"),
        (None, "None"),
    ],
)
def test_nothing_moves_a_cursor(text: object, shown: str) -> None:
    assert inert(text) == shown


def test_megabytes_are_cut() -> None:
    shown = inert("words " * 1_000_000)
    assert LONGEST - len("words") <= len(shown) <= LONGEST
    assert shown.endswith("words…")


@pytest.mark.parametrize("longest", range(1, 40))
def test_a_cut_leaves_no_half_of_a_word(longest: int) -> None:
    text = "denied: hvs.CAESIJsecret is not welcome"
    shown = inert(text, longest)
    assert shown == text or set(shown.removesuffix("…").split()) <= set(text.split())
    assert len(shown) <= longest or shown == "…"
