# SPDX-License-Identifier: GPL-3.0-or-later
"""Go: finding a toolchain that is new enough, and reading what it says of packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.testbed.errors import TestbedError
from tests.testbed.progress import Package

ENVIRONMENT = {
    # Readonly: what is built is what go.mod and go.sum say, or nothing.
    "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
    "CGO_ENABLED": "0",
    "GOWORK": "off",
    # A module may ask for a later patch release of Go; the installed one fetches that by itself.
    "GOTOOLCHAIN": "auto",
}

# For `go list`: a package's name, the folder of its sources, whether it would be built, why, and its files.
LISTING = "{{.ImportPath}}\t{{.Dir}}\t{{.Stale}}\t{{.StaleReason}}\t{{range .GoFiles}}{{.}} {{end}}"
COMPILED = "not installed but available in build cache"

Version = tuple[int, ...]


def required_version(go_mod: Path) -> Version:
    """The major and minor Go version that a go.mod file asks for."""
    match = re.search(r"^go (\S+)$", go_mod.read_text(), re.MULTILINE)
    if not match:
        raise TestbedError(f"{go_mod} has no line `go <version>`; add one.")
    return parse_version(match[1])[:2]


def parse_version(text: str) -> Version:
    """(1, 26, 1) from '1.26.1', 'go1.26.1' or 'go1.26rc1'."""
    return tuple(int(number) for number in re.findall(r"\d+", text.partition("rc")[0]))


def find(required: Version, candidates: Iterable[Path] | None = None) -> str:
    """The path of the first `go` that is new enough, of all on this machine; raises TestbedError if there is none."""
    found = []
    for candidate in installed() if candidates is None else candidates:
        version = _version(candidate)
        if version and version >= required:
            return str(candidate)
        if version:
            found.append(f"{candidate} is {_text(version)}")
    raise TestbedError(
        f"Building the test bed needs Go {_text(required)} or newer, and {'; '.join(found) or 'no Go was found'}. "
        "Get it from https://go.dev/dl/ (unpack it as /usr/local/go, or put its bin folder on PATH) and try again."
    )


def uncompiled(listing: str) -> list[Package]:
    """The packages of a LISTING that are not in Go's cache; how much work one is, its sources say."""
    packages = []
    for line in listing.splitlines():
        name, folder, stale, reason, files = line.split("\t")
        if stale == "true" and reason != COMPILED:
            size = sum((Path(folder) / file).stat().st_size for file in files.split())
            packages.append(Package(name, folder, size))
    return packages


def installed() -> Iterator[Path]:
    """Every `go` on PATH and in the places where people put it."""
    folders = [Path(folder) for folder in os.get_exec_path()]
    if root := os.environ.get("GOROOT"):
        folders.append(Path(root) / "bin")
    home = Path.home()
    folders += [Path("/usr/local/go/bin"), home / "go/bin", *sorted(home.glob("sdk/go*/bin"), reverse=True)]
    for folder in dict.fromkeys(folders):
        if executable := shutil.which("go", path=str(folder)):
            yield Path(executable)


def _version(go: Path) -> Version | None:
    # From the root folder, and local: no go.mod nearby may have it answer for a toolchain that it would download first.
    local = {**os.environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run([go, "env", "GOVERSION"], cwd="/", env=local, capture_output=True, text=True, check=False)
    return parse_version(answer.stdout) if answer.returncode == 0 else None


def _text(version: Version) -> str:
    return ".".join(str(number) for number in version)
