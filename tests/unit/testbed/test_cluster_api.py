# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks of Cluster API are asked where its programs serve."""

from __future__ import annotations

import base64

from tests.testbed import cluster_api
from tests.testbed.bed import Bed


def service(path: str) -> dict[str, object]:
    return {"clientConfig": {"service": {"name": "webhook-service", "namespace": "system", "path": path}}}


def test_webhooks_are_on_loopback_and_have_names_of_their_own(bed: Bed) -> None:
    bed.pki.mkdir(parents=True)
    (bed.pki / "ca.crt").write_text("authority")
    definition = {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "clusters.cluster.x-k8s.io"},
        "spec": {"conversion": {"strategy": "Webhook", "webhook": service("/convert")}},
    }
    configuration = {
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "validating-webhook-configuration"},
        "webhooks": [service("/validate")],
    }
    given = [definition, configuration, {"kind": "Service", "metadata": {"name": "webhook-service"}}]

    converting, validating = cluster_api.on_loopback(bed, "cluster-api", given)

    address = f"https://{bed.address('cluster-api-webhook')}"
    authority = base64.b64encode(b"authority").decode()
    assert converting["spec"]["conversion"]["webhook"]["clientConfig"] == {
        "url": f"{address}/convert",
        "caBundle": authority,
    }
    assert validating["webhooks"][0]["clientConfig"] == {"url": f"{address}/validate", "caBundle": authority}
    assert validating["metadata"]["name"] == "cluster-api-validating-webhook-configuration"


def test_a_definition_without_conversion_stays_as_it_is(bed: Bed) -> None:
    definition = {"kind": "CustomResourceDefinition", "metadata": {"name": "x"}, "spec": {"group": "x"}}
    assert list(cluster_api.on_loopback(bed, "cluster-api", [definition])) == [definition]
