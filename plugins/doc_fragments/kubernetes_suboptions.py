# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of fragment ``kubernetes`` as suboptions of one option, for modules that use their names otherwise."""

from __future__ import annotations

from textwrap import indent

from .kubernetes import ModuleDocFragment as Kubernetes

_, _, _after_heading = Kubernetes.DOCUMENTATION.partition("options:\n")
_options, _heading, _requirements = _after_heading.partition("requirements:\n")


class ModuleDocFragment:
    DOCUMENTATION = f"""
options:
  kubernetes:
    description: How to reach the Kubernetes API.
    type: dict
    suboptions:
{indent(_options.replace("O(", "O(kubernetes."), "    ")}
{_heading}{_requirements}
"""
