# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine asks of the clusters that were made; for the real client and a scripted one."""

from __future__ import annotations

from typing import Any, Protocol


class Workloads(Protocol):
    """The clusters themselves, each reached by its kubeconfig."""

    def parsed(self, text: str) -> Any:
        """What YAML makes of a kubeconfig; None when it is no YAML."""

    def require_answer(self, text: str, moment: float) -> None:
        """Reads something that only whom the API knows may read. Raises what the API, or its silence, says to it."""
