# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.demo`: provision environment dev on real programs, from nothing, and prove the result.

With clusters among $PNOW_TESTBED_WITH it has a database and a cluster, else a database.
"""

from __future__ import annotations

import json
import os
import sys

from tests.gates import bed
from tests.gates.steps import entry, step
from tests.testbed.bed import CLUSTERS, DEFAULT_NAME

ENVIRONMENT = "dev"


def main() -> None:
    """Bring the test bed up, run the playbooks an operator would run, and look at the result with other eyes."""
    name = os.environ.get("PNOW_TESTBED") or DEFAULT_NAME
    step(f'test bed "{name}": real programs as plain processes', bed.command("up"), bed.named(name))
    environment = bed.environment(name)
    clusters = CLUSTERS in os.environ.get("PNOW_TESTBED_WITH", "").split(",")

    bootstrap = ["ansible-playbook", "pnow.infra.bootstrap", "-i", "inventories/management"]
    bootstrap += ["-e", f"@{environment['PNOW_TESTBED_VARS']}"]
    step("platform: Crossplane's packages and the platform API, once per cluster", bootstrap, environment)

    provision = ["ansible-playbook", "pnow.infra.provision", "-i", f"inventories/{ENVIRONMENT}"]
    provision += ["-e", json.dumps({"environment_capabilities": ["database", "cluster"]})] if clusters else []
    step(f"environment {ENVIRONMENT}: from its inventory to a working credential", provision, environment)

    proof = [sys.executable, "-m", "tests.proof", ENVIRONMENT, *(["--cluster"] if clusters else [])]
    step("proof, by kubectl, psql and the vault command", proof, environment)
    print('\nLook around with   eval "$(make -s env)"   and stop it with   make down')


if __name__ == "__main__":
    entry(main)
