# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine asks of an API server; implemented by the real client and by the scripted one of the tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from .contents import Contents
from .manifest import Manifest, ObjectRef


@dataclass(frozen=True)
class Served:
    """How the API server serves a kind; Crossplane's own kinds say in ``categories`` what they are."""

    plural: str
    namespaced: bool
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """The present state of a watched object; ``manifest`` is None when it does not exist."""

    ref: ObjectRef
    manifest: Manifest | None


@dataclass(frozen=True)
class Silence:
    """Nothing happened for a while. ``trouble`` says why the server can not be heard, empty when it can."""

    trouble: str = ""


class Kubernetes(Protocol):
    """One API server. Reads are retried; a failure is an error of ``_domain.errors`` that names the server."""

    def bounded_by(self, moment: float) -> Kubernetes:
        """The same server, asked until that moment of the clock: what would last longer is Unreachable."""

    def served(self, api_version: str, kind: str) -> Served:
        """Discovery, which every other request about the kind rests on: asked once. Raises NotServed."""

    def strain(self) -> str:
        """How busy the server has shown itself since the task began, in words; empty when it was not."""

    def now(self) -> float | None:
        """The server's time when it last answered, to the second; None when it has not told."""

    def get(self, ref: ObjectRef) -> Manifest | None: ...

    def list_objects(self, api_version: str, kind: str, namespace: str = "", labels: str = "") -> list[Manifest]:
        """All objects of a kind, of one namespace or of all; page by page."""

    def scan(self, api_version: str, kind: str, namespace: str = "", labels: str = "") -> Iterator[Manifest]:
        """The same objects one by one, a page of them in memory; each as it is when its page is read."""

    def apply(self, manifest: Manifest, *, force: bool = False, dry_run: bool = False) -> Manifest:
        """Server-side apply with strict field validation. Raises Invalid, and FieldConflict unless ``force``.

        With ``dry_run`` the answer is what would be stored, and nothing is. Raises DryRunRefused.
        """

    def create(self, manifest: Manifest) -> Manifest | None:
        """The same, but it can only create: None, and nothing written, when the object exists by now."""

    def swap(self, manifest: Manifest, version: str) -> Manifest | None:
        """The same, taking over all fields, of an object that has this resource version; one that is empty creates.

        None, and nothing written, when it has another one by now. One that was deleted meanwhile is made again.
        """

    def user(self) -> str:
        """The caller's name, as the API server knows it."""

    def delete(self, ref: ObjectRef, *, uid: str, dry_run: bool = False) -> None:
        """Deletes that very object, foreground. One that is gone, or has another uid by now, is not an error."""

    def contents(self, namespace: str) -> Contents:
        """Everything in a namespace that goes with it."""

    def events(self, ref: ObjectRef, uid: str) -> list[Manifest]: ...

    def watch(self, refs: Sequence[ObjectRef]) -> AbstractContextManager[Iterator[Seen | Silence]]:
        """First the present state of every ref, then every change; a Silence whenever a second passes without one."""
