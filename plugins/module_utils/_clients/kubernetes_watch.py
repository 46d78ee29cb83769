# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many objects watched as one stream: a thread and a connection per (kind, namespace)."""

from __future__ import annotations

import queue
import random
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from .._domain import errors
from .._domain.manifest import Manifest, ObjectRef, ref_of
from .._domain.ports import Seen, Silence

HEARTBEAT = 1.0
CONNECTION_LIFETIME = 300


class Watchable(Protocol):
    """The part of the client that a watch needs."""

    def page(self, collection: ObjectRef, query: Mapping[str, str]) -> Manifest: ...

    def open_watch(self, collection: ObjectRef, query: Mapping[str, str], timeout: int) -> Iterator[Manifest]: ...


class WatchExpired(Exception):
    """The server has forgotten the resource version we wanted to resume from (410 Gone)."""


Message = Seen | Silence | errors.InfraError


@contextmanager
def watch_groups(api: Watchable, refs: Sequence[ObjectRef]) -> Iterator[Iterator[Seen | Silence]]:
    """Implements ``ports.Kubernetes.watch``."""
    messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
    stopped = threading.Event()
    groups: dict[ObjectRef, list[ObjectRef]] = defaultdict(list)
    for ref in refs:
        groups[ObjectRef(ref.api_version, ref.kind, "", ref.namespace)].append(ref)
    for collection, members in groups.items():
        group = _Group(api, collection, members, messages, stopped)
        # Daemons: a thread may sit in a read for minutes, and the process must be able to end meanwhile.
        threading.Thread(target=group.run, name=f"watch {collection.kind}", daemon=True).start()
    try:
        yield _received(messages)
    finally:
        stopped.set()


def _received(messages: queue.SimpleQueue[Message]) -> Iterator[Seen | Silence]:
    trouble = ""
    while True:
        try:
            message = messages.get(timeout=HEARTBEAT)
        except queue.Empty:
            yield Silence(trouble)
            continue
        if isinstance(message, errors.InfraError):
            raise message
        trouble = message.trouble if isinstance(message, Silence) else ""
        yield message


class _Group:
    """The watched objects of one kind in one namespace."""

    def __init__(
        self,
        api: Watchable,
        collection: ObjectRef,
        refs: Sequence[ObjectRef],
        messages: queue.SimpleQueue[Message],
        stopped: threading.Event,
    ) -> None:
        self._api = api
        self._collection = collection
        self._refs = {(ref.namespace, ref.name): ref for ref in refs}
        self._query = {"fieldSelector": f"metadata.name={refs[0].name}"} if len(refs) == 1 else {}
        self._messages = messages
        self._stopped = stopped
        self._version = ""

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                if not self._version:
                    self._list()
                self._follow()
            except WatchExpired:
                self._version = ""
            except errors.Unreachable as error:
                self._messages.put(Silence(trouble=error.message))
                self._stopped.wait(random.uniform(0.5, 1.5))
            except errors.InfraError as error:
                self._messages.put(error)
                return

    def _list(self) -> None:
        """The present state of every watched object, also of those that do not exist."""
        found: dict[ObjectRef, Manifest] = {}
        token = ""
        while True:
            page = self._api.page(self._collection, {**self._query, "continue": token})
            found |= {ref: item for item in page["items"] if (ref := self._watched(item)) is not None}
            token = page["metadata"].get("continue") or ""
            if not token:
                break
        for ref in self._refs.values():
            self._messages.put(Seen(ref, found.get(ref)))
        self._version = page["metadata"]["resourceVersion"]

    def _follow(self) -> None:
        query = {**self._query, "resourceVersion": self._version}
        for event in self._api.open_watch(self._collection, query, CONNECTION_LIFETIME):
            if self._stopped.is_set():
                return
            manifest = event["object"]
            if event["type"] == "ERROR":
                if manifest.get("code") == 410:
                    raise WatchExpired
                raise errors.Unreachable(f"the watch on {self._collection.kind} failed: {manifest.get('message', '')}")
            self._version = manifest["metadata"]["resourceVersion"]
            ref = self._watched(manifest)
            if ref is not None and event["type"] != "BOOKMARK":
                self._messages.put(Seen(ref, None if event["type"] == "DELETED" else manifest))

    def _watched(self, manifest: Manifest) -> ObjectRef | None:
        ref = ref_of(manifest)
        return self._refs.get((ref.namespace, ref.name)) or self._refs.get((self._collection.namespace, ref.name))
