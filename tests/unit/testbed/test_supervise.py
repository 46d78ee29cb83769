# SPDX-License-Identifier: GPL-3.0-or-later
"""supervisord's configuration, read back by supervisord's own parser, and how its states are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from supervisor.options import ServerOptions
from supervisor.process import Subprocess

from tests.testbed.bed import CHECKOUT, Bed
from tests.testbed.supervise import Job, JobState, configuration

JOBS = [
    Job("first", ["/bin/echo", "100% of it's", 'a "word"', ""], {"A": "50%", "B": "two words"}),
    Job("second", ["/bin/true"], {}, stop_signal="INT"),
]


@pytest.fixture
def options(bed: Bed) -> ServerOptions:
    (bed.logs).mkdir(parents=True)
    path = bed.write("supervisord.conf", configuration(bed, JOBS))
    parsed = ServerOptions()
    parsed.realize(["--configuration", str(path)])
    return parsed


def test_commands_and_environments_arrive_unchanged(options: ServerOptions) -> None:
    first, second = (group.process_configs[0] for group in options.process_group_configs)

    assert Subprocess(first).get_execv_args()[1] == JOBS[0].command
    assert (first.environment, second.environment) == (JOBS[0].environment, {})
    assert first.directory == str(CHECKOUT)


def test_nothing_starts_or_restarts_by_itself(options: ServerOptions) -> None:
    for group in options.process_group_configs:
        config = group.process_configs[0]
        assert (config.autostart, config.autorestart, config.startretries) == (False, False, 0)


def test_the_last_to_start_is_the_first_to_stop(options: ServerOptions) -> None:
    assert [group.name for group in sorted(options.process_group_configs)] == ["first", "second"]


def test_supervisord_listens_on_loopback_behind_a_password(options: ServerOptions, bed: Bed) -> None:
    (server,) = options.server_configs
    assert (server["host"], server["port"]) == ("127.0.0.1", bed.ports["supervisord"])
    assert (server["username"], server["password"]) == ("testbed", "supervisor-password")


def test_one_log_for_each_program(options: ServerOptions, bed: Bed) -> None:
    configs = [group.process_configs[0] for group in options.process_group_configs]
    assert [Path(config.stdout_logfile) for config in configs] == [bed.logs / "first.log", bed.logs / "second.log"]
    assert all(config.redirect_stderr for config in configs)


@pytest.mark.parametrize(
    ("state", "exit_status", "gave_up"), [("EXITED", 1, True), ("EXITED", -1, False), ("STOPPED", 0, False)]
)
def test_only_what_ends_by_itself_has_given_up(state: str, exit_status: int, gave_up: bool) -> None:
    assert JobState(state, 0, exit_status, started=0, now=0).gave_up is gave_up


@pytest.mark.parametrize(
    ("state", "pid", "exit_status", "told"),
    [
        ("RUNNING", 7, 0, "running"),
        ("STOPPED", 0, 0, "stopped"),
        ("EXITED", 0, 3, "exited (status 3)"),
        ("EXITED", 0, -1, "killed"),
        ("FATAL", 0, 0, "cannot start"),
        ("STOPPING", 7, 0, "stopping"),
    ],
)
def test_states_in_words(state: str, pid: int, exit_status: int, told: str) -> None:
    job = JobState(state, pid, exit_status, started=0, now=0)
    assert (job.describe(), job.runs) == (told, pid != 0)
