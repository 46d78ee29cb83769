# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of the platform: what their programs are told, and when."""

from __future__ import annotations

import json

from tests.e2e.servers import ask, bootstrap


def test_a_provider_watches_once_its_kinds_are_served() -> None:
    """Asked of Crossplane, which on the test bed starts no Deployment with it."""
    bootstrap()
    config = ("deploymentruntimeconfig.pkg.crossplane.io", "provider-kubernetes", "--output=json")
    told = json.loads(ask("kubectl", "get", *config))["spec"]["deploymentTemplate"]["spec"]["template"]["spec"]
    assert [container["args"] for container in told["containers"]] == [["--enable-watches"]]
    provider = json.loads(ask("kubectl", "get", "provider.pkg.crossplane.io", "provider-kubernetes", "--output=json"))
    assert provider["spec"]["runtimeConfigRef"]["name"] == "provider-kubernetes"
