# SPDX-License-Identifier: GPL-3.0-or-later
"""The same status for a terminal and for a browser, and that a text in it stays one."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.pnow.infra.plugins.module_utils._domain.overview.markup import Html, element
from ansible_collections.pnow.infra.plugins.module_utils._domain.overview.model import Overview
from ansible_collections.pnow.infra.plugins.module_utils._domain.overview.page import page
from ansible_collections.pnow.infra.plugins.module_utils._domain.overview.survey import overview_of
from ansible_collections.pnow.infra.plugins.module_utils._domain.overview.terminal import lines
from ansible_collections.pnow.infra.plugins.module_utils._domain.text import inert
from tests.unit.plugins.environments import NOW, Facts, database, details, environment, run, six, tree

EXAMPLE = Path(__file__).parents[6] / "docs" / "status-example.html"
MALICE = [
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "{{ lookup('pipe', 'id') }}",
    "{% for x in y %}",
    "\x1b[2J\x1b]0;owned\x07",
    "&lt;b&gt; &amp;",
    "\u202edetrevnI",
    "line\r\nfake: ready",
]


class Reader(HTMLParser):
    """The elements, attributes and texts of a page."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def said_everywhere(text: str) -> Facts:
    """An environment of which everything that others write is this text."""
    blocker = dict.fromkeys(("kind", "name", "condition", "reason", "message", "since"), text)
    claim = database("dev-database", ready=False, blockers=[{**blocker, "events": [text]}])
    claim["status"] = {"database": {"name": text}, "backup": {"lastSuccess": text}}
    claim["conditions"] = [{"type": "Ready", "status": "False", "since": text}]
    shown = tree(claim)
    shown["nodes"][0] |= {
        "name": text,
        "events": [text],
        "conditions": [{"type": "A", "status": text, "message": text}],
    }
    return environment(
        "dev",
        capabilities={"database": {"claims": [claim]}},
        vault={"database": {"results": [{"instance": "dev", "msg": text}]}},
        details=details(
            trees=[shown], runs=[run(text, text, user=text, result=text)], unread=[{"what": text, "msg": text}]
        ),
        drift={"changes": [{"capability": text, "instance": text, "action": text, "before": {text: 1}}], "msg": text},
    )


def overview(*environments: Facts) -> Overview:
    return overview_of(environments, NOW)


def shape(text: str) -> list[tuple[str, list[str]]]:
    """Which elements with which attributes a page has in which a text was said everywhere."""
    return [(tag, sorted(attributes)) for tag, attributes in Reader(page(overview(said_everywhere(text)))).elements]


@pytest.mark.parametrize("text", MALICE)
def test_a_text_stays_text(text: str) -> None:
    read = Reader(page(overview(said_everywhere(text))))
    assert not {"script", "img", "svg", "iframe", "object", "form"} & {tag for tag, _attributes in read.elements}
    assert not [name for _tag, attributes in read.elements for name in attributes if name.startswith("on")]
    assert any(inert(text) in shown for shown in read.texts)


@given(st.text(min_size=1))
def test_no_text_changes_the_page_around_it(text: str) -> None:
    # What is nothing but blanks, or the page's own sign for nothing, is left out where there is nothing to be said.
    if inert(text) not in ("", "-"):
        assert shape(text) == shape("x")


@pytest.mark.parametrize("text", MALICE)
def test_no_text_moves_a_cursor_or_fakes_a_line(text: str) -> None:
    found = lines(overview(said_everywhere(text)), trees=True)
    assert len(found) == len(lines(overview(said_everywhere("x")), trees=True))
    assert not [line for line in found for character in line if not character.isprintable()]


def test_markup_is_made_and_not_written() -> None:
    assert element("p", "<b>", Html("<i></i>"), None, class_='"', data_label="<") == (
        '<p class="&quot;" data-label="&lt;">&lt;b&gt;<i></i></p>'
    )
    assert element("meta", charset="utf-8", name=None) == '<meta charset="utf-8">'


def test_the_page_needs_nothing_beside_itself() -> None:
    read = Reader(page(overview(*six())))
    loaded = [
        attributes[name] for _tag, attributes in read.elements for name in ("src", "href") if attributes.get(name)
    ]
    assert {str(link)[0] for link in loaded} == {"#", "d"}
    assert [link for link in loaded if not str(link).startswith("#")] == ["data:,"]
    assert "script" not in {tag for tag, _attributes in read.elements}
    assert not any("url(" in text or "@import" in text for text in read.texts)


def test_every_link_has_its_place() -> None:
    read = Reader(page(overview(*six())))
    places = {attributes.get("id") for _tag, attributes in read.elements}
    links = {str(attributes["href"])[1:] for tag, attributes in read.elements if tag == "a"}
    assert links
    assert links <= places


def test_what_is_wrong_is_said_first_and_in_words() -> None:
    text = " ".join(Reader(page(overview(*six()))).texts)
    order = [
        "2 of 6 need somebody: uat, production",
        "What is wrong",
        "Role uat-user",
        "At a glance",
        "Each environment",
    ]
    assert sorted(order, key=text.index) == order
    assert "Nothing is wrong in 1 environment" in page(overview(environment("dev")))
    assert "could not be seen as a whole: dev" in page(overview({"host": "dev", "refused": "so"}))


def test_the_example_is_what_the_page_is() -> None:
    """After a change of the page: python -m tests.unit.plugins.environments, and look at it."""
    assert EXAMPLE.read_text(encoding="utf-8") == page(overview(*six()))


def test_the_terminal_is_told_in_columns() -> None:
    found = lines(overview(*six()))
    assert found[0].split() == [
        "ENVIRONMENT",
        "STATE",
        "CPU",
        "MEMORY",
        "STORAGE",
        "COST",
        "EXPIRES",
        "DRIFT",
        "LAST",
        "RUN",
    ]
    assert (
        "dev          dev-db         small   20 GB    -                     ready 2d04h    2 roles, 5 leases" in found
    )
    assert any(line.startswith("preprod: unknown: Vault: the Vault server at") for line in found)
    assert all(line == line.rstrip() for line in found)
    assert "    Role uat-reader ready 2m07s" not in found
    assert "    Role uat-reader ready 2m07s" in lines(overview(*six()), trees=True)


def test_colours_are_around_words_and_move_nothing() -> None:
    painted: list[tuple[str, str]] = []

    def paint(text: str, colour: str) -> str:
        painted.append((text, colour))
        return f"<{text}>"

    coloured = lines(overview(*six()), paint, trees=True)
    assert [line.replace("<", "").replace(">", "") for line in coloured] == lines(overview(*six()), trees=True)
    assert ("ready", "green") in painted
    assert ("waiting 2m09s", "red") in painted


def test_nothing_to_show() -> None:
    empty: dict[str, Any] = {"host": "dev"}
    assert lines(overview(empty))[1].split() == ["dev", "empty", "-", "-", "-", "-", "-", "-", "-"]
    assert "It has nothing." in page(overview(empty))
