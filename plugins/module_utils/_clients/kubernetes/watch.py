# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many objects watched as one stream: a thread and a connection per (kind, namespace)."""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from ..._domain import errors
from ..._domain.kubernetes.manifest import Manifest, ObjectRef, ref_of
from ..._domain.kubernetes.ports import Seen, Silence
from .policy import Policy


class Watchable(Protocol):
    """The part of the client that a watch needs."""

    def path_of(self, ref: ObjectRef) -> str: ...

    def pages(self, collection: ObjectRef, query: Mapping[str, str]) -> Iterator[Manifest]: ...

    def open_watch(
        self, collection: ObjectRef, query: Mapping[str, str]
    ) -> AbstractContextManager[Iterator[Manifest]]: ...


class Expired(Exception):
    """The server has forgotten what we wanted to go on from (410 Gone): the state has to be read afresh."""


@contextmanager
def watch_groups(api: Watchable, refs: Sequence[ObjectRef], policy: Policy) -> Iterator[Iterator[Seen | Silence]]:
    """Implements ``ports.Kubernetes.watch``. Raises NotServed for a kind that is not served when the watch begins."""
    messages: queue.SimpleQueue[Seen | Silence | Exception] = queue.SimpleQueue()
    stopped = threading.Event()
    members: dict[ObjectRef, list[ObjectRef]] = defaultdict(list)
    for ref in refs:
        members[ObjectRef(ref.api_version, ref.kind, "", ref.namespace)].append(ref)
    for collection in members:
        api.path_of(collection)
    for collection, watched in members.items():
        group = _Group(api, collection, watched, policy, messages=messages, stopped=stopped)
        # Daemons: a thread may sit in a read for a minute, and the process must be able to end meanwhile.
        threading.Thread(target=group.run, name=f"watch {collection.kind}", daemon=True).start()
    try:
        yield _received(messages, policy.heartbeat)
    finally:
        stopped.set()


def _received(messages: queue.SimpleQueue[Seen | Silence | Exception], heartbeat: float) -> Iterator[Seen | Silence]:
    trouble = ""
    while True:
        try:
            message = messages.get(timeout=heartbeat)
        except queue.Empty:
            yield Silence(trouble)
            continue
        if isinstance(message, Exception):
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
        policy: Policy,
        *,
        messages: queue.SimpleQueue[Seen | Silence | Exception],
        stopped: threading.Event,
    ) -> None:
        self._api = api
        self._collection = collection
        self._refs = {(ref.namespace, ref.name): ref for ref in refs}
        self._query = {"fieldSelector": f"metadata.name={refs[0].name}"} if len(refs) == 1 else {}
        self._policy = policy
        self._messages = messages
        self._stopped = stopped
        self._version = ""
        self._idle = 0
        self._troubled = False

    def run(self) -> None:
        """Watches until stopped. Whatever can not be mended by going on is raised where the messages are read."""
        try:
            while not self._stopped.is_set():
                self._connect()
                # Never at once: a server, or a proxy before it, may end every connection as soon as it has begun.
                self._stopped.wait(self._policy.watch_pause(self._idle))
        except Exception as error:
            self._messages.put(error)

    def _connect(self) -> None:
        self._idle += 1
        try:
            if not self._version:
                self._list()
            self._follow()
        except Expired:
            self._version = ""
        except errors.NotServed:
            # The kind was served when the watch began: with its definition its objects are gone.
            self._version = ""
            for ref in self._refs.values():
                self._messages.put(Seen(ref, None))
        except errors.Unreachable as error:
            self._troubled = True
            self._messages.put(Silence(trouble=error.message))

    def _list(self) -> None:
        """The present state of every watched object, also of those that do not exist."""
        found: dict[ObjectRef, Manifest] = {}
        version = ""
        for page in self._api.pages(self._collection, self._query):
            found |= {ref: item for item in page["items"] if (ref := self._watched(item)) is not None}
            version = str(page["metadata"].get("resourceVersion") or "")
        for ref in self._refs.values():
            self._messages.put(Seen(ref, found.get(ref)))
        self._version = version

    def _follow(self) -> None:
        with self._api.open_watch(self._collection, {**self._query, "resourceVersion": self._version}) as events:
            if self._troubled:
                self._troubled = False
                self._messages.put(Silence())
            for event in events:
                if self._stopped.is_set():
                    return
                self._take(str(event.get("type")), event.get("object") or {})

    def _take(self, event: str, manifest: Manifest) -> None:
        if event == "ERROR":
            self._version = ""  # whatever it was, the state read afresh is right
            if manifest.get("code") == 410:
                raise Expired
            raise errors.Unreachable(f"the watch on {self._collection.kind} failed: {manifest.get('message', '')}")
        self._idle = 0
        self._version = str(manifest["metadata"]["resourceVersion"])
        ref = self._watched(manifest)
        if ref is not None and event != "BOOKMARK":
            self._messages.put(Seen(ref, None if event == "DELETED" else manifest))

    def _watched(self, manifest: Manifest) -> ObjectRef | None:
        ref = ref_of(manifest)
        return self._refs.get((ref.namespace, ref.name)) or self._refs.get((self._collection.namespace, ref.name))
