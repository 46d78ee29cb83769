# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An object that was applied in one version of its API and is now applied in another one.

The API server compares an apply with the one before in the version of that one, and fails ("failed to prune fields")
when it does not know a field that is new. So what was applied before is said again in the new version first.
"""

from __future__ import annotations

from .manifest import Manifest
from .ownership import owned_view


def said_again(live: Manifest) -> Manifest:
    """What we applied before, in the version in which the object was read."""
    before = owned_view(live, {})
    identity = {key: live["metadata"][key] for key in ("name", "namespace") if key in live["metadata"]}
    kind = {"apiVersion": live["apiVersion"], "kind": live["kind"]}
    return {**before, **kind, "metadata": {**before.get("metadata", {}), **identity}}
