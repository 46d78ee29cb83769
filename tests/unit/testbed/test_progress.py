# SPDX-License-Identifier: GPL-3.0-or-later
"""How far compiling is: what programs share counts once, time goes by the size of sources, and guesses are not told."""

from __future__ import annotations

from tests.testbed.progress import Package, Progress

SHARED = Package("example.org/shared", "/mod/shared@v1", 100)
OTHER_VERSION = Package("example.org/shared", "/mod/shared@v2", 300)
FIRST = Package("example.org/first", "/mod/first", 200)
SECOND = Package("example.org/second", "/mod/second", 9400)
PACKAGES = {"first": [SHARED, FIRST], "second": [OTHER_VERSION, SECOND], "third": [SHARED], "python": []}


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_what_two_programs_share_counts_once_and_another_version_of_it_again() -> None:
    progress = Progress(PACKAGES, Clock())
    assert progress.text() == "0 of 4 packages"
    progress.note("first", [SHARED.name])
    progress.note("third", [SHARED.name])
    assert progress.text() == "1 of 4 packages"
    progress.note("second", [OTHER_VERSION.name])
    assert progress.text().startswith("2 of 4 packages")


def test_other_lines_of_a_log_are_no_packages() -> None:
    progress = Progress(PACKAGES, Clock())
    progress.note("first", ["$ go build", "go: downloading example.org/first", SECOND.name])
    progress.note("python", [FIRST.name])
    assert progress.text() == "0 of 4 packages"


def test_the_rest_is_estimated_by_the_size_of_sources_once_there_is_something_to_go_by() -> None:
    clock = Clock()
    progress = Progress(PACKAGES, clock)
    clock.now += 60
    progress.note("first", [SHARED.name])
    assert progress.text() == "1 of 4 packages"
    progress.note("first", [FIRST.name])
    assert progress.text() == "2 of 4 packages, about 32 min left"
    clock.now += 6
    progress.note("second", [SECOND.name])
    assert progress.text() == "3 of 4 packages, less than a minute left"


def test_a_build_that_has_ended_has_compiled_all_it_needs() -> None:
    progress = Progress(PACKAGES, Clock())
    progress.finish("second")
    progress.finish("python")
    assert progress.text() == "2 of 4 packages, less than a minute left"


def test_where_nothing_is_compiled_nothing_is_said() -> None:
    assert Progress({"python": []}, Clock()).text() == ""
    assert Progress({}, Clock()).text() == ""
