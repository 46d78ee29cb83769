# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person can get wrong, or find broken, while running a test bed."""

from __future__ import annotations


class TestbedError(Exception):
    """One plain sentence for the person at the terminal: what, where, what to do next."""

    __test__ = False  # pytest would otherwise take the class for a test case
