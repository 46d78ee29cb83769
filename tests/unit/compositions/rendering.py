# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in function-pythonic's own Python: a line of JSON in is a composite to render, a line out is what became of it.

The function's `render` command is what Crossplane does around a call of the function. Its imports are paid for once.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from crossplane.pythonic import function
from crossplane.pythonic.protobuf import Value
from crossplane.pythonic.render import Command
from google.protobuf import struct_pb2


class Runner(function.FunctionRunner):  # type: ignore[misc]
    """Crossplane adds its reference to those of a resource; the renderer puts it in the place of the first."""

    async def RunFunction(self, request: Any, context: Any) -> Any:  # noqa: N802 - the function's own name
        """Leave room for it."""
        response = await super().RunFunction(request, context)
        for resource in response.desired.resources.values():
            metadata = resource.resource["metadata"]
            if "ownerReferences" in metadata:
                metadata["ownerReferences"].values.insert(0, struct_pb2.Value(struct_value={}))
        return response


function.FunctionRunner = Runner


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
