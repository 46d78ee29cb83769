# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How environments stand, for a terminal: a table of environments, one per capability, and the trees that were read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from .model import Environment, Instance, Node, Overview, Remark, Severity, State

# A text in a colour, by its name; where there are no colours, the text.
Paint = Callable[[str, str], str]

COLOURS = {
    State.READY: "green",
    State.WAITING: "red",
    State.ABSENT: "red",
    State.UNKNOWN: "yellow",
    State.DELETING: "yellow",
    State.EMPTY: "dark gray",
}
_SEVERITIES = {Severity.WRONG: "red", Severity.UNKNOWN: "yellow", Severity.NOTICE: "dark gray"}


@dataclass(frozen=True)
class Cell:
    """A text and its colour, empty for none."""

    text: str
    colour: str = ""


Row = Sequence[Cell]


def plain(text: str, _colour: str) -> str:
    """Paints nothing."""
    return text


def lines(overview: Overview, paint: Paint = plain, *, trees: bool = False) -> list[str]:
    """All of it, line by line; the trees only when they are asked for, for they are long."""
    told = [_environments(overview.environments, paint)]
    told += _capabilities(overview.environments, paint)
    told.append([line for each in overview.environments for line in _remarks(each, paint)])
    told += [list(_trees(each, paint)) for each in overview.environments if trees]
    told = [block for block in told if block]
    return [line for block in told for line in ["", *block]][1:]


def amount(value: Decimal | None, unit: str = "") -> str:
    """A number as people write it, with its unit; a dash when there is none."""
    if value is None:
        return "-"
    shown = value if value == value.to_integral_value() else value.quantize(Decimal("0.01"))
    return f"{shown:f} {unit}".rstrip()


def price(value: Decimal | None, unit: str) -> str:
    """An amount of money: whole numbers, for nobody reckons with cents here; a dash without prices."""
    return "-" if value is None else f"{value.quantize(Decimal(1))} {unit}".rstrip()


def first_expiry(environment: Environment) -> str:
    """What ends first, and when."""
    if not environment.expiries:
        return "-"
    first = min(environment.expiries, key=lambda each: each.expires)
    return f"{first.what} {first.left or 'expired'}"


def _environments(environments: Iterable[Environment], paint: Paint) -> list[str]:
    head = ("ENVIRONMENT", "STATE", "CPU", "MEMORY", "STORAGE", "COST", "EXPIRES", "DRIFT", "LAST RUN")
    return _table(head, [_environment(each) for each in environments], paint)


def _environment(environment: Environment) -> Row:
    requested, run = environment.requested, environment.last_run
    return (
        Cell(environment.name),
        _state(environment.state),
        Cell(amount(requested.cpu)),
        Cell(amount(requested.memory_gib, "GiB")),
        Cell(amount(requested.storage_gib, "GiB")),
        Cell(price(environment.cost, environment.cost_unit)),
        Cell(first_expiry(environment)),
        Cell(environment.drift.word if environment.drift else "-"),
        Cell(run.line if run else "-"),
    )


def _state(state: State, age: str = "") -> Cell:
    return Cell(" ".join(filter(None, (state.value, age))), COLOURS[state])


def _capabilities(environments: Sequence[Environment], paint: Paint) -> Iterator[list[str]]:
    for capability, (head, row) in _TABLES.items():
        rows = [
            (Cell(each.name), *row(instance))
            for each in environments
            for instance in each.instances
            if instance.capability == capability
        ]
        yield _table(("ENVIRONMENT", *head), rows, paint) if rows else []


def _database(instance: Instance) -> Row:
    storage = instance.storage_gb
    return (
        Cell(instance.shown),
        Cell(instance.size or "-"),
        Cell(f"{storage} GB" if storage else "-"),
        Cell(instance.backup or "-"),
        _state(instance.state, instance.age),
        Cell(instance.credentials or "-"),
        Cell(instance.why),
    )


def _cluster(instance: Instance) -> Row:
    return (
        Cell(instance.name),
        Cell(instance.version or "-"),
        Cell(instance.machines or "-"),
        Cell(instance.workers or "-"),
        _state(instance.state, instance.age),
        Cell(instance.credentials or "-"),
        Cell(instance.why),
    )


def _cache(instance: Instance) -> Row:
    requested = instance.requested
    return (
        Cell(instance.shown),
        Cell(instance.version or "-"),
        Cell(amount(requested.memory_gib, "GiB")),
        Cell(instance.pods or "-"),
        Cell(amount(requested.storage_gib, "GiB")),
        _state(instance.state, instance.age),
        Cell(instance.credentials or "-"),
        Cell(instance.why),
    )


_TABLES: dict[str, tuple[tuple[str, ...], Callable[[Instance], Row]]] = {
    "database": (("DATABASE", "SIZE", "STORAGE", "LAST BACKUP", "STATE", "CREDENTIALS", "WHY"), _database),
    "cluster": (("CLUSTER", "VERSION", "CONTROL PLANE", "WORKERS", "STATE", "LOGIN", "WHY"), _cluster),
    "cache": (("CACHE", "VERSION", "MEMORY", "PODS", "STORAGE", "STATE", "FACTS", "WHY"), _cache),
}


def _table(head: Sequence[str], rows: Sequence[Row], paint: Paint) -> list[str]:
    """Columns as wide as their widest cell, but for the last one."""
    table = [tuple(map(Cell, head)), *rows]
    widths = [max(len(row[column].text) for row in table) for column in range(len(head))]
    return [_line(row, widths, paint) for row in table]


def _line(row: Row, widths: Sequence[int], paint: Paint) -> str:
    last = max((at for at, cell in enumerate(row) if cell.text), default=0)
    return "  ".join(
        _painted(cell, paint) + " " * (0 if at == last else width - len(cell.text))
        for at, (cell, width) in enumerate(zip(row[: last + 1], widths, strict=False))
    )


def _painted(cell: Cell, paint: Paint) -> str:
    return paint(cell.text, cell.colour) if cell.colour else cell.text


def _remarks(environment: Environment, paint: Paint) -> Iterator[str]:
    """What is to be said of the environment itself; its instances have said their own."""
    for remark in environment.remarks:
        severity = paint(remark.severity.value, _SEVERITIES[remark.severity])
        yield f"{environment.name}: {severity}: {_told(environment, remark)}"


def _told(environment: Environment, remark: Remark) -> str:
    about = remark.about if remark.about != environment.name else ""
    head = " ".join(filter(None, (remark.subject, about)))
    return ": ".join(filter(None, (head, " ".join(filter(None, (remark.reason, remark.told))))))


def _trees(environment: Environment, paint: Paint) -> Iterator[str]:
    for instance in environment.instances:
        for node in instance.nodes:
            yield from _node(node, paint)


def _node(node: Node, paint: Paint) -> Iterator[str]:
    indent = "  " * node.depth
    state = paint(node.state.value, COLOURS[node.state])
    held = f"held by {', '.join(node.finalizers)}" if node.finalizers else ""
    yield indent + " ".join(filter(None, (node.kind, node.name, state, node.age, node.reason, node.message, held)))
    yield from (f"{indent}  ! {event}" for event in node.events)
