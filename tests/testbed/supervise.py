# SPDX-License-Identifier: GPL-3.0-or-later
"""supervisord, which runs the programs of a bed: its configuration, and talking to it.

It starts nothing and restarts nothing by itself: `up` decides what runs, and a test that kills a program must find it
dead.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any

import psutil

from tests.testbed import processes
from tests.testbed.bed import CHECKOUT, Bed
from tests.testbed.errors import TestbedError
from tests.testbed.processes import MEMBER_VARIABLE

# Beyond the ten seconds that supervisord gives a program to stop before it kills it.
RPC_TIMEOUT = 30.0
SHUTDOWN_TIMEOUT = 60.0
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
NO_SUCH_PROGRAM = 10
ALREADY_STARTED = 60
NOT_RUNNING = 70


@dataclass(frozen=True)
class Job:
    """How supervisord runs one program."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stop_signal: str = "TERM"


@dataclass(frozen=True)
class JobState:
    """What supervisord knows of one program; seconds are Unix time, a pid of 0 means that it does not run."""

    state: str
    pid: int
    exit_status: int
    started: int
    now: int

    @property
    def runs(self) -> bool:
        return self.pid != 0

    @property
    def gave_up(self) -> bool:
        """Whether the program ended by itself: neither killed nor stopped."""
        return self.state == "EXITED" and self.exit_status >= 0

    def describe(self) -> str:
        if self.state == "EXITED":
            return f"exited (status {self.exit_status})" if self.exit_status >= 0 else "killed"
        return {"FATAL": "cannot start", "STOPPED": "stopped"}.get(self.state, self.state.lower())


STOPPED = JobState("STOPPED", pid=0, exit_status=0, started=0, now=0)


@dataclass(frozen=True)
class Supervisor:
    """The supervisord of one bed."""

    bed: Bed

    def is_running(self) -> bool:
        """Whether the supervisord of this bed lives: the process of the remembered id, and no successor in that id."""
        try:
            pid = int((self.bed.state / "supervisord.pid").read_text())
            return psutil.Process(pid).environ().get(MEMBER_VARIABLE) == str(self.bed.state)
        except (OSError, ValueError, psutil.Error):
            return False

    def answers(self) -> bool:
        """Whether it lives and can be talked to."""
        try:
            return bool(self.jobs())
        except TestbedError:
            return False

    def start(self) -> None:
        """Start supervisord as a daemon; it listens when this returns."""
        # A minimal environment: what the person's shell holds must not change how the programs behave.
        environment = {"PATH": SYSTEM_PATH, "HOME": str(self.bed.state), MEMBER_VARIABLE: str(self.bed.state)}
        command = [
            sys.executable,
            "-m",
            "supervisor.supervisord",
            "--configuration",
            str(self.bed.state / "supervisord.conf"),
        ]
        result = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise TestbedError(f"supervisord does not start: {(result.stderr or result.stdout).strip()}")

    def update(self) -> None:
        """Make a running supervisord follow its configuration file; programs whose definition changed are stopped."""
        added, changed, removed = self._call("reloadConfig")[0]
        for name in reversed([*removed, *changed]):
            self.stop_job(name)
            self._call("removeProcessGroup", name)
        for name in [*added, *changed]:
            self._call("addProcessGroup", name)

    def jobs(self) -> dict[str, JobState]:
        """The state of every program, by name; empty if supervisord does not run."""
        if not self.is_running():
            return {}
        return {
            info["name"]: JobState(info["statename"], info["pid"], info["exitstatus"], info["start"], info["now"])
            for info in self._call("getAllProcessInfo")
        }

    def job(self, name: str) -> JobState:
        return self.jobs().get(name, STOPPED)

    def start_job(self, name: str) -> None:
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != ALREADY_STARTED:
                raise TestbedError(f"supervisord cannot start {name}: {fault.faultString}") from fault

    def stop_job(self, name: str) -> None:
        """Stop a program and wait until it is gone; killed if it does not stop by itself."""
        self._unless_stopped("stopProcess", name)

    def kill_job(self, name: str) -> None:
        self._unless_stopped("signalProcess", name, "KILL")

    def shut_down(self) -> None:
        """Stop every program and supervisord itself; waits for that, though not for ever."""
        process = psutil.Process(int((self.bed.state / "supervisord.pid").read_text()))
        self._call("shutdown")
        processes.wait_until_gone([process], SHUTDOWN_TIMEOUT)

    def _unless_stopped(self, method: str, *arguments: object) -> None:
        try:
            self._call(method, *arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in (NOT_RUNNING, NO_SUCH_PROGRAM):
                raise TestbedError(f"supervisord refuses {method} {arguments[0]}: {fault.faultString}") from fault

    def _call(self, method: str, *arguments: object) -> Any:
        password, address = self.bed.passwords["supervisor"], self.bed.address("supervisord")
        # One proxy per call: proxies are not safe to share between threads.
        with xmlrpc.client.ServerProxy(f"http://testbed:{password}@{address}/RPC2", transport=_Transport()) as proxy:
            try:
                return getattr(proxy.supervisor, method)(*arguments)
            except (OSError, HTTPException, xmlrpc.client.ProtocolError) as error:
                raise TestbedError(
                    f"Test bed '{self.bed.name}' is down, or its supervisord at {address} is; `make up` heals that."
                ) from error


def configuration(bed: Bed, jobs: Sequence[Job]) -> str:
    """The text of supervisord.conf."""
    sections = [
        _section(
            "supervisord",
            pidfile=bed.state / "supervisord.pid",
            logfile=bed.logs / "supervisord.log",
            umask="077",
        ),
        # A password on loopback rather than a Unix socket, whose path may not be longer than a hundred bytes.
        _section(
            "inet_http_server",
            port=bed.address("supervisord"),
            username="testbed",
            password=bed.passwords["supervisor"],
        ),
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n",
        *(_job_section(bed, job, priority) for priority, job in enumerate(jobs, start=1)),
    ]
    return "\n".join(sections)


def _job_section(bed: Bed, job: Job, priority: int) -> str:
    environment = ",".join(f'{name}="{value}"' for name, value in sorted(job.environment.items()))
    return _section(
        f"program:{job.name}",
        command=shlex.join(job.command),
        directory=CHECKOUT,
        environment=environment,
        # supervisord stops the highest first: nothing is left waiting for a server that is gone.
        priority=priority,
        autostart="false",
        autorestart="false",
        # Readiness is ours to probe, and a start that fails shall be seen, not repeated.
        startsecs=0,
        startretries=0,
        stopsignal=job.stop_signal,
        killasgroup="true",
        redirect_stderr="true",
        stdout_logfile=bed.logs / f"{job.name}.log",
        stdout_logfile_maxbytes="50MB",
        stdout_logfile_backups=1,
    )


def _section(name: str, **options: object) -> str:
    lines = [f"{key} = {str(value).replace('%', '%%')}" for key, value in options.items() if value != ""]
    return "\n".join([f"[{name}]", *lines, ""])


class _Transport(xmlrpc.client.Transport):
    def make_connection(self, host: Any) -> HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = RPC_TIMEOUT
        return connection
