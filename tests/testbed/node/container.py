# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process does to become a container: its own processes, root, mounts and user. Standard library only."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.testbed.node import namespaces

# Of the machine: programs such as sh, and the libraries of all programs.
SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64")
SYSTEM_FILES = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ssl", "pki", "nsswitch.conf", "terminfo")
DEVICES = ("null", "zero", "full", "random", "urandom")
DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
WORLD_WRITABLE = ("tmp", "var/tmp", "run")

Specification = Mapping[str, Any]
"""A container as JSON.

`argv`, `environment`, `folder` (where it runs), `user`, `group`; `root` (a folder to mount it on), `readonly`;
`programs` (of the image: folder by where it is seen), `commands` (what is on PATH of it), `folders` (made for it),
`files` (texts by path), `mounts` (source, target, readonly).
"""


def build(container: Specification) -> None:
    """Make the root, and enter it; raises OSError where the machine does not let us."""
    root = Path(container["root"])
    namespaces.mount("", "/", flags=namespaces.MS_REC | namespaces.MS_PRIVATE)
    namespaces.mount("tmpfs", str(root), "tmpfs", namespaces.MS_NOSUID | namespaces.MS_NODEV, "mode=755")
    _mount_system(root)
    _make_devices(root / "dev")
    (root / "proc").mkdir()
    namespaces.mount("proc", str(root / "proc"), "proc", namespaces.MS_NOSUID | namespaces.MS_NODEV)
    for name in WORLD_WRITABLE:
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name).chmod(0o1777)
    _mount_image(root, container)
    for path, text in container["files"].items():
        _inside(root, path).parent.mkdir(parents=True, exist_ok=True)
        _inside(root, path).write_text(text)
    for each in container["mounts"]:
        _mount(Path(each["source"]), _inside(root, each["target"]), readonly=each["readonly"])
    if container["readonly"]:
        namespaces.mount("", str(root), flags=namespaces.MS_BIND | namespaces.MS_REMOUNT | namespaces.MS_RDONLY)
    namespaces.enter_root(str(root))


def run(container: Specification, streams: Sequence[int]) -> None:
    """Become the program, in the root that we are in; raises OSError if it can not be run."""
    Path(container["folder"]).mkdir(parents=True, exist_ok=True)
    os.chdir(container["folder"])
    namespaces.become(container["user"], container["group"])
    namespaces.gain_nothing()
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.umask(0o022)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.execvpe(container["argv"][0], container["argv"], dict(container["environment"]))


def _mount_system(root: Path) -> None:
    for name in SYSTEM:
        source = Path("/", name)
        if source.is_symlink():
            (root / name).symlink_to(source.readlink())
        elif source.is_dir():
            _mount(source, root / name, readonly=True)
    (root / "etc").mkdir()
    for name in SYSTEM_FILES:
        source = Path("/etc", name)
        if source.exists():
            _mount(source.resolve(), root / "etc" / name, readonly=True)


def _make_devices(folder: Path) -> None:
    folder.mkdir()
    for name in DEVICES:
        _mount(Path("/dev", name), folder / name, readonly=False)
    for name, target in DEVICE_LINKS.items():
        (folder / name).symlink_to(target)
    (folder / "shm").mkdir(mode=0o1777)


def _mount_image(root: Path, container: Specification) -> None:
    """The image's programs, and names of them where images have theirs, instead of the machine's own."""
    for target, source in container["programs"].items():
        _mount(Path(source), _inside(root, target), readonly=True)
    commands = root / "usr/local"
    namespaces.mount("tmpfs", str(commands), "tmpfs", namespaces.MS_NOSUID | namespaces.MS_NODEV, "mode=755")
    (commands / "bin").mkdir()
    for name, target in container["commands"].items():
        (commands / "bin" / name).symlink_to(target)
    for path in container["folders"]:
        _inside(root, path).mkdir(parents=True, exist_ok=True)


def _mount(source: Path, target: Path, *, readonly: bool) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    namespaces.bind(str(source), str(target), readonly=readonly)


def _inside(root: Path, path: str) -> Path:
    return root / path.lstrip("/")
