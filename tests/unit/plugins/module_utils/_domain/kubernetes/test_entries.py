# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of option manifests: what can not be meant is a sentence with its path, before anything is sent."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InvalidOption
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.entries import manifests_from

MAP: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}}
SECRET: dict[str, Any] = {**MAP, "kind": "Secret"}


def with_metadata(**fields: Any) -> dict[str, Any]:
    return {**MAP, "metadata": {**MAP["metadata"], **fields}}


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([MAP, None], "manifests[1] is empty, as from_yaml_all reads a document with nothing in it"),
        (["a: b"], "manifests[0] is text and not a mapping; read text with from_yaml"),
        ([7], "manifests[0] is the number 7 and not a mapping"),
        ([[MAP]], "manifests[0] is a list and not a mapping"),
        (
            [{"apiVersion": "v1", "kind": "List", "items": [MAP]}],
            "manifests[0] is a List, which is no object of its own",
        ),
        ([{"apiVersion": "v1", "kind": "ConfigMapList", "items": []}], "manifests[0] is a ConfigMapList"),
        ([{"kind": "X", "metadata": {"name": "a"}}], "manifests[0] has no apiVersion; add apiVersion"),
        ([{**MAP, "kind": None}], "manifests[0] has no kind; add kind"),
        ([{**MAP, "apiVersion": 1}], "manifests[0].apiVersion is the number 1 and not text; quote it"),
        ([{**MAP, "apiVersion": "apps/v1/x"}], "manifests[0].apiVersion is 'apps/v1/x', which names no version"),
        ([{**MAP, "apiVersion": "../v1"}], "manifests[0].apiVersion is '../v1', which names no version"),
        ([{**MAP, "metadata": "a"}], "manifests[0] (ConfigMap) has no metadata.name; add it"),
        ([with_metadata(name="")], "manifests[0] (ConfigMap) has no metadata.name; add it"),
        (
            [with_metadata(name=None, generateName="a-")],
            "manifests[0] (ConfigMap) has no metadata.name; add it; generateName would make another one in every run",
        ),
        ([with_metadata(name=12)], "manifests[0].metadata.name is the number 12 and not text; quote it"),
        ([with_metadata(name="a/b")], "manifests[0].metadata.name is 'a/b', which can not be a name"),
        ([with_metadata(name="..")], "manifests[0].metadata.name is '..', which can not be a name"),
        ([with_metadata(namespace="n%2f")], "manifests[0].metadata.namespace is 'n%2f', which can not be a name"),
        ([with_metadata(namespace=True)], "manifests[0].metadata.namespace is the boolean true and not text"),
        (
            [with_metadata(labels={"tier": 1})],
            "manifests[0].metadata.labels.tier is the number 1 and not text; quote it",
        ),
        ([with_metadata(labels=["a"])], "manifests[0].metadata.labels is a list and not a mapping"),
        ([with_metadata(annotations={"a": {}})], "manifests[0].metadata.annotations.a is a mapping and not text"),
        ([{**MAP, "data": {"on": False}}], "manifests[0].data.on is the boolean false and not text"),
        ([{**SECRET, "stringData": {"pin": 4711}}], "manifests[0].stringData.pin is a number and not text; quote it"),
        ([{**SECRET, "data": {"pin": 4711}}], "manifests[0].data.pin is a number and not text; quote it"),
        ([{**SECRET, "data": {"pin": "open sesame"}}], "manifests[0].data.pin is not base64; use stringData for text"),
        ([{**SECRET, "data": {"pin": "ümläut"}}], "manifests[0].data.pin is not base64; use stringData for text"),
        ([MAP, MAP], "manifests[1] is ConfigMap n/a again, as manifests[0]; name it once"),
        (
            [
                {"apiVersion": "autoscaling/v1", "kind": "X", "metadata": {"name": "a"}},
                {"apiVersion": "autoscaling/v2", "kind": "X", "metadata": {"name": "a"}},
            ],
            "manifests[1] is X a again, as manifests[0]; name it once",
        ),
    ],
)
def test_what_can_not_be_meant_is_named(entries: list[Any], says: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        manifests_from(entries)
    assert str(caught.value).startswith(says)
    assert "4711" not in str(caught.value)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "entry",
    [
        MAP,
        with_metadata(name="system:reader"),
        with_metadata(labels=None, annotations={}, creationTimestamp=None),
        with_metadata(labels={"team": None}),
        {**MAP, "data": {"a": "", "b": None}, "binaryData": None},
        {**MAP, "apiVersion": "example.org/v1alpha1", "data": {"a": 1}},
        {**MAP, "kind": "PodList", "spec": {}},
        {"apiVersion": "database.example.org/v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"a": "b"}},
    ],
)
def test_what_an_api_server_may_take_is_passed_on(entry: dict[str, Any]) -> None:
    assert manifests_from([entry]) == [entry]


def test_text_of_a_secret_becomes_data() -> None:
    wrapped = "b25l\ndHdv\n"
    (secret,) = manifests_from([{**SECRET, "stringData": {"a": "x", "b": None}, "data": {"a": "eA==", "c": wrapped}}])
    assert "stringData" not in secret
    assert secret["data"] == {"a": base64.b64encode(b"x").decode(), "b": "", "c": wrapped}
    assert manifests_from([{**SECRET, "stringData": {}, "data": None}]) == [{**SECRET, "data": None}]
