# SPDX-License-Identifier: GPL-3.0-or-later
"""A task and what keeps its Lease, through a real socket. The end of ansible-playbook is that of a pipe."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._clients.clock import SystemClock
from ansible_collections.pnow.infra.plugins.module_utils._clients.runs.audit_file import AuditFile
from ansible_collections.pnow.infra.plugins.module_utils._clients.runs.keeper import Parent, Serving, listen
from ansible_collections.pnow.infra.plugins.module_utils._clients.runs.line import Line, folder_of
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Held, InvalidOption, Lost
from tests.unit.plugins.scripted import ScriptedClock

FAR = 1e12


class ScriptedKeeper:
    """Implements ``ports.Keeper``."""

    def __init__(self) -> None:
        self.permission: dict[str, Any] = {"until": FAR}
        self.heard: list[str] = []
        self.renewals = 0
        self.finished = False
        self.due = False

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        self.heard.append(f"{message['what']} {message['task']}")
        self.due = message["what"] == "may write" and not self.renewals
        self.finished = message["what"] == "finish"
        return (
            self.permission if message["what"] == "may write" else {"warnings": [], "record": {"plan": "x" * 100_000}}
        )

    def left(self, message: dict[str, Any]) -> None:
        self.heard.append(f"left after {message['what']}")

    def orphaned(self) -> None:
        self.heard.append("orphaned")
        self.permission = {"refused": "it has ended", "next_step": "run it again", "held": False}

    def close(self) -> None:
        self.heard.append("closed")

    def pause(self) -> float | None:
        return 0.0 if self.due else None

    def renew(self) -> None:
        self.renewals += 1
        self.due = False


class World:
    """A run in a private folder whose path is longer than that of a socket may be."""

    def __init__(self, tmp_path: Path, clock: ScriptedClock) -> None:
        self.private = tmp_path / ("long" * 30)
        self.private.mkdir()
        self.folder = folder_of(self.private, "dev")
        self.clock = clock
        self.keeper = ScriptedKeeper()
        listener = listen(self.folder)
        parent = Parent()
        if parent.descriptor is not None:
            os.close(parent.descriptor)
        parent.descriptor, self._living = os.pipe()
        serving = Serving(listener, parent, self.keeper, clock, folder=self.folder, private=self.private)
        self._thread = threading.Thread(target=serving.run, daemon=True)
        self._thread.start()

    def line(self, task: str = "Claims") -> Line:
        return Line(self.folder, task, self.clock)

    def playbook_ends(self) -> None:
        os.close(self._living)

    def await_end(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture
def world(tmp_path: Path, clock: ScriptedClock) -> World:
    return World(tmp_path, clock)


def test_a_task_asks_tells_and_ends_the_run(world: World) -> None:
    line = world.line()
    assert line.exists
    line.may_write()
    line.done(["create Claim dev"], "")
    line.close()
    last = world.line("End")
    assert len(last.finish([])["record"]["plan"]) == 100_000
    assert not last.exists
    world.await_end()
    assert [entry for entry in world.keeper.heard if "left" not in entry] == [
        "may write Claims",
        "done Claims",
        "finish End",
    ]
    assert world.keeper.renewals == 1
    assert world.private.exists()


def test_who_may_read_the_socket(world: World) -> None:
    assert stat.S_IMODE(world.folder.stat().st_mode) == 0o700
    world.playbook_ends()
    world.await_end()


def test_a_refusal_is_an_error_of_the_task(world: World) -> None:
    world.keeper.permission = {"refused": "joe is there", "next_step": "wait", "held": True}
    with pytest.raises(Held, match="joe is there; wait"):
        world.line().may_write()
    world.keeper.permission["held"] = False
    with pytest.raises(Lost, match="joe is there; wait"):
        world.line().require([])


def test_a_permission_that_came_too_late_is_none(world: World) -> None:
    world.keeper.permission = {"until": world.clock.now}
    with pytest.raises(Lost, match="did not answer in time, so another run may be at work"):
        world.line().may_write()


def test_it_ends_with_ansible_playbook_and_takes_its_files_along(world: World) -> None:
    world.playbook_ends()
    world.await_end()
    assert world.keeper.heard == ["orphaned", "closed"]
    assert not world.private.exists()


def test_a_task_that_is_left_behind_is_outlived_and_may_not_write(world: World) -> None:
    line = world.line()
    line.may_write()
    world.playbook_ends()
    refused: list[Lost] = []
    while not refused:
        try:
            line.may_write()
        except Lost as lost:
            refused.append(lost)
    assert str(refused[0]) == "it has ended; run it again"
    assert "closed" not in world.keeper.heard
    line.close()
    world.await_end()
    assert world.keeper.heard[-2:] == ["left after may write", "closed"]


def test_without_its_keeper_a_task_does_not_write(world: World) -> None:
    line, late = world.line(), world.line()
    line.may_write()
    world.playbook_ends()
    line.close()
    world.await_end()
    with pytest.raises(Lost, match="the process that keeps the Lease of this run does not answer"):
        late.may_write()
    late.done(["told to nobody"], "")


def test_one_run_at_a_time_in_one_playbook(world: World) -> None:
    with pytest.raises(InvalidOption, match="a run was started already in this ansible-playbook, and not finished"):
        listen(world.folder)
    world.playbook_ends()
    world.await_end()


def test_a_folder_that_can_not_be_made(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match=r"can not be made .*; set ANSIBLE_HOME"):
        listen(tmp_path / "missing" / "folder")


def test_hosts_have_folders_of_their_own(tmp_path: Path) -> None:
    names = ["dev", "Dev", "pr-1", "../dev", "ü" * 300]
    folders = {folder_of(tmp_path, name) for name in names}
    assert len(folders) == len(names)
    assert {folder.parent for folder in folders} == {tmp_path}


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_a_file_of_runs_is_private_and_only_added_to(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    log = AuditFile(str(path))
    log.require()
    assert path.read_text() == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    log.append("{}")
    log.append("{}")
    assert path.read_text() == "{}\n{}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_file_that_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match=r"runs can not be noted in .*: Is a directory; correct audit_file"):
        AuditFile(str(tmp_path)).require()
    assert not AuditFile("").wanted
    AuditFile("").require()


def test_the_clock_that_goes_on_while_the_machine_sleeps() -> None:
    clock = SystemClock()
    assert clock.boot_time() >= clock.monotonic() - 1
