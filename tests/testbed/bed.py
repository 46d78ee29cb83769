# SPDX-License-Identifier: GPL-3.0-or-later
"""One test bed: its name, its folders, its ports and its credentials.

A bed is a folder, `.testbed/<name>/` in the checkout. What it shares with other beds (built programs, locks, the list
of beds) is in the cache folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.testbed import ports
from tests.testbed.errors import TestbedError

CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_NAME = "demo"
DEFAULT_CROSSPLANE = "2.3"
# What a bed may have beyond what all of them have, by the name in `up --with`.
CLUSTERS, CACHES = "clusters", "caches"
FEATURES = (CACHES, CLUSTERS)
PASSWORDS = ("postgresql", "supervisor")


@dataclass(frozen=True)
class Bed:
    """The state of a test bed that exists; every path is absolute, every file private to its owner."""

    state: Path
    cache: Path
    ports: Mapping[str, int]
    passwords: Mapping[str, str]
    crossplane: str = DEFAULT_CROSSPLANE
    features: Collection[str] = ()

    @property
    def name(self) -> str:
        return self.state.name

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def bin(self) -> Path:
        """What the bed puts on its users' PATH."""
        return self.state / "bin"

    def address(self, port_name: str) -> str:
        """host:port of a program's port."""
        return f"127.0.0.1:{self.ports[port_name]}"

    def write(self, relative: str, text: str) -> Path:
        """Make a file of the state folder hold `text`, atomically and with mode 0600."""
        path = self.state / relative
        write_private(path, text)
        return path


def state_folder(name: str) -> Path:
    """Where the bed called `name` keeps its state; raises TestbedError for a name that is no plain word."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name):
        raise TestbedError(
            f"'{name}' cannot name a test bed: use up to 31 lower case letters, digits and dashes, no dash first."
        )
    return CHECKOUT / ".testbed" / name


def cache_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Where built programs are kept, shared by all beds of this user."""
    environment = os.environ if environment is None else environment
    if override := environment.get("PNOW_CACHE"):
        return Path(override).absolute()
    base = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or Path.home()) / ".cache"
    return Path(base) / "pnow-infra"


def load(state: Path) -> Bed:
    """The bed in the folder `state`; raises TestbedError if there is none."""
    try:
        settings = json.loads((state / "bed.json").read_text())
    except FileNotFoundError:
        raise TestbedError(f"There is no test bed '{state.name}' yet; start it with `make up`.") from None
    version, features = settings.get("crossplane", DEFAULT_CROSSPLANE), tuple(settings.get("features", ()))
    return Bed(state, Path(settings["cache"]), settings["ports"], settings["passwords"], version, features)


def crossplane_of(state: Path, wanted: str | None) -> str:
    """The version of Crossplane in the bed in the folder `state`, `wanted` if there is no bed yet.

    Raises TestbedError if the bed has another than the wanted one: what one version stores, the other may not read.
    """
    if not (state / "bed.json").exists():
        return wanted or DEFAULT_CROSSPLANE
    present = load(state).crossplane
    if wanted not in (None, present):
        raise TestbedError(
            f"Test bed '{state.name}' has Crossplane {present}; take it down first, or name another, for {wanted}."
        )
    return present


def features_of(state: Path, wanted: Collection[str]) -> tuple[str, ...]:
    """What the bed in the folder `state` has beyond the usual, with the `wanted`; a bed keeps what it once had."""
    present = load(state).features if (state / "bed.json").exists() else ()
    return tuple(sorted({*present, *wanted}))


def create(
    state: Path,
    cache: Path,
    port_names: Collection[str],
    *,
    forget: Collection[str] = (),
    crossplane: str = DEFAULT_CROSSPLANE,
    features: Collection[str] = (),
) -> Bed:
    """The bed in the folder `state`, made or completed: missing ports are chosen, missing passwords generated.

    The ports named in `forget` are chosen anew. `crossplane` is the version that is run; `features` are run besides.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with lock(cache / "locks" / "ports"):
        remembered = load(state) if (state / "bed.json").exists() else Bed(state, cache, {}, {})
        kept = {name: port for name, port in remembered.ports.items() if name not in forget}
        neighbours = _known_beds(cache) - {state}
        reserved = {port for neighbour in neighbours for port in load(neighbour).ports.values()}
        passwords = {name: remembered.passwords.get(name) or secrets.token_urlsafe(24) for name in PASSWORDS}
        bed = Bed(state, cache, ports.assign(port_names, kept, reserved), passwords, crossplane, tuple(features))
        settings = {
            "cache": str(cache),
            "ports": dict(bed.ports),
            "passwords": passwords,
            "crossplane": crossplane,
            "features": list(features),
        }
        bed.write("bed.json", json.dumps(settings, indent=2) + "\n")
        write_private(
            cache / "beds.json", json.dumps(sorted(str(known) for known in {*neighbours, state}), indent=2) + "\n"
        )
    for folder in (bed.logs, bed.bin):
        folder.mkdir(mode=0o700, exist_ok=True)
    return bed


def write_private(path: Path, text: str) -> None:
    """Make the file hold `text`: never readable by others, never half-written, untouched if it is right already."""
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(text)
    unfinished.replace(path)


@contextmanager
def lock(path: Path, waiting_for: str | None = None) -> Iterator[int]:
    """Hold an exclusive lock, yielding its file descriptor; says `waiting_for` if somebody else holds it.

    A child that inherits the descriptor holds the lock as well, until both are gone.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting_for:
                print(waiting_for, flush=True)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _known_beds(cache: Path) -> set[Path]:
    """The state folders of all beds that use this cache and still exist."""
    try:
        known = json.loads((cache / "beds.json").read_text())
    except FileNotFoundError:
        return set()
    return {Path(state) for state in known if (Path(state) / "bed.json").exists()}
