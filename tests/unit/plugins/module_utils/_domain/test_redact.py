# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret is hidden in every form in which it may travel, and nothing else is hidden with it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.pnow.infra.plugins.module_utils._domain.redact import HIDDEN, HIDDEN_NEW, Redactor, is_common
from ansible_collections.pnow.infra.plugins.module_utils._domain.text import inert

SECRET = 'p@ss "word"/ü\\&'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        json.dumps(SECRET)[1:-1],
        json.dumps(json.dumps(SECRET))[3:-3],
        json.dumps(SECRET).replace("&", r"\u0026")[1:-1],
        repr(SECRET)[1:-1],
        ascii(SECRET)[1:-1],
    ],
)
def test_every_encoding_is_hidden(form: str) -> None:
    assert Redactor([SECRET]).text(f"before {form} after") == f"before {HIDDEN} after"


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user"])
@pytest.mark.parametrize("after", ["", ":", ":x", ":xy"])
def test_base64_of_a_longer_text_does_not_tell_it(before: str, after: str) -> None:
    secret = "s3cr3t-t0ken"
    encoded = base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    shown = Redactor([secret]).text(encoded)
    assert HIDDEN in shown
    assert len(shown.replace(HIDDEN, "")) <= len(encoded) - len(secret)


def test_a_document_is_hidden_line_by_line() -> None:
    key = f"-----BEGIN PRIVATE KEY-----\n{'Aa0' * 21}\n{'Bb1' * 21}\n-----END PRIVATE KEY-----\n"
    redactor = Redactor([key])
    assert redactor.text(f"can not parse {'Bb1' * 21}") == f"can not parse {HIDDEN}"
    assert redactor.text(inert(f"bad: {key}")) == f"bad: {HIDDEN}"
    assert redactor.text("no -----BEGIN PRIVATE KEY----- found") == "no -----BEGIN PRIVATE KEY----- found"


def test_values_are_redacted_at_any_depth_and_keys_are_not() -> None:
    redacted = Redactor([SECRET]).value({"a": [{"b": f"x{SECRET}"}], SECRET: 1, "c": None, "d": (SECRET,)})
    assert redacted == {"a": [{"b": f"x{HIDDEN}"}], SECRET: 1, "c": None, "d": [HIDDEN]}


@pytest.mark.parametrize(
    "common",
    ["", "a", "failed", "database", "postgres", "true", "5432", "Ready", "dev-db", "10.0.0.1", "aaaaaaaab", " " * 9],
)
def test_what_may_be_a_common_word_does_not_eat_words(common: str) -> None:
    text = f"a {common} word"
    assert is_common(common)
    assert Redactor([common]).text(text) == text


@pytest.mark.parametrize(
    "secret", ["s3cr3t", "hunter2", "Passw0rd", "open sesame", "correcthorsebattery", "hvs.CAESIJ4"]
)
def test_what_may_be_a_password_is_searched_for(secret: str) -> None:
    assert Redactor([secret]).text(f"wrong: {secret}") == f"wrong: {HIDDEN}"


def test_a_common_word_is_hidden_in_base64_and_where_it_stands() -> None:
    redactor = Redactor(["database"])
    assert redactor.text(f"bad: {base64.b64encode(b'database').decode()}") == f"bad: {HIDDEN}"
    secret = {"kind": "Secret", "metadata": {"name": "database"}, "data": {"a": "ZGF0", "b": HIDDEN_NEW}}
    shown = redactor.value({"before": {"spec": {"forProvider": {"manifest": secret}}}})
    assert shown["before"]["spec"]["forProvider"]["manifest"]["data"] == {"a": HIDDEN, "b": HIDDEN_NEW}
    assert shown["before"]["spec"]["forProvider"]["manifest"]["metadata"] == {"name": "database"}


def test_numbers_are_redacted_and_stay_numbers_otherwise() -> None:
    redactor = Redactor(["4929104839201"])
    assert redactor.value([4929104839201, 5432, 0.5, True]) == [HIDDEN, 5432, 0.5, True]


def test_what_is_written_in_the_open_is_left_as_it_is() -> None:
    redactor = Redactor(["production-eu-west"])
    assert redactor.text("Pod production-eu-west/x") == f"Pod {HIDDEN}/x"
    redactor.keep("production-eu-west")
    assert redactor.text("Pod production-eu-west/x") == "Pod production-eu-west/x"


def test_a_secret_that_is_part_of_a_name_is_hidden_elsewhere() -> None:
    redactor = Redactor(["s3cr3t", "s3cr3t-t0ken"], ["ns-s3cr3t"])
    assert redactor.text("ns-s3cr3t/x: s3cr3t, s3cr3t-t0ken") == f"ns-s3cr3t/x: {HIDDEN}, {HIDDEN}"


