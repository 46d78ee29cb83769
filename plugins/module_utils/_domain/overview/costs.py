# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What claims ask for, summed up over all that they are made of, and what that costs by a table of prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ..errors import InvalidOption
from ..units import quantity

_GIB = 2**30

# What may be priced per unit, and by size, by the word that stands before a colon.
UNITS = ("cpu", "memory_gib", "storage_gib")
_TABLE = frozenset({"currency", "per", "sizes", *UNITS})


@dataclass(frozen=True)
class Requested:
    """CPUs, and GiB of memory and of storage; None where what was ordered has none of its own."""

    cpu: Decimal | None = None
    memory_gib: Decimal | None = None
    storage_gib: Decimal | None = None

    def __add__(self, other: Requested) -> Requested:
        return Requested(
            _sum(self.cpu, other.cpu),
            _sum(self.memory_gib, other.memory_gib),
            _sum(self.storage_gib, other.storage_gib),
        )

    def __mul__(self, times: int) -> Requested:
        return Requested(*(None if value is None else value * times for value in self.values()))

    def values(self) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
        return self.cpu, self.memory_gib, self.storage_gib

    def fact(self) -> dict[str, float | None]:
        """As keys of a result."""
        return {name: number(value) for name, value in zip(UNITS, self.values(), strict=True)}


@dataclass(frozen=True)
class Prices:
    """What a unit of each costs in a period, and what a thing of a certain size costs beside that."""

    currency: str = ""
    per: str = ""
    units: Mapping[str, Decimal] | None = None
    sizes: Mapping[str, Mapping[str, Decimal]] | None = None

    def of(self, requested: Requested, capability: str, size: str) -> Decimal | None:
        """What it costs; None without a table."""
        if self.units is None or self.sizes is None:
            return None
        fixed = self.sizes.get(capability, {}).get(size, Decimal(0))
        values = zip(UNITS, requested.values(), strict=True)
        return fixed + sum((self.units.get(name, Decimal(0)) * (value or 0) for name, value in values), Decimal(0))

    @property
    def unit(self) -> str:
        """``EUR/month``."""
        return "/".join(part for part in (self.currency, self.per) if part)


def prices_from(table: Any) -> Prices:
    """The table of an inventory; an empty one says nothing costs anything known. Raises InvalidOption."""
    if not table:
        return Prices()
    if not isinstance(table, Mapping) or set(table) - _TABLE:
        known = ", ".join(sorted(_TABLE))
        wrong = ", ".join(sorted(map(str, set(table) - _TABLE))) if isinstance(table, Mapping) else "no table"
        raise InvalidOption(f"prices have {wrong}", next_step=f"give a table of {known}")
    sizes = table.get("sizes") or {}
    return Prices(
        currency=str(table.get("currency") or ""),
        per=str(table.get("per") or ""),
        units={name: _price(name, table[name]) for name in UNITS if name in table},
        sizes={
            str(capability): {
                str(size): _price(f"sizes.{capability}.{size}", price) for size, price in (prices or {}).items()
            }
            for capability, prices in sizes.items()
        },
    )


def requested_by(capability: str, parameters: Mapping[str, Any]) -> Requested:
    """What the parameters of a claim order, for all machines and copies together."""
    return _ORDERS.get(capability, _nothing)(parameters)


def gib(size: Any) -> Decimal | None:
    """A quantity of Kubernetes' in GiB; None when it is none."""
    value = quantity(size)
    return None if value is None else value / _GIB


def number(value: Decimal | None) -> float | None:
    """A number as JSON has it, whole where it is."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else round(float(value), 3)


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    if one is None or other is None:
        return one if other is None else other
    return one + other


def _price(name: str, value: Any) -> Decimal:
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        price = Decimal(-1)
    if not price.is_finite() or price < 0:
        raise InvalidOption(f"the price {name} is {value!r}, which is no amount", next_step="write a number")
    return price


def _count(parameters: Mapping[str, Any], name: str, default: int = 0) -> int:
    value = parameters.get(name, default)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _nothing(_parameters: Mapping[str, Any]) -> Requested:
    return Requested()


def _database(parameters: Mapping[str, Any]) -> Requested:
    """Its budget, and as much again for its dumps; CPU and memory are those of the server that all share."""
    volumes = 2 if parameters.get("enableBackup", True) else 1
    return Requested(storage_gib=Decimal(_count(parameters, "storageGB"))) * volumes


def _cache(parameters: Mapping[str, Any]) -> Requested:
    memory, storage = (Decimal(_count(parameters, name)) for name in ("memoryGB", "persistenceGB"))
    each = Requested(memory_gib=memory, storage_gib=storage or None)
    return each * max(1, _count(parameters, "replicas", 1))


def _cluster(parameters: Mapping[str, Any]) -> Requested:
    return _machines(parameters, "controlPlane") + _machines(parameters, "worker")


def _machines(parameters: Mapping[str, Any], which: str) -> Requested:
    # Without a class of storage machines run on their image, and what they write is on no volume.
    storage = gib(parameters.get(f"{which}Storage")) if parameters.get("storageClass") else None
    each = Requested(quantity(parameters.get(f"{which}CPU")), gib(parameters.get(f"{which}Memory")), storage)
    return each * _count(parameters, f"{which}Nodes")


_ORDERS: Mapping[str, Callable[[Mapping[str, Any]], Requested]] = {
    "cluster": _cluster,
    "database": _database,
    "cache": _cache,
}
