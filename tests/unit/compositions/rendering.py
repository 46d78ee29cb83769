# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in function-pythonic's own Python: a line of JSON in is a composite to render, a line out is what became of it.

The function's `render` command is what Crossplane does around a call of the function. Its imports are paid for once.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from crossplane.pythonic.protobuf import Value
from crossplane.pythonic.render import Command


async def rendered(call: dict[str, Any]) -> dict[str, Any]:
    """`call` has the composite, its composition, resources of its own, and others that it may look up."""
    rendering = await Command().render(
        Value(None, None, call["composite"]),
        [Value(None, None, resource) for resource in call["observed"]],
        Value(None, None, call["composition"]),
        [Value(None, None, resource) for resource in call["required"]],
        crossplane_v1=True,
    )
    return {
        part: json.loads(format(rendering[part], "json"))
        for part in ("composite", "connection", "resources", "results")
        if rendering[part]
    }


for line in sys.stdin:
    print(json.dumps(asyncio.run(rendered(json.loads(line)))), flush=True)
