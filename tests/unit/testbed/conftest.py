# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from tests.testbed import programs
from tests.testbed.bed import Bed


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    """A bed whose ports are 20000, 20001, ... in the order of programs.PORTS."""
    ports = {name: 20000 + number for number, name in enumerate(programs.PORTS)}
    passwords = {"postgresql": "it's 50% secret", "supervisor": "supervisor-password"}
    return Bed(state=tmp_path / "state", cache=tmp_path / "cache", ports=ports, passwords=passwords)
