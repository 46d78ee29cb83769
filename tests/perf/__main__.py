# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.perf [--rounds N] [CONTEST ...]`: our modules beside what would be used instead, as ratios.

Whole programs are timed, in turns and with the order swapped every round, so that whatever else the machine does meets
both alike. Seconds are not worth keeping: a ratio is taken within a round. Requests are those of the audit logs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from tests import audit
from tests.gates.steps import entry
from tests.testbed import bed as beds

HERE = Path(__file__).parent
LOGS = Path(os.environ["PNOW_TESTBED_STATE"]) / "logs"
WITH_CLUSTERS = beds.CLUSTERS in beds.load(LOGS.parent).features
DOMAIN = "yourdomain.com"
CLAIMS = f"postgresqlinstances.database.{DOMAIN}"
# Where composites in namespaces are offered, beside claims.
NAMESPACED = "namespaced.example.org"
PLATFORM = "crossplane-system"
NAMESPACE = "perf"
CREATED, UNCHANGED = 50, 100
CLUSTER_CLAIMS = f"kubernetesclusters.compute.{DOMAIN}"
CLUSTERS = "clusters.cluster.x-k8s.io"
# The environment whose cluster all others are like.
MODEL = "pr-29999"

Commands = list[list[str]]


@dataclass(frozen=True)
class Side:
    """One way to do it: the commands of a round, and how its requests are known in the audit log of Kubernetes."""

    name: str
    commands: Callable[[int], Commands]
    user_agents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contest:
    """Our side, the other, and what is done after each, untimed. What one makes and the other removes has one order."""

    title: str
    ours: Side
    theirs: Side
    rounds: int
    warm_up: bool
    after: Callable[[], None] = lambda: None
    in_turns: bool = True


