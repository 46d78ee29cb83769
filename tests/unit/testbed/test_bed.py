# SPDX-License-Identifier: GPL-3.0-or-later
"""The state folder: names, what is remembered, and that files are private and whole."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.testbed import bed as beds
from tests.testbed.errors import TestbedError


@pytest.mark.parametrize("name", ["demo", "a", "pr-7", "0", "x" * 31])
def test_a_plain_word_names_a_bed(name: str) -> None:
    assert beds.state_folder(name) == beds.CHECKOUT / ".testbed" / name


@pytest.mark.parametrize("name", ["", "..", "../demo", "a/b", "-a", "Demo", "x" * 32, "a b", "démo"])
def test_anything_else_is_refused(name: str) -> None:
    with pytest.raises(TestbedError, match="cannot name a test bed"):
        beds.state_folder(name)


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"HOME": "/home/me"}, "/home/me/.cache/pnow-infra"),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "/var/cache/me"}, "/var/cache/me/pnow-infra"),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "/var/cache/me", "PNOW_CACHE": "/srv/cache"}, "/srv/cache"),
    ],
)
def test_cache_folder(environment: dict[str, str], folder: str) -> None:
    assert beds.cache_folder(environment) == Path(folder)


def test_a_bed_that_never_was_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match=r"There is no test bed 'nothing' yet; start it with `make up`\."):
        beds.load(tmp_path / "nothing")


def test_ports_and_passwords_are_chosen_once(tmp_path: Path) -> None:
    first = beds.create(tmp_path / "a", tmp_path / "cache", ["etcd", "vault"])
    again = beds.create(tmp_path / "a", tmp_path / "cache", ["etcd", "vault", "postgresql"])

    assert again.passwords == first.passwords
    assert {name: again.ports[name] for name in first.ports} == first.ports
    assert beds.load(tmp_path / "a") == again


def test_a_bed_keeps_its_crossplane(tmp_path: Path) -> None:
    assert beds.crossplane_of(tmp_path / "a", None) == beds.DEFAULT_CROSSPLANE
    assert beds.crossplane_of(tmp_path / "a", "1.20") == "1.20"
    beds.create(tmp_path / "a", tmp_path / "cache", ["etcd"], crossplane="1.20")
    assert beds.crossplane_of(tmp_path / "a", None) == beds.load(tmp_path / "a").crossplane == "1.20"
    with pytest.raises(
        TestbedError, match=r"'a' has Crossplane 1\.20; take it down first, or name another, for 2\.3\."
    ):
        beds.crossplane_of(tmp_path / "a", "2.3")


def test_a_bed_keeps_its_features(tmp_path: Path) -> None:
    assert beds.features_of(tmp_path / "a", ()) == ()
    beds.create(tmp_path / "a", tmp_path / "cache", ["etcd"], features=beds.features_of(tmp_path / "a", ["clusters"]))
    assert beds.features_of(tmp_path / "a", ()) == beds.load(tmp_path / "a").features == ("clusters",)


def test_a_forgotten_port_is_chosen_anew(tmp_path: Path) -> None:
    first = beds.create(tmp_path / "a", tmp_path / "cache", ["etcd", "vault"])
    again = beds.create(tmp_path / "a", tmp_path / "cache", ["etcd", "vault"], forget=["vault"])

    assert again.ports["etcd"] == first.ports["etcd"]
    assert again.ports["vault"] != first.ports["vault"]


def test_beds_that_are_down_keep_their_ports(tmp_path: Path) -> None:
    names = [f"port-{number}" for number in range(100)]
    one, other = (beds.create(tmp_path / name, tmp_path / "cache", names) for name in ("a", "b"))

    assert not set(one.ports.values()) & set(other.ports.values())


def test_a_removed_bed_is_forgotten(tmp_path: Path) -> None:
    removed = beds.create(tmp_path / "a", tmp_path / "cache", ["etcd"])
    (removed.state / "bed.json").unlink()
    beds.create(tmp_path / "b", tmp_path / "cache", ["etcd"])

    assert json.loads((tmp_path / "cache" / "beds.json").read_text()) == [str(tmp_path / "b")]


def test_files_are_private(tmp_path: Path) -> None:
    created = beds.create(tmp_path / "a", tmp_path / "cache", ["etcd"])
    secret = created.write("deep/secret", "text\n")

    assert secret.read_text() == "text\n"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (secret, created.state / "bed.json")} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (created.state, created.logs, secret.parent)} == {0o700}


def test_a_file_that_is_right_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    beds.write_private(path, "text\n")
    before = path.stat()
    beds.write_private(path, "text\n")

    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
