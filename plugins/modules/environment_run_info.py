#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_run_info
short_description: Read who has been at work on an environment, and who is
version_added: 0.1.0
description:
  - Reads the records of the last 50 runs on an environment that may have written, and its Lease.
author: pnow.infra contributors (@pnow)
extends_documentation_fragment:
  - pnow.infra.kubernetes
  - pnow.infra.attributes
options:
  environment:
    description: Name of the environment.
    type: str
    required: true
notes:
  - The caller needs C(get) of C(leases.coordination.k8s.io) and of C(configmaps) in namespace C(pnow-infra).
seealso:
  - module: pnow.infra.environment_run
"""

EXAMPLES = r"""
- name: What was done to dev
  pnow.infra.environment_run_info:
    environment: dev
  register: work

- name: The last who did
  ansible.builtin.debug:
    msg: "{{ work.runs | map(attribute='user') | first | default('nobody') }}"
"""

RETURN = r"""
runs:
  description: The runs, the newest first.
  returned: success
  type: list
  elements: dict
  contains:
    run: {description: What no other run is called., type: str}
    environment: {description: The environment., type: str}
    verb: {description: What it did., type: str, sample: provision}
    user: {description: "Who it was, as the API server knows them.", type: str}
    machine: {description: Where it ran., type: str}
    began: {description: "When it began (RFC 3339), by the clock of that machine.", type: str}
    seconds: {description: How long it took., type: float}
    result:
      description:
        - V(succeeded), V(failed); V(stopped), if it neither came to its end nor failed in a task of this collection, as
          when it was cancelled; or V(vanished), if its Lease had to expire.
      type: str
    message: {description: Why it did not succeed., type: str}
    plan: {description: What it was going to do., type: list, elements: str}
    changes: {description: "What it has changed, as C(task: objects), at most 20.", type: list, elements: str}
holder:
  description: Who is at work on it, as its Lease says; empty when nobody is.
  returned: success
  type: str
  sample: jane on laptop, playbook provision, run 0d4c5a3b9f21
since:
  description: Since when, by the clock of that machine (RFC 3339); empty when nobody is.
  returned: success
  type: str
"""

from ansible_collections.pnow.infra.plugins.module_utils._clients.clock import SystemClock
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes.api import connect
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import KUBERNETES
from ansible_collections.pnow.infra.plugins.module_utils._runtime.runs.info import describe_runs
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome, Request, Task, run_module


def reconcile(request: Request) -> Outcome:
    with connect(request.options, SystemClock(), request.reporter.warn) as api:
        return describe_runs(request, api)


TASK = Task(arguments={**KUBERNETES, "environment": {"type": "str", "required": True}}, reconcile=reconcile)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
