# SPDX-License-Identifier: GPL-3.0-or-later
"""The documented options are those that a task takes, with the same types, defaults and environment variables."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.pnow.infra.plugins.doc_fragments import (
    kubernetes,
    kubernetes_suboptions,
    vault,
    vault_suboptions,
    wait,
)
from ansible_collections.pnow.infra.plugins.module_utils._runtime.arguments import KUBERNETES, VAULT, WAIT

Options = dict[str, dict[str, Any]]
COMPARED = ("type", "default", "choices", "aliases", "elements", "required")


def documented(fragment: ModuleType) -> Options:
    options: Options = yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"]
    return options


SUBOPTIONS: Options = documented(kubernetes_suboptions)["kubernetes"]["suboptions"]
VAULT_SUBOPTIONS: Options = documented(vault_suboptions)["vault"]["suboptions"]


def spoken_variables(option: dict[str, Any]) -> list[str]:
    return re.findall(r"E\((ANSIBLE_HASHI_VAULT_\w+|VAULT_\w+|K8S_AUTH_\w+)\)", str(option["description"]))


@pytest.mark.parametrize(
    ("options", "spec"),
    [
        pytest.param(documented(kubernetes), KUBERNETES, id="kubernetes"),
        pytest.param(SUBOPTIONS, KUBERNETES, id="kubernetes_suboptions"),
        pytest.param(documented(vault), VAULT, id="vault"),
        pytest.param(VAULT_SUBOPTIONS, VAULT, id="vault_suboptions"),
        pytest.param(documented(wait), WAIT, id="wait"),
    ],
)
def test_documentation_and_spec_agree(options: Options, spec: dict[str, Any]) -> None:
    assert list(options) == list(spec)
    for name, rules in spec.items():
        for key in COMPARED:
            assert options[name].get(key) == rules.get(key), f"{name}.{key}"
        assert spoken_variables(options[name]) == (rules["fallback"][1] if "fallback" in rules else []), name


@pytest.mark.parametrize(
    ("options", "suboptions", "parent"),
    [(documented(kubernetes), SUBOPTIONS, "kubernetes"), (documented(vault), VAULT_SUBOPTIONS, "vault")],
)
def test_suboptions_say_what_the_options_say(options: Options, suboptions: Options, parent: str) -> None:
    for name, option in options.items():
        said = yaml.safe_dump(option["description"]).replace("O(", f"O({parent}.")
        assert yaml.safe_load(said) == suboptions[name]["description"]


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
