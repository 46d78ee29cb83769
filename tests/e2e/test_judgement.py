# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated claims: our verdict is the server's own, check mode says what is done, and a second run finds nothing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import execute
from ansible_collections.pnow.infra.plugins.modules.xrd_claim import TASK
from tests.e2e.servers import ask
from tests.testbed.bed import CHECKOUT
from tests.testbed.readiness import NotReady, wait_until
from tests.testbed.rest import Answer, RestClient

DEFINITION = CHECKOUT / "tests" / "integration" / "targets" / "xrd_claim" / "files" / "structural.yml"
NAMESPACE = "judgement"
PATH = f"/apis/claims.example.org/v1/namespaces/{NAMESPACE}/structures/judged"
PATIENCE = 60
# Paused, so that nothing is behind the claims and nobody else writes to them.
PAUSED = {"crossplane.io/paused": "true"}

Parameters = dict[str, Any]
# Bounded by numbers, for no clock is right on a busy machine; what fails is shown as it was found, not made smaller.
BOUNDED = settings(
    deadline=None,
    max_examples=50,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)

words = st.text("ab-", min_size=1, max_size=4)
numbers = st.integers(-3, 12) | st.sampled_from([1.0, 4.0, 0.5])
wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
fields: dict[str, st.SearchStrategy[Any]] = {
    "region": st.sampled_from(["eu", "us", None]),
    "count": numbers,
    "even": st.sampled_from([2, 4.0, -2, 3]),
    "ratio": st.sampled_from([1, 0.5, 2.0, 0]),
    "enabled": st.booleans() | st.none(),
    "note": words | st.none(),
    "grown": st.integers(1, 3),
    "since": st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00+02:00"]),
    "port": st.integers(1, 99) | words,
    "network": st.none() | st.fixed_dictionaries({}, optional={"mtu": numbers | st.none(), "name": words}),
    "labels": st.dictionaries(words, words | st.just(""), max_size=4),
    "window": st.fixed_dictionaries({}, optional={"from": words | st.none(), "to": words}),
    "pools": st.lists(
        st.fixed_dictionaries({"name": words}, optional={"nodes": numbers | st.none(), "taints": st.lists(words)}),
        max_size=4,
    ),
    "volumes": st.lists(
        st.fixed_dictionaries({"name": words}, optional={"zone": words, "size": words | st.integers(0, 9)}), max_size=3
    ),
    "zones": st.lists(words, max_size=4),
    "free": st.dictionaries(words, wild, max_size=2),
    "anything": wild,
    "template": st.fixed_dictionaries(
        {"kind": words}, optional={"apiVersion": words, "metadata": st.fixed_dictionaries({"name": words}), "x": wild}
    ),
    "either": st.fixed_dictionaries({}, optional={"one": words, "other": words}),
    "neither": st.sampled_from([12, 13]),
}
sound = st.fixed_dictionaries({"tier": st.sampled_from(["gold", "iron"])}, optional=fields)
# One field at most is anything at all, or is no field.
astray = st.just({}) | st.dictionaries(st.sampled_from([*fields, "tier", "tiers"]), wild, min_size=1, max_size=1)
parameters = st.builds(lambda usual, odd: {**usual, **odd}, sound, astray)
labels = st.dictionaries(st.text("ab/. ", max_size=3), words | st.none() | st.integers(), max_size=1)


class Silent:
    """Implements ``ports.Reporter`` for nobody."""

    def line(self, text: str) -> None: ...

    def warn(self, text: str) -> None:
        raise AssertionError(text)


