# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed's own few requests to its Kubernetes API."""

from __future__ import annotations

from typing import Any

from tests.testbed.bed import Bed
from tests.testbed.errors import TestbedError
from tests.testbed.readiness import NotReady, wait_until
from tests.testbed.rest import Answer, RestClient

FIELD_MANAGER = "testbed"
# A server that has just started calls itself ready before it has read the custom resources, and answers 429 until then.
TRANSIENT = (429, 503)
OVERLOAD_SECONDS = 30.0
NOT_FOUND = 404

Object = dict[str, Any]


class KubernetesApi:
    """Objects of the bed's API server, addressed by their paths; raises TestbedError for every refusal."""

    def __init__(self, bed: Bed) -> None:
        headers = {"User-Agent": "pnow-testbed"}
        self._client = RestClient(f"https://{bed.address('kube-apiserver')}", bed.pki / "admin", headers)

    def list(self, path: str) -> list[Object]:
        """All objects of a kind; none of one that is not served, as of those that only later versions know."""
        answer = self._checked("GET", path, missing=True)
        items: list[Object] = answer.body["items"] if answer.ok else []
        return items

    def resources(self, group_version: str) -> set[str]:
        """The names of the resources of a group and version, by the discovery that clients rely on."""
        answer = self._checked("GET", f"/apis/{group_version}", missing=True)
        return {each["name"] for each in answer.body["resources"]} if answer.ok else set()

    def apply(self, path: str, manifest: Object) -> Object:
        """Server-side apply: own exactly the fields in `manifest`, whoever had them. Returns the resulting object."""
        query = f"?fieldManager={FIELD_MANAGER}&force=true"
        applied: Object = self._checked("PATCH", path + query, manifest, "application/apply-patch+yaml").body
        return applied

    def create(self, path: str, manifest: Object) -> Object:
        """The answer to a new object, as those have that are questions to the server and are not kept."""
        created: Object = self._checked("POST", path, manifest).body
        return created

    def _checked(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = "application/json",
        *,
        missing: bool = False,
    ) -> Answer:
        return wait_until(lambda: self._attempt(method, path, body, content_type, missing), OVERLOAD_SECONDS)

    def _attempt(self, method: str, path: str, body: object, content_type: str, missing: bool) -> Answer:
        answer = self._client.request(method, path, body, content_type)
        if answer.ok or (missing and answer.status == NOT_FOUND):
            return answer
        reason = answer.body.get("message") if isinstance(answer.body, dict) else answer.body
        refusal = f"The API server refuses {method} {path} ({answer.status}): {reason}"
        raise NotReady(refusal) if answer.status in TRANSIENT else TestbedError(refusal)
