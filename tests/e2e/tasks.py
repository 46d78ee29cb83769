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
PATIENCE = 200


def start(module: str) -> subprocess.Popen[str]:
    """The process of a module, waiting for its options, which come from nowhere else."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("VAULT_", "ANSIBLE_"))}
    return subprocess.Popen(
        [sys.executable, "-m", f"ansible_collections.pnow.infra.plugins.modules.{module}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ours, "PYTHONPATH": str(COLLECTIONS)},
        text=True,
    )


def finish(process: subprocess.Popen[str], **options: Any) -> Result | None:
    """The result of a process that was started; None when it was killed before it had one."""
    said, complained = process.communicate(json.dumps({"ANSIBLE_MODULE_ARGS": options}), timeout=PATIENCE)
    if process.returncode < 0:
        return None
    assert "Traceback" not in complained, complained
    result: Result = json.loads(said)
    return result


def run(module: str, **options: Any) -> Result:
    """The result of a module, which may be a failure."""
    result = finish(start(module), **options)
    assert result is not None, "the module was killed"
    return result


def refused(module: str, **options: Any) -> str:
    """The one sentence of a module that must fail, and must not have changed anything."""
    result = run(module, **options)
    assert result.get("failed"), result
    assert not result["changed"], result
    return str(result["msg"])
