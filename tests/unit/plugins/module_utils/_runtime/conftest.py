# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine is run with."""

from __future__ import annotations

import pytest

from tests.unit.plugins.scripted import ScriptedClock, ScriptedReporter


@pytest.fixture
def clock() -> ScriptedClock:
    return ScriptedClock()


@pytest.fixture
def reporter() -> ScriptedReporter:
    return ScriptedReporter()
