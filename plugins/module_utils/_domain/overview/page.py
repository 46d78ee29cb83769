# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How environments stand, as one page that needs nothing beside itself: what is wrong first, then all of it.

Colour never says it alone: every state has a sign and a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from .costs import Requested
from .markup import Html, element, together
from .model import Environment, Instance, Node, Overview, Remark, Severity, State
from .style import STYLE
from .terminal import amount, first_expiry, price

# A row of a table: of texts, or of markup.
Row = Sequence[str]

# Nothing is loaded and nothing runs, not even if a text should find its way out of its element.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

_SIGNS = {
    "ready": "✓",
    "waiting": "!",
    "absent": "✕",
    "unknown": "?",
    "deleting": "↓",
    "empty": "-",
    "wrong": "!",
    "notice": "i",
}
_AMOUNTS = ("CPU", "Memory", "Storage", "Cost")
_CAPABILITIES = {"database": "Databases ready", "cluster": "Clusters ready", "cache": "Caches ready"}


def page(overview: Overview) -> str:
    """The page."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("link", rel="icon", href="data:,"),
        element("title", _title(overview)),
        element("style", Html(STYLE)),
    )
    main = element("main", _wrong(overview), _glance(overview), _environments(overview))
    return f"<!DOCTYPE html>\n{element('html', head, element('body', _header(overview), main), lang='en')}\n"


def _title(overview: Overview) -> str:
    wrong = sum(each.wrong for each in overview.environments)
    return f"({wrong}) Environments" if wrong else "Environments"


def _header(overview: Overview) -> Html:
    told, kind = _headline(overview)
    moment = element("time", spoken_moment(overview.taken), datetime=overview.taken)
    taken = element("p", "as of ", moment, _costs(overview), class_="soft")
    return element("header", element("h1", "Environments"), taken, element("p", told, class_=f"headline {kind}"))


def _costs(overview: Overview) -> str | None:
    """What all of them cost together, where they are reckoned in the same money."""
    costs = [each.cost for each in overview.environments if each.cost is not None]
    units = {each.cost_unit for each in overview.environments if each.cost is not None}
    return f" · {price(sum(costs, Decimal(0)), units.pop())} for all" if len(units) == 1 else None


def spoken_moment(text: str) -> str:
    """A moment as people read it: ``2026-11-26 12:00 UTC``."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)", text)
    return f"{found[1]} {found[2]} UTC" if found else text


def _headline(overview: Overview) -> tuple[str, str]:
    """The page in a sentence, and what colour that is."""
    wrong = [each.name for each in overview.environments if each.wrong]
    unknown = [each.name for each in overview.environments if each.state is State.UNKNOWN and not each.wrong]
    total = len(overview.environments)
    if wrong:
        return f"{len(wrong)} of {total} need somebody: {', '.join(wrong)}", "wrong"
    if unknown:
        return f"{len(unknown)} of {total} could not be seen as a whole: {', '.join(unknown)}", "unknown"
    return f"Nothing is wrong in {total} environment{'' if total == 1 else 's'}", "ready"


def _state(state: State | Severity, more: str = "") -> Html:
    word = state.value
    sign = element("b", _SIGNS[word], aria_hidden="true")
    return element("span", sign, " ".join(filter(None, (word, more))), class_=f"state {word}")


def _wrong(overview: Overview) -> Html | None:
    """What needs somebody, of all environments."""
    found = [
        _remark(remark, each, linked=True)
        for each in overview.worst_first
        for remark in each.all_remarks
        if remark.severity is not Severity.NOTICE
    ]
    if not found:
        return None
    return element("section", element("h2", "What is wrong"), element("ul", *found, class_="card"))


def _remark(remark: Remark, environment: Environment, *, linked: bool) -> Html:
    about = remark.about if remark.about != environment.name else ""
    names = " · ".join(filter(None, (about, remark.subject)))
    place = element("a", environment.name, href=f"#{_anchor(environment)}") if linked else None
    since = element("span", f" for {remark.age}", class_="soft", title=remark.since) if remark.age else None
    events = element("ul", *(element("li", event, class_="code soft") for event in remark.events))
    return element(
        "li",
        element("div", _state(remark.severity)),
        element(
            "div",
            element("p", place, " · " if linked and names else None, names, since),
            element("p", " ".join(filter(None, (remark.reason, remark.told))), class_="code"),
            _folded(f"Events ({len(remark.events)})", events) if remark.events else None,
        ),
        class_="remark",
    )


def _glance(overview: Overview) -> Html:
    head = ("Environment", "State", *_CAPABILITIES.values(), *_AMOUNTS, "Leases", "Ends first", "Drift", "Last run")
    table = _table("Environments", head, [_row(each) for each in overview.worst_first])
    return element("section", element("h2", "At a glance"), element("div", table, class_="card"))


def _row(environment: Environment) -> Row:
    run = environment.last_run
    return (
        element("a", environment.name, href=f"#{_anchor(environment)}"),
        _state(environment.state),
        *(_count(environment.instances, capability) for capability in _CAPABILITIES),
        *_amounts(environment.requested),
        price(environment.cost, environment.cost_unit),
        "-" if environment.leases is None else str(environment.leases),
        first_expiry(environment),
        environment.drift.word if environment.drift else "-",
        run.line if run else "-",
    )


