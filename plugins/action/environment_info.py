# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action door of module ``environment_info``."""

from __future__ import annotations

from ..modules.environment_info import TASK
from ..plugin_utils.local_action import LocalAction


class ActionModule(LocalAction):
    task = TASK
