# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubeconfig in a Secret, and each way in which it can be wrong."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.cluster_api.certificate import certificate_from
from ansible_collections.pnow.infra.plugins.module_utils._domain.cluster_api.kubeconfig import (
    kubeconfig_from,
    secret_ref,
    text_in,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Failed
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import ObjectRef
from tests.unit.plugins.kubeconfigs import SERVER, certificate, kubeconfig, secret

REF = secret_ref(ObjectRef("cluster.x-k8s.io/v1beta2", "Cluster", "dev", "dev"))
ENDS = dt.datetime(2040, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
NOW = (ENDS - dt.timedelta(days=1)).timestamp()


@pytest.mark.parametrize("year", [2030, 2049, 2050, 2120])
def test_a_certificate_tells_its_end_and_issuer(year: int) -> None:
    ends = dt.datetime(year, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    told = certificate_from(certificate(ends, "some authority")[0])
    assert (told.expires, told.issuer) == (ends, "some authority")


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----",
        *(
            f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(content).decode()}\n-----END CERTIFICATE-----"
            for content in (b"\x30", b"\x30\x80", b"\x30\x02\x30\x00", b"\x30\x7f\x00", b"\x30\x82\xff\xff", b"junk")
        ),
    ],
)
def test_what_is_no_certificate_is_a_value_error(pem: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        certificate_from(pem)


def test_a_kubeconfig_tells_what_may_be_known_of_it() -> None:
    config = kubeconfig(ENDS)
    text = text_in(secret(config), REF)
    found = kubeconfig_from(text, json.loads(text), REF, NOW)
    assert found.notes() == {"server": SERVER, "issuer": "kubernetes", "expires": "2040-05-06T07:08:09Z"}
    assert config["users"][0]["user"]["client-key-data"] in found.secrets
    assert any("PRIVATE KEY" in each for each in found.secrets)
    assert not any(each in repr(found) for each in found.secrets)


def broken_secret(**data: str) -> dict[str, Any]:
    return {**secret({}), "data": data}


@pytest.mark.parametrize(
    ("live", "sentence"),
    [
        (None, "Secret dev/dev-kubeconfig with the kubeconfig of the cluster does not exist"),
        (broken_secret(), "Secret dev/dev-kubeconfig has no kubeconfig: its key value is missing or empty"),
        (broken_secret(value=""), "Secret dev/dev-kubeconfig has no kubeconfig: its key value is missing or empty"),
        (broken_secret(value="*"), "its key value has is not text in base64"),
        (broken_secret(value="/w=="), "its key value has is not text in base64"),
    ],
)
def test_each_fault_of_the_secret_has_its_sentence(live: dict[str, Any] | None, sentence: str) -> None:
    with pytest.raises(Failed) as error:
        text_in(live, REF)
    assert sentence in str(error.value)
    assert str(error.value).endswith("look at the KubeadmControlPlane, whose controller writes it")


def changed(**user: Any) -> dict[str, Any]:
    return kubeconfig(ENDS, **user)


@pytest.mark.parametrize(
    ("parsed", "now", "sentence"),
    [
        (None, NOW, "what Secret dev/dev-kubeconfig has is not a kubeconfig with a current context"),
        ("text", NOW, "is not a kubeconfig"),
        ({}, NOW, "is not a kubeconfig"),
        ({**changed(), "current-context": "other"}, NOW, "is not a kubeconfig"),
        ({**changed(), "clusters": []}, NOW, "is not a kubeconfig"),
        (changed(exec={"command": "sh"}), NOW, "refers to exec, which is not in it; it would run or read something"),
        (changed(**{"client-key": "/etc/key", "tokenFile": "/x"}), NOW, "refers to client-key, tokenFile"),
        (changed(**{"client-certificate-data": "LS0t"}), NOW, "has no client certificate and key that can be read"),
        (changed(**{"client-key-data": "?"}), NOW, "has no client certificate and key that can be read"),
        (changed(**{"client-key-data": ""}), NOW, "has no client certificate and key that can be read"),
        (
            changed(),
            ENDS.timestamp(),
            "the certificate in Secret dev/dev-kubeconfig expired at 2040-05-06 07:08:09 UTC",
        ),
    ],
)
def test_each_fault_of_the_kubeconfig_has_its_sentence(parsed: Any, now: float, sentence: str) -> None:
    with pytest.raises(Failed) as error:
        kubeconfig_from("text", parsed, REF, now)
    assert sentence in str(error.value)
