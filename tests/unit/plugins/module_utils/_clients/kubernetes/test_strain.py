# SPDX-License-Identifier: GPL-3.0-or-later
"""How busy a server has shown itself, in words."""

from __future__ import annotations

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes.strain import Strain


@pytest.mark.parametrize(
    ("seconds", "failures", "text"),
    [
        ([], [], ""),
        ([0.1] * 10, [], ""),
        ([0.1] * 21 + [9.0], [], ""),
        ([0.1] * 8 + [1.5, 4.25], [], "2 of 10 answers took more than 1 s, the slowest 4.2 s"),
        ([0.1] * 4, ["429", "429", "timed out"], "it was asked again after 429 (2 x), timed out (1 x)"),
        (
            [30.0],
            ["timed out"],
            "1 of 1 answers took more than 1 s, the slowest 30.0 s, it was asked again after timed out (1 x)",
        ),
    ],
)
def test_strain(seconds: list[float], failures: list[str], text: str) -> None:
    strain = Strain()
    for each in seconds:
        strain.took(each)
    for failure in failures:
        strain.repeated(failure)
    assert str(strain) == text
