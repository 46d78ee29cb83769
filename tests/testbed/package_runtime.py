# SPDX-License-Identifier: GPL-3.0-or-later
"""The package runtime, a kopf operator: starts what Crossplane installs, as its own runtime does with Deployments.

Crossplane, told that its runtime is "External", installs a package's definitions and leaves its program to us. For each
active ProviderRevision and FunctionRevision we start the program, and say in the revision's status where it serves and
whether it is healthy.

A program that gives up by itself is started again a few times, as a kubelet would do. One that is killed or stopped, as
a person does to see what follows, is reported and left alone.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import kopf

from tests.testbed import bed as beds
from tests.testbed import lifecycle
from tests.testbed.bed import Bed
from tests.testbed.crossplane import NAMESPACE, served_definitions
from tests.testbed.errors import TestbedError
from tests.testbed.kubernetes_api import KubernetesApi, Object
from tests.testbed.packages import PackageIdentity, is_active
from tests.testbed.processes import MEMBER_VARIABLE
from tests.testbed.programs import Program, programs_with
from tests.testbed.readiness import NotReady
from tests.testbed.supervise import Supervisor

API_VERSION = "pkg.crossplane.io/v1"
TLS_SECRET = "package-runtime-tls"
HEALTH_INTERVAL = 1.0
# A provider exits when definitions that were served a moment ago are not found after all: discovery is not consistent.
RESTARTS = 5
DEFINITION_KINDS = ("CustomResourceDefinition", "ManagedResourceDefinition")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Health:
    """A RuntimeHealthy condition, without its times."""

    status: str
    reason: str
    message: str = ""


HEALTHY = Health("True", "HealthyPackageRevision")
INACTIVE = Health("Unknown", "UnknownPackageRevisionHealth", "The revision is not active.")


def unhealthy(message: str) -> Health:
    return Health("False", "UnhealthyPackageRevision", message)


@dataclass(frozen=True)
class Report:
    """The part of a revision's status that is the runtime's. Only functions have an endpoint, host:port."""

    tls_secret: str | None
    endpoint: str | None
    health: Health | None

    @classmethod
    def in_status_of(cls, revision: Mapping[str, Any]) -> Report:
        status = revision.get("status", {})
        condition = _condition(revision, "RuntimeHealthy")
        health = condition and Health(condition["status"], condition["reason"], condition.get("message", ""))
        return cls(status.get("tlsServerSecretName"), status.get("endpoint"), health or None)

    @property
    def was_started(self) -> bool:
        """Whether the program was started since the revision became active."""
        return self.health is not None and self.health.status in ("True", "False")

    def as_status(self, revision: Mapping[str, Any], now: str) -> Object:
        """The status to apply to `revision`; the condition keeps its time unless it changes. `now` is RFC 3339."""
        status: Object = {}
        if self.tls_secret:
            status["tlsServerSecretName"] = self.tls_secret
        if self.endpoint:
            status["endpoint"] = self.endpoint
        if self.health:
            before = _condition(revision, "RuntimeHealthy")
            unchanged = before and before["status"] == self.health.status
            status["conditions"] = [
                {
                    "type": "RuntimeHealthy",
                    "status": self.health.status,
                    "reason": self.health.reason,
                    "message": self.health.message,
                    "lastTransitionTime": before["lastTransitionTime"] if before and unchanged else now,
                }
            ]
        return status


def is_established(revision: Mapping[str, Any], served: Collection[str]) -> bool:
    """Whether the API server serves every definition of this revision; `served` are the names of what it serves."""
    # Crossplane 1 knows but one kind of health.
    condition = _condition(revision, "RevisionHealthy") or _condition(revision, "Healthy")
    if not condition or condition["status"] != "True":
        return False
    objects = revision["status"].get("objectRefs", [])
    return all(each["name"] in served for each in objects if each["kind"] in DEFINITION_KINDS)


class PackageController:
    """Keeps one package's program and the status of its revisions in line with what Crossplane wants."""

    def __init__(self, bed: Bed, program: Program, identity: PackageIdentity) -> None:
        self.identity = identity
        self._bed = bed
        self._program = program
        self._supervisor = Supervisor(bed)
        self._api = KubernetesApi(bed)
        self._revisions: dict[str, Mapping[str, Any]] = {}
        self._changed = asyncio.Event()
        self._listed = False
        self._restarts = 0

    def observe(self, event_type: str | None, revision: Mapping[str, Any]) -> None:
        """Take note of a watch event."""
        name = revision["metadata"]["name"]
        if event_type == "DELETED":
            self._revisions.pop(name, None)
        else:
            self._revisions[name] = revision
        self._changed.set()

    async def run(self) -> None:
        """Reconcile at every change, and every second, as programs die without an event."""
        while True:
            try:
                if not self._listed:
                    await asyncio.to_thread(self._list)
                await asyncio.to_thread(self._reconcile)
            except TestbedError as error:
                logger.error("%s: %s", self._program.name, error)
            except Exception:
                # The next round may do better; without this one there would be none.
                logger.exception("%s: unexpected", self._program.name)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), HEALTH_INTERVAL)
            self._changed.clear()

    def _list(self) -> None:
        # Watch events come one by one: after the first few, a program might look like one that nobody wants.
        for revision in self._api.list(self.identity.revisions_path):
            if self.identity.owns(revision):
                self._revisions.setdefault(revision["metadata"]["name"], revision)
        self._listed = True

    def _reconcile(self) -> None:
        revisions = list(self._revisions.values())
        for revision in revisions:
            if not is_active(revision) and Report.in_status_of(revision).health:
                self._report(revision, INACTIVE)
        active = [revision for revision in revisions if is_active(revision)]
        if not active and self._supervisor.job(self._program.name).runs:
            logger.info("stopping %s: none of its revisions is active", self._program.name)
            self._supervisor.stop_job(self._program.name)
        for revision in active:
            self._run_program(revision)

    def _run_program(self, revision: Mapping[str, Any]) -> None:
        # Crossplane needs the Secret before it establishes the definitions, and the program's health after that.
        report = Report.in_status_of(revision)
        self._report(revision, report.health)
        if not report.was_started:
            _apply_tls_secret(self._api, self._bed, _named_tls_secret(revision) or TLS_SECRET)
            # A provider that starts before its definitions are served exits.
            if not is_established(revision, served_definitions(self._api)):
                return
            self._restarts = 0
            self._start(f"{revision['metadata']['name']} is active")
        elif self._supervisor.job(self._program.name).gave_up and self._restarts < RESTARTS:
            self._restarts += 1
            self._start("it gave up by itself")
        self._report(revision, self._observed_health())

    def _start(self, why: str) -> None:
        logger.info("starting %s: %s", self._program.name, why)
        try:
            lifecycle.bring_up(self._bed, self._supervisor, [self._program])
        except TestbedError as error:
            # Once is enough: what its health is then goes into the status, and `up` tries again.
            logger.error("%s", error)

    def _observed_health(self) -> Health:
        job = self._supervisor.job(self._program.name)
        if not job.runs:
            return unhealthy(f"{self._program.name} is not running: {job.describe()}; `make up` starts it again.")
        try:
            self._program.ready(self._bed)
        except NotReady as reason:
            return unhealthy(str(reason))
        return HEALTHY

    def _report(self, revision: Mapping[str, Any], health: Health | None) -> None:
        endpoint = self._bed.address(self._program.ports[0]) if self.identity.kind == "Function" else None
        report = Report(None if _named_tls_secret(revision) else TLS_SECRET, endpoint, health)
        if report == Report.in_status_of(revision):
            return
        name = revision["metadata"]["name"]
        manifest = {
            "apiVersion": API_VERSION,
            "kind": f"{self.identity.kind}Revision",
            "metadata": {"name": name},
            "status": report.as_status(revision, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
        }
        logger.info("%s: RuntimeHealthy=%s %s", name, health and health.status, health and health.message)
        self._revisions[name] = self._api.apply(f"{self.identity.revisions_path}/{name}/status", manifest)


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    settings.posting.enabled = False
    for chatty in ("kopf.objects", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    bed = beds.load(Path(os.environ[MEMBER_VARIABLE]))
    memo.controllers = [
        PackageController(bed, program, program.package.identity)
        for program in programs_with(bed.features)
        if program.package
    ]
    memo.tasks = [asyncio.create_task(controller.run()) for controller in memo.controllers]


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: Any) -> None:
    for task in memo.tasks:
        task.cancel()
    await asyncio.gather(*memo.tasks, return_exceptions=True)


@kopf.on.event(API_VERSION, "providerrevisions")
@kopf.on.event(API_VERSION, "functionrevisions")
async def observe(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    for controller in memo.controllers:
        if event["object"]["kind"] == f"{controller.identity.kind}Revision" and controller.identity.owns(
            event["object"]
        ):
            controller.observe(event["type"], event["object"])


def _named_tls_secret(revision: Mapping[str, Any]) -> str | None:
    """The name that Crossplane 1 wants the Secret to have; version 2 takes that which the status names."""
    name: str | None = revision["spec"].get("tlsServerSecretName")
    return name


def _apply_tls_secret(api: KubernetesApi, bed: Bed, name: str) -> None:
    """The Secret from which Crossplane would take the CA of a package's webhooks; it insists that there is one."""
    files = {name: (bed.pki / "server" / name).read_bytes() for name in ("ca.crt", "tls.crt", "tls.key")}
    manifest: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": {name: base64.b64encode(content).decode() for name, content in files.items()},
    }
    api.apply(f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}", manifest)


def _condition(revision: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    conditions = revision.get("status", {}).get("conditions", [])
    return next((condition for condition in conditions if condition["type"] == kind), None)
