# SPDX-License-Identifier: GPL-3.0-or-later
"""Building the programs, once per content, into the cache.

A build lives in `<cache>/programs/<name>-<key>/`. The key covers everything committed here that the result depends on,
so an edit makes a new build and a second clone makes none. The file `complete` is written last: a folder without it is
what a killed build left, and is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.testbed import golang
from tests.testbed.bed import lock
from tests.testbed.errors import TestbedError

SOURCES = Path(__file__).with_name("programs")
PROGRESS_INTERVAL = 15.0
PROGRESS_WIDTH = 70
LOG_TAIL_LINES = 15


class Build(Protocol):
    """Something that is built into a folder of the cache."""

    @property
    def name(self) -> str: ...

    def inputs(self) -> Sequence[object]:
        """Everything the result depends on; JSON can represent it."""

    def make(self, folder: Path, step: BuildStep) -> None:
        """Build into `folder`, which exists and is empty."""


@dataclass(frozen=True)
class GoModule:
    """A published module; programs/`folder` has the go.mod that requires it, and the go.sum that its sources match."""

    folder: str
    path: str
    version: str


@dataclass(frozen=True)
class GoBuild:
    """The binary of one package of a module; `package` is relative to the module's path, empty for its root.

    `stamps` are string variables that the linker sets. `files` are folders of the module, as (folder, target), that are
    kept beside the binary, so that the two can never disagree.
    """

    name: str
    module: GoModule
    package: str = ""
    stamps: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()

    def inputs(self) -> Sequence[object]:
        # Not the version of Go that happens to be installed: go.mod says which is needed, and a warm cache needs none.
        locked = [(self._sources / name).read_text() for name in ("go.mod", "go.sum")]
        return [*locked, self.module.path, self.package, self.stamps, self.files]

    def make(self, folder: Path, step: BuildStep) -> None:
        toolchain = golang.find(required=golang.required_version(self._sources / "go.mod"))
        linker = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in self.stamps)])
        package = f"{self.module.path}/{self.package}".rstrip("/")
        build = [toolchain, "build", "-v", "-ldflags", linker, "-o", str(folder / "bin" / self.name), package]
        step.run(build, self._sources, golang.ENVIRONMENT)
        locate = [toolchain, "list", "-m", "-f", "{{.Dir}}", self.module.path]
        module = Path(step.output(locate, self._sources, golang.ENVIRONMENT))
        for source, target in self.files:
            _copy_files(module / source, folder / target)

    def executable(self, cache: Path) -> Path:
        return folder_of(self, cache) / "bin" / self.name

    @property
    def _sources(self) -> Path:
        return SOURCES / self.module.folder


@dataclass(frozen=True)
class PythonBuild:
    """A virtual environment of its own for one requirement; programs/`name`/requirements.txt pins all that it needs."""

    name: str
    requirement: str

    @property
    def requirements(self) -> Path:
        return SOURCES / self.name / "requirements.txt"

    def inputs(self) -> Sequence[object]:
        return [self.requirements.read_text(), sys.version, sys.base_prefix]

    def make(self, folder: Path, step: BuildStep) -> None:
        step.run([sys.executable, "-m", "venv", str(folder)], SOURCES)
        # The files list every dependency, so nothing is left to the resolver.
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-deps"]
        step.run([*install, "--requirement", str(self.requirements)], SOURCES)

    def executable(self, cache: Path) -> Path:
        return folder_of(self, cache) / "bin" / "python"

    def site_packages(self, cache: Path) -> Path:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return folder_of(self, cache) / "lib" / version / "site-packages"


@dataclass(frozen=True)
class BuildStep:
    """Runs the commands of one build: output to a log, a sign of life on the terminal every 15 seconds."""

    label: str
    log: Path
    lock_descriptor: int

    def run(self, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
        """Run `command` in `folder`; raises TestbedError, with the end of the log, if it fails."""
        started = time.monotonic()
        with self.log.open("a") as log:
            log.write(f"$ {shlex.join(command)}\n")
            log.flush()
            # The child inherits the lock: if we are killed, nobody else builds this until the child is gone, too.
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[self.lock_descriptor],
            )
            while (status := _wait(process, PROGRESS_INTERVAL)) is None:
                elapsed = time.monotonic() - started
                print(f"building {self.label}: {elapsed:.0f} s, now at {self._last_line()}", flush=True)
        if status != 0:
            raise TestbedError(
                f"Building {self.label} failed (exit status {status}); {self.log} ends with:\n{tail(self.log)}"
            )

    def output(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
        """What a quick `command` prints; raises TestbedError if it fails."""
        result = subprocess.run(
            command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise TestbedError(f"Building {self.label} failed: {shlex.join(command)} says: {result.stderr.strip()}")
        return result.stdout.strip()

    def _last_line(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return lines[-1].strip()[:PROGRESS_WIDTH] if lines else ""


def folder_of(build: Build, cache: Path) -> Path:
    """Where the result of `build` is, or will be."""
    system = f"{platform.system()}-{platform.machine()}"
    key = hashlib.sha256(json.dumps([system, build.inputs()]).encode()).hexdigest()
    return cache / "programs" / f"{build.name}-{key[:16]}"


def is_built(build: Build, cache: Path) -> bool:
    return (folder_of(build, cache) / "complete").exists()


def build_missing(builds: Sequence[Build], cache: Path) -> None:
    """Build what is not in the cache yet, saying which, how many, and how long each took."""
    missing = [build for build in builds if not is_built(build, cache)]
    for number, build in enumerate(missing, start=1):
        _build_once(build, cache, f"{build.name} ({number} of {len(missing)})")


def tail(log: Path, lines: int = LOG_TAIL_LINES) -> str:
    """The last lines of a log file, indented; empty if there is no such file."""
    if not log.exists():
        return ""
    with log.open(errors="replace") as text:
        return "\n".join(f"    {line.rstrip()}" for line in text.readlines()[-lines:])


def _build_once(build: Build, cache: Path, label: str) -> None:
    folder = folder_of(build, cache)
    busy = f"building {label}: somebody else is building it, waiting for them"
    with lock(cache / "locks" / folder.name, waiting_for=busy) as descriptor:
        if is_built(build, cache):
            return
        print(f"building {label} ...", flush=True)
        started = time.monotonic()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        build.make(folder, BuildStep(label, folder / "build.log", descriptor))
        (folder / "complete").touch()
        print(f"built {label} in {time.monotonic() - started:.0f} s", flush=True)


def _copy_files(source: Path, target: Path) -> None:
    """Copy a folder without its modes: Go's module cache is read-only, and a copy of that could not be removed."""
    for path in source.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
