# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VM is told to do wrong, by annotations that may come and go at any time.

`kubevirt.testbed/fault` on a VirtualMachine is for that one, `kubevirt.testbed/fault-control-plane` and
`kubevirt.testbed/fault-worker` on a Namespace are for all of that role in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

ANNOTATION = "kubevirt.testbed/fault"
ROLE_LABEL = "cluster.x-k8s.io/role"


class Kind(StrEnum):
    """Each goes on until the annotation is gone; then the VM does what it would have done."""

    NEVER_BOOTS = "never-boots"
    NO_IMAGE = "no-image"
    BOOTSTRAP_FAILS = "bootstrap-fails"
    DIES = "dies"
    SLOW = "slow"


@dataclass(frozen=True)
class Fault:
    """`seconds` is how much later a slow VM boots."""

    kind: Kind
    seconds: float = 0


def parse(text: str) -> Fault:
    """The fault that an annotation's value names; raises ValueError if there is no such fault."""
    if match := re.fullmatch(r"slow=(\d+)s", text):
        return Fault(Kind.SLOW, float(match[1]))
    if text in set(Kind) - {Kind.SLOW}:
        return Fault(Kind(text))
    known = ", ".join(kind for kind in Kind if kind is not Kind.SLOW)
    raise ValueError(f"there is no fault '{text}'; there are: {known}, slow=<seconds>s")


def of_vm(annotations: Mapping[str, str], labels: Mapping[str, str], namespace: Mapping[str, str]) -> Fault | None:
    """The fault of a VM with these annotations and labels, in a namespace with those annotations."""
    role = labels.get(ROLE_LABEL, "worker")
    text = annotations.get(ANNOTATION) or namespace.get(f"{ANNOTATION}-{role}")
    return parse(text) if text else None
