# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of programs holds together."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.testbed import programs
from tests.testbed.bed import CLUSTERS, FEATURES, Bed
from tests.testbed.errors import TestbedError
from tests.testbed.programs import PROGRAMS, Program

each_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)


def test_names_and_ports_are_unique() -> None:
    names = [program.name for program in PROGRAMS]
    assert len(set(names)) == len(names)
    ports = programs.ports_with(FEATURES)
    assert len(set(ports)) == len(ports)


@each_program
def test_a_program_comes_after_those_it_needs(program: Program) -> None:
    names = [each.name for each in PROGRAMS]
    assert set(program.after) <= set(names[: names.index(program.name)])


@each_program
def test_a_program_uses_the_ports_it_declares_and_no_other(program: Program, bed: Bed) -> None:
    text = " ".join([*program.command(bed), *program.environment(bed).values()])
    used = {name for name, port in bed.ports.items() if re.search(rf"\b{port}\b", text)}
    elsewhere = {"kube-apiserver": {"etcd"}, "vault": {"vault"}}.get(program.name, set())

    assert used | elsewhere == {*program.ports, *elsewhere}


@each_program
def test_nothing_of_a_secret_is_on_a_command_line(program: Program, bed: Bed) -> None:
    text = " ".join([*program.command(bed), *program.environment(bed).values()])
    assert not [password for password in bed.passwords.values() if password in text]


@each_program
def test_a_function_serves_at_its_first_port(program: Program, bed: Bed) -> None:
    if program.package and program.package.identity.kind == "Function":
        assert f"--address={bed.address(program.ports[0])}" in program.command(bed)


def test_an_unknown_name_lists_the_known_ones(bed: Bed) -> None:
    assert programs.find(bed, "vault").name == "vault"
    with pytest.raises(TestbedError, match=r"no program 'volt'; it has: etcd, kube-apiserver, .*, vault, .*\.$"):
        programs.find(bed, "volt")


def test_what_only_clusters_need_is_in_no_other_bed(bed: Bed) -> None:
    without = replace(bed, features=())
    assert "cluster-api" not in [build.name for build in programs.builds("2.3", ())]
    assert "cluster-api" in [build.name for build in programs.builds("2.3", [CLUSTERS])]
    assert set(programs.ports_with(())) < set(programs.ports_with([CLUSTERS]))
    assert programs.find(bed, "cluster-api").features == (CLUSTERS,)
    with pytest.raises(TestbedError, match=r"no program 'cluster-api'; it has: "):
        programs.find(without, "cluster-api")


def test_what_every_bed_has_needs_nothing_that_only_some_have() -> None:
    names = {program.name for program in programs.programs_with(())}
    assert all(set(program.after) <= names for program in programs.programs_with(()))


def test_what_a_database_needs_is_built_first() -> None:
    names = [build.name for build in programs.builds("2.3", ())]
    assert names[-1] == "provider-kubernetes"
    assert {"crossplane", "kubectl", "vault", "postgresql"} < set(names)


def test_some_are_built_in_the_order_of_all() -> None:
    wanted = programs.builds("1.20", ())
    assert [build.name for build in programs.named(["vault", "etcd"], wanted)] == ["etcd", "vault"]
    with pytest.raises(TestbedError, match=r"no program 'volt' to build; there are: etcd, .*crossplane-1, .*\.$"):
        programs.named(["vault", "volt"], wanted)
