# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting an environment takes what it made, and nothing else: audited over everything that the servers have.

Beside it is another one, and in and around both is what other people have made; the names of all begin alike. What
differs in complete listings of the API server, PostgreSQL and Vault is the environment's own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import strangers
from tests.e2e.listing import Listing, await_equality, everything, kubernetes
from tests.e2e.servers import ask, bootstrap

# Of one that is in somebody else's namespace, one that is in its own, one that adopts its own, and one that stays.
MET, MADE, ADOPTING, BESIDE = "pr-70", "pr-7", "pr-702", "pr-701"
ELSEWHERE = "pr-70-stranger"
QUIETLY = (sys.executable, "-m", "tests.quiet")
INVENTORY = """\
environments:
  hosts:
    {name}:
      ansible_connection: local
      ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"
      database_enable_backup: false
"""


@pytest.fixture(scope="module")
def inventories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inventories")
    for name in (MET, MADE, ADOPTING, BESIDE):
        (folder / f"{name}.yml").write_text(INVENTORY.format(name=name))
    return folder


class Environment:
    """An environment, and what playbooks do to it."""

    def __init__(self, inventories: Path, name: str) -> None:
        self.name = name
        self._inventory = f"--inventory={inventories / name}.yml"

    def provision(self, *arguments: str) -> str:
        return self._play("provision", *arguments)

    def delete(self, *arguments: str, quietly: bool = False) -> str:
        return self._play("delete", f"--extra-vars=confirm={self.name}", *arguments, quietly=quietly)

    def _play(self, verb: str, *arguments: str, quietly: bool = False) -> str:
        """What a playbook says, its warnings included, on one line."""
        command = [*(QUIETLY if quietly else ()), "ansible-playbook", f"pnow.infra.{verb}", self._inventory, *arguments]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=400
        )
        assert done.returncode == 0, done.stdout
        return " ".join(done.stdout.split())


@pytest.fixture(scope="module")
def beside(inventories: Path) -> Iterator[Environment]:
    """The environment that stays, with a credential in use, and everything that belongs to other people."""
    bootstrap()
    foreign = [
        strangers.manifest("v1", "Namespace", MET),
        strangers.manifest("v1", "Namespace", ELSEWHERE),
        *strangers.around(MET),
        *strangers.in_namespace(MET, MET),
        *strangers.in_namespace(ELSEWHERE, MET),
    ]
    environment = Environment(inventories, BESIDE)
    try:
        strangers.kubectl("apply", foreign)
        strangers.in_postgresql(MET)
        strangers.in_vault(MET)
        environment.provision()
        strangers.kubectl("apply", strangers.in_namespace(BESIDE, BESIDE))
        ask("vault", "read", f"database/creds/{BESIDE}-readwrite")
        yield environment
    finally:
        strangers.kubectl("delete", strangers.in_namespace(BESIDE, BESIDE), "--ignore-not-found", "--timeout=60s")
        environment.delete()
        strangers.not_in_vault(MET)
        strangers.not_in_postgresql(MET)
        strangers.kubectl("delete", foreign, "--ignore-not-found", "--timeout=60s")


def changes(output: str) -> int:
    recap = re.search(r"changed=(\d+) ", output)
    assert recap is not None, output
    return int(recap[1])


def namespaced(listing: Listing, namespace: str) -> Listing:
    return {name: about for name, about in listing.items() if about["metadata"].get("namespace") == namespace}


def usable(environment: str) -> None:
    assert "revoked" in ask(sys.executable, "-m", "tests.proof", environment)


@pytest.fixture
def environment(request: pytest.FixtureRequest, inventories: Path) -> Iterator[Environment]:
    """The environment of a test; nothing is left of it, nor in its namespace, if that is its own."""
    made = Environment(inventories, request.param)
    yield made
    if request.param != MET:
        strangers.kubectl("delete", strangers.in_namespace(made.name, made.name), "--ignore-not-found", "--timeout=60s")
    made.delete()


@pytest.mark.parametrize("environment", [MET], indirect=True)
def test_in_somebody_elses_namespace(beside: Environment, environment: Environment) -> None:
    """The namespace is used, and left as it was, with all that is in it."""
    before = everything()
    assert f"Namespace {MET} was not created by this collection" in environment.provision()
    usable(MET)
    predicted = environment.delete("--check", quietly=True)
    output = environment.delete()
    assert changes(predicted) > 0
    for said in (predicted, output):
        assert f"Namespace {MET} is left alone: it was not created by this collection" in said
    await_equality(before)
    assert changes(environment.delete(quietly=True)) == 0
    await_equality(before)
    usable(beside.name)


@pytest.mark.parametrize("environment", [MADE], indirect=True)
def test_in_a_namespace_of_its_own(beside: Environment, environment: Environment) -> None:
    """What other people have put into it by then keeps the namespace, and nothing else of the environment."""
    before = everything()
    environment.provision()
    usable(MADE)
    alone = kubernetes()
    theirs = strangers.in_namespace(MADE, MADE)
    strangers.kubectl("apply", theirs)
    there = kubernetes()
    # The address of their Service is an object, too.
    added = {name: about for name, about in there.items() if name not in alone}
    assert len(namespaced(added, MADE)) == len(theirs)
    kept = {name: about for name, about in there.items() if name in (f"Namespace {MADE}", *_by_the_cluster(MADE))}

    predicted = environment.delete("--check", quietly=True)
    output = environment.delete()
    for said in (predicted, output):
        assert f"Namespace {MADE} is left alone: it holds {len(theirs)} objects" in said
    await_equality({**before, **kept, **added})
    assert changes(environment.delete(quietly=True)) == 0
    await_equality({**before, **kept, **added})

    strangers.kubectl("delete", theirs, "--timeout=60s")
    assert changes(environment.delete("--check", quietly=True)) == 1
    assert changes(environment.delete()) == 1
    await_equality(before)
    assert changes(environment.delete(quietly=True)) == 0
    usable(beside.name)


@pytest.mark.parametrize("environment", [ADOPTING], indirect=True)
def test_in_a_namespace_that_is_adopted(beside: Environment, environment: Environment) -> None:
    before = everything()
    strangers.kubectl("create", [strangers.manifest("v1", "Namespace", ADOPTING)])
    assert "used as it is" not in environment.provision("--extra-vars=environment_adopt=true")
    mark = r"--output=jsonpath={.metadata.annotations.pnow\.infra/created}"
    assert ask("kubectl", "get", "namespace", ADOPTING, mark) == "true"
    environment.delete()
    await_equality(before)
    usable(beside.name)


def _by_the_cluster(namespace: str) -> tuple[str, str]:
    return f"ConfigMap {namespace}/kube-root-ca.crt", f"ServiceAccount {namespace}/default"
