# SPDX-License-Identifier: GPL-3.0-or-later
"""The documented options are those that a task takes, with the same types, defaults and environment variables."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.pnow.infra.plugins.doc_fragments import kubernetes_suboptions, vault
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import KUBERNETES, VAULT

VAULT_OPTIONS = yaml.safe_load(vault.ModuleDocFragment.DOCUMENTATION)["options"]
SUBOPTIONS = yaml.safe_load(kubernetes_suboptions.ModuleDocFragment.DOCUMENTATION)["options"]["kubernetes"][
    "suboptions"
]


def spoken_variables(option: dict[str, Any]) -> list[str]:
    return re.findall(r"E\((ANSIBLE_HASHI_VAULT_\w+|VAULT_\w+|K8S_AUTH_\w+)\)", str(option["description"]))


@pytest.mark.parametrize(("documented", "spec"), [(VAULT_OPTIONS, VAULT), (SUBOPTIONS, KUBERNETES)])
def test_documentation_and_spec_agree(documented: dict[str, Any], spec: dict[str, Any]) -> None:
    assert list(documented) == list(spec)
    for name, rules in spec.items():
        for key in ("type", "default", "choices", "aliases"):
            assert documented[name].get(key) == rules.get(key), f"{name}.{key}"
        assert spoken_variables(documented[name]) == (rules["fallback"][1] if "fallback" in rules else []), name


@pytest.mark.parametrize(("variable", "expected"), [("true", False), ("0", True), ("perhaps", None), (None, None)])
def test_verification_is_the_opposite_of_skipping_it(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, expected: bool | None
) -> None:
    monkeypatch.delenv("VAULT_SKIP_VERIFY", raising=False)
    if variable is not None:
        monkeypatch.setenv("VAULT_SKIP_VERIFY", variable)
    validated = ArgumentSpecValidator(dict(VAULT)).validate({})
    assert validated.validated_parameters["validate_certs"] is expected


def test_ansibles_variable_comes_before_vaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", "http://vault")
    monkeypatch.setenv("ANSIBLE_HASHI_VAULT_ADDR", "http://ansible")
    assert ArgumentSpecValidator(dict(VAULT)).validate({}).validated_parameters["url"] == "http://ansible"
