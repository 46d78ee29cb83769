# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubeconfig in a Secret, and each way in which it can be wrong."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.cluster_api.credentials import (
    Certificate,
    token_from,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.cluster_api.kubeconfig import (
    current_in,
    kubeconfig_from,
    secret_ref,
    short_lived,
    text_in,
    token_in,
    why_of_another,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Failed
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import ObjectRef
from tests.unit.plugins.kubeconfigs import SERVER, kubeconfig, secret, service_account_token

REF = secret_ref(ObjectRef("cluster.x-k8s.io/v1beta2", "Cluster", "dev", "dev"))
ENDS = dt.datetime(2040, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
NOW = (ENDS - dt.timedelta(days=1)).timestamp()
STARTS = ENDS - dt.timedelta(hours=8)


def certificate_of(pem: str) -> Certificate:
    if "CERTIFICATE" not in pem:
        raise ValueError("no certificate")
    return Certificate("kubernetes", ENDS)


def test_a_kubeconfig_tells_what_may_be_known_of_it() -> None:
    config = kubeconfig(ENDS)
    text = text_in(secret(config), REF)
    found = kubeconfig_from(text, json.loads(text), certificate_of, REF, NOW)
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
        kubeconfig_from("text", parsed, certificate_of, REF, now)
    assert sentence in str(error.value)


def test_another_one_opens_the_same_cluster_with_a_token() -> None:
    config = kubeconfig(ENDS)
    text = json.dumps(config)
    administrators = kubeconfig_from(text, config, certificate_of, REF, NOW)
    token = token_from(service_account_token(STARTS, ENDS))
    made = short_lived(administrators, "someone", token)
    found = current_in(json.loads(made.text))
    assert found
    assert (found.name, found.cluster) == ("dev", config["clusters"][0]["cluster"])
    assert found.user == {"token": token.text}
    assert made.notes() == {"server": SERVER, "issuer": "https://kubernetes", "expires": "2040-05-06T07:08:09Z"}
    assert token_in(json.loads(made.text)) == token
    assert token.text not in repr((made, token))
    assert config["users"][0]["user"]["client-key-data"] not in made.text


def test_a_token_is_due_when_half_of_its_life_is_over() -> None:
    token = token_from(service_account_token(STARTS, ENDS))
    assert token.lifetime == 8 * 3600
    assert not token.is_due((STARTS + dt.timedelta(hours=3)).timestamp())
    assert token.is_due((STARTS + dt.timedelta(hours=4)).timestamp())


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "e30.e30.e30", "a.W10.c", f"a.{'A' * 40}.c"])
def test_what_is_no_token_of_a_service_account(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        token_from(text)
    assert token_in(kubeconfig(ENDS, token=text)) is None


@pytest.mark.parametrize(
    ("content", "name", "server", "why"),
    [
        (kubeconfig(ENDS), "dev", SERVER, ""),
        (kubeconfig(ENDS), "dev", "", ""),
        (kubeconfig(ENDS), "", SERVER, ""),
        (None, "dev", SERVER, "it is none with a current context"),
        ("text", "dev", SERVER, "it is none with a current context"),
        (kubeconfig(ENDS), "uat", "", "it is that of a cluster called dev, not uat"),
        (kubeconfig(ENDS), "dev", "https://other:6443", f"opens the cluster at {SERVER}, and this one is at https://o"),
        (kubeconfig(ENDS), "", "", "the cluster has gone before, and without environment nothing tells whose it is"),
    ],
)
def test_whose_a_kubeconfig_is(content: Any, name: str, server: str, why: str) -> None:
    said = why_of_another(content, name, server)
    assert why in said
    assert bool(said) == bool(why)
