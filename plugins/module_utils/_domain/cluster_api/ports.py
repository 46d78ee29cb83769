# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine asks of the clusters that were made; for the real client and a scripted one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ..kubernetes.manifest import ObjectRef
from ..kubernetes.ports import Kubernetes
from .credentials import Certificate


class Workload(Kubernetes, Protocol):
    """One of them."""

    def token(self, account: ObjectRef, seconds: int) -> str:
        """A new token of a service account; the server decides whether it lasts as long."""


class Workloads(Protocol):
    """The clusters themselves, each reached by its kubeconfig."""

    def parsed(self, text: str) -> Any:
        """What YAML makes of a kubeconfig; None when it is no YAML."""

    def certificate(self, pem: str) -> Certificate:
        """The first certificate in a text. Raises ValueError when it has none that can be read."""

    def opened(self, content: Mapping[str, Any], moment: float) -> AbstractContextManager[Workload]:
        """The cluster of a kubeconfig, asked until a moment of the clock; its connections end with the context."""
