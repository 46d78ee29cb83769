# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds: what their keys depend on, that a half-built one is never used, and that each is made once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.testbed import build, programs
from tests.testbed.bed import FEATURES
from tests.testbed.build import BuildStep, GoBuild, GoModule, PythonBuild
from tests.testbed.errors import TestbedError
from tests.testbed.progress import Package

BUILDS = list(dict.fromkeys(build for version in programs.CROSSPLANES for build in programs.builds(version, FEATURES)))

GO = GoBuild("etcd", GoModule("etcd", "example.org/etcd", "v1"), stamps=(("main.version", "v1"),))


@dataclass
class Recorded:
    """A build that takes no time."""

    text: str
    name: str = "recorded"
    made: list[Path] = field(default_factory=list)
    fails: bool = False

    def inputs(self) -> Sequence[object]:
        return [self.text]

    def packages(self, _step: BuildStep, /) -> list[Package]:
        return []

    def make(self, folder: Path, step: BuildStep) -> None:
        assert list(folder.iterdir()) == []
        self.made.append(folder)
        (folder / "result").write_text(self.text)
        if self.fails:
            raise TestbedError(f"{step.label} failed")


@pytest.mark.parametrize(
    "other",
    [
        replace(GO, module=replace(GO.module, folder="vault")),
        replace(GO, module=replace(GO.module, path="example.org/other")),
        replace(GO, package="cmd/other"),
        replace(GO, stamps=()),
        replace(GO, files=(("crds", "crds"),)),
        replace(GO, tags=("minimal",)),
    ],
)
def test_the_key_follows_everything_that_makes_the_binary(other: GoBuild, tmp_path: Path) -> None:
    assert build.folder_of(other, tmp_path) != build.folder_of(GO, tmp_path)


def test_the_key_is_the_same_everywhere(tmp_path: Path) -> None:
    same = replace(GO)
    assert build.folder_of(same, tmp_path) == build.folder_of(GO, tmp_path)
    assert re.fullmatch(r"etcd-[0-9a-f]{16}", build.folder_of(GO, tmp_path).name)


def test_a_build_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded = Recorded("text")
    build.build_missing([recorded], tmp_path)
    build.build_missing([recorded], tmp_path)

    assert recorded.made == [build.folder_of(recorded, tmp_path)]
    assert capsys.readouterr().out.splitlines() == [
        "building recorded (1 of 1) ...",
        "built recorded (1 of 1) in 0 s",
    ]


def test_only_what_is_missing_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third = (Recorded(text, name=text) for text in ("first", "second", "third"))
    build.build_missing([second], tmp_path)
    build.build_missing([first, second, third], tmp_path)

    assert "building third (2 of 2) ..." in capsys.readouterr().out


def test_what_a_failed_or_killed_build_left_is_made_anew(tmp_path: Path) -> None:
    recorded = Recorded("text", fails=True)
    with pytest.raises(TestbedError, match="recorded"):
        build.build_missing([recorded], tmp_path)
    assert not build.is_built(recorded, tmp_path)

    recorded.fails = False
    build.build_missing([recorded], tmp_path)
    assert build.is_built(recorded, tmp_path)


def test_the_key_follows_what_is_added_to_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "SOURCES", tmp_path)
    added = tmp_path / "etcd" / "additions" / "server" / "more.go"
    added.parent.mkdir(parents=True)
    for name in ("go.mod", "go.sum"):
        (tmp_path / "etcd" / name).touch()
    keys = []
    for text in ("package server", "package server // more"):
        added.write_text(text)
        keys.append(build.folder_of(replace(GO, additions="additions"), tmp_path))
    added.rename(added.with_name("other.go"))
    keys.append(build.folder_of(replace(GO, additions="additions"), tmp_path))

    assert len({*keys, build.folder_of(GO, tmp_path)}) == 4


@pytest.mark.parametrize("ask", [BuildStep.run, BuildStep.output])
def test_a_failing_command_is_reported_with_the_end_of_its_log(ask: Callable[..., object], tmp_path: Path) -> None:
    step = BuildStep("building thing (1 of 2)", tmp_path / "build.log")
    with pytest.raises(TestbedError) as error:
        ask(step, ["sh", "-c", "echo missing semicolon >&2; exit 3"], tmp_path, {})

    assert "building thing (1 of 2) failed (exit status 3)" in str(error.value)
    assert str(tmp_path / "build.log") in str(error.value)
    assert str(error.value).endswith("    missing semicolon")


def test_what_a_command_prints_is_not_in_its_log(tmp_path: Path) -> None:
    step = BuildStep("thing", tmp_path / "build.log")
    assert step.output(["sh", "-c", "echo asked; echo said >&2"], tmp_path, {}) == "asked\n"
    assert (tmp_path / "build.log").read_text().splitlines()[1:] == ["said"]


def test_a_sign_of_life_says_how_far_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "PROGRESS_INTERVAL", 0.0)
    asked = tmp_path / "asked"
    os.mkfifo(asked)
    seen: list[str] = []

    def how_far(lines: Iterable[str]) -> str:
        if not seen:
            asked.write_text("\n")
        seen.extend(lines)
        return "3 of 4 packages"

    step = BuildStep("building thing", tmp_path / "log", how_far=how_far)
    step.run(["sh", "-c", f"read line < {asked}"], tmp_path)

    assert "building thing: 0 s, 3 of 4 packages" in capsys.readouterr().out.splitlines()
    assert all("read line" in line for line in seen)


def test_the_tail_of_a_log_is_short(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))

    assert build.tail(log, lines=2) == "    line 98\n    line 99"
    assert build.tail(tmp_path / "none") == ""


@pytest.mark.parametrize(
    "each",
    [each for each in BUILDS if isinstance(each, GoBuild)],
    ids=lambda each: each.name,
)
def test_go_mod_requires_the_version_that_is_declared(each: GoBuild) -> None:
    go_mod = (build.SOURCES / each.module.folder / "go.mod").read_text()
    assert re.search(rf"^\s+{re.escape(each.module.path)} {re.escape(each.module.version)}( |$)", go_mod, re.MULTILINE)


@pytest.mark.parametrize("each", [each for each in BUILDS if isinstance(each, PythonBuild)], ids=lambda each: each.name)
def test_requirements_pin_the_version_that_is_declared_and_all_others(each: PythonBuild) -> None:
    pinned = each.requirements.read_text().splitlines()
    assert each.requirement in pinned
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pinned)
