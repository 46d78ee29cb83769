# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the collection's tarball into dist/, install it into an empty place, and start its playbooks from there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.gates.collections_path import checkout_files, link_dependencies
from tests.gates.paths import ANSIBLE, CHECKOUT

DIST = CHECKOUT / "dist"
# Stays for the end-to-end suite, which runs a playbook from it.
INSTALLED = ANSIBLE / "installed"


def main() -> None:
    """Build, look inside, install, and have Ansible load every playbook."""
    tarball = _build()
    _refuse_strays(tarball)
    _install(tarball)
    collection = INSTALLED / "ansible_collections" / "pnow" / "infra"
    for playbook in sorted((collection / "playbooks").glob("*.yml")):
        name = f"pnow.infra.{playbook.stem}"
        inventories = [f"--inventory={folder}" for folder in sorted((collection / "inventories").iterdir())]
        for way in ("--syntax-check", "--list-tasks"):
            _ansible("ansible-playbook", name, *inventories, way, "--extra-vars=confirm=dev")
        print(f"{name} loads from the installed tarball")


def _build() -> Path:
    shutil.rmtree(DIST, ignore_errors=True)
    _ansible("ansible-galaxy", "collection", "build", str(CHECKOUT), "--output-path", str(DIST))
    return next(DIST.glob("*.tar.gz"))


def _refuse_strays(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        packed = {member.name for member in archive if member.isfile()}
    strays = sorted(packed - set(checkout_files()) - {"MANIFEST.json", "FILES.json"})
    if strays:
        sys.exit(
            f"{tarball.name} holds files that git ignores, add them to build_ignore in galaxy.yml: {', '.join(strays)}"
        )
    print(f"{tarball.relative_to(CHECKOUT)}: {len(packed)} files, {tarball.stat().st_size // 1024} KiB")


def _install(tarball: Path) -> None:
    shutil.rmtree(INSTALLED, ignore_errors=True)
    link_dependencies(INSTALLED)
    place = ["--collections-path", str(INSTALLED)]
    _ansible("ansible-galaxy", "collection", "install", str(tarball), "--offline", *place)


def _ansible(*command: str) -> None:
    # Nothing of the checkout, or of the user's, beyond the files it is told: an empty configuration, these collections.
    configuration = INSTALLED / "ansible.cfg"
    configuration.parent.mkdir(parents=True, exist_ok=True)
    configuration.touch()
    alone = {
        "ANSIBLE_CONFIG": str(configuration),
        "ANSIBLE_HOME": str(INSTALLED / "home"),
        "ANSIBLE_COLLECTIONS_PATH": str(INSTALLED),
    }
    inherited = {**os.environ, **alone}
    done = subprocess.run(command, cwd=INSTALLED, env=inherited, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
