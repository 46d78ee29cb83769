# SPDX-License-Identifier: GPL-3.0-or-later
"""A thousand claims are listed page by page: requests by the audit log, memory by Python's own accounting."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import audit
from tests.e2e.servers import ask, bed, bootstrap

NAMESPACE = "thousand"
MEASURE = Path(__file__).with_name("measure_info.py")
AUDIT_LOG = Path(os.environ["PNOW_TESTBED_STATE"]) / "logs" / audit.KUBERNETES
COUNT = 1000
PAGE = 100
LIST, EVENTS = "list postgresqlinstances", "list events"


@pytest.fixture(scope="module", autouse=True)
def claims(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """While Crossplane is stopped claims cost no more than their storage, and nothing is made for them."""
    bootstrap()
    ask("kubectl", "create", "namespace", NAMESPACE)
    bed("stop", "crossplane")
    manifests = tmp_path_factory.mktemp("claims") / "claims.json"
    manifests.write_text(
        json.dumps({"apiVersion": "v1", "kind": "List", "items": [claim(number) for number in range(COUNT)]})
    )
    ask("kubectl", "create", "--filename", str(manifests))
    yield
    ask("kubectl", "delete", "namespace", NAMESPACE, "--timeout=120s")
    bed("up")


def claim(number: int) -> dict[str, object]:
    environment = f"pr-{100_000 + number}"
    labels = {"part": "first" if number < PAGE else "rest", "all": "of-them"}
    metadata = {"name": f"{environment}-database", "namespace": NAMESPACE, "labels": labels}
    parameters = {"environment": environment, "enableBackup": False, "vaultPath": f"secret/database/{environment}"}
    group = {"apiVersion": "database.yourdomain.com/v1alpha1", "kind": "PostgreSQLInstance"}
    return {**group, "metadata": metadata, "spec": {"parameters": parameters}}


def measured(label: str) -> tuple[dict[str, int], Counter[str]]:
    """What was measured, and how often the collection made a request with each verb on each resource."""
    before = AUDIT_LOG.stat().st_size
    figures: dict[str, int] = json.loads(
        ask("env", "PYTHONPATH=.ansible/collections", sys.executable, str(MEASURE), NAMESPACE, label)
    )
    ours = [event for event in audit.events(AUDIT_LOG, before) if event.get("userAgent", "").startswith("pnow.infra/")]
    resources = [event.get("objectRef", {}).get("resource", "discovery") for event in ours]
    return figures, Counter(f"{event['verb']} {resource}" for event, resource in zip(ours, resources, strict=True))


def test_a_thousand_claims_take_a_page_of_memory() -> None:
    few, requests_for_few = measured("part=first")
    many, requests_for_many = measured("all=of-them")
    assert (few["claims"], many["claims"]) == (PAGE, COUNT)
    # After a full page of selected claims there may be more. Of each one that is not ready the events are asked for.
    assert (requests_for_few[LIST], requests_for_many[LIST]) == (2, COUNT // PAGE)
    assert (requests_for_few[EVENTS], requests_for_many[EVENTS]) == (PAGE, COUNT)
    constant = requests_for_few - Counter({LIST: 2, EVENTS: PAGE})
    assert requests_for_many - Counter({LIST: COUNT // PAGE, EVENTS: COUNT}) == constant
    # Two pages at a time, the one that is being read and the one before, where all claims would take ten times as much;
    # and when they are read the result once more, for what is redacted is a copy.
    assert many["beyond"] < max(3 * few["beyond"], 1.2 * many["result"]), (few, many)
    assert many["beyond"] < 5 * few["beyond"], (few, many)
