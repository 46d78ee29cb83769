# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a bed up, healing it, and taking it down."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from graphlib import TopologicalSorter
from hashlib import sha256
from pathlib import Path

from tests.testbed import bed as beds
from tests.testbed import environment, packages, pki, ports, processes
from tests.testbed.bed import Bed
from tests.testbed.build import build_missing, tail
from tests.testbed.errors import TestbedError
from tests.testbed.kubernetes_api import KubernetesApi
from tests.testbed.programs import Program, builds, ports_with, programs_with
from tests.testbed.readiness import NotReady, wait_until
from tests.testbed.supervise import Job, Supervisor, configuration


def up(state: Path, cache: Path, crossplane: str | None = None, features: Collection[str] = ()) -> None:
    """Bring the bed up, or what is missing of it; every program serves when this returns.

    A bed keeps the version of Crossplane that it was made with, and the features that it was ever asked for.
    """
    build_missing(builds(beds.crossplane_of(state, crossplane), beds.features_of(state, features)), cache)
    with _exclusively(state, cache):
        bed = _prepare(state, cache, beds.crossplane_of(state, crossplane), beds.features_of(state, features))
        supervisor = _supervise(bed)
        bring_up(bed, supervisor, [program for program in programs_with(bed.features) if not program.package])
        bring_up(bed, supervisor, _installed(bed))


def start(bed: Bed, program: Program) -> None:
    """Start one program of a bed and wait until it serves."""
    with _exclusively(bed.state, bed.cache):
        supervisor = Supervisor(bed)
        if not supervisor.is_running():
            raise TestbedError(f"Test bed '{bed.name}' is down; start it with `make up`.")
        bring_up(bed, supervisor, [program])


def down(state: Path, cache: Path, keep_state: bool) -> None:
    """Stop every process of the bed, whether or not somebody supervises it, and remove its state."""
    with _exclusively(state, cache):
        # A supervisord that cannot be talked to is ended with all others.
        if _is_supervised(state):
            Supervisor(beds.load(state)).shut_down()
        _end_orphans(state)
        if not keep_state:
            shutil.rmtree(state, ignore_errors=True)


def bring_up(bed: Bed, supervisor: Supervisor, programs: Iterable[Program]) -> None:
    """Start the programs that do not run and wait until all of them serve; independent ones at the same time."""
    by_name = {program.name: program for program in programs}
    graph = TopologicalSorter({name: by_name.keys() & program.after for name, program in by_name.items()})
    graph.prepare()
    failed = threading.Event()
    pending: dict[Future[None], str] = {}
    with ThreadPoolExecutor() as pool:
        try:
            while graph.is_active():
                for name in graph.get_ready():
                    pending[pool.submit(_ensure, bed, supervisor, by_name[name], failed)] = name
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    future.result()
                    graph.done(pending.pop(future))
        except BaseException:
            # Leaving the pool waits for the others; they shall not wait for their programs any more.
            failed.set()
            raise


def _ensure(bed: Bed, supervisor: Supervisor, program: Program, given_up: threading.Event) -> None:
    started = time.monotonic()
    ran_before = supervisor.job(program.name).runs
    if not ran_before:
        _require_free_ports(bed, program)
        program.before_start(bed)
        supervisor.start_job(program.name)
    await_ready(bed, supervisor, program, given_up)
    program.after_ready(bed)
    if not ran_before:
        print(f"{program.name:<24} ready after {time.monotonic() - started:.1f} s", flush=True)


def await_ready(bed: Bed, supervisor: Supervisor, program: Program, given_up: threading.Event) -> None:
    """Wait until a started program serves; raises TestbedError at once if it exits, and finally if it never serves."""

    def check_alive() -> None:
        job = supervisor.job(program.name)
        if given_up.is_set():
            raise TestbedError(f"Gave up waiting for {program.name}.")
        if not job.runs:
            raise TestbedError(f"{program.name} {job.describe()} before it was ready; {_end_of_log(bed, program)}")

    try:
        wait_until(lambda: program.ready(bed), program.ready_timeout, check_alive)
    except NotReady as reason:
        waited = f"{program.name} runs, but does not serve after {program.ready_timeout:.0f} s ({reason})"
        raise TestbedError(f"{waited}; {_end_of_log(bed, program)}") from reason


def _prepare(state: Path, cache: Path, crossplane: str, features: Collection[str]) -> Bed:
    """Everything a bed needs in files; what a supervisord that was killed, or hangs, left behind is ended first."""
    taken: list[str] = []
    if not _is_supervised(state):
        _end_orphans(state)
        taken = _taken_ports(state)
    bed = beds.create(state, cache, ports_with(features), forget=taken, crossplane=crossplane, features=features)
    pki.create(bed.pki)
    environment.link_clients(bed)
    environment.offer_packages(bed)
    jobs = [
        Job(each.name, each.command(bed), each.environment(bed), each.stop_signal)
        for each in programs_with(bed.features)
    ]
    bed.write("supervisord.conf", configuration(bed, jobs))
    return bed


def _supervise(bed: Bed) -> Supervisor:
    supervisor = Supervisor(bed)
    if supervisor.is_running():
        supervisor.update()
    else:
        supervisor.start()
    return supervisor


def _installed(bed: Bed) -> list[Program]:
    """The programs of the packages that Crossplane has installed and wants to run."""
    api = KubernetesApi(bed)
    return [
        program
        for program in programs_with(bed.features)
        if program.package
        and any(
            packages.is_active(revision) and program.package.identity.owns(revision)
            for revision in api.list(program.package.identity.revisions_path)
        )
    ]


def _is_supervised(state: Path) -> bool:
    return (state / "bed.json").exists() and Supervisor(beds.load(state)).answers()


def _end_orphans(state: Path) -> None:
    immortal = processes.end(processes.members(state))
    if immortal:
        described = ", ".join(f"{process.pid} ({process.name()})" for process in immortal)
        raise TestbedError(f"These processes of {state} cannot be ended: {described}; end them yourself and try again.")


def _taken_ports(state: Path) -> list[str]:
    """The remembered ports of a bed that is down which somebody else uses now; says so."""
    if not (state / "bed.json").exists():
        return []
    taken = {name: port for name, port in beds.load(state).ports.items() if not ports.is_free(port)}
    for name, port in taken.items():
        print(f"port {port} ({name}) is used by somebody else now; choosing another one", flush=True)
    return list(taken)


def _require_free_ports(bed: Bed, program: Program) -> None:
    for name in program.ports:
        if not ports.is_free(bed.ports[name]):
            raise TestbedError(
                f"Port {bed.ports[name]} ({name}) is used by somebody else, so {program.name} cannot start; "
                "`down --keep-state` followed by `up` chooses another one."
            )


def _end_of_log(bed: Bed, program: Program) -> str:
    log = bed.logs / f"{program.name}.log"
    return f"{log} ends with:\n{tail(log)}"


@contextmanager
def _exclusively(state: Path, cache: Path) -> Iterator[None]:
    """Keep other runs of this tool away from the bed. The lock is not in the state folder, which `down` removes."""
    name = sha256(str(state).encode()).hexdigest()[:16]
    waiting = f"another command is working on test bed '{state.name}'; waiting for it"
    with beds.lock(cache / "locks" / f"bed-{name}", waiting_for=waiting):
        yield
