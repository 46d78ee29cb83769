# SPDX-License-Identifier: GPL-3.0-or-later
"""One container of a pod, kept as its pod wants it: started, tried by its probes, started again, ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.testbed.bed import write_private
from tests.testbed.node import probes, specification
from tests.testbed.node.images import Image
from tests.testbed.node.node import UNREACHABLE, stamp
from tests.testbed.node.runtime import Execution
from tests.testbed.node.status import Known
from tests.testbed.node.variables import Object, Unresolved, resolve

if TYPE_CHECKING:
    from tests.testbed.node.pod import Pod

FIRST_BACK_OFF, LAST_BACK_OFF, FORGIVEN_AFTER = 10.0, 300.0, 600.0
RETRY_SECONDS = 2.0
MESSAGE_BYTES = 4096
UNKNOWN = {"reason": "ContainerStatusUnknown", "message": "The machine under the container has ended.", "exitCode": 137}


class Attendant:
    """Looks after one container; `known` is what it knows of it."""

    def __init__(self, pod: Pod, name: str, *, init: bool) -> None:
        self.pod = pod
        self.name = name
        self.init = init
        self.known = Known(name, self.specification["image"])
        self._killed = False
        self._crashes = 0

    @property
    def specification(self) -> Object:
        """As the pod has it now: its image may change."""
        listed = self.pod.spec["initContainers" if self.init else "containers"]
        found: Object = next(each for each in listed if each["name"] == self.name)
        return found

    @property
    def run(self) -> str:
        """What the present run is called."""
        return f"{self.name}/{self.known.restarts}"

    @property
    def _started_as(self) -> Path:
        """What the sandbox was told of the present run: whoever runs more in it needs the same."""
        return Path(self.pod.folder, f"{self.name}.json")

    @property
    def log(self) -> Path:
        return self.log_of(self.known.restarts)

    def log_of(self, attempt: int) -> Path:
        """Where the output of a run is."""
        return Path(self.pod.folder, "logs", self.name, f"{attempt}.log")

    def recall(self, statuses: Sequence[Object]) -> None:
        """Begin with what the pod's status says of us, and with what runs."""
        former = next((each for each in statuses if each["name"] == self.name), None)
        if former:
            self.known.state, self.known.last = dict(former.get("state") or self.known.state), dict(former["lastState"])
            self.known.restarts, self.known.identity = former["restartCount"], former.get("containerID", "")
        attempts = [int(run.partition("/")[2]) for run in self.pod.sandbox.runs if run.startswith(f"{self.name}/")]
        if attempts:
            self.known.restarts = max(attempts)
            self._note_running()
        elif "running" in self.known.state:
            self.lose()

    def lose(self) -> None:
        """The run has ended, and how is not known."""
        began = self.known.state.get("running", {})
        ended = UNKNOWN | ({"startedAt": began["startedAt"]} if "startedAt" in began else {})
        self.known.state = {"terminated": ended | {"containerID": self.known.identity}}
        self.known.ready = self.known.started = False

    async def keep(self) -> None:
        """Have the container run until it has ended for good; raises Lost if the sandbox ends."""
        if "terminated" in self.known.state and not await self._goes_on():
            return
        while True:
            if self.run not in self.pod.sandbox.runs:
                await self._start()
            await self._attend()
            if not await self._goes_on():
                return

    async def stop(self, patience: float) -> None:
        """End a run as a kubelet does: the hook, SIGTERM, and after `patience` SIGKILL."""
        run = self.pod.sandbox.runs.get(self.run)
        if not run or run["status"] is not None:
            return
        self._killed = True
        deadline = asyncio.get_running_loop().time() + patience
        hook = (self.specification.get("lifecycle") or {}).get("preStop")
        if hook and patience:
            with suppress(probes.Failed, TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await self._try(hook)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self.pod.sandbox.signal(run["pid"], signal.SIGTERM if patience else signal.SIGKILL)
                await self.pod.sandbox.ended(self.run)
                return
        await self.pod.sandbox.signal(run["pid"], signal.SIGKILL)
        await self.pod.sandbox.ended(self.run)

    def note_end(self) -> None:
        """Know how the run has ended."""
        run = self.pod.sandbox.runs.get(self.run)
        if not run or run["status"] is None:
            return
        reason = "StartError" if run["error"] else "Completed" if run["status"] == 0 else "Error"
        message = run["error"] or self._last_words(run["status"])
        ended: dict[str, Any] = {
            "exitCode": run["status"],
            "reason": reason,
            "containerID": self.known.identity,
            "startedAt": stamp(run["started"]),
            "finishedAt": stamp(run["finished"]),
        }
        self.known.state = {"terminated": ended | ({"message": message} if message else {})}
        self.known.ready = self.known.started = False

    async def execute(self, command: list[str], streams: Sequence[int]) -> Execution:
        """Run a program in the container."""
        container = json.loads(self._started_as.read_text())
        return await self.pod.sandbox.execute(self.run, {**container, "argv": command}, streams)

    async def _start(self) -> None:
        image = await self._pull()
        while True:
            try:
                container = await self._compose(image)
                break
            except Unresolved as error:
                self._wait("CreateContainerConfigError", str(error))
                await self._tell("Warning", "Failed", f"Error: {error}")
            except UNREACHABLE:
                pass
            await asyncio.sleep(RETRY_SECONDS)
        words = self.pod.folder / "termination" / self.name
        words.parent.mkdir(exist_ok=True)
        words.write_text("")
        write_private(self._started_as, json.dumps(container))
        refused = await self.pod.sandbox.run(self.run, container, self.log)
        await self._tell("Normal", "Created", f"Container created: {self.name}")
        self._killed = False
        if refused:
            await self._tell("Warning", "Failed", f"Error: {refused}")
        else:
            self._note_running()
            await self._tell("Normal", "Started", "Container started")
        self.pod.changed()

    async def _compose(self, image: Image) -> dict[str, Any]:
        pod, container = self.pod.with_address, self.specification
        base = specification.variables_of_image(pod, image, self.pod.node.bed.ports["kube-apiserver"])
        environment = await resolve(pod, container, base, self.pod.read)
        return specification.compose(
            pod, container, image, environment, specification.Place(self.pod.folder, self.pod.volumes)
        )

    async def _pull(self) -> Image:
        """Wait for an image that can be had: the pod's may be changed to one."""
        patience = FIRST_BACK_OFF
        while True:
            reference = self.known.image = self.specification["image"]
            if image := self.pod.node.images.find(reference):
                await self._tell("Normal", "Pulled", f'Container image "{reference}" already present on machine')
                return image
            why = f'failed to pull and unpack image "{reference}": failed to resolve reference "{reference}": not found'
            await self._tell("Normal", "Pulling", f'Pulling image "{reference}"')
            await self._tell("Warning", "Failed", f'Failed to pull image "{reference}": {why}')
            await self._tell("Warning", "Failed", "Error: ErrImagePull")
            self._wait("ErrImagePull", why)
            await asyncio.sleep(RETRY_SECONDS)
            await self._tell("Normal", "BackOff", f'Back-off pulling image "{reference}"')
            await self._tell("Warning", "Failed", "Error: ImagePullBackOff")
            self._wait("ImagePullBackOff", f'Back-off pulling image "{reference}": ErrImagePull: {why}')
            await self.pod.unless_changed(patience, lambda: self.specification["image"] != self.known.image)
            patience = min(2 * patience, LAST_BACK_OFF)

    async def _attend(self) -> None:
        """Try the container until it ends; raises Lost if nobody will ever know how."""
        watching = asyncio.create_task(self._watch())
        try:
            await self.pod.sandbox.ended(self.run)
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        self.note_end()
        self.pod.changed()

    async def _watch(self) -> None:
        """Let probes decide whether the container is started and ready, and whether it is alive."""
        container = self.specification
        if hook := (container.get("lifecycle") or {}).get("postStart"):
            try:
                await self._try(hook)
            except probes.Failed as error:
                await self._give_up("FailedPostStartHook", f"PostStartHook failed: {error}")
        if startup := container.get("startupProbe"):
            await self._until(startup, "Startup", fails=partial(self._give_up_on, startup, "startup"))
        self._note(started=True, ready="readinessProbe" not in container)
        async with asyncio.TaskGroup() as both:
            if readiness := container.get("readinessProbe"):
                both.create_task(self._look(readiness))
            if liveness := container.get("livenessProbe"):
                give_up = partial(self._give_up_on, liveness, "liveness")
                both.create_task(self._until(liveness, "Liveness", fails=give_up))

    async def _look(self, probe: Object) -> None:
        """Say whether the container is ready, for as long as it runs."""
        await self._until(probe, "Readiness", lambda: self._note(ready=True), lambda: self._note(ready=False))

    async def _until(
        self,
        probe: Object,
        kind: str,
        succeeds: Callable[[], Any] | None = None,
        fails: Callable[[], Any] | None = None,
    ) -> None:
        """Try again and again, and call what belongs to so many successes or failures; a startup is over with one."""
        await asyncio.sleep(probe.get("initialDelaySeconds", 0))
        good = bad = 0
        while True:
            try:
                async with asyncio.timeout(probe.get("timeoutSeconds", 1)):
                    await self._try(probe)
                good, bad = good + 1, 0
            except (probes.Failed, TimeoutError) as error:
                good, bad = 0, bad + 1
                said = str(error) or f"timeout after {probe.get('timeoutSeconds', 1)}s"
                await self._tell("Warning", "Unhealthy", f"{kind} probe failed: {said}")
            if good >= probe.get("successThreshold", 1):
                if kind == "Startup":
                    return
                if succeeds:
                    succeeds()
            if bad >= probe.get("failureThreshold", 3) and fails:
                called = fails()
                if called is not None:
                    await called
            await asyncio.sleep(probe.get("periodSeconds", 10))

    async def _try(self, action: Object) -> None:
        ports = {each["name"]: each["containerPort"] for each in self.specification.get("ports", []) if "name" in each}

        async def execute(command: list[str], output: int) -> Execution:
            with Path(os.devnull).open("rb") as nothing:
                return await self.execute(command, [nothing.fileno(), output, output])

        await probes.attempt(action, self.pod.address, ports, self.pod.node.machine, execute)

    async def _give_up_on(self, probe: Object, kind: str) -> None:
        patience = probe.get("terminationGracePeriodSeconds", self.pod.patience)
        await self._give_up("Killing", f"Container {self.name} failed {kind} probe, will be restarted", patience)

    async def _give_up(self, reason: str, message: str, patience: float | None = None) -> None:
        await self._tell("Normal" if reason == "Killing" else "Warning", reason, message)
        # Not in this task, which ends with the container.
        self.pod.background(self.stop(self.pod.patience if patience is None else patience))
        await asyncio.Event().wait()

    async def _goes_on(self) -> bool:
        """Whether the container is started again, once that is its turn."""
        policy = "Always" if self.is_sidecar else self.pod.spec.get("restartPolicy", "Always")
        if self.init and policy == "Always" and not self.is_sidecar:
            policy = "OnFailure"
        if policy == "Never" or (policy == "OnFailure" and self.known.succeeded):
            return False
        ended = self.known.state
        run = self.pod.sandbox.runs.get(self.run)
        if run and run["finished"] - run["started"] > FORGIVEN_AFTER:
            self._crashes = 0
        if self._crashes:
            await self._back_off(min(FIRST_BACK_OFF * 2 ** (self._crashes - 1), LAST_BACK_OFF), ended)
        self._crashes += 1
        self.known.last, self.known.state = ended, ended
        self.known.restarts += 1
        return True

    async def _back_off(self, seconds: float, ended: dict[str, Any]) -> None:
        metadata = self.pod.body["metadata"]
        pod = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        why = f"back-off {_duration(seconds)} restarting failed container={self.name} pod={pod}"
        self.known.last = ended
        self._wait("CrashLoopBackOff", why)
        await self._tell("Warning", "BackOff", f"Back-off restarting failed container {self.name} in pod {pod}")
        await asyncio.sleep(seconds)

    @property
    def is_sidecar(self) -> bool:
        return self.init and self.specification.get("restartPolicy") == "Always"

    def _wait(self, reason: str, message: str) -> None:
        self.known.state = {"waiting": {"reason": reason, "message": message}}
        self.pod.changed()

    def _note_running(self) -> None:
        run = self.pod.sandbox.runs[self.run]
        self.known.identity = f"testbed://{self.pod.uid}/{self.run}"
        self.known.image = self.specification["image"]
        self.known.state = {"running": {"startedAt": stamp(run["started"])}}

    def _note(self, *, ready: bool, started: bool | None = None) -> None:
        before = (self.known.ready, self.known.started)
        self.known.ready, self.known.started = ready, self.known.started if started is None else started
        if before != (self.known.ready, self.known.started):
            self.pod.changed()

    def _last_words(self, status: int) -> str:
        words = self.pod.folder / "termination" / self.name
        said = words.read_bytes()[:MESSAGE_BYTES].decode(errors="replace") if words.exists() else ""
        if not said and status and self.specification.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            said = self.log.read_bytes()[-MESSAGE_BYTES // 2 :].decode(errors="replace")
        return said

    async def _tell(self, kind: str, reason: str, message: str) -> None:
        await self.pod.node.tell(self.pod.body, kind, reason, message, self.name)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
