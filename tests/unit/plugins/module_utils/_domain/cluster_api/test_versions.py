# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions, as people and YAML write them, and as an installed Cluster API runs them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.cluster_api.versions import (
    parsed,
    require_supported,
    supported_by,
    version_from,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption


@pytest.mark.parametrize(
    ("value", "text"),
    [("v1.31.0", "v1.31.0"), ("1.31.0", "v1.31.0"), (" v1.30.10 ", "v1.30.10"), ("v1.32.0-rc.1", "v1.32.0-rc.1")],
)
def test_with_or_without_v_it_is_the_same(value: str, text: str) -> None:
    assert str(version_from(value, "kubernetes_version")) == text


@pytest.mark.parametrize("value", [1.3, 1, True])
def test_a_number_is_refused_with_its_remedy(value: Any) -> None:
    with pytest.raises(InvalidOption, match=rf"kubernetes_version is {value}, which YAML .* in quotes"):
        version_from(value, "kubernetes_version")


@pytest.mark.parametrize("value", ["1.3", "1.31", "latest", "", "v1.31.0\nx", "v1..0", "v1.31.0 "[:-1] + "/"])
def test_half_a_version_is_refused(value: str) -> None:
    with pytest.raises(InvalidOption, match="no full version; write all three parts, in quotes"):
        version_from(value, "kubernetes_version")


@pytest.mark.parametrize(
    ("core", "kubernetes", "runs"),
    [
        ("v1.13.6", "v1.30.0", True),
        ("v1.13.6", "v1.36.2", True),
        ("v1.13.6", "v1.29.9", False),
        ("v1.13.6", "v1.37.0", False),
        ("v1.11.0", "v1.28.0", True),
        ("v1.99.0", "v1.10.0", True),  # not judged: nothing is known about it
    ],
)
def test_the_installed_cluster_api_decides(core: str, kubernetes: str, runs: bool) -> None:
    version = parsed(kubernetes)
    assert version
    if runs:
        require_supported(version, supported_by(parsed(core)))
        return
    with pytest.raises(InvalidOption, match=r"Cluster API v1\.13\.6, which is installed, runs v1\.30 to v1\.36"):
        require_supported(version, supported_by(parsed(core)))


def test_of_an_unknown_installation_nothing_is_said() -> None:
    assert supported_by(None) is None
