# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters, end to end through the engine: what is refused, what is awaited, what is blamed, what is kept."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._clients.cluster_api.workloads import WorkloadClusters
from ansible_collections.pnow.infra.plugins.module_utils._domain.cluster_api.credentials import (
    Certificate,
    token_from,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.cluster_api.resize import Refused
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import (
    Failed,
    InfraError,
    InvalidOption,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest, ObjectRef
from ansible_collections.pnow.infra.plugins.module_utils._domain.redact import HIDDEN
from ansible_collections.pnow.infra.plugins.module_utils._runtime.cluster_api.cluster_info import describe_clusters
from ansible_collections.pnow.infra.plugins.module_utils._runtime.cluster_api.clusters import Servers, reconcile_cluster
from ansible_collections.pnow.infra.plugins.module_utils._runtime.task import Outcome
from tests.unit.plugins import clusters as made
from tests.unit.plugins.claims import nothing, put, vanish_all
from tests.unit.plugins.clusters import CLAIM, CLUSTER, OPTIONS, server, whole
from tests.unit.plugins.kubeconfigs import SERVER, kubeconfig, secret, service_account_token
from tests.unit.plugins.scripted import ScriptedClock, ScriptedKubernetes, ScriptedReporter, conditions, request
from tests.unit.plugins.scripted_vault import ScriptedVault

ENDS = dt.datetime(2040, 1, 1, tzinfo=dt.UTC)
AUTOSCALED = {f"cluster.x-k8s.io/cluster-api-autoscaler-node-group-{end}-size": "4" for end in ("min", "max")}


class ScriptedWorkload(ScriptedKubernetes):
    """A cluster that was made; its tokens last as long as is asked for, from when the clock says."""

    def token(self, account: ObjectRef, seconds: int) -> str:
        self.requests.append(f"token {account}")
        if "token" in self.refuses:
            raise self.refuses["token"]
        starts = dt.datetime.fromtimestamp(self.clock.now, dt.UTC)
        uid = self.objects[account]["metadata"]["uid"]
        return service_account_token(starts, starts + dt.timedelta(seconds=seconds), uid)


class ScriptedWorkloads:
    """``opened_with`` are the users of the kubeconfigs that have opened the cluster."""

    def __init__(self, clock: ScriptedClock, refuses: InfraError | None = None) -> None:
        self.refuses = refuses
        self.cluster = ScriptedWorkload(clock)
        self.opened_with: list[Any] = []

    def parsed(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            return None

    def certificate(self, pem: str) -> Certificate:
        return WorkloadClusters(self.cluster.clock).certificate(pem)

    @contextmanager
    def opened(self, content: Any, moment: float) -> Iterator[ScriptedWorkload]:
        self.opened_with.append(content["users"][0]["user"])
        if self.refuses is not None:
            self.cluster.refuses["list"] = self.refuses
        yield self.cluster


class Engine:
    """The engine with scripted ends."""

    def __init__(self, clock: ScriptedClock, reporter: ScriptedReporter) -> None:
        self.clock = clock
        self.reporter = reporter
        self.workloads = ScriptedWorkloads(clock)
        self.vault = ScriptedVault()

    def run(self, api: ScriptedKubernetes, *, check_mode: bool = False, **options: Any) -> Outcome:
        task = request(self.reporter, check_mode=check_mode, **{**OPTIONS, **options})
        return reconcile_cluster(task, Servers(api, self.workloads, self.clock, self.vault))


@pytest.fixture
def engine(clock: ScriptedClock, reporter: ScriptedReporter) -> Engine:
    return Engine(clock, reporter)


# What is wanted, and what it means


def test_a_cluster_as_wanted_is_only_read(engine: Engine, clock: ScriptedClock) -> None:
    api = server(clock, *whole())
    outcome = engine.run(api)
    assert not outcome.plan.changed
    assert api.writes == []
    found = outcome.facts["cluster"]
    assert found["ready"]
    assert found["endpoint"] == "https://127.77.0.1:6443"
    assert found["control_plane"] == {"desired": 1, "ready": 1, "up_to_date": 1}
    assert [each["name"] for each in found["machines"]] == ["dev-control-plane-a", "dev-workers-x", "dev-workers-y"]
    assert (outcome.facts["resize"], outcome.facts["changes"], outcome.facts["kubeconfig"]) == ("", [], {})


def test_a_change_says_what_it_means_and_check_mode_ends_there(engine: Engine, clock: ScriptedClock) -> None:
    api = server(clock, *whole())
    outcome = engine.run(api, check_mode=True, worker_memory="8Gi", worker_nodes=3)
    assert outcome.plan.changed
    assert outcome.facts["resize"] == "rolling"
    assert [(each["option"], each["way"]) for each in outcome.facts["changes"]] == [
        ("worker_nodes", "in_place"),
        ("worker_memory", "rolling"),
    ]
    assert api.writes == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kubernetes_version": "1.33.0"}, "no minor version may be left out; go to v1.32 first"),
        ({"kubernetes_version": "1.30.0"}, "Kubernetes has no way back to an older version; set allow_replace"),
        ({"environment": "staging"}, "all its objects are named after it"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_what_the_cluster_can_not_undergo_is_refused_before_any_write(
    engine: Engine, clock: ScriptedClock, options: dict[str, Any], sentence: str, *, check_mode: bool
) -> None:
    api = server(clock, *whole())
    with pytest.raises(Refused, match=sentence):
        engine.run(api, check_mode=check_mode, **options)
    assert api.writes == []


def test_the_servers_defaults_count_when_an_option_is_left_out(engine: Engine, clock: ScriptedClock) -> None:
    """Without worker_storage the definition's default would come back, which is smaller."""

    def stored(manifest: Manifest) -> Manifest:
        manifest["spec"]["parameters"].setdefault("workerStorage", "100Gi")
        return manifest

    old = made.claim()
    old["spec"]["parameters"]["workerStorage"] = "200Gi"
    api = server(clock, old, *whole()[1:])
    api.stores = stored
    with pytest.raises(Refused, match="worker_storage from 200Gi to 100Gi is not possible"):
        engine.run(api, worker_nodes=3)


@pytest.mark.parametrize(
    "installer",
    [
        {
            "apiVersion": "operator.cluster.x-k8s.io/v1alpha2",
            "kind": "CoreProvider",
            "metadata": {"name": "cluster-api", "namespace": "capi-system"},
            "status": {"installedVersion": "v1.11.3"},
        },
        {
            "apiVersion": "clusterctl.cluster.x-k8s.io/v1alpha3",
            "kind": "Provider",
            "metadata": {"name": "cluster-api", "namespace": "capi-system"},
            "type": "CoreProvider",
            "version": "v1.11.3",
        },
    ],
)
def test_a_version_that_the_installed_cluster_api_does_not_run_is_refused(
    engine: Engine, clock: ScriptedClock, installer: Manifest
) -> None:
    api = server(clock, installer)
    with pytest.raises(InvalidOption, match=r"Cluster API v1\.11\.3, which is installed, runs v1\.28 to v1\.34"):
        engine.run(api, kubernetes_version="v1.35.0")
    assert api.writes == []


def test_an_autoscaler_keeps_its_workers(engine: Engine, clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, *whole())
    api.put(made.workers(desired=4, ready=4, **AUTOSCALED))
    outcome = engine.run(api, worker_nodes=3)
    assert not outcome.plan.changed
    assert outcome.facts["cluster"]["autoscaled"] == ["dev-workers"]
    assert "worker_nodes is not applied: MachineDeployment dev-workers" in reporter.warnings[0]


def test_a_rollout_under_way_is_not_stopped_by_leaving_it_out(engine: Engine, clock: ScriptedClock) -> None:
    old = made.claim(rollout_after="2026-01-01T00:00:00Z")
    between = made.composite(rollout_after="2026-01-01T00:00:00Z")
    api = server(clock, *whole(), old, between)
    assert not engine.run(api).plan.changed


# Waiting


def test_it_waits_for_the_machines_and_says_how_far_they_are(
    engine: Engine, clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    coming = made.machine(phase="Pending")
    started = put(
        made.claim("False"),
        *made.behind(),
        made.cluster(Available="False"),
        made.control_plane(ready=0, existing=0),
        made.workers(ready=0),
        coming,
    )
    done = put(*whole())
    api = server(clock, script=[started, nothing, done])
    outcome = engine.run(api)
    assert outcome.plan.changed
    assert outcome.facts["cluster"]["ready"]
    told = [line.partition("] ")[2] for line in reporter.lines if "] " in line]
    assert f"{CLAIM}: control plane 0/1, workers 0/2; dev-workers-x: waiting for bootstrap data" in told
    assert told[-1] == f"{CLAIM}: ready"


def stale_workers() -> Manifest:
    manifest = made.workers()
    manifest["metadata"]["generation"] = 2
    return manifest


@pytest.mark.parametrize(
    ("early", "sentence"),
    [
        (stale_workers(), "MachineDeployment dev/dev-workers: its controller has not looked at the latest change yet"),
        (made.workers(desired=1, ready=1), "its MachineDeployments do not ask for 2 machines yet"),
        (made.control_plane(desired=3, ready=3), "dev-control-plane does not ask for 1 machines yet"),
        (made.control_plane(version="v1.30.0"), "dev-control-plane does not ask for v1.31.0 yet"),
        (made.cluster(**{**made.AVAILABLE, "RollingOut": "True"}), "RollingOut=True"),
        (made.control_plane(existing=2, up_to_date=1), "control plane 1/1 (1 to be replaced), workers 2/2"),
    ],
)
def test_a_ready_that_is_not_about_what_was_asked_for_does_not_count(
    engine: Engine, clock: ScriptedClock, reporter: ScriptedReporter, early: Manifest, sentence: str
) -> None:
    api = server(clock, *whole(), early, script=[nothing, put(*whole())])
    assert engine.run(api).facts["cluster"]["ready"]
    assert any(sentence in line for line in reporter.lines)


def test_a_flash_of_readiness_does_not_count(engine: Engine, clock: ScriptedClock) -> None:
    dip = put(made.cluster(Available="False"))
    steady = put(made.cluster())
    api = server(clock, *whole(), made.cluster(Available="False"), script=[steady, nothing, dip, nothing, steady])
    engine.run(api)
    assert clock.now >= 8  # three seconds after the second time it became ready


def test_conditions_of_v1beta1_do_where_there_are_no_others(engine: Engine, clock: ScriptedClock) -> None:
    old = {**made.cluster(Ready="True"), "apiVersion": made.OLD_CORE}
    plane = made.control_plane()
    plane["apiVersion"] = plane["apiVersion"].replace("v1beta2", "v1beta1")
    plane["status"]["updatedReplicas"] = plane["status"].pop("upToDateReplicas")
    owners = [
        made.keeper("Cluster", made.OLD_CORE, "dev"),
        made.keeper("KubeadmControlPlane", plane["apiVersion"], "dev-control-plane"),
    ]
    md = {**made.workers(), "apiVersion": made.OLD_CORE}
    md["status"]["updatedReplicas"] = md["status"].pop("upToDateReplicas")
    api = server(clock, made.claim(), made.composite(), *owners, old, plane, md)
    assert engine.run(api).facts["cluster"]["ready"]
    api.put({**made.cluster(Ready="False"), "apiVersion": made.OLD_CORE})
    with pytest.raises(TimedOut, match="Cluster dev/dev Ready=False"):
        engine.run(api)


def test_a_machine_that_failed_for_good_ends_the_wait(engine: Engine, clock: ScriptedClock) -> None:
    broken = [
        made.claim("False"),
        made.workers(ready=1),
        made.machine(phase="Provisioning"),
        made.kubevirt_machine(failure="the VM is marked as terminal", VMProvisioned="False"),
        made.vm(state="Stopped", **{"capk.cluster.x-k8s.io/vm-is-terminal": "disk is gone"}),
    ]
    api = server(clock, *whole(), *broken)
    with pytest.raises(Failed, match=r"Machine dev/dev-workers-x Failed=True: CreateError: the VM is marked") as error:
        engine.run(api, wait_timeout="20m")
    assert clock.now < 60
    kinds = [each["kind"] for each in error.value.facts["blockers"]]
    assert {"Machine", "KubevirtMachine", "VirtualMachine"} <= set(kinds)


def test_a_machine_that_will_be_replaced_is_waited_for(engine: Engine, clock: ScriptedClock) -> None:
    replaced = made.machine(phase="Failed", OwnerRemediated="False")
    failed = made.kubevirt_machine(failure="terminal")
    api = server(clock, *whole(), made.workers(ready=1), replaced, failed, script=[*[nothing] * 10, put(*whole())])
    assert engine.run(api).facts["cluster"]["ready"]


def test_a_vm_that_never_boots_is_named(engine: Engine, clock: ScriptedClock) -> None:
    late = [
        made.claim("False"),
        made.workers(ready=1),
        made.machine(phase="Provisioning", InfrastructureReady="False"),
        made.kubevirt_machine(VMProvisioned="False: VM is starting"),
        made.vm(),
    ]
    api = server(clock, *whole(), *late)
    with pytest.raises(TimedOut, match="VirtualMachine dev/dev-workers-x Ready=False Starting") as error:
        engine.run(api)
    assert [each["kind"] for each in error.value.facts["blockers"][:3]] == [
        "VirtualMachine",
        "KubevirtMachine",
        "Machine",
    ]


def test_what_the_scheduler_says_of_a_vm_tells_more_than_that_it_is_not_ready(
    engine: Engine, clock: ScriptedClock
) -> None:
    told = conditions(Ready="False", PodScheduled="False: 0/3 nodes are available: 3 Insufficient memory.")
    vm = made.vm()
    vm["status"]["conditions"] = told
    late = [made.claim("False"), made.workers(ready=1), made.machine(phase="Provisioning"), vm]
    api = server(clock, *whole(), *late, made.kubevirt_machine(VMProvisioned="False: VM is not ready"))
    with pytest.raises(TimedOut, match=r"VirtualMachine dev/dev-workers-x PodScheduled=False Scripted: 0/3 nodes"):
        engine.run(api)


def test_a_drain_that_is_held_up_names_pod_and_budget(engine: Engine, clock: ScriptedClock) -> None:
    why = "Drain not completed yet: Pod shop/web-1: cannot evict pod as it would violate the disruption budget web"
    draining = made.machine("dev-workers-old", leaving=True, Deleting=f"True: {why}")
    draining["status"]["conditions"][-1]["reason"] = "DrainingNode"
    api = server(clock, *whole(), made.workers(ready=1), draining)
    with pytest.raises(
        TimedOut, match=r"dev-workers-old Deleting=True DrainingNode: Drain not .* Pod shop/web-1.* web"
    ):
        engine.run(api)


def test_a_machine_set_that_makes_no_machine_is_explained_by_its_events(engine: Engine, clock: ScriptedClock) -> None:
    idle = {
        "apiVersion": made.CORE,
        "kind": "MachineSet",
        "metadata": made.meta("dev-workers-abc"),
        "spec": {"replicas": 2},
        "status": {"replicas": 0, "observedGeneration": 1},
    }
    api = server(clock, *whole(), made.workers(ready=0), idle)
    with pytest.raises(
        TimedOut, match="MachineSet dev/dev-workers-abc Replicas=False: 0 of 2 machines were made"
    ) as error:
        engine.run(api)
    assert error.value.facts["blockers"][0]["events"] == ["Told: about dev-workers-abc"]


# Paused, deleted


def paused() -> Manifest:
    manifest = made.cluster()
    manifest["spec"]["paused"] = True
    return manifest


def test_a_pause_is_reached_when_cluster_api_was_told(engine: Engine, clock: ScriptedClock) -> None:
    told = put(made.claim(paused=True), made.composite(paused=True), paused())
    api = server(clock, *whole(), script=[nothing, told])
    outcome = engine.run(api, paused=True)
    assert outcome.facts["changes"][0]["way"] == "in_place"
    assert outcome.facts["cluster"]["paused"]
    assert not outcome.facts["cluster"]["ready"]


def test_a_cluster_that_somebody_else_has_paused_is_said_to_be(engine: Engine, clock: ScriptedClock) -> None:
    api = server(clock, *whole(), paused())
    with pytest.raises(Failed, match=r"can not become ready: Cluster dev/dev Paused=True: nothing is done about it as"):
        engine.run(api, wait_timeout="20m")
    assert 30 <= clock.now < 60


def test_a_cluster_that_is_being_deleted_is_said_to_be(
    engine: Engine, clock: ScriptedClock, reporter: ScriptedReporter
) -> None:
    leaving = made.cluster()
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    api = server(clock, *whole(), leaving)
    with pytest.raises(TimedOut):
        engine.run(api)
    assert any("Cluster dev/dev is being deleted; control plane 1/1" in line for line in reporter.lines)


def test_absent_follows_the_virtual_machines(engine: Engine, clock: ScriptedClock) -> None:
    api = server(clock, *whole(), made.vm())

    def all_but_the_vm(scripted: ScriptedKubernetes) -> None:
        for ref in [ref for ref in scripted.objects if ref.kind != "VirtualMachine"]:
            scripted.objects.pop(ref)

    api.script = [all_but_the_vm, *[nothing] * 5, vanish_all]
    outcome = engine.run(api, state="absent")
    assert outcome.plan.changed
    assert clock.now >= 7


def test_a_stuck_machine_is_named(engine: Engine, clock: ScriptedClock) -> None:
    why = "Drain not completed yet: Pod shop/web-1: cannot evict pod"
    stuck = made.machine(leaving=True, Deleting=f"True: {why}")
    api = server(clock, *whole(), stuck, made.vm())
    with pytest.raises(TimedOut) as error:
        engine.run(api, state="absent")
    first = error.value.facts["blockers"][0]
    assert (first["kind"], first["name"]) == ("Machine", "dev-workers-x")
    assert "Pod shop/web-1" in first["message"]
    assert first["finalizers"] == ["machine.cluster.x-k8s.io"]


def test_a_replacement_is_a_deletion_and_a_creation(engine: Engine, clock: ScriptedClock) -> None:
    options = {"kubernetes_version": "v1.30.0", "allow_replace": True}
    api = server(clock, *whole())
    announced = engine.run(api, check_mode=True, **options)
    assert announced.plan.changed
    assert announced.facts["resize"] == "replace"
    assert api.writes == []

    def gone(scripted: ScriptedKubernetes) -> None:
        for ref in [ref for ref in scripted.objects if ref.kind != "CompositeResourceDefinition"]:
            scripted.objects.pop(ref)

    version = {"kubernetes_version": "v1.30.0"}
    again = [made.claim(**version), made.composite(**version), *made.behind()[1:], made.cluster()]
    again += [made.control_plane(version="v1.30.0"), made.workers(version="v1.30.0")]
    api.script = [gone, nothing, put(*again)]
    outcome = engine.run(api, **options)
    assert api.writes == [f"delete {CLAIM}", f"apply {CLAIM}"]
    assert [action.verb for action in outcome.plan.actions] == ["delete", "create"]
    assert outcome.facts["cluster"]["ready"]


# The kubeconfig


def test_the_kubeconfig_is_proved_and_kept_once(engine: Engine, clock: ScriptedClock, tmp_path: Path) -> None:
    path = tmp_path / "dev.kubeconfig"
    config = kubeconfig(ENDS)
    api = server(clock, *whole(), secret(config))
    options = {"kubeconfig": "path", "kubeconfig_path": str(path)}
    assert engine.run(api, check_mode=True, **options).plan.changed
    assert not path.exists()
    outcome = engine.run(api, **options)
    assert outcome.plan.changed
    assert json.loads(path.read_text()) == config
    assert len(engine.workloads.opened_with) == 2
    assert outcome.facts["kubeconfig"]["server"] == SERVER
    assert not engine.run(api, **options).plan.changed
    assert len(engine.workloads.opened_with) == 2
    assert config["users"][0]["user"]["client-key-data"] not in json.dumps([outcome.plan.diff, outcome.facts])


def test_a_renewed_kubeconfig_replaces_the_one_in_vault(engine: Engine, clock: ScriptedClock) -> None:
    api = server(clock, *whole(), secret(kubeconfig(ENDS)))
    assert engine.run(api, kubeconfig="vault").plan.changed
    assert not engine.run(api, kubeconfig="vault").plan.changed
    api.put(secret(kubeconfig(ENDS + dt.timedelta(days=100))))
    outcome = engine.run(api, kubeconfig="vault")
    assert outcome.plan.diff[0]["before"]["expires"] == "2040-01-01T00:00:00Z"
    assert outcome.plan.diff[0]["before"]["kubeconfig"] == HIDDEN
    stored = engine.vault.stored["secret/data/clusters/dev"]["data"]
    assert stored["expires"] == outcome.facts["kubeconfig"]["expires"] == "2040-04-10T00:00:00Z"


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (
            Unreachable(f"the Kubernetes API at {SERVER} did not answer"),
            "did not answer; make the cluster's API reachable",
        ),
        (Unauthorized(f"the Kubernetes API at {SERVER} does not know the caller"), "does not know the caller"),
    ],
)
def test_what_does_not_open_the_cluster_is_not_kept(
    engine: Engine, clock: ScriptedClock, refusal: InfraError, sentence: str
) -> None:
    engine.workloads.refuses = refusal
    api = server(clock, *whole(), secret(kubeconfig(ENDS)))
    with pytest.raises(Failed, match=f"the kubeconfig is not kept, for it does not open the cluster .*{sentence}"):
        engine.run(api, kubeconfig="vault")
    assert engine.vault.writes == []


def test_a_secret_that_is_missing_is_an_error_after_the_change(engine: Engine, clock: ScriptedClock) -> None:
    api = server(clock, *whole())
    with pytest.raises(Failed, match="Secret dev/dev-kubeconfig with the kubeconfig of the cluster does not exist"):
        engine.run(api, kubeconfig="vault")


def test_where_it_can_not_be_kept_is_said_before_the_cluster_is_made(engine: Engine, clock: ScriptedClock) -> None:
    api = server(clock)
    with pytest.raises(InvalidOption, match="vault_path is 'database/dev', and at database/ is a secrets engine"):
        engine.run(api, kubeconfig="vault", vault_path="database/dev")
    assert api.requests == []


def test_check_mode_announces_the_kubeconfig_of_a_cluster_to_come(engine: Engine, clock: ScriptedClock) -> None:
    outcome = engine.run(server(clock), check_mode=True, kubeconfig="vault")
    assert [action.verb for action in outcome.plan.actions] == ["create", "create"]
    assert engine.vault.writes == []


def test_with_the_cluster_its_kubeconfig_goes(engine: Engine, clock: ScriptedClock) -> None:
    api = server(clock, *whole(), secret(kubeconfig(ENDS)))
    engine.run(api, kubeconfig="vault")
    api.script = [vanish_all]
    outcome = engine.run(api, kubeconfig="vault", state="absent")
    assert [action.verb for action in outcome.plan.actions] == ["delete", "delete"]
    assert engine.vault.stored == {}
    assert not engine.run(server(clock), kubeconfig="vault", state="absent").plan.changed


@pytest.mark.parametrize(
    ("known", "kept", "why"),
    [
        ("claim", kubeconfig(ENDS, "uat"), "it is that of a cluster called uat, not dev"),
        ("claim", kubeconfig(ENDS), f"it opens the cluster at {SERVER}, and this one is at https://127.77.0.1:6443"),
        ("name", kubeconfig(ENDS, "uat"), "it is that of a cluster called uat, not dev"),
        ("", kubeconfig(ENDS), "the cluster has gone before, and without environment nothing tells whose it is"),
        ("claim", {"some": "text"}, "it is none with a current context"),
    ],
)
def test_the_kubeconfig_of_another_cluster_is_left_alone(
    engine: Engine, tmp_path: Path, known: str, kept: dict[str, Any], why: str
) -> None:
    path, text = tmp_path / "kubeconfig", json.dumps(kept)
    path.write_text(text)
    stored = {"data": {"kubeconfig": text}, "metadata": {"version": 1}}
    engine.vault.stored["secret/data/clusters/dev"] = stored
    for place in ("path", "vault"):
        claim = made.claim()
        claim["status"]["clusterEndpoint"] = "https://127.77.0.1:6443"
        api = server(engine.clock, *[*whole(), claim] * (known == "claim"), script=[vanish_all])
        options = {"kubeconfig": place, "kubeconfig_path": str(path), "environment": "dev" if known else None}
        outcome = engine.run(api, state="absent", **options)
        assert len(outcome.plan.actions) == (known == "claim")
    assert [f"is left alone: {why}; remove it by hand" in warning for warning in engine.reporter.warnings] == [True] * 2
    assert path.read_text() == text
    assert engine.vault.stored["secret/data/clusters/dev"] == stored


def test_who_was_stopped_before_the_kubeconfig_went_ends_it_the_next_time(
    engine: Engine, clock: ScriptedClock, tmp_path: Path
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(kubeconfig(ENDS)))
    options = {"kubeconfig": "path", "kubeconfig_path": str(path), "state": "absent"}
    assert engine.run(server(clock), **options).plan.changed
    assert not path.exists()
    assert not engine.run(server(clock), **options).plan.changed


# A service account instead of the administrator

ACCOUNT = {"kubeconfig": "vault", "kubeconfig_login": "service_account", "kubeconfig_lifetime": "8h"}
WRITTEN = ["apply ServiceAccount kube-system/pnow-infra", "apply ClusterRoleBinding pnow-infra"]


def stored_kubeconfig(engine: Engine) -> dict[str, Any]:
    found = engine.vault.stored["secret/data/clusters/dev"]["data"]
    config: dict[str, Any] = json.loads(found["kubeconfig"])
    assert found["expires"] == token_from(config["users"][0]["user"]["token"]).expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    return config


def test_a_service_account_is_made_and_its_token_kept_until_half_of_its_life_is_over(
    engine: Engine, clock: ScriptedClock
) -> None:
    api, cluster = server(clock, *whole(), secret(kubeconfig(ENDS))), engine.workloads.cluster
    announced = engine.run(api, check_mode=True, **ACCOUNT)
    assert [action.verb for action in announced.plan.actions] == ["create", "create", "create"]
    assert (cluster.writes, engine.vault.writes) == ([], [])

    outcome = engine.run(api, **ACCOUNT)
    assert [action.verb for action in outcome.plan.actions] == ["create", "create", "create"]
    assert outcome.plan.actions[0].target == "ServiceAccount kube-system/pnow-infra in dev-admin@dev"
    assert cluster.writes == WRITTEN
    config = stored_kubeconfig(engine)
    assert engine.workloads.opened_with[-1] == config["users"][0]["user"]
    assert config["users"][0]["user"]["token"] not in json.dumps([outcome.plan.diff, outcome.facts])

    clock.now += 3 * 3600
    for check_mode in (True, False):
        assert not engine.run(api, check_mode=check_mode, **ACCOUNT, wait_timeout="9h").plan.changed
    clock.now += 3600
    assert engine.run(api, check_mode=True, **ACCOUNT).plan.actions[0].verb == "update"
    assert stored_kubeconfig(engine) == config
    assert [action.verb for action in engine.run(api, **ACCOUNT).plan.actions] == ["update"]
    assert stored_kubeconfig(engine) != config
    assert cluster.writes == WRITTEN


def test_a_token_that_is_not_what_is_wanted_is_replaced(engine: Engine, clock: ScriptedClock) -> None:
    api, cluster = server(clock, *whole(), secret(kubeconfig(ENDS))), engine.workloads.cluster
    engine.run(api, **ACCOUNT)
    clock.now += 60
    assert engine.run(api, **{**ACCOUNT, "kubeconfig_lifetime": "1h"}).plan.changed
    assert not engine.run(api, **ACCOUNT).plan.changed  # it lasts no longer than is wanted
    (account,) = [ref for ref in cluster.objects if ref.kind == "ServiceAccount"]
    del cluster.objects[account]
    assert len(engine.run(api, **ACCOUNT, check_mode=True).plan.actions) == 2
    cluster.objects[account] = {
        **cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": account.name, "namespace": account.namespace},
            }
        )
    }
    cluster.objects[account]["metadata"]["uid"] = "uid-another"
    assert engine.run(api, **ACCOUNT).plan.changed
    assert not engine.run(api, **ACCOUNT).plan.changed
    assert [action.verb for action in engine.run(api, kubeconfig="vault").plan.actions] == ["update"]
    assert (
        "client-key-data"
        in json.loads(engine.vault.stored["secret/data/clusters/dev"]["data"]["kubeconfig"])["users"][0]["user"]
    )


def test_a_token_that_is_refused_leaves_what_was_kept(engine: Engine, clock: ScriptedClock) -> None:
    api = server(clock, *whole(), secret(kubeconfig(ENDS)))
    engine.workloads.cluster.refuses["token"] = InvalidOption("may not specify a duration less than 10 minutes")
    with pytest.raises(InvalidOption, match="less than 10 minutes") as error:
        engine.run(api, **{**ACCOUNT, "kubeconfig_lifetime": "5m"})
    assert error.value.facts["changed"] is True  # the account is there
    assert engine.vault.writes == []


# Reading


def info(clock: ScriptedClock, reporter: ScriptedReporter, api: ScriptedKubernetes, **options: Any) -> dict[str, Any]:
    defaults = {"name": "dev-cluster", "namespace": "dev", "api_domain": "example.org", "wait": False}
    return dict(describe_clusters(request(reporter, **{**defaults, **options}), api, clock).facts)


def test_info_tells_how_far_a_cluster_is_and_what_blocks_it(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    core = {"apiVersion": "clusterctl.cluster.x-k8s.io/v1alpha3", "kind": "Provider", "metadata": {"name": "core"}}
    installed = {**core, "type": "CoreProvider", "version": "v1.13.6"}
    late = made.machine(phase="Provisioned", NodeReady="Unknown")
    api = server(clock, *whole(), made.workers(ready=1), late, installed)
    facts = info(clock, reporter, api)
    (found,) = facts["clusters"]
    assert not found["ready"]
    assert found["progress"] == "control plane 1/1, workers 1/2; dev-workers-x: waiting for its node"
    assert found["upgrades"] == ["v1.31", "v1.32"]
    assert found["blockers"][0]["name"] == "dev-workers-x"
    assert facts["cluster_api"] == {"version": "v1.13.6", "first": "v1.30", "last": "v1.36"}
    assert api.writes == []


def test_info_lists_all_and_awaits_them(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    api = server(clock, *whole(), made.cluster(Available="False"), script=[put(made.cluster())])
    (found,) = info(clock, reporter, api, name=None, namespace=None, wait=True, environment="dev")["clusters"]
    assert found["ready"]
    assert info(clock, reporter, api, name=None, environment="staging")["clusters"] == []


def test_info_of_what_is_not_there(clock: ScriptedClock, reporter: ScriptedReporter) -> None:
    (found,) = info(clock, reporter, server(clock))["clusters"]
    assert (found["exists"], found["ready"], found["progress"]) == (False, False, "")


def test_the_reference_of_a_cluster_is_the_one_that_is_kept(clock: ScriptedClock) -> None:
    assert ObjectRef(made.CORE, "Cluster", "dev", "dev") == CLUSTER
