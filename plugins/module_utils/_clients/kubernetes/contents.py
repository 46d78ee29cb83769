# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a namespace: discovery says which kinds there are, and each is listed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..._domain.errors import Forbidden, NotServed, Rejected
from ..._domain.kubernetes.contents import Contents
from ..._domain.kubernetes.manifest import Manifest, uid
from ..._domain.kubernetes.ports import Served

METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
# Kubernetes deletes with a namespace what can be listed and deleted.
_GOES_WITH_IT = {"list", "delete"}


class Api(Protocol):
    """What it takes of a Kubernetes API."""

    def group_versions(self) -> list[str]: ...

    def kinds(self, api_version: str) -> dict[str, Served]: ...

    def list_objects(
        self, api_version: str, kind: str, namespace: str = "", labels: str = "", *, accept: str = ""
    ) -> list[Manifest]: ...


def contents_of(api: Api, namespace: str) -> Contents:
    """Everything that goes with the namespace. A group that does not answer would hold it up: raises Unreachable."""
    found: dict[str, Manifest] = {}
    unknown: list[str] = []
    for api_version, kind in _namespaced(api):
        try:
            found |= {uid(item): item for item in api.list_objects(api_version, kind, namespace, accept=METADATA)}
        except (Forbidden, Rejected) as error:
            unknown.append(error.message)
        except NotServed:
            continue  # its definition was removed a moment ago
    return Contents(list(found.values()), unknown)


def _namespaced(api: Api) -> Iterator[tuple[str, str]]:
    """The kinds, each in one of its versions."""
    met: set[tuple[str, str]] = set()
    for api_version in api.group_versions():
        for kind, served in api.kinds(api_version).items():
            resource = (api_version.rpartition("/")[0], served.plural)
            if served.namespaced and set(served.verbs) >= _GOES_WITH_IT and resource not in met:
                met.add(resource)
                yield api_version, kind
