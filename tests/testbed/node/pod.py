# SPDX-License-Identifier: GPL-3.0-or-later
"""One pod that is bound to the node, from its volumes to its end."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.testbed.node import runtime, specification, status
from tests.testbed.node.attendant import Attendant
from tests.testbed.node.node import MERGE, UNREACHABLE, Node, now
from tests.testbed.node.runtime import Lost, Sandbox
from tests.testbed.node.variables import Object, Unresolved
from tests.testbed.node.volumes import Volumes

RETRY_SECONDS = 1.0
REFRESH_SECONDS = 15.0
ENDED = ("Succeeded", "Failed")
# There is no such pod, or another one of its name.
GONE = (404, 409)

logger = logging.getLogger(__name__)


class Pod:
    """A pod as the node has it; `body` is as the API server has it."""

    def __init__(self, node: Node, body: Object) -> None:
        self.node = node
        self.body = body
        self.uid: str = body["metadata"]["uid"]
        self.folder = node.folder / "pods" / self.uid
        self.sandbox = Sandbox(self.folder)
        self.address = ""
        self.volumes: dict[str, Path] = {}
        self.phase: str = body.get("status", {}).get("phase", "Pending")
        self.inits = [Attendant(self, each["name"], init=True) for each in self.spec.get("initContainers", [])]
        self.containers = [Attendant(self, each["name"], init=False) for each in self.spec["containers"]]
        self._began = body.get("status", {}).get("startTime") or now()
        self._conditions: list[dict[str, Any]] = list(body.get("status", {}).get("conditions", []))
        self._news, self._updated = asyncio.Event(), asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._life: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def spec(self) -> Object:
        found: Object = self.body["spec"]
        return found

    @property
    def with_address(self) -> Object:
        """The pod with its address, which its status may not have yet."""
        addresses = {"podIP": self.address, "podIPs": [{"ip": self.address}], "hostIP": "127.0.0.1"}
        return {**self.body, "status": {**self.body.get("status", {}), **addresses}}

    @property
    def name(self) -> str:
        name: str = self.body["metadata"]["name"]
        return name

    @property
    def namespace(self) -> str:
        namespace: str = self.body["metadata"]["namespace"]
        return namespace

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"

    @property
    def patience(self) -> float:
        seconds: float = self.spec.get("terminationGracePeriodSeconds", 30)
        return seconds

    def observe(self, body: Object) -> None:
        """Take note of the pod as it is now, and begin or end it if it is time."""
        self.body = body
        self._updated.set()
        if "deletionTimestamp" in body["metadata"]:
            if not self._ending:
                self._ending = asyncio.create_task(self._end(body["metadata"].get("deletionGracePeriodSeconds", 30)))
                self._ending.add_done_callback(self._done)
        elif not self._life and self.phase not in ENDED:
            self._life = asyncio.create_task(self._live())
            self._life.add_done_callback(self._done)
            self.background(self._report())
            self.background(self._refresh())

    async def vanish(self) -> None:
        """The object is gone: so shall be all else, whatever it was."""
        if not self._ending:
            self._ending = asyncio.create_task(self._end(0))
        with suppress(Exception):
            await self._ending
        self.node.forget(self.body)
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    def changed(self) -> None:
        """There is something to report."""
        self._news.set()

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside all else, until the pod ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, Lost):
            logger.error("%s/%s: what was done beside has failed", self.namespace, self.name, exc_info=error)

    async def unless_changed(self, seconds: float, changed: Callable[[], bool]) -> None:
        """Wait that long, or until the pod has changed so."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not changed():
                    self._updated.clear()
                    await self._updated.wait()

    async def read(self, resource: str, name: str) -> Object | None:
        """A ConfigMap or Secret of the pod's namespace."""
        return await self.node.read(self.namespace, resource, name)

    async def _live(self) -> None:
        """Run the pod until it has ended by itself; a sandbox that ends with its machine is replaced by a new one."""
        while True:
            try:
                await self._set_up()
                await self._run()
                break
            except Lost as lost:
                logger.warning("%s/%s has lost its sandbox: %s", self.namespace, self.name, lost)
                self.sandbox.close()
                await asyncio.sleep(RETRY_SECONDS)
        self.changed()
        await self._stop_all(self.inits, self.patience)
        await self.sandbox.end()
        self._release()

    async def _run(self) -> None:
        for attendant in self.inits:
            if attendant.is_sidecar:
                self.background(attendant.keep())
                while not attendant.known.started:
                    self._news.set()
                    await asyncio.sleep(RETRY_SECONDS)
            else:
                await attendant.keep()
                if attendant.known.failed:
                    return
        for attendant in self.containers:
            if attendant.known.state == status.INITIALIZING:
                attendant.known.state = dict(status.CREATING)
        keeping = [asyncio.create_task(each.keep()) for each in self.containers]
        try:
            await asyncio.gather(*keeping)
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)

    async def _set_up(self) -> None:
        """Have volumes and a sandbox, that of a node before us if it still runs."""
        (self.folder / "root").mkdir(parents=True, exist_ok=True)
        await self._mount()
        self.address = self.node.addresses.of(self.uid)
        self.node.network.write_hosts(self)
        self.sandbox = Sandbox(self.folder)
        try:
            await self.sandbox.open()
        except Lost:
            await self._start_sandbox()
        self._recall()
        self.node.network.plug(self)
        self.changed()

    def _recall(self) -> None:
        """Begin with what is said of the containers, and with what runs."""
        statuses = self.body.get("status", {})
        for attendant in (*self.inits, *self.containers):
            known = "initContainerStatuses" if attendant.init else "containerStatuses"
            attendant.recall(statuses.get(known, []))
            if not attendant.init and self.inits and "waiting" in attendant.known.state:
                attendant.known.state = dict(status.INITIALIZING)

    async def _start_sandbox(self) -> None:
        request = {"do": "pod", "folder": str(self.folder), "address": self.address}
        answer, _files = await runtime.ask(
            self.node.machine, {**request, "hostname": specification.hostname(self.body)}
        )
        if answer["error"]:
            raise Lost(answer["error"])
        await self.sandbox.open()

    async def _mount(self) -> None:
        volumes = self._volumes = Volumes(self.folder / "volumes", self.body, self.read, self._claimed, self._token)
        while True:
            try:
                self.volumes = await volumes.prepare()
                return
            except Unresolved as error:
                await self.node.tell(self.body, "Warning", "FailedMount", f"MountVolume.SetUp failed: {error}")
            except UNREACHABLE as error:
                logger.warning("%s/%s waits for its volumes: %s", self.namespace, self.name, error)
            self.changed()
            await asyncio.sleep(RETRY_SECONDS)

    async def _claimed(self, name: str) -> Path:
        try:
            return await self.node.claimed(self.namespace, name)
        except LookupError as error:
            raise Unresolved(str(error.args[0])) from error

    async def _token(self, wanted: Object) -> str:
        return await self.node.token(self.body, wanted)

    async def _refresh(self) -> None:
        """Bring into volumes what has changed in ConfigMaps and Secrets."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            with suppress(Unresolved, *UNREACHABLE):
                if self.volumes:
                    await self._volumes.refresh()

    async def _end(self, grace: float) -> None:
        """End all that runs, say so, and let the object go."""
        if self._life:
            self._life.cancel()
            await asyncio.wait([self._life])
        else:
            with suppress(Lost):
                await self.sandbox.open()
            self._recall()
        for attendant in self.containers:
            if "running" in attendant.known.state:
                await self.node.tell(
                    self.body, "Normal", "Killing", f"Stopping container {attendant.name}", attendant.name
                )
        with suppress(Lost):
            await self._stop_all(self.containers, grace)
            await self._stop_all(self.inits, grace)
        for attendant in (*self.inits, *self.containers):
            attendant.note_end()
        await self.sandbox.end()
        self._release()
        while True:
            try:
                await self._write_status()
                options = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
                await self.node.api.remove(self.path, options)
                break
            except UNREACHABLE as error:
                if getattr(error, "status", 0) in GONE:
                    break
                await asyncio.sleep(RETRY_SECONDS)
        for task in list(self._tasks):
            task.cancel()

    async def _stop_all(self, attendants: list[Attendant], patience: float) -> None:
        results = await asyncio.gather(*(each.stop(patience) for each in attendants), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, Lost):
                raise result

    def _release(self) -> None:
        self.node.network.unplug(self)
        self.node.addresses.release(self.uid)

    async def _report(self) -> None:
        """Write what is new, for as long as there is a pod."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._write_status()
            except UNREACHABLE as error:
                if getattr(error, "status", 0) in GONE:
                    continue
                logger.warning("%s/%s: its status is not written: %s", self.namespace, self.name, error)
                self._news.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def _write_status(self) -> None:
        inits = [each.known for each in self.inits if not each.is_sidecar]
        containers = [each.known for each in self.containers]
        if self.phase not in ENDED:
            self.phase = status.phase(self.spec.get("restartPolicy", "Always"), inits, containers)
        ours = status.conditions(self.body, self.phase, inits, containers, bool(self.address))
        self._conditions = status.merged(self._conditions, ours, now())
        others = [each for each in self.body.get("status", {}).get("conditions", []) if each["type"] not in ours]
        written: dict[str, Any] = {
            "phase": self.phase,
            "conditions": self._conditions + others,
            "hostIP": "127.0.0.1",
            "hostIPs": [{"ip": "127.0.0.1"}],
            "startTime": self._began,
            "initContainerStatuses": [each.known.status() for each in self.inits] or None,
            "containerStatuses": [each.known.status() for each in self.containers],
        }
        if self.address:
            written |= {"podIP": self.address, "podIPs": [{"ip": self.address}]}
        patch = {"metadata": {"uid": self.uid}, "status": written}
        await self.node.api.request("PATCH", f"{self.path}/status", patch, MERGE)
