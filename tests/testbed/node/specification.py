# SPDX-License-Identifier: GPL-3.0-or-later
"""A container of a pod, its image and its volumes, as what the sandbox is told to run; makes folders of volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed.node.images import Image
from tests.testbed.node.variables import Object, Unresolved, expand

TERMINATION_LOG = "/dev/termination-log"


def variables_of_image(pod: Object, image: Image, api_port: int) -> dict[str, str]:
    """What a container finds in its environment whatever its specification says."""
    return {
        **image.environment,
        "HOSTNAME": hostname(pod),
        "HOME": "/root",
        # The API server, where its certificate is for.
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(api_port),
        "KUBERNETES_SERVICE_PORT_HTTPS": str(api_port),
    }


def hostname(pod: Object) -> str:
    """What a pod calls itself."""
    name: str = pod["spec"].get("hostname") or pod["metadata"]["name"][:63]
    return name


@dataclass(frozen=True)
class Place:
    """Where containers of a pod find things on the machine: its own folder, and those of its volumes by name."""

    home: Path
    volumes: Mapping[str, Path]


def compose(
    pod: Object, container: Object, image: Image, environment: Mapping[str, str], place: Place
) -> dict[str, Any]:
    """The container as the sandbox runs it; raises Unresolved if it may not run so."""
    security = {**(pod["spec"].get("securityContext") or {}), **(container.get("securityContext") or {})}
    user = security.get("runAsUser", image.user)
    if security.get("runAsNonRoot") and user == 0:
        raise Unresolved("container has runAsNonRoot and image will run as root")
    return {
        "argv": arguments(container, image, environment),
        "environment": dict(environment),
        "folder": container.get("workingDir") or image.folder,
        "user": user,
        "group": security.get("runAsGroup", 0),
        "root": str(place.home / "root"),
        "readonly": bool(security.get("readOnlyRootFilesystem")),
        "programs": dict(image.programs),
        "commands": dict(image.commands),
        "folders": image.folders,
        "files": {
            "/etc/passwd": f"root:x:0:0:root:/root:/bin/sh\nuser:x:{user or 1}:{user or 1}:user:/:/bin/sh\n",
            "/etc/group": "root:x:0:\n",
            "/etc/hostname": f"{hostname(pod)}\n",
            "/etc/resolv.conf": "",
        },
        "mounts": mounts(container, environment, place),
    }


def arguments(container: Object, image: Image, environment: Mapping[str, str]) -> list[str]:
    """The program and its arguments: what the container says instead of the image, and the rest of the image's."""
    command, words = container.get("command"), container.get("args")
    if command is None:
        command = image.entrypoint
        words = image.command if words is None else words
    argv = [expand(word, environment) for word in [*command, *(words or [])]]
    if not argv:
        raise Unresolved("no command specified")
    return image.instead.get(argv[0], argv)


def mounts(container: Object, environment: Mapping[str, str], place: Place) -> list[dict[str, Any]]:
    """What is mounted where, outer folders first."""
    found = {
        TERMINATION_LOG: (place.home / "termination" / container["name"], False),
        "/etc/hosts": (place.home / "hosts", False),
    }
    for each in container.get("volumeMounts", []):
        below = expand(each["subPathExpr"], environment) if "subPathExpr" in each else each.get("subPath", "")
        source = place.volumes[each["name"]] / below
        if ".." in Path(below).parts:
            raise Unresolved(f"subPath {below} must not contain '..'")
        if not source.exists():
            source.mkdir(parents=True)
        # A link that is replaced would else be followed once: only the folder itself shows what comes later.
        found[each["mountPath"]] = (source.resolve() if below else source, each.get("readOnly", False))
    return [
        {"target": target, "source": str(source), "readonly": readonly}
        for target, (source, readonly) in sorted(found.items())
    ]
