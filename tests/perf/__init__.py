# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks: our modules beside what would be used instead, on the same servers."""
