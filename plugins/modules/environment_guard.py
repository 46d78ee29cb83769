#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_guard
short_description: Refuse what may not be done to a protected environment
version_added: 0.1.0
description:
  - Finds out whether an environment is protected, and refuses to go on when O(verb) would take something away from it.
  - It is protected when its inventory says so with C(environment_protected), or says nothing and the environment is
    C(production) or C(preprod); and for as long as the cluster remembers that it was. No variable of the command line
    counts for that, and none of a play.
  - The cluster remembers it by annotation C(pnow.infra/protected) of the namespace, and by a Usage of Crossplane for
    the namespace and each claim, which keep them from C(kubectl), too. Role C(environment) makes them of what this
    returns.
  - Only O(verb=provision) takes it away, once the inventory has changed; what is deleted after that is deleted in a
    run of its own.
  - It writes nothing.
author: pnow.infra contributors (@pnow)
extends_documentation_fragment:
  - pnow.infra.kubernetes
  - pnow.infra.attributes
options:
  name:
    description: Name of the environment.
    type: str
    required: true
  verb:
    description: What is about to be done to it.
    type: str
    choices: [plan, provision, resize, restore, delete]
    required: true
  adopt:
    description: Whether a namespace that this collection did not create becomes its own.
    type: bool
    default: false
  going:
    description: With O(verb=delete), how many environments are deleted in this run.
    type: int
    default: 0
  known:
    description: How many the inventory has.
    type: int
    default: 0
  said:
    description:
      - How many were said to be meant. Needed for more than three, and for more than one that are more than a fifth of
        those in the inventory.
    type: int
    default: 0
  stated:
    description: What the inventory itself says. The action finds that out, and replaces what is given here.
    type: dict
    default: {}
    suboptions:
      environment:
        description: Name of the environment.
        type: str
      protected:
        description: C(environment_protected), if the inventory has it.
        type: bool
      sources:
        description: The inventories that have the host.
        type: list
        elements: str
        default: []
      extra:
        description: Names of the variables on the command line.
        type: list
        elements: str
        default: []
  results:
    description: Names of variables in which roles leave what they have found out. The action replaces them.
    type: list
    elements: str
    default: []
  run:
    description: What tells this run from others. The action replaces it.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: The environment may be deleted
  pnow.infra.environment_guard:
    name: dev
    verb: delete
"""

RETURN = r"""
protected:
  description: Whether the environment is protected once the verb is done.
  returned: success
  type: bool
guarded:
  description: Whether it may not be made smaller or replaced in this run.
  returned: success
  type: bool
annotations:
  description: What the namespace is to say of it.
  returned: success
  type: dict
owned:
  description: Whether the namespace is this collection's own, or will be.
  returned: success
  type: bool
usages:
  description: The Usages that have to go, because the environment is protected no longer.
  returned: success
  type: list
  elements: dict
usage_versions:
  description: The API versions of Usages that the cluster serves.
  returned: success
  type: list
  elements: str
"""

from ansible_collections.pnow.infra.plugins.module_utils._clients.clock import SystemClock
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes.api import connect
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import ADOPT, KUBERNETES
from ansible_collections.pnow.infra.plugins.module_utils._runtime.environment.guard import guard
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request, Task, run_module


def reconcile(request: Request) -> Outcome:
    with connect(request.options, SystemClock(), request.reporter.warn) as api:
        return guard(request, api)


STATED = {
    "environment": {"type": "str"},
    "protected": {"type": "bool"},
    "sources": {"type": "list", "elements": "str", "default": []},
    "extra": {"type": "list", "elements": "str", "default": []},
}

TASK = Task(
    arguments={
        **KUBERNETES,
        **ADOPT,
        "name": {"type": "str", "required": True},
        "verb": {"type": "str", "choices": ["plan", "provision", "resize", "restore", "delete"], "required": True},
        "going": {"type": "int", "default": 0},
        "known": {"type": "int", "default": 0},
        "said": {"type": "int", "default": 0},
        "stated": {"type": "dict", "default": {}, "options": STATED},
        "results": {"type": "list", "elements": "str", "default": []},
        "run": {"type": "str", "default": ""},
    },
    reconcile=reconcile,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
