# SPDX-License-Identifier: GPL-3.0-or-later
"""The volumes of a pod, as folders on the machine.

What comes from ConfigMaps, Secrets and the pod itself is written as a kubelet writes it: into a folder that replaces
the one before it at once, by a link, so that whoever reads sees all of one version.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.testbed.node import variables
from tests.testbed.node.variables import CONFIG_MAPS, SECRETS, Object, Read, Unresolved

PERIODIC = ("configMap", "secret", "projected", "downwardAPI")
READABLE = 0o644
TOKEN_SECONDS = 3607
RENEW_SECONDS = 2400


@dataclass
class Volumes:
    """Those of one pod. `claimed` finds the folder of a claim, `token` issues a service account's token."""

    folder: Path
    pod: Object
    read: Read
    claimed: Callable[[str], Awaitable[Path]]
    token: Callable[[Object], Awaitable[str]]
    _tokens: dict[str, tuple[float, str]] = field(default_factory=dict)

    async def prepare(self) -> dict[str, Path]:
        """The folder of each volume, by name; raises Unresolved if one can not be had yet."""
        return {volume["name"]: await self._prepare(volume) for volume in self.pod["spec"].get("volumes", [])}

    async def refresh(self) -> None:
        """Bring what is written up to date."""
        for volume in self.pod["spec"].get("volumes", []):
            if any(kind in volume for kind in PERIODIC):
                await self._prepare(volume)

    async def _prepare(self, volume: Object) -> Path:
        folder = self.folder / str(volume["name"])
        if "persistentVolumeClaim" in volume:
            return await self.claimed(volume["persistentVolumeClaim"]["claimName"])
        if "ephemeral" in volume:
            return await self.claimed(f"{self.pod['metadata']['name']}-{volume['name']}")
        if "emptyDir" in volume:
            folder.mkdir(parents=True, exist_ok=True)
            return folder
        if not any(kind in volume for kind in PERIODIC):
            kinds = ", ".join(key for key in volume if key != "name")
            raise Unresolved(f"this node has no volumes of type {kinds}")
        sources = volume["projected"]["sources"] if "projected" in volume else [_as_source(volume)]
        files: dict[str, bytes] = {}
        for source in sources:
            files |= await self._files(source)
        kind = next(kind for kind in PERIODIC if kind in volume)
        write(folder, files, volume[kind].get("defaultMode", READABLE))
        return folder

    async def _files(self, source: Object) -> dict[str, bytes]:
        if "downwardAPI" in source:
            return {each["path"]: self._told(each).encode() for each in source["downwardAPI"].get("items", [])}
        if "serviceAccountToken" in source:
            wanted = source["serviceAccountToken"]
            return {wanted["path"]: (await self._token(wanted)).encode()}
        for key, kind in (("configMap", CONFIG_MAPS), ("secret", SECRETS)):
            if key in source:
                return await self._selected(kind, source[key])
        raise Unresolved(f"this node can not project {', '.join(source)}")

    def _told(self, item: Object) -> str:
        if "fieldRef" in item:
            return variables.field(self.pod, item["fieldRef"]["fieldPath"])
        wanted = item["resourceFieldRef"]
        containers = {each["name"]: each for each in self.pod["spec"]["containers"]}
        return variables.resource(containers[wanted["containerName"]], wanted)

    async def _selected(self, kind: str, source: Object) -> dict[str, bytes]:
        name, optional = source.get("secretName") or source["name"], source.get("optional", False)
        held = await variables.existing(kind, name, optional, self.read) or {}
        if "items" not in source:
            return held
        missing = [item["key"] for item in source["items"] if item["key"] not in held]
        if missing and not optional:
            raise Unresolved(f"references non-existent {kind.removesuffix('s')} key: {missing[0]}")
        return {item["path"]: held[item["key"]] for item in source["items"] if item["key"] in held}

    async def _token(self, wanted: Object) -> str:
        issued, token = self._tokens.get(wanted["path"], (0.0, ""))
        if time.monotonic() - issued > RENEW_SECONDS or not token:
            token = await self.token(wanted)
            self._tokens[wanted["path"]] = (time.monotonic(), token)
        return token


def write(folder: Path, files: Mapping[str, bytes], mode: int = READABLE) -> None:
    """Have the folder hold exactly these files, all at once; nothing happens if it does."""
    folder.mkdir(parents=True, exist_ok=True)
    current = folder / "..data"
    if current.exists() and _read(current) == dict(files):
        return
    version = folder / f"..{time.strftime('%Y_%m_%d_%H_%M_%S')}.{secrets.token_hex(4)}"
    for path, content in files.items():
        (version / path).parent.mkdir(parents=True, exist_ok=True)
        (version / path).write_bytes(content)
        (version / path).chmod(mode)
    version.mkdir(exist_ok=True)
    former = current.resolve() if current.is_symlink() else None
    link = folder / "..data_tmp"
    link.symlink_to(version.name)
    link.replace(current)
    _link(folder, {Path(path).parts[0] for path in files})
    if former:
        shutil.rmtree(former)


def _link(folder: Path, names: set[str]) -> None:
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data", name))
    for entry in folder.iterdir():
        if not entry.name.startswith("..") and entry.name not in names:
            entry.unlink()


def _read(folder: Path) -> dict[str, bytes]:
    held = folder.resolve()
    return {str(path.relative_to(held)): path.read_bytes() for path in held.rglob("*") if path.is_file()}


def _as_source(volume: Object) -> dict[str, Any]:
    return {kind: volume[kind] for kind in PERIODIC if kind in volume}
