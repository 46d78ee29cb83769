# SPDX-License-Identifier: GPL-3.0-or-later
"""The images that the node knows: `images.yml`, with what the test bed has built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("images.yml")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
WHERE = "/opt"


@dataclass(frozen=True)
class Image:
    """What an image's configuration says; `programs` are builds by where a container sees them, `commands` links."""

    reference: str
    programs: Mapping[str, str]
    commands: Mapping[str, str]
    entrypoint: list[str]
    command: list[str]
    environment: Mapping[str, str]
    user: int
    folder: str
    folders: list[str]
    instead: Mapping[str, list[str]]


class Images:
    """All images; `builds` are the folders of what is built, by name."""

    def __init__(self, builds: Mapping[str, Path], file: Path = FILE) -> None:
        self._builds = builds
        self._known: list[dict[str, Any]] = yaml.safe_load(file.read_text())

    def find(self, reference: str) -> Image | None:
        """The image of this name, None if it can not be had; a digest is not looked at."""
        repository, tag = _split(reference)
        for each in self._known:
            named = any(repository == name or repository.endswith(f"/{name}") for name in each["repositories"])
            if named and any(tag.startswith(start) for start in each.get("tags", [""])):
                return self._image(reference, each)
        return None

    def _image(self, reference: str, known: Mapping[str, Any]) -> Image:
        commands, used = {}, set()
        for name, where in known.get("commands", {}).items():
            program, path = (known["program"], where) if isinstance(where, str) else (where["program"], where["path"])
            commands[name] = f"{WHERE}/{program}/{path}"
            used.add(program)
        return Image(
            reference=reference,
            programs={f"{WHERE}/{name}": str(self._builds[name]) for name in sorted(used)},
            commands=commands,
            entrypoint=known.get("entrypoint", []),
            command=known.get("command", []),
            environment={"PATH": PATH, **known.get("environment", {})},
            user=known.get("user", 0),
            folder=known.get("folder", "/"),
            folders=known.get("folders", []),
            instead=known.get("instead", {}),
        )


def _split(reference: str) -> tuple[str, str]:
    """Repository and tag of an image; no tag at all is the latest."""
    named = reference.partition("@")[0]
    repository, colon, tag = named.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (named, "latest")
