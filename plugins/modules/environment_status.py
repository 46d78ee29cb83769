#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_status
short_description: Show how environments stand, in the terminal, as JSON and as a page
version_added: 0.1.0
description:
  - Makes one picture out of what the roles have read of several environments. It is what playbook C(status) ends with.
  - It is an action plugin and always runs in the controller, where the terminal and the files are.
  - The terminal gets colours where Ansible itself would use them; C(NO_COLOR), C(ANSIBLE_NOCOLOR) and
    C(ANSIBLE_FORCE_COLOR) decide otherwise.
author: pnow.infra contributors (@pnow)
options:
  environments:
    description:
      - The environments, in the order in which they are shown.
      - What a server did not tell is given as C(msg) in the place of what it would have told.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The environment's host in the inventory.
        type: str
        required: true
      name:
        description: Its name; that of the host unless it is set.
        type: str
      refused:
        description: Why nothing was asked about it.
        type: str
      capabilities:
        description:
          - What each capability has, by its name (V(database), V(cluster), V(cache)); C(claims) as its role's C(status)
            leaves them, or C(msg).
        type: dict
        default: {}
      vault:
        description: What Vault told, by the capability; the result of M(pnow.infra.vault_db_info) or of a loop over it.
        type: dict
        default: {}
      details:
        description: The result of M(pnow.infra.environment_info).
        type: dict
        default: {}
      drift:
        description:
          - How it differs from its inventory; C(changes), each with C(capability), C(instance), C(action), C(before)
            and C(after), or C(msg).
          - Nobody has looked when it is left out.
        type: dict
      prices:
        description:
          - What a C(cpu), a C(memory_gib) and a C(storage_gib) cost in a period, which C(per) names, in which
            C(currency); and in C(sizes) what each size of a capability costs beside that.
        type: dict
        default: {}
  files:
    description:
      - Files to write it to as well, for their owner alone; each is JSON or a page, as its name ends with V(.json) or
        V(.html).
      - They are written in check mode, too, for they are nothing but a report.
    type: list
    elements: path
    default: []
  tree:
    description: Whether the terminal, too, gets what is behind each claim, as far as it was read.
    type: bool
    default: false
notes:
  - A page needs nothing beside itself; no text in it, whoever has written it, is taken for markup.
seealso:
  - module: pnow.infra.environment_info
"""

EXAMPLES = r"""
- name: Both environments at a glance
  pnow.infra.environment_status:
    environments:
      - host: dev
        capabilities:
          database: "{{ hostvars.dev.database_status }}"
        prices: {currency: EUR, per: month, storage_gib: 0.1, sizes: {database: {small: 15}}}
      - host: staging
        capabilities:
          database: "{{ hostvars.staging.database_status }}"
    files: [status.html, status.json]
  run_once: true
"""

RETURN = r"""
environments:
  description: What was shown, as the JSON file has it.
  returned: success
  type: list
  elements: dict
  contains:
    name: {description: The environment., type: str}
    host: {description: Its host in the inventory., type: str}
    state:
      description: "The worst of V(ready), V(deleting), V(unknown), V(absent) and V(waiting); or V(empty)."
      type: str
    wrong: {description: Whether somebody has something to mend., type: bool}
    now: {description: When that was so (RFC 3339)., type: str}
    clock: {description: By whose clock., type: str}
    requested: {description: "C(cpu), C(memory_gib) and C(storage_gib) of all that it has.", type: dict}
    cost: {description: What that costs; null without a table of prices., type: float}
    cost_unit: {description: In which money and period., type: str}
    leases: {description: How many credentials are out., type: int}
    instances:
      description: What it has, each claim with its C(state), C(remarks) and C(nodes).
      type: list
      elements: dict
    remarks: {description: What else is to be said of it., type: list, elements: dict}
    expiries: {description: What ends by itself., type: list, elements: dict}
    drift: {description: How it differs from its inventory; null when nobody has looked., type: dict}
    last_run: {description: The last run that was recorded., type: dict}
"""
