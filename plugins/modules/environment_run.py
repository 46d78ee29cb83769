#!/usr/bin/python
# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_run
short_description: Be the only one at work on an environment, and leave a record
version_added: 0.1.0
description:
  - A run begins with O(state=started), before it looks at anything, and ends with O(state=finished). All tasks of this
    collection for the same host in between belong to it.
  - While another run is at work on the environment, O(state=started) waits. It says who that is, where, since when and
    with which playbook, and fails after O(wait_timeout).
  - The run takes the Lease C(environment-ENVIRONMENT) in namespace C(pnow-infra) with the first write of any of its
    tasks, and only if nobody else had it since the run began. So a run that has nothing to change writes nothing at
    all.
  - From then on each write of these tasks asks whether the Lease is still the run's. It is renewed by a process that
    lives until the end of C(ansible-playbook), whatever ends that. A run that was stopped for too long, as by a laptop
    that slept, finds another one in its place, and writes nothing more.
  - With the end of the run, also of one that fails, is cancelled or killed, the Lease is given back. It expires only
    when the whole machine is gone, which others see by its not being renewed for O(lease_ttl), on their own clocks.
  - A run that has taken the Lease leaves a record of who, when, what, and with which result, as the last entry of
    ConfigMap C(history-ENVIRONMENT) in namespace C(pnow-infra), which has the last 50 runs, and as an event of
    namespace C(ENVIRONMENT), where there is one. No record has values, so none has secrets.
  - In check mode, it does nothing.
author: pnow.infra contributors (@pnow)
extends_documentation_fragment:
  - pnow.infra.kubernetes
options:
  state:
    description:
      - With V(held), the Lease is taken now, before tasks that are not of this collection write.
    type: str
    choices: [started, held, finished]
    default: started
  environment:
    description: Name of the environment. Required with O(state=started).
    type: str
  verb:
    description: What the run does, in a word, such as V(provision). Required with O(state=started).
    type: str
  plan:
    description:
      - What the run is going to do, for its record, which has C(action), C(capability), C(instance) and C(effect) of
        each entry, unless its action is V(nothing).
    type: list
    elements: dict
    default: []
  wait_timeout:
    description: How long to wait for another run to end; seconds, or a duration such as 5m. With V(0) it fails at once.
    type: str
    default: 5m
  lease_ttl:
    description: How long the Lease counts without being renewed; seconds, or a duration such as 1m. At least 3 seconds.
    type: str
    default: 1m
  audit_file:
    description:
      - File that gets a line of JSON for each run, also for one that had nothing to change. A new one is readable by
        its owner only.
    type: path
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
    details: A run changes nothing by itself.
  action:
    description: Whether a same-named action plugin runs the task in the controller.
    support: full
    details: Always, whatever the connection, for it is C(ansible-playbook) whose run it is.
notes:
  - The caller needs C(get), C(create) and C(patch) of C(leases.coordination.k8s.io) and of C(configmaps) in namespace
    C(pnow-infra), and C(create) and C(patch) of C(events) in that of the environment.
  - With a connection that is not local, tasks are modules on another machine, which can not ask there. So the Lease is
    taken before the first of them that may write starts, and one that has started is not stopped.
  - The verbs of this collection do this by role C(environment). A task outside of a run asks nobody.
seealso:
  - module: pnow.infra.environment_run_info
"""

EXAMPLES = r"""
- name: Nobody else is at work on dev
  pnow.infra.environment_run:
    environment: dev
    verb: import
    wait_timeout: 10m

- name: Before what this collection does not do itself
  pnow.infra.environment_run:
    state: held

- name: Data
  community.postgresql.postgresql_query:
    login_db: dev-db
    query: DELETE FROM imported

- name: Done
  pnow.infra.environment_run:
    state: finished
"""

RETURN = r"""
run:
  description: The run.
  returned: with O(state=started), not in check mode
  type: dict
  contains:
    id: {description: What no other run is called., type: str}
    environment: {description: The environment., type: str}
    verb: {description: What it does., type: str}
    machine: {description: Where it runs., type: str}
record:
  description:
    - The record that was left, as RV(pnow.infra.environment_run_info#module:runs) has it; empty if nothing was written.
  returned: with O(state=finished), not in check mode
  type: dict
"""
