# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Makefile needs beyond one command line each."""
