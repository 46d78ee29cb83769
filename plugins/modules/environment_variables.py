#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_variables
short_description: Refuse variables of an environment that can not be meant
version_added: 0.1.0
description:
  - Fails with all that is wrong with the variables of a host, in one message, before a verb asks any server.
  - Each capability has a role of its name in this collection, and perhaps one that registers it with Vault. What their
    C(meta/argument_specs.yml) say of a variable is what it is checked by.
  - A variable that begins with the name of one of these roles, and is none of its own, is misspelt. One whose name ends
    in C(_timeout) or C(_ttl) is a duration. What a role has to say beyond that is in its variable C(__<role>_problems).
  - It runs in the controller, whatever the connection is.
author: pnow.infra contributors (@pnow)
options:
  name:
    description: Name of the environment; no other host of the play may have the same.
    type: str
    required: true
  capabilities:
    description: What the environment has.
    type: list
    elements: str
    required: true
  formerly:
    description: For each name that was a variable once, what there is instead.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  action:
    description: Whether a same-named action plugin runs the task in the controller.
    support: full
"""

EXAMPLES = r"""
- name: Variables are known and possible
  pnow.infra.environment_variables:
    name: "{{ environment_name }}"
    capabilities: "{{ environment_capabilities }}"
"""

RETURN = r"""
"""
