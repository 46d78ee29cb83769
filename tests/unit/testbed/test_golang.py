# SPDX-License-Identifier: GPL-3.0-or-later
"""Go: versions are compared as numbers, a missing toolchain is explained, and what is compiled is not counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testbed import golang
from tests.testbed.errors import TestbedError
from tests.testbed.progress import Package


def toolchain(folder: Path, version: str) -> Path:
    """A program that says it is Go of `version`."""
    folder.mkdir(parents=True)
    go = folder / "go"
    go.write_text(f"#!/bin/sh\necho {version}\n")
    go.chmod(0o755)
    return go


@pytest.mark.parametrize(
    ("text", "version"),
    [("1.26", (1, 26)), ("go1.26.1", (1, 26, 1)), ("go1.26rc1", (1, 26)), ("go1.9.7\n", (1, 9, 7))],
)
def test_versions_are_numbers(text: str, version: tuple[int, ...]) -> None:
    assert golang.parse_version(text) == version


def test_the_patch_release_is_left_to_go_itself(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module example.org/x\n\ngo 1.26.1\n\ntoolchain go1.27.0\n")
    assert golang.required_version(tmp_path / "go.mod") == (1, 26)


def test_the_first_that_is_new_enough_is_taken(tmp_path: Path) -> None:
    old, broken, new = (
        toolchain(tmp_path / "old", "go1.9"),
        toolchain(tmp_path / "broken", "; exit 1"),
        toolchain(tmp_path / "new", "go1.26.1"),
    )
    assert golang.find((1, 26), [old, broken, new]) == str(new)


def test_an_old_one_is_named_with_what_to_do(tmp_path: Path) -> None:
    old = toolchain(tmp_path / "old", "go1.25.3")
    with pytest.raises(
        TestbedError, match=r"needs Go 1\.26 or newer, and .*old/go is 1\.25\.3\. Get it from https://go"
    ):
        golang.find((1, 26), [old])


def test_none_at_all_is_said_so() -> None:
    with pytest.raises(TestbedError, match="no Go was found"):
        golang.find((1, 26), [])


def test_what_go_has_compiled_is_not_counted(tmp_path: Path) -> None:
    (tmp_path / "a.go").write_text("package a")
    (tmp_path / "b.go").write_text("package a // b")
    rows = [
        ("unsafe", tmp_path, "false", "", ""),
        ("example.org/new", tmp_path, "true", "build ID mismatch", "a.go b.go "),
        ("example.org/next", tmp_path, "true", "stale dependency: example.org/new", "a.go "),
        ("example.org/main", tmp_path, "true", golang.COMPILED, "a.go "),
    ]
    listing = "".join("\t".join(map(str, row)) + "\n" for row in rows)

    assert golang.uncompiled(listing) == [
        Package("example.org/new", str(tmp_path), 23),
        Package("example.org/next", str(tmp_path), 9),
    ]
