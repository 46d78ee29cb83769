# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves a composite to another composition."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.crossplane.binding import (
    Bound,
    asked_anew,
    require_movable,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.crossplane.claim import Style, claim_from
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest

NAME = {"api_version": "g.example.org/v1", "kind": "K", "name": "x", "namespace": "dev"}
MANUAL = {"composition_update_policy": "Manual"}
BOUND = Bound("a", "a-1")
A = {"metadata": {"labels": {"tier": "small"}}}
A_1 = {"metadata": {"labels": {"channel": "stable"}}}


def refusal(options: dict[str, Any], before: dict[str, Any], style: Style = Style.CLAIM, bound: Bound = BOUND) -> str:
    """What is said when options take the place of those before; empty when they are obeyed."""
    claim = claim_from({**NAME, **options}, 0)
    changed = asked_anew(claim_from({**NAME, **before}, 0).manifest(style), claim.manifest(style))
    try:
        require_movable(claim, changed, bound, A, A_1)
    except InvalidOption as error:
        return str(error)
    return ""


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        pytest.param({}, {}, "", id="nothing asked"),
        pytest.param({}, {"composition_selector": {"tier": "small"}}, "", id="a selector that it meets"),
        pytest.param(
            {},
            {"composition_selector": {"tier": "large"}},
            "has composition a, which composition_selector does not select",
            id="a selector that it does not meet",
        ),
        pytest.param(
            {"composition_ref": "b"},
            {"composition_selector": {"tier": "large"}},
            "to move it set composition_ref",
            id="a selector in place of a reference",
        ),
        pytest.param(
            {"composition_selector": {"tier": "large"}},
            {"composition_selector": {"tier": "large"}, "parameters": {"size": "large"}},
            "",
            id="a selector that it met once",
        ),
        pytest.param({}, {"composition_ref": "b"}, "", id="another composition"),
        pytest.param({}, {"composition_ref": "b", "composition_selector": {"tier": "large"}}, "", id="both"),
        pytest.param(
            MANUAL,
            {**MANUAL, "composition_ref": "b"},
            "has revision a-1 of composition a, and keeps it while composition_update_policy is Manual; "
            "nothing was written; to move it set composition_revision_ref to a revision of b and force_conflicts",
            id="another composition, not its revision",
        ),
        pytest.param(MANUAL, {**MANUAL, "composition_ref": "b", "composition_revision_ref": "b-1"}, "", id="both of b"),
        pytest.param(MANUAL, {**MANUAL, "composition_revision_selector": {"channel": "stable"}}, "", id="its channel"),
        pytest.param(
            MANUAL,
            {**MANUAL, "composition_revision_selector": {"channel": "edge"}},
            "to move it set composition_revision_ref to the revision that it shall have",
            id="another channel",
        ),
        pytest.param({}, {"composition_revision_selector": {"channel": "edge"}}, "", id="another channel, followed"),
        pytest.param({}, MANUAL, "", id="from now on by hand"),
    ],
)
def test_what_moves_a_composite(style: Style, before: dict[str, Any], after: dict[str, Any], says: str) -> None:
    refused = refusal(after, before, style)
    assert says in refused
    assert bool(says) == bool(refused)


def test_a_composite_without_a_revision_gets_the_one_that_is_asked_for() -> None:
    assert not refusal({**MANUAL, "composition_ref": "b"}, MANUAL, bound=Bound("a", ""))


@pytest.mark.parametrize(
    ("spec", "bound"),
    [
        ({}, Bound("", "")),
        ({"compositionRef": {"name": "a"}, "compositionRevisionRef": {"name": "a-1"}}, BOUND),
        ({"crossplane": {"compositionRef": {"name": "a"}, "compositionRevisionRef": {"name": "a-1"}}}, BOUND),
    ],
)
def test_where_a_composite_is(spec: dict[str, Any], bound: Bound) -> None:
    composite: Manifest = {"spec": spec}
    assert Bound.by(composite) == bound
