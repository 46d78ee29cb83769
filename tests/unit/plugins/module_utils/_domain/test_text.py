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
    shown = inert("x" * 5_000_000)
    assert len(shown) == LONGEST
    assert shown.endswith("…")
