# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changing a cluster's parameters means to its machines, told before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..errors import InvalidOption
from ..units import quantity
from .claim import OPTIONS
from .versions import parsed


class Way(Enum):
    """How a change is carried out."""

    IN_PLACE = "in_place"
    ROLLING = "rolling"
    REPLACE = "replace"


@dataclass(frozen=True)
class Change:
    """One parameter that changes; why its change can not be made to the cluster there is, and what would do it."""

    parameter: str
    before: Any
    after: Any
    way: Way
    why: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        return f"{OPTIONS.get(self.parameter, self.parameter)} from {_spoken(self.before)} to {_spoken(self.after)}"

    def fact(self) -> dict[str, Any]:
        """The change as an entry of the result's ``changes``."""
        return {
            "option": OPTIONS.get(self.parameter, self.parameter),
            "before": self.before,
            "after": self.after,
            "way": self.way.value,
            "why": self.why,
        }


class Refused(InvalidOption):
    """A change that the cluster there is can not undergo."""


_REPLACE = "set allow_replace to delete the cluster, with all that runs in it, and to make it anew"

# What each machine is made with. A machine is never changed: one by one, new ones take the place of the old.
_SHAPES = frozenset(
    {
        "controlPlaneCPU",
        "controlPlaneMemory",
        "workerCPU",
        "workerMemory",
        "enableLiveMigration",
        "machineImageRegistry",
        "storageClass",
        "rolloutAfter",
    }
)

# What a cluster is made with once.
_FIXED = {
    "environment": "all its objects are named after it",
    "networkPlugin": "its pods would lose their network while one plugin replaces the other",
    "podCIDR": "its nodes have their parts of the old range",
    "serviceCIDR": "its services and the certificate of its API have addresses of the old range",
    "serviceType": "its certificates and kubeconfigs have the address of its API that follows from it",
    "controlPlaneEndpoint": "its certificates and kubeconfigs have the old address",
}


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """How the parameters differ, in the order of the options; of one that was never known nothing is said."""
    names = [name for name in OPTIONS if name in before or name in after]
    differing = [name for name in names if not _same(name, before.get(name), after.get(name))]
    return [_RULES.get(name, _in_place)(name, before.get(name), after.get(name)) for name in differing]


def heaviest(found: Iterable[Change]) -> Way | None:
    """The way that decides what happens to the cluster; None when nothing changes."""
    order = list(Way)
    return max((change.way for change in found), key=order.index, default=None)


def require_possible(found: Iterable[Change]) -> None:
    """Raises Refused naming every change that the cluster there is can not undergo."""
    refused = [change for change in found if change.way is Way.REPLACE]
    if refused:
        told = "; ".join(f"{change} is not possible: {change.why}" for change in refused)
        remedies = dict.fromkeys(change.remedy for change in refused)
        raise Refused(
            f"nothing was changed, for {told}",
            next_step=", ".join(remedies),
            facts={"changes": [change.fact() for change in refused]},
        )


def _same(name: str, before: Any, after: Any) -> bool:
    if name == "kubernetesVersion" and isinstance(before, str) and isinstance(after, str):
        return before == after or (parsed(before) is not None and parsed(before) == parsed(after))
    if isinstance(before, str) and isinstance(after, str) and quantity(before) is not None:
        return before == after or quantity(before) == quantity(after)
    return bool(before == after)


def _in_place(name: str, before: Any, after: Any) -> Change:
    return Change(name, before, after, Way.IN_PLACE)


def _rolling(name: str, before: Any, after: Any) -> Change:
    return Change(name, before, after, Way.ROLLING)


def _fixed(name: str, before: Any, after: Any) -> Change:
    if before is None and name != "controlPlaneEndpoint":
        return _in_place(name, before, after)
    return Change(name, before, after, Way.REPLACE, _FIXED[name], _REPLACE)


def _storage(name: str, before: Any, after: Any) -> Change:
    old, new = quantity(before), quantity(after)
    if old is not None and new is not None and new < old:
        return Change(name, before, after, Way.REPLACE, "what is on a machine's disk may not fit any more", _REPLACE)
    return _rolling(name, before, after)


def _version(name: str, before: Any, after: Any) -> Change:
    old, new = parsed(str(before)), parsed(str(after))
    if old is None or new is None:
        return _rolling(name, before, after)
    if new < old:
        return Change(name, before, after, Way.REPLACE, "Kubernetes has no way back to an older version", _REPLACE)
    if new.major != old.major or new.minor - old.minor > 1:
        step = f"v{old.major}.{old.minor + 1}"
        return Change(name, before, after, Way.REPLACE, "no minor version may be left out", f"go to {step} first")
    return _rolling(name, before, after)


Judged = Callable[[str, Any, Any], Change]
_RULES: dict[str, Judged] = {
    **dict.fromkeys(_SHAPES, _rolling),
    **dict.fromkeys(_FIXED, _fixed),
    "controlPlaneStorage": _storage,
    "workerStorage": _storage,
    "kubernetesVersion": _version,
}


def _spoken(value: Any) -> str:
    if isinstance(value, Mapping):
        return ":".join(str(item) for item in value.values())
    if isinstance(value, bool):
        return str(value).lower()
    return "nothing" if value is None else str(value)
