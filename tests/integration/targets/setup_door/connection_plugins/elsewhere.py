# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection that is local in all but name: through it the actions of the collection send their modules."""

from __future__ import annotations

from ansible.plugins.connection.local import Connection as LocalConnection

DOCUMENTATION = r"""
name: elsewhere
author: pnow.infra contributors
short_description: Run modules on the controller as if it were another host
description:
  - Runs modules as processes of their own on the controller.
options: {}
"""


class Connection(LocalConnection):
    transport = "elsewhere"
