# SPDX-License-Identifier: GPL-3.0-or-later
"""How far compiling is, over all programs that are built: in packages, and in time by the size of their sources."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

# Before this part of the work is done, its speed is a guess.
TELLING = 0.03


class Package(NamedTuple):
    """A package that has to be compiled. Its folder tells it from the same package in another version of its module."""

    name: str
    folder: str
    size: int


class Progress:
    """Counts a package once, however many programs share it; `packages` are those of each build, by its name."""

    def __init__(self, packages: Mapping[str, Sequence[Package]], clock: Callable[[], float] = time.monotonic) -> None:
        self._packages = {build: {each.name: each for each in needed} for build, needed in packages.items()}
        self._sizes = {each.folder: each.size for needed in packages.values() for each in needed}
        self._done: set[str] = set()
        self._clock = clock
        self._started = clock()

    def note(self, build: str, names: Iterable[str]) -> None:
        """The compiler has come to packages with these names; others than we wait for may be among them."""
        needed = self._packages[build]
        self._done.update(needed[name].folder for name in names if name in needed)

    def finish(self, build: str) -> None:
        """A build has ended, whoever made it."""
        self.note(build, self._packages[build])

    def text(self) -> str:
        """How many packages of how many, and how long the others will take; empty if there is nothing to compile."""
        if not self._sizes:
            return ""
        return f"{len(self._done)} of {len(self._sizes)} packages{self._estimate()}"

    def _estimate(self) -> str:
        done = sum(self._sizes[folder] for folder in self._done) / sum(self._sizes.values())
        if done < TELLING:
            return ""
        minutes = round((self._clock() - self._started) * (1 - done) / done / 60)
        return f", about {minutes} min left" if minutes else ", less than a minute left"
