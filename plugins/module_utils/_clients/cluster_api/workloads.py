# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that was made, reached by its kubeconfig, as ``ports.Workloads``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from ..._domain import errors
from ..._domain.cluster_api.credentials import Certificate
from ..._domain.ports import Clock
from ..kubernetes.api import KubernetesApi, connect

with suppress(ImportError):  # without it nobody connects to the management cluster, and is told so
    import yaml

try:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    IMPORT_ERROR: ImportError | None = None
except ImportError as error:
    IMPORT_ERROR = error


class WorkloadClusters:
    """Implements ``ports.Workloads``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def parsed(self, text: str) -> Any:
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            return None

    def certificate(self, pem: str) -> Certificate:
        if IMPORT_ERROR is not None:
            raise errors.MissingLibrary(
                f"the Python library {IMPORT_ERROR.name} is not installed where this task runs",
                next_step="install the collection's requirements.txt there, or use its execution environment",
            )
        found = x509.load_pem_x509_certificate(pem.encode())
        names = found.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
        return Certificate(str(names[0].value) if names else "", found.not_valid_after_utc)

    @contextmanager
    def opened(self, content: Mapping[str, Any], moment: float) -> Iterator[KubernetesApi]:
        with connect({"kubeconfig": content}, self._clock) as api:
            yield api.bounded_by(moment)
