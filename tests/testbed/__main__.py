# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.testbed`."""

from __future__ import annotations

import sys

from tests.testbed.cli import main

sys.exit(main())
