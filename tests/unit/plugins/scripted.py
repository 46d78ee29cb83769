# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripted ends of the engine's ports: an API server in memory, a clock turned by hand, a reporter that remembers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InfraError
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.contents import Contents
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.creation import MARK, is_marked
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest, ObjectRef, ref_of
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.ports import Seen, Served, Silence
from ansible_collections.pnow.infra.plugins.module_utils._domain.redact import Redactor
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Request

# What the API server records of a mark that we applied.
RECORDED = [
    {
        "manager": "pnow.infra",
        "operation": "Apply",
        "fieldsV1": {"f:metadata": {"f:annotations": {f"f:{MARK}": {}}}},
    }
]


def ours(manifest: Manifest) -> Manifest:
    """The object as it is when the collection has created it."""
    metadata = {"uid": f"uid-{manifest['metadata']['name']}", **manifest["metadata"], "managedFields": RECORDED}
    metadata["annotations"] = {**metadata.get("annotations", {}), MARK: "true"}
    return {**manifest, "metadata": metadata}


# One step of a watch: changes the server's objects or raises, and may say why the server can not be heard.
Step = Callable[["ScriptedKubernetes"], str | None]

CLUSTER_SCOPED = ("Namespace", "Provider")


class ScriptedClock:
    """Time passes only when somebody sleeps or a test turns it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, Callable[[], None]]] = []
        self._once: list[tuple[float, Callable[[], object]]] = []

    def at(self, moment: float, happens: Callable[[], None]) -> None:
        """What happens once somebody sleeps beyond a moment."""
        self._due.append((moment, happens))

    def once_at(self, moment: float, happens: Callable[[], object]) -> None:
        """The same, but it happens once."""
        self._once.append((moment, happens))

    def monotonic(self) -> float:
        return self.now

    def boot_time(self) -> float:
        return self.now

    def wall_time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for _moment, happens in [entry for entry in self._due if entry[0] <= self.now]:
            happens()
        ripe = [entry for entry in self._once if entry[0] <= self.now]
        self._once = [entry for entry in self._once if entry not in ripe]
        for _moment, happens_once in ripe:
            happens_once()


class ScriptedReporter:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.warnings: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


class ScriptedKubernetes:
    """Objects in memory. Every heartbeat of a watch takes a second and runs the next step of the script."""

    def __init__(self, clock: ScriptedClock, *objects: Manifest, script: Sequence[Step] = ()) -> None:
        self.clock = clock
        self.objects = {ref_of(manifest): manifest for manifest in objects}
        self.script = list(script)
        self.requests: list[str] = []
        self.bounds: list[float] = []
        self.refuses: dict[str, InfraError] = {}
        self.kinds = {kind: Served(f"{kind.lower()}s", namespaced=False) for kind in CLUSTER_SCOPED}
        # What the server makes of a manifest: its defaults, its notation.
        self.stores: Callable[[Manifest], Manifest] = lambda manifest: manifest
        self.unlisted: list[str] = []
        self.busy = ""
        self.versions = 0

    @property
    def writes(self) -> list[str]:
        return [request for request in self.requests if request.split()[0] in ("apply", "delete")]

    def put(self, manifest: Manifest) -> None:
        self.objects[ref_of(manifest)] = manifest

    def bounded_by(self, moment: float) -> ScriptedKubernetes:
        self.bounds.append(moment)
        return self

    def strain(self) -> str:
        return self.busy

    def now(self) -> float | None:
        return self.clock.now

    def served(self, api_version: str, kind: str) -> Served:
        """Every kind is served; it is that of a claim, unless ``kinds`` says otherwise."""
        return self.kinds.get(kind, Served(f"{kind.lower()}s", namespaced=True, categories=("claim",)))

    def get(self, ref: ObjectRef) -> Manifest | None:
        self._note("get", ref)
        return copy.deepcopy(self.objects.get(ref))

    def list_objects(self, api_version: str, kind: str, namespace: str = "", labels: str = "") -> list[Manifest]:
        self._note("list", ObjectRef(api_version, kind, labels, namespace))
        return [
            copy.deepcopy(item)
            for ref, item in self.objects.items()
            if (ref.api_version, ref.kind) == (api_version, kind) and namespace in ("", ref.namespace)
        ]

    def scan(self, api_version: str, kind: str, namespace: str = "", labels: str = "") -> Iterator[Manifest]:
        return iter(self.list_objects(api_version, kind, namespace, labels))

    def apply(self, manifest: Manifest, *, force: bool = False, dry_run: bool = False) -> Manifest:
        ref = ref_of(manifest)
        verb = "dry-run" if dry_run else "apply"
        self._note(f"{verb} --force" if force else verb, ref)
        live = self.stores(copy.deepcopy(manifest))
        before = self.objects.get(ref, {}).get("metadata", {})
        live["metadata"] |= {"uid": before.get("uid", f"uid-{ref.name}"), "generation": before.get("generation", 0) + 1}
        if is_marked(live):
            live["metadata"]["managedFields"] = RECORDED
        if not dry_run:
            self.objects[ref] = live
        return copy.deepcopy(live)

    def create(self, manifest: Manifest) -> Manifest | None:
        return None if ref_of(manifest) in self.objects else self.apply(manifest)

    def swap(self, manifest: Manifest, version: str) -> Manifest | None:
        ref = ref_of(manifest)
        self._note("swap", ref)
        if version and version != self.objects.get(ref, manifest)["metadata"].get("resourceVersion", version):
            return None
        if not version and ref in self.objects:
            return None
        stored = copy.deepcopy(manifest)
        self.versions += 1
        stored["metadata"]["resourceVersion"] = str(self.versions)
        self.objects[ref] = stored
        return copy.deepcopy(stored)

    def user(self) -> str:
        self._note("ask who", ObjectRef("authentication.k8s.io/v1", "SelfSubjectReview", ""))
        return "jane"

    def contents(self, namespace: str) -> Contents:
        self._note("look through", ObjectRef("v1", "Namespace", namespace))
        return Contents([item for ref, item in self.objects.items() if ref.namespace == namespace], self.unlisted)

    def delete(self, ref: ObjectRef, *, uid: str, dry_run: bool = False) -> None:
        self._note("try delete" if dry_run else "delete", ref)
        live = self.objects.get(ref)
        if live is not None and live["metadata"]["uid"] == uid and not dry_run:
            live["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    def events(self, ref: ObjectRef, uid: str) -> list[Manifest]:
        if "events" in self.refuses:
            raise self.refuses["events"]
        return [{"reason": "Told", "message": f"about {ref.name}", "metadata": {}}]

    @contextmanager
    def watch(self, refs: Sequence[ObjectRef]) -> Iterator[Iterator[Seen | Silence]]:
        yield self._stream(refs)

    def _stream(self, refs: Sequence[ObjectRef]) -> Iterator[Seen | Silence]:
        shown: dict[ObjectRef, Manifest | None] = {}
        while True:
            for ref in refs:
                live = copy.deepcopy(self.objects.get(ref))
                if ref not in shown or shown[ref] != live:
                    shown[ref] = live
                    yield Seen(ref, live)
            self.clock.now += 1
            trouble = self.script.pop(0)(self) if self.script else None
            yield Silence(trouble or "")

    def _note(self, verb: str, ref: ObjectRef) -> None:
        self.requests.append(f"{verb} {ref}")
        for refused in (verb, f"{verb} {ref.kind}", f"{verb} {ref}"):
            if refused in self.refuses:
                raise self.refuses[refused]


def request(reporter: ScriptedReporter, *, check_mode: bool = False, **options: Any) -> Request:
    """A request with the options every Kubernetes module has, unless given otherwise."""
    defaults = {
        "state": "present",
        "wait": True,
        "wait_timeout": "1m",
        "force_conflicts": False,
        "gitops_owned": "refuse",
        "adopt": False,
        "environment": None,
        "tree": False,
    }
    return Request({**defaults, **options}, check_mode, reporter, Redactor())


def conditions(generation: int = 1, **statuses: str) -> list[dict[str, Any]]:
    """``conditions(Ready="False: why")`` as the API server sends it."""
    found = []
    for name, text in statuses.items():
        status, *message = text.split(": ", 1)
        entry = {"type": name, "status": status, "reason": "Scripted", "message": "".join(message)}
        found.append({**entry, "observedGeneration": generation})
    return found
