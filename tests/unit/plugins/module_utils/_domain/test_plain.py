# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that JSON has pass; any other is a sentence with its path, never a traceback."""

from __future__ import annotations

import datetime as dt
import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.plain import plain


class Text(str):
    """Text with a mark of where it came from, as Ansible has it."""


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ({"a": [1, 2.5, None, True, "x"]}, {"a": [1, 2.5, None, True, "x"]}),
        ({"a": (1, ("b",))}, {"a": [1, ["b"]]}),
        ({5432: "a", True: "b"}, {"5432": "a", "true": "b"}),
        ({Text("a"): Text("b")}, {"a": "b"}),
        ({}, {}),
    ],
)
def test_what_json_has_passes(value: Any, becomes: Any) -> None:
    assert plain(value) == becomes


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"a": [{"since": dt.date(2026, 1, 2)}]}, "a[0].since is 2026-01-02, which YAML reads as a date"),
        (
            {"a": dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)},
            "a is 2026-01-02 03:04:00+00:00, which YAML reads as a date",
        ),
        ({"a": dt.time(3, 4)}, "a is 03:04:00, which YAML reads as a date"),
        ({"a": math.nan}, "a is nan, which is no number"),
        ({"a": -math.inf}, "a is -inf, which is no number"),
        ({"a": {1, 2}}, "a is a set, which has no order; make it a list"),
        ({"a": b"secret"}, "a is a row of bytes and not text; decode it"),
        ({"a": {None: 1}}, "a has the key None, which is not text; quote it"),
        ({"a": {1.5: 1}}, "a has the key 1.5, which is not text; quote it"),
        ({"a": object()}, "a is of type object, which no server understands"),
        ({"a": 1j}, "a is of type complex, which no server understands"),
    ],
)
def test_what_json_has_not_is_named(value: Any, says: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        plain(value)
    assert str(caught.value).startswith(says)
    assert "secret" not in str(caught.value)


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes()
    | st.sets(st.integers(), max_size=2)
)
keys = st.text() | st.integers() | st.booleans() | st.none() | st.dates()


@given(st.recursive(leaves, lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(keys, inner)))
def test_whatever_is_given_is_json_or_a_sentence(value: Any) -> None:
    with suppress(InvalidOption):
        json.dumps(plain({"option": value}), allow_nan=False)
