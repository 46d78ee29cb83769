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
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from tests.testbed import golang
from tests.testbed.bed import lock
from tests.testbed.errors import TestbedError
from tests.testbed.progress import Package, Progress

SOURCES = Path(__file__).with_name("programs")
PROGRESS_INTERVAL = 15.0
LOG_TAIL_LINES = 15


class Build(Protocol):
    """Something that is built into a folder of the cache."""

    @property
    def name(self) -> str: ...

    def inputs(self) -> Sequence[object]:
        """Everything the result depends on; JSON can represent it."""

    def packages(self, step: BuildStep, /) -> list[Package]:
        """What is to be compiled, its sources fetched; without what Go has compiled already."""

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
    kept beside the binary, so that the two can never disagree. `additions` is a folder beside go.mod whose files are
    laid over the module's sources.
    """

    name: str
    module: GoModule
    package: str = ""
    stamps: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    additions: str = ""

    def inputs(self) -> Sequence[object]:
        # Not the version of Go that happens to be installed: go.mod says which is needed, and a warm cache needs none.
        locked = [(self._sources / name).read_text() for name in ("go.mod", "go.sum")]
        added = [(str(file.relative_to(self._sources)), file.read_text()) for file in self._added_files()]
        return [*locked, self.module.path, self.package, self.stamps, self.files, *self.tags, *added]

    def packages(self, step: BuildStep, /) -> list[Package]:
        listing = [*self._go("list"), "-deps", "-f", golang.LISTING, self._target]
        return golang.uncompiled(step.output(listing, self._sources, golang.ENVIRONMENT))

    def make(self, folder: Path, step: BuildStep) -> None:
        locate = [self._toolchain(), "mod", "download", "-json", self.module.path]
        module = Path(json.loads(step.output(locate, self._sources, golang.ENVIRONMENT))["Dir"])
        with self._with_additions(module, folder / "sources") as adding:
            build = [*self._go("build"), *adding, "-v", "-o", str(folder / "bin" / self.name), self._target]
            step.run(build, self._sources, golang.ENVIRONMENT)
        for source, target in self.files:
            _copy_files(module / source, folder / target)

    def executable(self, cache: Path) -> Path:
        return folder_of(self, cache) / "bin" / self.name

    @property
    def _sources(self) -> Path:
        return SOURCES / self.module.folder

    @property
    def _target(self) -> str:
        return f"{self.module.path}/{self.package}".rstrip("/")

    def _toolchain(self) -> str:
        return golang.find(required=golang.required_version(self._sources / "go.mod"))

    def _go(self, verb: str) -> list[str]:
        """The beginning of a command about packages as they are to be built."""
        linker = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in self.stamps)])
        return [self._toolchain(), verb, f"-tags={','.join(self.tags)}", f"-ldflags={linker}"]

    def _added_files(self) -> list[Path]:
        added = self._sources / self.additions
        return sorted(path for path in added.rglob("*") if path.is_file()) if self.additions else []

    @contextmanager
    def _with_additions(self, module: Path, copy: Path) -> Iterator[list[str]]:
        """What tells `go build` to take the module from a copy with our files in it, which is gone afterwards.

        Go's own -overlay refuses to replace files of published modules.
        """
        if not self.additions:
            yield []
            return
        _copy_files(module, copy)
        _copy_files(self._sources / self.additions, copy)
        go_mod = copy.with_suffix(".mod")
        go_mod.write_text((self._sources / "go.mod").read_text() + f"\nreplace {self.module.path} => {copy}\n")
        shutil.copyfile(self._sources / "go.sum", copy.with_suffix(".sum"))
        yield [f"-modfile={go_mod}"]
        shutil.rmtree(copy)


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

    def packages(self, _step: BuildStep, /) -> list[Package]:
        return []

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
class WheelBuild:
    """Programs in a wheel, for whichever Python that was made; programs/`name`/requirements.txt pins it."""

    name: str
    python: str

    def inputs(self) -> Sequence[object]:
        return [(SOURCES / self.name / "requirements.txt").read_text(), self.python]

    def packages(self, _step: BuildStep, /) -> list[Package]:
        return []

    def make(self, folder: Path, step: BuildStep) -> None:
        install = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--no-compile"]
        wheel = [f"--python-version={self.python}", "--only-binary=:all:", f"--target={self.files_below(folder)}"]
        step.run([*install, *wheel, f"--requirement={SOURCES / self.name / 'requirements.txt'}"], SOURCES)

    def files(self, cache: Path) -> Path:
        """The folder into which the wheel is unpacked."""
        return self.files_below(folder_of(self, cache))

    @staticmethod
    def files_below(folder: Path) -> Path:
        return folder / "files"


@dataclass(frozen=True)
class BuildStep:
    """Runs the commands of one build: output to a log, a sign of life on the terminal every 15 seconds.

    The children inherit the descriptors: if we are killed, nobody else builds this until the child is gone, too.
    """

    label: str
    log: Path
    descriptors: tuple[int, ...] = ()
    how_far: Callable[[Iterable[str]], str] = lambda _: ""

    def run(self, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
        """Run `command` in `folder`; raises TestbedError, with the end of the log, if it fails."""
        self._run(command, folder, environment or {}, None)

    def output(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
        """What `command` prints; raises TestbedError, with the end of what else it said, if it fails."""
        with tempfile.TemporaryFile("w+") as printed:
            self._run(command, folder, environment, printed)
            printed.seek(0)
            return printed.read()

    def _run(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], printed: IO[str] | None
    ) -> None:
        started = time.monotonic()
        with self.log.open("a") as log:
            log.write(f"$ {shlex.join(command)}\n")
            log.flush()
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=printed or log,
                stderr=log,
                pass_fds=self.descriptors,
            )
            while (status := _wait(process, PROGRESS_INTERVAL)) is None:
                print(f"{self.label}: {self._sign_of_life(time.monotonic() - started)}", flush=True)
        if status != 0:
            raise TestbedError(f"{self.label} failed (exit status {status}); {self.log} ends with:\n{tail(self.log)}")

    def _sign_of_life(self, elapsed: float) -> str:
        with self.log.open(errors="replace") as log:
            how_far = self.how_far(line.strip() for line in log)
        return ", ".join(filter(None, [f"{elapsed:.0f} s", how_far]))


def folder_of(build: Build, cache: Path) -> Path:
    """Where the result of `build` is, or will be."""
    system = f"{platform.system()}-{platform.machine()}"
    key = hashlib.sha256(json.dumps([system, build.inputs()]).encode()).hexdigest()
    return cache / "programs" / f"{build.name}-{key[:16]}"


def is_built(build: Build, cache: Path) -> bool:
    return (folder_of(build, cache) / "complete").exists()


def build_missing(builds: Sequence[Build], cache: Path) -> None:
    """Build what is not in the cache yet, in this order, saying which, how far that is, and how long each took."""
    missing = [build for build in builds if not is_built(build, cache)]
    labels = {build.name: f"{build.name} ({number} of {len(missing)})" for number, build in enumerate(missing, start=1)}
    progress = Progress({build.name: _fetch(build, cache, labels[build.name]) for build in missing})
    for build in missing:
        _build_once(build, cache, labels[build.name], progress)
        progress.finish(build.name)


def tail(log: Path, lines: int = LOG_TAIL_LINES) -> str:
    """The last lines of a log file, indented; empty if there is no such file."""
    if not log.exists():
        return ""
    with log.open(errors="replace") as text:
        return "\n".join(f"    {line.rstrip()}" for line in text.readlines()[-lines:])


def _fetch(build: Build, cache: Path, label: str) -> list[Package]:
    """What is to be compiled for a build; fetches it, with a log that stays if that fails."""
    log = folder_of(build, cache).with_suffix(".log")
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    packages = build.packages(BuildStep(f"fetching sources for {label}", log))
    log.unlink(missing_ok=True)
    return packages


def _build_once(build: Build, cache: Path, label: str, progress: Progress) -> None:
    folder = folder_of(build, cache)
    busy = f"building {label}: somebody else is building it, waiting for them"

    def how_far(lines: Iterable[str]) -> str:
        progress.note(build.name, lines)
        return progress.text()

    with lock(cache / "locks" / folder.name, waiting_for=busy) as descriptor:
        if is_built(build, cache):
            return
        print(f"building {label} ...", flush=True)
        started = time.monotonic()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        build.make(folder, BuildStep(f"building {label}", folder / "build.log", (descriptor,), how_far))
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