def main() -> None:
    """Hold the contests named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("contests", nargs="*", metavar="CONTEST", help=", ".join(CONTESTS))
    options = parser.parse_args()
    _bootstrap("claims", DOMAIN)
    with tempfile.TemporaryDirectory(prefix="pnow-perf-") as folder:
        for name in options.contests or [name for name in CONTESTS if WITH_CLUSTERS or name != "clusters"]:
            with CONTESTS[name](Path(folder), options.rounds) as contests:
                for contest in contests:
                    _hold(contest)


def _bootstrap(style: str, domain: str) -> None:
    settings = (f"@{os.environ['PNOW_TESTBED_VARS']}", f"platform_api_style={style} platform_api_domain={domain}")
    command = ["ansible-playbook", "pnow.infra.bootstrap", "--inventory=inventories/management"]
    _run([*command, *(f"--extra-vars={each}" for each in settings)])


def _hold(contest: Contest) -> None:
    sides = (contest.ours, contest.theirs) if contest.in_turns else (contest.theirs, contest.ours)
    if contest.warm_up:
        for side in sides:
            _timed(side, 0)
    ratios: list[float] = []
    requests: dict[str, int] = {}
    for number in range(1, contest.rounds + 1):
        seconds: dict[str, float] = {}
        for side in sides[::-1] if contest.in_turns and number % 2 == 0 else sides:
            seconds[side.name], requests[side.name] = _timed(side, number)
            contest.after()
        ratios.append(seconds[contest.ours.name] / seconds[contest.theirs.name])
        print(f"  round {number}: " + ", ".join(f"{name} {took:.2f} s" for name, took in seconds.items()), flush=True)
    told = ", ".join(f"{name} {count}" for name, count in requests.items())
    figures = f"min {min(ratios):.2f}, median {median(ratios):.2f}, max {max(ratios):.2f}"
    print(f"{contest.title}: {contest.ours.name} / {contest.theirs.name}: {figures}; requests: {told}", flush=True)


def _timed(side: Side, number: int) -> tuple[float, int]:
    commands = side.commands(number)
    log = LOGS / (audit.KUBERNETES if side.user_agents else audit.VAULT)
    before = log.stat().st_size
    started = time.monotonic()
    for command in commands:
        _run(command)
    return time.monotonic() - started, sum(1 for event in audit.events(log, before) if _is_of(side, event))


def _is_of(side: Side, event: dict[str, Any]) -> bool:
    if side.user_agents:
        return str(event.get("userAgent", "")).startswith(side.user_agents)
    return bool(event["type"] == "request")


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}")
    return done.stdout


@contextmanager
def creation(folder: Path, rounds: int) -> Iterator[list[Contest]]:
    """Claims that do not exist yet, until the last is ready; both sides wait for Crossplane and the provider alike."""

    def ours(number: int) -> Commands:
        return _by_us(_inputs(folder, _claims(number * 200, CREATED, NAMESPACE)))

    def theirs(number: int) -> Commands:
        manifests = f"--filename={_inputs(folder, _claims(number * 200 + 100, CREATED, NAMESPACE))}"
        wait = ["kubectl", "wait", "--for=condition=Ready", "--timeout=15m", manifests]
        return [["kubectl", "apply", manifests], wait]

    def delete() -> None:
        _run(["kubectl", "delete", CLAIMS, "--namespace", NAMESPACE, "--all", "--timeout=15m"])

    with _namespace(NAMESPACE):
        sides = (Side("xrd_claim", ours, ("pnow.infra/",)), Side("kubectl apply, wait", theirs, ("kubectl/",)))
        yield [Contest(f"{CREATED} claims created and ready", *sides, rounds, warm_up=False, after=delete)]


@contextmanager
def deletion(folder: Path, rounds: int) -> Iterator[list[Contest]]:
    """What was made is removed, down to the last managed resource, in both styles; a ratio of our own two halves."""
    _bootstrap("namespaced", NAMESPACED)
    kinds = (("One with a backup", 1, True), (f"{CREATED}", CREATED, False))
    try:
        with _namespace(NAMESPACE, *(f"pr-{number}" for number in range(20_001, 20_001 + CREATED))):
            yield [
                _made_and_removed(f"{name}, {style}", _inputs(folder, claims), rounds, warm_up=count == 1)
                for name, count, backup in kinds
                for style, claims in (
                    ("claims", _claims(10_000, count, NAMESPACE, backup=backup)),
                    ("composites", _claims(20_000, count, backup=backup, domain=NAMESPACED)),
                )
            ]
    finally:
        volume = ["persistentvolumeclaim", "pr-10001-backup"]
        _run(["kubectl", "delete", *volume, "--namespace", PLATFORM, "--ignore-not-found"])


def _made_and_removed(title: str, claims: Path, rounds: int, *, warm_up: bool) -> Contest:
    agents = ("pnow.infra/",)
    removed = Side("removed", lambda _: _by_us(claims, state="absent"), agents)
    made = Side("made", lambda _: _by_us(claims), agents)
    # Until the garbage collector knows a new kind, which takes it up to half a minute, it ends nothing of it.
    return Contest(title, removed, made, rounds, warm_up, in_turns=False)


@contextmanager
def unchanged(folder: Path, rounds: int) -> Iterator[list[Contest]]:
    """Claims that are as wanted; each side has its own, made by itself. Without Crossplane, for nobody waits."""
    names = ("perf-ours", "perf-kubectl", "perf-k8s")
    files = {name: _inputs(folder, _claims(10_000 + 1000 * place, UNCHANGED, name)) for place, name in enumerate(names)}
    apply = [["kubectl", "apply", f"--filename={files['perf-kubectl']}"]]
    k8s = [["ansible-playbook", str(HERE / "k8s.yml"), f"--extra-vars=@{files['perf-k8s']}.vars"]]
    ours = Side("xrd_claim", lambda _: _by_us(files["perf-ours"], wait=False), ("pnow.infra/",))
    others = (
        Side("kubectl apply", lambda _: apply, ("kubectl/",)),
        Side("kubernetes.core.k8s", lambda _: k8s, ("OpenAPI-Generator/",)),
    )
    # With their namespaces the claims are gone before Crossplane could make databases for them.
    with _stopped("crossplane"), _namespace(*names):
        yield [Contest(f"{UNCHANGED} claims unchanged", ours, theirs, rounds, warm_up=True) for theirs in others]


@contextmanager
def _stopped(program: str) -> Iterator[None]:
    bed = ["python", "-m", "tests.testbed"]
    _run([*bed, "stop", program])
    try:
        yield
    finally:
        _run([*bed, "up"])


@contextmanager
def vault(_folder: Path, rounds: int) -> Iterator[list[Contest]]:
    """A database that Vault knows already, with a connection and two roles."""
    psql = ["psql", "--dbname", "postgres", "--quiet", "--set", "ON_ERROR_STOP=1"]
    _run([*psql, "--file", str(HERE / "setup.sql")])
    try:
        playbook = partial(lambda name, _: [["ansible-playbook", str(HERE / name)]])
        ours = Side("vault_db_register", partial(playbook, "vault_ours.yml"))
        theirs = Side("community.hashi_vault.vault_write x 3", partial(playbook, "vault_theirs.yml"))
        yield [Contest("A registration unchanged", ours, theirs, rounds, warm_up=True)]
    finally:
        for side in ("ours", "theirs"):
            for path in (f"config/perf-{side}", f"roles/perf-{side}-readwrite", f"roles/perf-{side}-readonly"):
                _run(["vault", "delete", f"database/{path}"])
        _run([*psql, "--command", 'DROP DATABASE "perf-db" WITH (FORCE)'])
        _run([*psql, "--command", 'DROP ROLE "perf-vault", "perf-reader", "perf-owner"'])


@contextmanager
def clusters(folder: Path, rounds: int) -> Iterator[list[Contest]]:
    """A cluster until it is ready, beside the same objects of Cluster API by kubectl; then three at once beside one."""

    def ours(number: int, count: int = 1) -> Commands:
        names = [f"pr-{30_000 + 10 * number + place}" for place in range(count)]
        return [["ansible-playbook", str(HERE / "clusters.yml"), f"--inventory={','.join(names)},"]]

    def theirs(number: int) -> Commands:
        name = f"pr-{40_000 + number}"
        manifests = folder / f"{name}.json"
        manifests.write_text(ordered.replace(MODEL, name))
        wait = ["kubectl", "wait", f"{CLUSTERS}/{name}", f"--namespace={NAMESPACE}", "--for=condition=Available"]
        return [["kubectl", "apply", f"--filename={manifests}"], [*wait, "--timeout=20m"]]

    def delete() -> None:
        for kind in (CLUSTER_CLAIMS, CLUSTERS):
            _run(["kubectl", "delete", kind, f"--namespace={NAMESPACE}", "--all", "--timeout=20m"])

    agents = ("pnow.infra/",)
    one, three = Side("kubevirt_cluster", ours, agents), Side("three", partial(ours, count=3), agents)
    with _namespace(NAMESPACE):
        # The first also has everybody's programs and charts warm.
        _run(["ansible-playbook", str(HERE / "clusters.yml"), f"--inventory={MODEL},"])
        ordered = _ordered()
        delete()
        beside = Side("kubectl apply, wait", theirs, ("kubectl/",))
        yield [
            Contest("A cluster, until it is ready", one, beside, rounds, warm_up=False, after=delete),
            Contest("Three clusters at once", three, replace(one, name="one"), rounds, warm_up=False, after=delete),
        ]


def _ordered() -> str:
    """What the platform orders of Cluster API for the cluster that there is, as somebody with kubectl would."""
    objects = json.loads(_run(["kubectl", "get", "objects.kubernetes.crossplane.io", "--output=json"]))["items"]
    manifests = [each["spec"]["forProvider"]["manifest"] for each in objects]
    items = [manifest for manifest in manifests if "cluster.x-k8s.io/" in manifest["apiVersion"]]
    for manifest in items:
        # Cluster API makes itself the owner of what is a cluster's.
        manifest["metadata"].pop("ownerReferences", None)
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


CONTESTS = {"creation": creation, "deletion": deletion, "unchanged": unchanged, "vault": vault, "clusters": clusters}


@contextmanager
def _namespace(*names: str) -> Iterator[None]:
    for name in names:
        _run(["kubectl", "create", "namespace", name])
    try:
        yield
    finally:
        _run(["kubectl", "delete", "namespace", *names, "--timeout=10m"])


def _by_us(file: Path, *, wait: bool = True, state: str = "present") -> Commands:
    extra = (f"--extra-vars=@{file}.vars", f"--extra-vars={json.dumps({'wait': wait, 'state': state})}")
    return [["ansible-playbook", str(HERE / "ours.yml"), *extra]]


def _claims(
    first: int, count: int, namespace: str = "", *, backup: bool = False, domain: str = DOMAIN
) -> list[dict[str, Any]]:
    """Claims in a namespace, or composites each in the namespace of its environment."""
    environments = [f"pr-{number}" for number in range(first + 1, first + 1 + count)]
    return [
        {
            "api_version": f"database.{domain}/v1alpha1",
            "kind": "PostgreSQLInstance",
            "name": f"{name}-database",
            "namespace": namespace or name,
            "parameters": {"environment": name, "enableBackup": backup, "vaultPath": f"secret/database/{name}"},
        }
        for name in environments
    ]


def _inputs(folder: Path, claims: Sequence[dict[str, Any]]) -> Path:
    """The same claims for every side: a file for kubectl, and beside it (``.vars``) one for playbooks."""
    manifests = [
        {
            "apiVersion": claim["api_version"],
            "kind": claim["kind"],
            "metadata": {"name": claim["name"], "namespace": claim["namespace"]},
            "spec": {"parameters": claim["parameters"], "compositeDeletePolicy": "Foreground"},
        }
        for claim in claims
    ]
    path = folder / f"{claims[0]['name']}-{len(claims)}.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))
    path.with_name(f"{path.name}.vars").write_text(json.dumps({"claims": claims, "manifests": manifests}))
    return path


if __name__ == "__main__":
    if shutil.which("kubectl") is None:
        raise SystemExit("run it in the environment of a test bed: make perf")
    entry(main)
