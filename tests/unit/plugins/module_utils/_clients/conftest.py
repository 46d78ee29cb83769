# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the Kubernetes client share: a scripted API server, and ways to reach it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.plugins.scripted import ScriptedClock
from tests.unit.plugins.scripted_api_server import ScriptedApiServer, serving


@pytest.fixture
def api_server() -> Iterator[ScriptedApiServer]:
    with serving() as server:
        yield server


@pytest.fixture
def clock() -> ScriptedClock:
    return ScriptedClock()


@pytest.fixture(autouse=True)
def _no_connection_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the shell's cluster nor its proxy is any business of a test."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder
