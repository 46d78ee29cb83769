# SPDX-License-Identifier: GPL-3.0-or-later
"""Says of cloud controller managers that they are available: `python -m tests.testbed.deployment_status`.

There is no node that could run their pods, and KubeVirt's cloud controller manager can not be built for the bed. So
nothing runs. For each Deployment whose name says that it is one, this sets the status that its controller would: it is
available when its pod could start, which takes its ServiceAccount and all that it mounts, and when that account may do
what the program does first, which otherwise ends it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.testbed import bed as beds
from tests.testbed.errors import TestbedError
from tests.testbed.kubernetes_api import KubernetesApi, Object
from tests.testbed.processes import MEMBER_VARIABLE

NAMES = "-cloud-controller-manager"
DEPLOYMENTS = "/apis/apps/v1/deployments"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
INTERVAL = 1.0
# What the real one watches in its own namespace from its start on: group, resource.
WATCHED = (("", "services"), ("kubevirt.io", "virtualmachines"), ("kubevirt.io", "virtualmachineinstances"))

logger = logging.getLogger(__name__)


def needed(deployment: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What must be there for a pod of the Deployment to start: resource and name."""
    pod = deployment["spec"]["template"]["spec"]
    yield "serviceaccounts", _account(deployment)
    for volume in pod.get("volumes", []):
        if "secret" in volume and not volume["secret"].get("optional"):
            yield "secrets", volume["secret"]["secretName"]
        if "configMap" in volume and not volume["configMap"].get("optional"):
            yield "configmaps", volume["configMap"]["name"]


def reviews(deployment: Mapping[str, Any]) -> Iterator[Object]:
    """Questions whether the Deployment's account may do what the program does first."""
    namespace = deployment["metadata"]["namespace"]
    for group, resource in WATCHED:
        for verb in ("list", "watch"):
            asked = {"namespace": namespace, "group": group, "resource": resource, "verb": verb}
            user = f"system:serviceaccount:{namespace}:{_account(deployment)}"
            yield {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {"user": user, "groups": ["system:authenticated"], "resourceAttributes": asked},
            }


def status(deployment: Mapping[str, Any], missing: Sequence[str], now: str) -> Object:
    """The status of the Deployment, whose pod lacks what is `missing`. `now` is RFC 3339."""
    replicas = deployment["spec"]["replicas"]
    available = 0 if missing else replicas
    good = available == replicas
    condition = {
        "type": "Available",
        "status": "True" if good else "False",
        "reason": "MinimumReplicasAvailable" if good else "MinimumReplicasUnavailable",
        "message": "Deployment has minimum availability." if good else f"Its pod needs {', '.join(missing)}.",
    }
    before = {each["type"]: each for each in deployment.get("status", {}).get("conditions", [])}.get("Available", {})
    unchanged = before.get("status") == condition["status"]
    return {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": available,
        "availableReplicas": available,
        "unavailableReplicas": replicas - available,
        "conditions": [
            {
                **condition,
                "lastUpdateTime": before["lastUpdateTime"] if unchanged else now,
                "lastTransitionTime": before["lastTransitionTime"] if unchanged else now,
            }
        ],
    }


def differs(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a status is not the wanted one; the API server leaves numbers out that are zero."""
    return any(current.get(key, 0) != value for key, value in wanted.items())


def reconcile(api: KubernetesApi) -> None:
    """Look at all Deployments once."""
    for deployment in api.list(DEPLOYMENTS):
        metadata = deployment["metadata"]
        if not metadata["name"].endswith(NAMES) or "deletionTimestamp" in metadata:
            continue
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        wanted = status(deployment, list(_missing(api, deployment)), now)
        if differs(deployment.get("status", {}), wanted):
            path = f"/apis/apps/v1/namespaces/{metadata['namespace']}/deployments/{metadata['name']}"
            identity = {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]}
            manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": identity, "status": wanted}
            api.apply(f"{path}/status", manifest)


def main() -> None:
    """Look every second, as what a pod needs comes and goes without an event of the Deployment."""
    api = KubernetesApi(beds.load(Path(os.environ[MEMBER_VARIABLE])))
    while True:
        try:
            reconcile(api)
        except TestbedError as error:
            # A Deployment that has gone meanwhile, or an API server that is down: the next round sees.
            logger.error("%s", error)
        time.sleep(INTERVAL)


def _account(deployment: Mapping[str, Any]) -> str:
    name: str = deployment["spec"]["template"]["spec"].get("serviceAccountName", "default")
    return name


def _missing(api: KubernetesApi, deployment: Mapping[str, Any]) -> Iterator[str]:
    namespace = deployment["metadata"]["namespace"]
    for resource, name in needed(deployment):
        if not any(each["metadata"]["name"] == name for each in api.list(f"/api/v1/namespaces/{namespace}/{resource}")):
            yield f"{resource} {name}"
    for review in reviews(deployment):
        if not api.create(REVIEWS, review)["status"]["allowed"]:
            asked = review["spec"]["resourceAttributes"]
            yield f"permission to {asked['verb']} {asked['resource']}"


if __name__ == "__main__":
    main()
