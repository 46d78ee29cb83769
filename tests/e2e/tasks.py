# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of the collection, each run as Ansible runs it on a host: a process, options in, a result out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.testbed.bed import CHECKOUT

Result = dict[str, Any]
COLLECTIONS = CHECKOUT / ".ansible" / "collections"


def run(module: str, **options: Any) -> Result:
    """The result of a module, which may be a failure; options that are not given come from their defaults alone."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("VAULT_", "ANSIBLE_"))}
    done = subprocess.run(
        [sys.executable, "-m", f"ansible_collections.pnow.infra.plugins.modules.{module}"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": options}),
        env={**ours, "PYTHONPATH": str(COLLECTIONS)},
        check=False,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert "Traceback" not in done.stderr, done.stderr
    result: Result = json.loads(done.stdout)
    return result


def refused(module: str, **options: Any) -> str:
    """The one sentence of a module that must fail, and must not have changed anything."""
    result = run(module, **options)
    assert result.get("failed"), result
    assert not result["changed"], result
    return str(result["msg"])
