# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from tests.testbed import programs
from tests.testbed.bed import FEATURES, Bed


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    """A bed with everything that a bed can have, whose ports are 20000, 20001, ... in the order of its programs."""
    ports = {name: 20000 + number for number, name in enumerate(programs.ports_with(FEATURES))}
    passwords = {"postgresql": "it's 50% secret", "supervisor": "supervisor-password"}
    return Bed(state=tmp_path / "state", cache=tmp_path / "cache", ports=ports, passwords=passwords, features=FEATURES)
