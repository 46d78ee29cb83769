# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of Kubernetes, and which of them an installed Cluster API can run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidOption

_VERSION = re.compile(r"v?([0-9]+)\.([0-9]+)\.([0-9]+)([-+][0-9A-Za-z.+-]+)?")

# Which minor versions of Kubernetes 1 each minor version of Cluster API 1 runs in workload clusters, first and last:
# the table "Supported versions matrix" of its book (reference/versions), and the notes of each release. No server
# checks it, and what is beyond it fails when machines exist already. Versions that are not here are not judged.
_WORKLOADS = {11: (28, 34), 12: (29, 36), 13: (30, 36), 14: (31, 37)}


@dataclass(frozen=True, order=True)
class Version:
    """A full version; what follows the patch number does not order it."""

    major: int
    minor: int
    patch: int
    suffix: str = ""

    @property
    def line(self) -> tuple[int, int]:
        """The minor version."""
        return self.major, self.minor

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}{self.suffix}"


def parsed(text: str) -> Version | None:
    """The version that a text is, with or without the leading v; None when it is none."""
    found = _VERSION.fullmatch(text.strip())
    return Version(int(found[1]), int(found[2]), int(found[3]), found[4] or "") if found else None


def version_from(value: Any, option: str) -> Version:
    """The version that an option gives. Raises InvalidOption, for a number in YAML's sense, too."""
    version = parsed(value) if isinstance(value, str) else None
    if version is None:
        number = "" if isinstance(value, str) else ", which YAML has read as a number (an unquoted 1.30 is 1.3)"
        raise InvalidOption(
            f"{option} is {value}{number}, which is no full version",
            next_step="write all three parts, in quotes: 'v1.31.0'",
        )
    return version


def next_versions(current: Version) -> tuple[str, str]:
    """The minor versions that a cluster may be brought to: its own, and the next."""
    return f"v{current.major}.{current.minor}", f"v{current.major}.{current.minor + 1}"


@dataclass(frozen=True)
class Supported:
    """What an installed Cluster API runs."""

    core: Version
    first: int
    last: int

    def __contains__(self, version: Version) -> bool:
        return version.major == 1 and self.first <= version.minor <= self.last

    def __str__(self) -> str:
        return f"v1.{self.first} to v1.{self.last}"


def supported_by(core: Version | None) -> Supported | None:
    """What this version of Cluster API runs in workload clusters; None when nothing is known about it."""
    span = _WORKLOADS.get(core.minor) if core and core.major == 1 else None
    return Supported(core, *span) if core and span else None


def require_supported(version: Version, supported: Supported | None) -> None:
    """Raises InvalidOption for a version that the installed Cluster API does not run."""
    if supported is not None and version not in supported:
        raise InvalidOption(
            f"kubernetes_version is {version}, and Cluster API {supported.core}, which is installed, runs {supported}",
            next_step="choose one of these, or bring Cluster API to a version that runs it first",
        )
