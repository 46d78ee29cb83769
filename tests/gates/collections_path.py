# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder in which Ansible, pytest and mypy find `ansible_collections`: the checkout beside what it depends on.

`python -m tests.gates.collections_path` links the checkout in and unpacks the collections named in galaxy.yml. They are
taken from PyPI's `ansible` bundle, so that one package index is all that a build needs. The bundle is unpacked and not
installed: in site-packages its `ansible_collections` is a regular package that would hide the checkout's.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.gates.paths import ANSIBLE, CHECKOUT, COLLECTIONS

BUNDLE = "ansible==14.5.0"


def main() -> None:
    """Make the folder complete; costs nothing when it is."""
    with _alone():
        _link(COLLECTIONS / "pnow" / "infra", CHECKOUT)
        wanted = _wanted()
        stamp = ANSIBLE / "collections" / "bundle"
        content = "\n".join([BUNDLE, *wanted])
        if not stamp.is_file() or stamp.read_text() != content:
            _unpack(wanted)
            stamp.write_text(content)


def copy_checkout(root: Path) -> Path:
    """Copy what git would keep of the checkout below `root`, dependencies linked beside it; returns the copy's folder.

    For programs that resolve symbolic links and then no longer see a collection's path.
    """
    target = root / "ansible_collections" / "pnow" / "infra"
    for name in checkout_files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, target / name)
    link_dependencies(root)
    return target


def checkout_files() -> list[str]:
    """The files of the checkout that git keeps or would keep, relative to it."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, text=True).stdout
    # git also lists files that were deleted and not yet staged.
    return [name for name in names.split("\0") if (CHECKOUT / name).is_file()]


def link_dependencies(root: Path) -> None:
    """Put the collections that ours depends on below `root`, as a folder for ANSIBLE_COLLECTIONS_PATH."""
    for name in _wanted():
        namespace, collection = name.split(".")
        _link(root / "ansible_collections" / namespace / collection, COLLECTIONS / namespace / collection)


def _wanted() -> list[str]:
    return sorted(yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())["dependencies"])


@contextmanager
def _alone() -> Iterator[None]:
    ANSIBLE.mkdir(exist_ok=True)
    with (ANSIBLE / "collections.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.resolve() == target:
        return
    link.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)


def _unpack(wanted: list[str]) -> None:
    started = time.monotonic()
    print(f"==> fetching {', '.join(wanted)} out of {BUNDLE}, this once", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=ANSIBLE) as folder:
        wheel = _download(Path(folder))
        prefixes = tuple(f"ansible_collections/{name.replace('.', '/')}/" for name in wanted)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder, [name for name in archive.namelist() if name.startswith(prefixes)])
        for prefix in prefixes:
            target = COLLECTIONS.parent / prefix
            shutil.rmtree(target, ignore_errors=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / prefix).rename(target)
    print(f"==> collections are ready after {time.monotonic() - started:.0f} s", file=sys.stderr)


def _download(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--only-binary", ":all:", "--dest", str(folder), BUNDLE], check=True)
    return next(folder.glob("*.whl"))


if __name__ == "__main__":
    main()
