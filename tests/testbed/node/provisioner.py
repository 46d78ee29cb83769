# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes for claims: folders of the bed's state, of a storage class that is the default."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tests.testbed.kubevirt.api import Api, Refused
from tests.testbed.node.node import MERGE, NAME
from tests.testbed.node.variables import Object

PROVISIONER = "testbed/node"
CLASS = "/apis/storage.k8s.io/v1/storageclasses/" + NAME
WANTED = "volume.kubernetes.io/storage-provisioner"
MADE_BY = "pv.kubernetes.io/provisioned-by"
VOLUMES = "/api/v1/persistentvolumes"
NOT_FOUND, CONFLICT = 404, 409


@dataclass
class Provisioner:
    """Makes, enlarges and removes volumes below a folder."""

    api: Api
    folder: Path
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def offer(self) -> None:
        """Have the storage class."""
        manifest = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": NAME, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": PROVISIONER,
            "allowVolumeExpansion": True,
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
        await self.api.apply(CLASS, manifest)

    async def observe_claim(self, claim: Object) -> None:
        """Make a claim's volume once the controller asks for it, and let it grow."""
        metadata, spec, status = claim["metadata"], claim["spec"], claim.get("status", {})
        if "deletionTimestamp" in metadata or metadata.get("annotations", {}).get(WANTED) != PROVISIONER:
            return
        async with self._busy:
            if not spec.get("volumeName"):
                await self._make(claim)
            elif status.get("phase") == "Bound":
                await self._enlarge(claim)

    async def observe_volume(self, volume: Object) -> None:
        """Remove a volume of ours whose claim is gone, unless it is to be kept."""
        metadata, spec = volume["metadata"], volume["spec"]
        if metadata.get("annotations", {}).get(MADE_BY) != PROVISIONER:
            return
        released = volume.get("status", {}).get("phase") == "Released"
        if released and spec["persistentVolumeReclaimPolicy"] == "Delete" and "deletionTimestamp" not in metadata:
            await asyncio.to_thread(shutil.rmtree, spec["local"]["path"], ignore_errors=True)
            await self.api.remove(f"{VOLUMES}/{metadata['name']}")

    async def _make(self, claim: Object) -> None:
        metadata, spec = claim["metadata"], claim["spec"]
        storage_class = await self.api.find(f"/apis/storage.k8s.io/v1/storageclasses/{spec['storageClassName']}") or {}
        name = f"pvc-{metadata['uid']}"
        folder = self.folder / name
        folder.mkdir(mode=0o777, parents=True, exist_ok=True)
        of_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NAME]}
        about = {key: metadata[key] for key in ("namespace", "name", "uid")}
        manifest = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name, "annotations": {MADE_BY: PROVISIONER}},
            "spec": {
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "accessModes": spec["accessModes"],
                "volumeMode": spec.get("volumeMode", "Filesystem"),
                "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
                "storageClassName": spec["storageClassName"],
                "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **about},
                "local": {"path": str(folder)},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [of_node]}]}},
            },
        }
        try:
            await self.api.request("POST", VOLUMES, manifest)
        except Refused as refused:
            if refused.status != CONFLICT:
                raise

    async def _enlarge(self, claim: Object) -> None:
        """Say that a volume is as large as its claim wants it; a folder has no size."""
        metadata, wanted = claim["metadata"], claim["spec"]["resources"]["requests"]["storage"]
        if claim["status"]["capacity"]["storage"] == wanted:
            return
        capacity = {"storage": wanted}
        await self.api.request(
            "PATCH", f"{VOLUMES}/{claim['spec']['volumeName']}", {"spec": {"capacity": capacity}}, MERGE
        )
        path = f"/api/v1/namespaces/{metadata['namespace']}/persistentvolumeclaims/{metadata['name']}/status"
        await self.api.request("PATCH", path, {"status": {"capacity": capacity}}, MERGE)
