# SPDX-License-Identifier: GPL-3.0-or-later
"""`measure_info.py NAMESPACE LABEL`: what listing claims by the engine of module ``xrd_claim_info`` takes in memory.

Prints as JSON how many claims were found, how many bytes the result takes, and how many were in use at the peak beyond.
"""

from __future__ import annotations

import json
import sys
import tracemalloc

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import execute
from ansible_collections.pnow.infra.plugins.modules.xrd_claim_info import TASK


class Quiet:
    def line(self, text: str) -> None:
        """Nobody listens."""

    def warn(self, text: str) -> None:
        sys.exit(text)


namespace, label = sys.argv[1:]
validator = ArgumentSpecValidator(dict(TASK.arguments), **TASK.constraints)
wanted = {"api_version": "database.yourdomain.com/v1alpha1", "kind": "PostgreSQLInstance"}
options = validator.validate({**wanted, "namespace": namespace, "label_selectors": [label]}).validated_parameters
tracemalloc.start()
result = execute(TASK, options, check_mode=False, reporter=Quiet())
held, peak = tracemalloc.get_traced_memory()
print(json.dumps({"claims": len(result["claims"]), "result": held, "beyond": peak - held}))
