# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options in ``module_utils/_runtime/arguments.WAIT``."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  wait:
    description: Whether to wait until the wanted state is reached, and not only requested.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long the task may take in all, waiting included; seconds, or a duration such as V(90s), V(5m), V(1h30m).
    type: str
    default: 5m
"""
