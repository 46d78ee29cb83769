# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret is hidden in every form in which it may travel."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.pnow.infra.plugins.module_utils._domain.redact import HIDDEN, Redactor

SECRET = 'p@ss "word"/ü'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        SECRET.encode().hex(),
        quote(SECRET, safe=""),
        json.dumps(SECRET)[1:-1],
    ],
)
def test_every_encoding_is_hidden(form: str) -> None:
    assert Redactor([SECRET]).text(f"before {form} after") == f"before {HIDDEN} after"


def test_values_are_redacted_at_any_depth() -> None:
    redacted = Redactor([SECRET]).value({"a": [{"b": f"x{SECRET}"}], SECRET: 1, "c": None, "d": (SECRET,)})
    assert redacted == {"a": [{"b": f"x{HIDDEN}"}], HIDDEN: 1, "c": None, "d": [HIDDEN]}


def test_a_value_too_short_to_be_a_secret_does_not_eat_words() -> None:
    assert Redactor(["a", ""]).text("a plain word") == "a plain word"


@given(st.text(min_size=4).filter(lambda text: "*" not in text), st.text(), st.text())
def test_no_secret_survives_between_any_other_text(secret: str, before: str, after: str) -> None:
    shown = Redactor([secret]).text(before + secret + after)
    assert all(secret not in part for part in shown.split(HIDDEN))
