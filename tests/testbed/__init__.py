# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed: the real programs as plain processes. `python -m tests.testbed --help`; see README.md."""