class Server:
    """The API server, without our client."""

    def __init__(self) -> None:
        url = ask("kubectl", "config", "view", "--minify", "--output", "jsonpath={.clusters[0].cluster.server}")
        self._client = RestClient(url, Path(os.environ["PNOW_TESTBED_STATE"]) / "pki" / "admin")

    def judge(self, wanted: Parameters, marks: dict[str, Any]) -> Answer:
        """What kubectl would be told, asked for a dry run of a server-side apply with strict validation."""
        manifest = {
            "apiVersion": "claims.example.org/v1",
            "kind": "Structure",
            "metadata": {
                "name": "judged",
                "namespace": NAMESPACE,
                "annotations": PAUSED,
                "labels": {**marks, "app.kubernetes.io/managed-by": "pnow.infra"},
            },
            "spec": {"compositeDeletePolicy": "Foreground", "parameters": wanted},
        }
        query = "fieldManager=pnow.infra&fieldValidation=Strict&dryRun=All"
        return self._client.request("PATCH", f"{PATH}?{query}", manifest, "application/apply-patch+yaml")

    def require_serving(self) -> None:
        """Raises NotReady until the server takes claims, and lists them in its discovery: either may come first."""
        listed = self._client.request("GET", "/apis/claims.example.org/v1")
        if not (listed.ok and "structures" in str(listed.body) and self.judge({"tier": "gold"}, {}).ok):
            raise NotReady("the definition is offered, and not served yet")

    def stored(self) -> Any:
        """The claim's spec; None when there is none."""
        answer = self._client.request("GET", PATH)
        return answer.body["spec"] if answer.ok else None

    def forget(self) -> None:
        self._client.request("DELETE", PATH)
        assert self.stored() is None


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    ask("kubectl", "create", "namespace", NAMESPACE)
    ask("kubectl", "apply", "--filename", str(DEFINITION))
    ask("kubectl", "wait", "--for=condition=Offered", "--timeout=60s", "--filename", str(DEFINITION))
    found = Server()
    wait_until(found.require_serving, PATIENCE)
    yield found
    ask("kubectl", "delete", "namespace", NAMESPACE)
    ask("kubectl", "delete", "--filename", str(DEFINITION))


def ours(wanted: Parameters, marks: dict[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """The result of the module for one claim."""
    claim = {
        "api_version": "claims.example.org/v1",
        "kind": "Structure",
        "name": "judged",
        "namespace": NAMESPACE,
        "annotations": PAUSED,
        "labels": marks,
        "parameters": wanted,
    }
    validated = ArgumentSpecValidator(dict(TASK.arguments)).validate({"claims": [claim], "wait": False})
    assert not validated.error_messages
    result = execute(TASK, validated.validated_parameters, check_mode, Silent())
    said = result.get("msg", "x; y")
    assert "\n" not in said
    assert "; " in said, "it says what to do next"
    return result


def test_our_verdict_is_the_servers(server: Server) -> None:
    verdicts: Counter[bool] = Counter()

    @BOUNDED
    @given(parameters, labels)
    def agree(wanted: Parameters, marks: dict[str, Any]) -> None:
        judged, result = server.judge(wanted, marks), ours(wanted, marks, check_mode=True)
        assert ("msg" not in result) == judged.ok, (judged.body, result)
        verdicts[judged.ok] += 1

    agree()
    assert verdicts[True] > 5
    assert verdicts[False] > 5


def test_check_mode_says_what_is_done_and_a_second_run_finds_nothing(server: Server) -> None:
    changes: Counter[str] = Counter()

    @settings(BOUNDED, max_examples=20)
    @given(st.lists(st.tuples(parameters, labels), min_size=2, max_size=2))
    def settle(claims: list[tuple[Parameters, dict[str, Any]]]) -> None:
        server.forget()
        for wanted, marks in claims:
            before = server.stored()
            predicted, real = (ours(wanted, marks, check_mode=check_mode) for check_mode in (True, False))
            # Of several unknown fields the server names one, and not always the same.
            assert ("msg" in predicted) == ("msg" in real)
            assert predicted["changed"] == real["changed"]
            assert predicted.get("diff") == real.get("diff")
            assert real["changed"] or server.stored() == before
            if "msg" not in real:
                assert ours(wanted, marks, check_mode=False).get("diff") == []
                changes["made" if before is None else "changed"] += 1

    settle()
    assert changes["made"] > 2
    assert changes["changed"] > 2
