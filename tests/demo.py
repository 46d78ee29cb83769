# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.demo`: provision environment dev on real programs, from nothing, and prove the result."""

from __future__ import annotations

import os
import sys

from tests.gates import bed
from tests.gates.steps import entry, step
from tests.testbed.bed import DEFAULT_NAME

ENVIRONMENT = "dev"


def main() -> None:
    """Bring the test bed up, run the playbooks an operator would run, and look at the result with other eyes."""
    name = os.environ.get("PNOW_TESTBED") or DEFAULT_NAME
    step(f'test bed "{name}": real programs as plain processes', bed.command("up"), bed.named(name))
    environment = bed.environment(name)

    bootstrap = ["ansible-playbook", "pnow.infra.bootstrap", "-i", "inventories/management"]
    bootstrap += ["-e", f"@{environment['PNOW_TESTBED_VARS']}"]
    step("platform: Crossplane's packages and the platform API, once per cluster", bootstrap, environment)

    provision = ["ansible-playbook", "pnow.infra.provision", "-i", f"inventories/{ENVIRONMENT}"]
    step(f"environment {ENVIRONMENT}: from its inventory to a working credential", provision, environment)

    proof = [sys.executable, "-m", "tests.proof", ENVIRONMENT]
    step("proof, by kubectl, psql and the vault command", proof, environment)
    print('\nLook around with   eval "$(make -s env)"   and stop it with   make down')


if __name__ == "__main__":
    entry(main)
