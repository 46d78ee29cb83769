# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the test bed: `python -m tests.testbed VERB`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.testbed import bed as beds
from tests.testbed import environment, lifecycle
from tests.testbed.build import Build, build_missing
from tests.testbed.errors import TestbedError
from tests.testbed.programs import CROSSPLANES, builds, find, named, programs_with
from tests.testbed.supervise import STOPPED, JobState, Supervisor

LOG_LINES = "200"

Verb = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    try:
        options = _parser().parse_args(arguments)
        verb: Verb = options.verb
        return verb(options)
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; `up` goes on from here, `down` cleans up", file=sys.stderr)
    return 1


def up(options: argparse.Namespace) -> int:
    started = time.monotonic()
    lifecycle.up(_state(options), beds.cache_folder(), options.crossplane, options.features)
    print(f"test bed '{options.name}' is up ({time.monotonic() - started:.0f} s)", flush=True)
    return 0


def down(options: argparse.Namespace) -> int:
    lifecycle.down(_state(options), beds.cache_folder(), options.keep_state)
    print(f"test bed '{options.name}' is down{', its state is kept' if options.keep_state else ''}")
    return 0


def build(options: argparse.Namespace) -> int:
    version = beds.crossplane_of(_state(options), options.crossplane)
    if options.programs:
        wanted: Sequence[Build] = named(options.programs, builds(version, beds.FEATURES))
    else:
        wanted = builds(version, beds.features_of(_state(options), options.features))
    build_missing(wanted, beds.cache_folder())
    return 0


def env(options: argparse.Namespace) -> int:
    bed = beds.load(_state(options))
    print(environment.export_lines(environment.variables(bed, os.environ.get("PATH", os.defpath))), end="")
    return 0


def status(options: argparse.Namespace) -> int:
    """Succeeds if everything that should run does."""
    bed = beds.load(_state(options))
    jobs = Supervisor(bed).jobs()
    rows = [("NAME", "STATE", "PID", "PORTS", "UPTIME")]
    programs = programs_with(bed.features)
    for program in programs:
        job = jobs.get(program.name, STOPPED)
        used = ",".join(str(bed.ports[name]) for name in program.ports)
        rows.append((program.name, job.describe(), str(job.pid or "-"), used, _uptime(job)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0 if all(jobs.get(program.name, STOPPED).runs for program in programs if not program.package) else 1


def logs(options: argparse.Namespace) -> int:
    bed = beds.load(_state(options))
    available = {path.stem: path for path in sorted(bed.logs.iterdir()) if path.suffix in (".log", ".jsonl")}
    if options.program not in available:
        raise TestbedError(f"There is no log '{options.program}'; there are: {', '.join(available)}.")
    follow = ["-F"] if options.follow else []
    os.execvp("tail", ["tail", "-n", LOG_LINES, *follow, str(available[options.program])])


def start(options: argparse.Namespace) -> int:
    bed = beds.load(_state(options))
    lifecycle.start(bed, find(bed, options.program))
    return 0


def stop(options: argparse.Namespace) -> int:
    bed = beds.load(_state(options))
    Supervisor(bed).stop_job(find(bed, options.program).name)
    return 0


def kill(options: argparse.Namespace) -> int:
    bed = beds.load(_state(options))
    Supervisor(bed).kill_job(find(bed, options.program).name)
    return 0


def restart(options: argparse.Namespace) -> int:
    stop(options)
    return start(options)


def _state(options: argparse.Namespace) -> Path:
    return beds.state_folder(options.name)


def _features(text: str) -> list[str]:
    """The features of a bed in what follows `--with`, separated by commas."""
    wanted = [name for name in text.split(",") if name]
    for name in wanted:
        if name not in beds.FEATURES:
            raise TestbedError(f"A test bed cannot be made with '{name}', only with: {', '.join(beds.FEATURES)}.")
    return wanted


def _uptime(job: JobState) -> str:
    if not job.runs:
        return "-"
    minutes, seconds = divmod(job.now - job.started, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.testbed", description="Runs the real programs behind the collection as plain processes."
    )
    default = os.environ.get("PNOW_TESTBED") or beds.DEFAULT_NAME
    parser.add_argument("--name", default=default, help="which test bed (default: $PNOW_TESTBED, or demo)")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    starting = _add_verb(verbs, up, "build what is missing, start what does not run, wait until all of it serves")
    building = _add_verb(verbs, build, "build what is missing, of these programs or of all, start nothing")
    building.add_argument("programs", nargs="*", metavar="NAME", help="a program; without one, all of a bed")
    for choosing in (starting, building):
        version = f"for a new bed (default: {beds.DEFAULT_CROSSPLANE})"
        choosing.add_argument("--crossplane", choices=CROSSPLANES, metavar="VERSION", help=version)
        choosing.add_argument(
            "--with",
            dest="features",
            type=_features,
            default=os.environ.get("PNOW_TESTBED_WITH", ""),
            metavar="FEATURE[,...]",
            help=f"what it has besides, and keeps: {', '.join(beds.FEATURES)} (default: $PNOW_TESTBED_WITH)",
        )
    stopping = _add_verb(verbs, down, "stop every process and remove the bed's state")
    stopping.add_argument("--keep-state", action="store_true", help="keep the data; the next `up` goes on with it")
    _add_verb(verbs, status, "show every program: state, pid, ports, uptime")
    _add_verb(verbs, env, "print the environment of the bed as export lines for a shell")
    showing = _add_verb(verbs, logs, f"show the last {LOG_LINES} lines of a program's log, or of an audit log", "NAME")
    showing.add_argument("-f", "--follow", action="store_true", help="go on as the log grows")
    _add_verb(verbs, start, "start one program and wait until it serves", "NAME")
    _add_verb(verbs, stop, "stop one program", "NAME")
    _add_verb(verbs, kill, "end one program with SIGKILL", "NAME")
    _add_verb(verbs, restart, "stop one program, start it, and wait until it serves", "NAME")
    return parser


def _add_verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], verb: Verb, purpose: str, program: str | None = None
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(verb.__name__, help=purpose, description=purpose)
    # Also behind the verb, where it overrides the one before only if it is given.
    parser.add_argument("--name", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    if program:
        parser.add_argument("program", metavar=program)
    parser.set_defaults(verb=verb)
    return parser