def test_the_name_of_an_object_is_never_touched() -> None:
    name = {"api_version": "v1", "kind": "Pod", "namespace": "s3cr3t-t0ken", "name": "x-s3cr3t-t0ken"}
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "s3cr3t-t0ken", "labels": {"a": "s3cr3t-t0ken"}},
    }
    redactor = Redactor(["s3cr3t-t0ken"])
    assert redactor.value({**name, "message": "s3cr3t-t0ken"}) == {**name, "message": HIDDEN}
    assert redactor.value(manifest)["metadata"] == {"name": "s3cr3t-t0ken", "labels": {"a": HIDDEN}}


@given(st.text(min_size=4).filter(lambda text: not is_common(text)), st.text(), st.text())
def test_no_secret_survives_between_any_other_text(secret: str, before: str, after: str) -> None:
    shown = Redactor([secret]).text(before + secret + after)
    assert all(secret not in part for part in shown.split(HIDDEN))


NAMES = st.text("abcdefgh-", min_size=1, max_size=12)
SECRETS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    NAMES,
    st.sampled_from(["failed", "changed", "true", "True", "kind", "name", "database", "msg", "diff", "0", "1", HIDDEN]),
    st.text("ab1-'\"%+/\\ \nü", min_size=1, max_size=30),
)
FORMS = st.sampled_from(
    [
        lambda secret: secret,
        lambda secret: base64.b64encode(secret.encode()).decode(),
        lambda secret: quote(secret, safe=""),
        quote_plus,
        lambda secret: json.dumps(secret)[1:-1],
        lambda secret: secret.encode().hex(),
    ]
)


def skeleton(value: Any) -> Any:
    """A value without its texts: keys, numbers, and how they are nested."""
    if isinstance(value, dict):
        return {key: skeleton(item) for key, item in value.items()}
    if isinstance(value, list):
        return [skeleton(item) for item in value]
    return "text" if isinstance(value, str) else value


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


@dataclass(frozen=True)
class Case:
    """A result about an object, in which others have written a secret."""

    secret: str
    namespace: str
    name: str
    foreign: str
    failed: bool

    @property
    def names(self) -> list[str]:
        return [self.namespace, self.name, "Widget"]

    @property
    def identity(self) -> dict[str, Any]:
        return {"api_version": "v1", "kind": "Widget", "namespace": self.namespace, "name": self.name}

    @property
    def result(self) -> dict[str, Any]:
        header = f"Widget {self.namespace}/{self.name}"
        return {
            "failed": self.failed,
            "changed": not self.failed,
            self.secret: 1,
            "objects": [self.identity],
            "blockers": [{**self.identity, "message": self.foreign, "events": [self.foreign], "count": 3}],
            "diff": [{"before_header": header, "before": {"field": self.foreign, self.secret: [self.foreign]}}],
            "msg": self.foreign,
        }


# No common words, whatever they begin with.
SEARCHED = SECRETS.map(lambda secret: f"{secret}x9Y4zQ")


@st.composite
def cases(draw: st.DrawFn, secrets: st.SearchStrategy[str]) -> Case:
    secret = draw(secrets)
    foreign = draw(st.text()) + draw(FORMS)(secret) + draw(st.text())
    names = st.one_of(NAMES, st.just(f"ns-{secret}"))
    return Case(secret, draw(names), draw(names), foreign, draw(st.booleans()))


@given(cases(st.one_of(SECRETS, SEARCHED)))
def test_a_result_stays_true(case: Case) -> None:
    redactor = Redactor([case.secret], case.names)
    shown = redactor.value(case.result)
    assert skeleton(shown) == skeleton(case.result)
    assert shown["objects"] == [case.identity]
    assert shown["blockers"][0].items() >= case.identity.items()
    assert shown["diff"][0]["before_header"] == case.result["diff"][0]["before_header"]
    assert redactor.text(" ".join(case.names)) == " ".join(case.names)


@given(cases(SEARCHED))
def test_a_result_tells_no_secret(case: Case) -> None:
    shown = Redactor([case.secret], case.names).value({"msg": case.foreign, "diff": [{"before": {"x": case.foreign}}]})
    parts = [part for text in texts(shown) for part in text.split(HIDDEN)]
    for name in case.names:
        parts = [rest for part in parts for rest in part.split(name)]
    assert [part for part in parts if case.secret in part] == []


@given(SECRETS, st.dictionaries(st.text(), st.text()))
def test_the_data_of_a_secret_is_never_shown(secret: str, others: dict[str, str]) -> None:
    value = {"kind": "Secret", "data": {**others, "key": secret}, "stringData": {secret: secret}}
    shown = Redactor().value(value)
    assert shown == {"kind": "Secret", "data": dict.fromkeys(value["data"], HIDDEN), "stringData": {secret: HIDDEN}}