def _amounts(requested: Requested) -> tuple[str, str, str]:
    return amount(requested.cpu), amount(requested.memory_gib, "GiB"), amount(requested.storage_gib, "GiB")


def _count(instances: Iterable[Instance], capability: str) -> str:
    """How many there are, and how many of them are ready."""
    states = [each.state for each in instances if each.capability == capability and each.state is not State.EMPTY]
    return f"{states.count(State.READY)}/{len(states)}" if states else "-"


def _table(caption: str, head: Sequence[str], rows: Sequence[Row]) -> Html:
    """A table without the columns in which nobody has anything, which on a phone is a list."""
    kept = [at for at in range(len(head)) if any(row[at] != "-" for row in rows)]
    titles = (element("th", head[at], scope="col", role="columnheader") for at in kept)
    return element(
        "table",
        element("thead", element("tr", *titles, role="row"), role="rowgroup"),
        element("tbody", *(_cells(row, head, kept) for row in rows), role="rowgroup"),
        role="table",
        aria_label=caption,
    )


def _cells(row: Row, head: Sequence[str], kept: Sequence[int]) -> Html:
    first, *rest = kept
    cells = (
        element("td", element("span", row[at]), data_label=head[at], role="cell", class_=_kind(head[at], row[at]))
        for at in rest
    )
    return element("tr", element("th", row[first], scope="row", role="rowheader"), *cells, role="row")


def _kind(title: str, cell: str) -> str | None:
    """What there is nothing to say about takes no room on a phone; an amount stays in one line."""
    if cell == "-":
        return "none"
    return "amount" if title in _AMOUNTS else None


def _environments(overview: Overview) -> Html:
    return together(element("h2", "Each environment"), *(_environment(each) for each in overview.worst_first))


def _environment(environment: Environment) -> Html:
    title = element("h3", environment.name, _state(environment.state), id=_anchor(environment))
    remarks = [_remark(each, environment, linked=False) for each in environment.all_remarks]
    return element(
        "section",
        title,
        element("ul", *remarks, class_="bars") if remarks else None,
        _facts(environment),
        _instances(environment.instances),
        *_trees(environment),
        class_="card",
        aria_labelledby=_anchor(environment),
    )


def _anchor(environment: Environment) -> str:
    return f"environment-{environment.host}"


def _facts(environment: Environment) -> Html:
    words = ("CPU", "memory", "storage")
    amounts = zip(_amounts(environment.requested), words, strict=True)
    facts = {
        "Requested": " · ".join(f"{value} {word}" for value, word in amounts if value != "-") or "-",
        "Cost": price(environment.cost, environment.cost_unit),
        "Leases": "-" if environment.leases is None else str(environment.leases),
        "Drift": environment.drift.word if environment.drift else "not looked for",
        "Last run": environment.last_run.line if environment.last_run else "none recorded",
        **{
            f"{each.what} ends": f"{spoken_moment(each.expires)}, {f'in {each.left}' if each.left else 'it has ended'}"
            for each in environment.expiries
        },
        "As of": f"{spoken_moment(environment.now)}, by the clock of {environment.clock}",
    }
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in facts.items()))


def _instances(instances: Sequence[Instance]) -> Html:
    head = ("Instance", "State", "Size", *_AMOUNTS, "Control plane", "Workers", "Pods", "Credentials", "Last backup")
    rows = [_instance(each) for each in instances]
    return _table("Instances", head, rows) if rows else element("p", "It has nothing.", class_="soft")


def _instance(instance: Instance) -> Row:
    return (
        together(instance.name, element("span", f" {instance.kind}", class_="soft")),
        _state(instance.state, instance.age),
        " ".join(filter(None, (instance.size, instance.version))) or "-",
        *_amounts(instance.requested),
        price(instance.cost, ""),
        instance.machines or "-",
        instance.workers or "-",
        instance.pods or "-",
        instance.credentials or "-",
        spoken_moment(instance.backup) or "-",
    )


def _trees(environment: Environment) -> Iterator[Html]:
    """What is behind each claim; open where it is not as it should be."""
    for instance in environment.instances:
        if instance.nodes:
            title = f"What is behind {instance.name}: {len(instance.nodes)} objects"
            tree = element("div", _nested(instance.nodes), class_="tree")
            yield _folded(title, tree, opened=instance.state is not State.READY)


def _nested(nodes: Sequence[Node]) -> Html:
    """The nodes as lists in lists: each is followed by what it is made of."""
    items, at = [], 0
    while at < len(nodes):
        end = at + 1
        while end < len(nodes) and nodes[end].depth > nodes[at].depth:
            end += 1
        items.append(element("li", _node(nodes[at]), _nested(nodes[at + 1 : end]) if end > at + 1 else None))
        at = end
    return element("ul", *items)


def _node(node: Node) -> Html:
    held = f"held by {', '.join(node.finalizers)}" if node.finalizers else ""
    told = " ".join(filter(None, (node.reason, node.message, held)))
    return together(
        _state(node.state, node.age),
        f" {node.kind} {node.name}",
        element("p", told, class_="code") if told else None,
        *(element("p", event, class_="code soft") for event in node.events),
    )


def _folded(title: str, content: Html, *, opened: bool = False) -> Html:
    return element("details", element("summary", title), content, open="" if opened else None)
