# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed's own node: what pods are, and are said to be, on it; seen by kubectl and by the programs themselves."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.servers import ask, bed
from tests.testbed import processes
from tests.testbed.bed import load, state_folder
from tests.testbed.node import network

NAMESPACE = "node-test"
SHELL = "docker.io/library/busybox:1.36"
VALKEY = "docker.io/valkey/valkey:8.1.3"
WAIT = "--timeout=120s"
STATE = Path(os.environ["PNOW_TESTBED_STATE"])


def kubectl(*words: str, given: str = "") -> str:
    return ask("kubectl", "--namespace", NAMESPACE, *words, given=given)


def apply(kind: str, name: str, spec: dict[str, Any], api_version: str = "v1", **other: Any) -> None:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app": name}}
    body = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **({"spec": spec} if spec else {}), **other}
    kubectl("apply", "--server-side", "--filename=-", given=json.dumps(body))


def container(script: str, **other: Any) -> dict[str, Any]:
    return {"name": "main", "image": SHELL, "command": ["sh", "-c", script], **other}


def pod(name: str, script: str, policy: str = "Never", spec: dict[str, Any] | None = None, **other: Any) -> None:
    whole = {"restartPolicy": policy, "containers": [container(script, **other)], **(spec or {})}
    apply("Pod", name, {"terminationGracePeriodSeconds": 5, **whole})


def arrives(name: str, path: str, value: str) -> None:
    kubectl("wait", name, f"--for=jsonpath={{{path}}}={value}", WAIT)


def is_ready(name: str) -> None:
    kubectl("wait", f"pod/{name}", "--for=condition=Ready", WAIT)


def ends(name: str, phase: str = "Succeeded") -> str:
    """Waits until a pod has ended so, and returns what it has said."""
    arrives(f"pod/{name}", ".status.phase", phase)
    return kubectl("logs", name)


def of(name: str, path: str) -> str:
    return kubectl("get", name, f"--output=jsonpath={{{path}}}")


def happens(name: str, reason: str, message: str) -> None:
    """Waits for an event of a pod that says so."""
    about = f"--field-selector=involvedObject.name={name},reason={reason}"
    watch = ["get", "events", about, "--watch", "--output=jsonpath={.message}{'\\n'}"]
    with subprocess.Popen(
        ["timeout", "120", "kubectl", "--namespace", NAMESPACE, *watch], stdout=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout
        found = any(message in line for line in watching.stdout)
        watching.terminate()
    assert found


def on_machine(service: str) -> str:
    return network.on_machine(of(f"service/{service}", ".spec.clusterIP"))


def valkey(service: str, *words: str) -> str:
    return ask("valkey-cli", "-h", on_machine(service), *words)


def command(process: psutil.Process) -> list[str]:
    """The command of a process, which may have ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def sandbox(name: str) -> psutil.Process:
    """The first process of a pod."""
    folder = STATE / "node" / "pods" / of(f"pod/{name}", ".metadata.uid")
    found = [each for each in processes.members(STATE) if str(folder) in command(each)]
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module", autouse=True)
def place() -> Iterator[None]:
    ask("kubectl", "create", "namespace", NAMESPACE)
    ask("kubectl", "wait", "serviceaccount/default", "--namespace", NAMESPACE, "--for=create", WAIT)
    yield
    ask("kubectl", "delete", "namespace", NAMESPACE, "--timeout=180s")


def test_there_is_one_node_with_a_lease() -> None:
    ask("kubectl", "wait", "node/testbed", "--for=condition=Ready", WAIT)
    lease = ("lease", "testbed", "--namespace", "kube-node-lease", "--output=jsonpath={.spec.holderIdentity}")
    assert ask("kubectl", "get", *lease) == "testbed"


def test_a_container_has_its_command_variables_folder_and_user() -> None:
    apply("ConfigMap", "settings", {}, data={"COLOUR": "blue", "size": "9"})
    apply("Secret", "login", {}, stringData={"password": "s3 $cret"})
    variables = [
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "login", "key": "password"}}},
        {"name": "SIZE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "size"}}},
        {"name": "NONE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "no", "optional": True}}},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "ADDRESS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
        {"name": "BOTH", "value": "$(POD)-$(SIZE)-$(NOBODY)-$$(POD)"},
    ]
    shown = 'echo "$COLOUR|$PASSWORD|$SIZE|${NONE-none}|$POD|$BOTH|$MEMORY|$(id -u):$(id -g)|$PWD"'
    spec = {
        "securityContext": {"runAsUser": 1234, "runAsGroup": 4321, "runAsNonRoot": True},
        "containers": [
            {
                "name": "main",
                "image": SHELL,
                "command": ["sh", "-c"],
                "workingDir": "/usr",
                "args": [f"{shown}; echo $ADDRESS"],
                "env": variables,
                "envFrom": [{"configMapRef": {"name": "settings"}}],
                "resources": {"limits": {"memory": "64Mi"}},
            }
        ],
    }
    apply("Pod", "variables", {"restartPolicy": "Never", **spec})
    said, address = ends("variables").splitlines()
    assert said == "blue|s3 $cret|9|none|variables|variables-9-$(NOBODY)-$(POD)|64|1234:4321|/usr"
    assert address == of("pod/variables", ".status.podIP")


def test_volumes_are_what_they_are_made_of_and_follow_it() -> None:
    apply("ConfigMap", "files", {}, data={"a.conf": "one", "b.conf": "two"})
    apply("Secret", "keys", {}, stringData={"key": "k"})
    sources = [
        {"configMap": {"name": "files", "items": [{"key": "b.conf", "path": "sub/b"}]}},
        {"secret": {"name": "keys"}},
        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"serviceAccountToken": {"path": "token", "audience": "me"}},
    ]
    volumes = [
        {"name": "files", "configMap": {"name": "files"}},
        {"name": "all", "projected": {"sources": sources}},
        {"name": "scratch", "emptyDir": {}},
    ]
    mounts = [
        {"name": "files", "mountPath": "/etc/files"},
        {"name": "all", "mountPath": "/all", "readOnly": True},
        {"name": "files", "mountPath": "/one.conf", "subPath": "a.conf"},
        {"name": "scratch", "mountPath": "/scratch"},
    ]
    look = "cat /etc/files/a.conf /one.conf /all/sub/b /all/key /all/labels; wc -w < /all/token; touch /all/x; touch /x"
    follow = "until grep -q other /etc/files/a.conf; do sleep 1; done; echo followed"
    spec = {"volumes": volumes, "initContainers": [{**container("echo init > /scratch/told"), "name": "first"}]}
    spec["initContainers"][0]["volumeMounts"] = mounts
    secured = {"readOnlyRootFilesystem": True}
    script = f"{look}; cat /scratch/told; {follow}"
    pod("volumes", script, spec=spec, securityContext=secured, volumeMounts=mounts)
    arrives("pod/volumes", ".status.phase", "Running")
    apply("ConfigMap", "files", {}, data={"a.conf": "other", "b.conf": "two"})
    said = ends("volumes")
    assert said.startswith('oneonetwokapp="volumes"1\n')
    assert said.count("Read-only file system") == 2
    assert said.endswith("init\nfollowed")


def test_a_claimed_volume_outlives_its_pod_grows_and_goes_with_its_claim() -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    apply("PersistentVolumeClaim", "data", claim)
    assert of("pvc/data", ".status.phase") == "Pending"
    volumes = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    mounts = [{"name": "data", "mountPath": "/data"}]
    pod("writer", "echo kept > /data/file", spec=volumes, volumeMounts=mounts)
    ends("writer")
    kubectl("delete", "pod", "writer", WAIT)
    pod("reader", "cat /data/file", spec=volumes, volumeMounts=mounts)
    assert ends("reader") == "kept"

    claim["resources"] = {"requests": {"storage": "2Gi"}}
    apply("PersistentVolumeClaim", "data", claim)
    arrives("pvc/data", ".status.capacity.storage", "2Gi")
    volume = of("pvc/data", ".spec.volumeName")
    folder = Path(ask("kubectl", "get", "pv", volume, "--output=jsonpath={.spec.local.path}"))
    assert (folder / "file").exists()
    kubectl("delete", "pod/reader", "pvc/data", WAIT)
    ask("kubectl", "wait", f"pv/{volume}", "--for=delete", WAIT)
    assert not folder.exists()


def test_what_a_container_needs_is_waited_for_and_named() -> None:
    missing = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "late", "key": "a"}}}]
    pod("late", "echo $A", env=missing)
    arrives("pod/late", ".status.containerStatuses[0].state.waiting.reason", "CreateContainerConfigError")
    happens("late", "Failed", 'secret "late" not found')
    pod("unmounted", "true", spec={"volumes": [{"name": "v", "secret": {"secretName": "late"}}]})
    happens("unmounted", "FailedMount", 'secret "late" not found')
    apply("Secret", "late", {}, stringData={"a": "came"})
    assert ends("late") == "came"
    ends("unmounted")


def test_an_image_that_is_not_known_can_not_be_pulled_until_it_is_another() -> None:
    apply("Pod", "odd", {"containers": [{"name": "main", "image": "registry.example.org/none:1"}]})
    arrives("pod/odd", ".status.containerStatuses[0].state.waiting.reason", "ImagePullBackOff")
    happens("odd", "BackOff", 'Back-off pulling image "registry.example.org/none:1"')
    happens("odd", "Failed", 'Failed to pull image "registry.example.org/none:1"')
    kubectl("set", "image", "pod/odd", f"main={VALKEY}")
    is_ready("odd")
    kubectl("delete", "pod", "odd", WAIT)


def test_a_pod_ends_as_its_containers_do() -> None:
    pod("fails", "echo last words > /dev/termination-log; exit 3")
    ends("fails", "Failed")
    ended = ".status.containerStatuses[0].state.terminated"
    assert of("pod/fails", f"{ended}.exitCode") == "3"
    assert of("pod/fails", f"{ended}.message") == "last words"
    pod("unknown", "true", command=["no-such-program"])
    arrives("pod/unknown", f"{ended}.reason", "StartError")
    spec = {"initContainers": [{**container("exit 4"), "name": "first"}]}
    pod("initial", "true", spec=spec)
    arrives("pod/initial", ".status.phase", "Failed")
    assert of("pod/initial", ".status.containerStatuses[0].state.waiting.reason") == "PodInitializing"


def test_a_container_that_ends_is_started_again_later_and_later() -> None:
    pod("crash", "echo run; exit 1", policy="Always")
    arrives("pod/crash", ".status.containerStatuses[0].state.waiting.reason", "CrashLoopBackOff")
    happens("crash", "BackOff", "Back-off restarting failed container main")
    arrives("pod/crash", ".status.containerStatuses[0].restartCount", "2")
    assert of("pod/crash", ".status.containerStatuses[0].lastState.terminated.exitCode") == "1"
    assert of("pod/crash", ".status.phase") == "Running"
    assert kubectl("logs", "crash", "--previous") == "run"
    kubectl("delete", "pod", "crash", WAIT)


def test_probes_decide_whether_a_pod_is_started_ready_and_alive() -> None:
    startup = {"exec": {"command": ["test", "-e", "/run/started"]}, "periodSeconds": 1, "failureThreshold": 60}
    readiness = {"exec": {"command": ["test", "-e", "/run/ready"]}, "periodSeconds": 1, "failureThreshold": 1}
    liveness = {"exec": {"command": ["test", "!", "-e", "/run/dead"]}, "periodSeconds": 1, "failureThreshold": 1}
    probes = {"startupProbe": startup, "readinessProbe": readiness, "livenessProbe": liveness}
    pod("probed", "trap 'exit 0' TERM; sleep infinity & wait", policy="Always", **probes)
    status = ".status.containerStatuses[0]"
    happens("probed", "Unhealthy", "Startup probe failed")
    assert of("pod/probed", f"{status}.started") == "false"
    kubectl("exec", "probed", "--", "touch", "/run/started")
    arrives("pod/probed", f"{status}.started", "true")
    assert of("pod/probed", f"{status}.ready") == "false"
    kubectl("exec", "probed", "--", "touch", "/run/ready")
    is_ready("probed")
    kubectl("exec", "probed", "--", "rm", "/run/ready")
    kubectl("wait", "pod/probed", "--for=condition=Ready=false", WAIT)
    kubectl("exec", "probed", "--", "touch", "/run/dead")
    arrives("pod/probed", f"{status}.restartCount", "1")
    happens("probed", "Killing", "failed liveness probe, will be restarted")
    kubectl("delete", "pod", "probed", WAIT)


def test_a_pod_is_asked_to_end_and_then_made_to() -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    apply("PersistentVolumeClaim", "told", claim)
    spec = {"volumes": [{"name": "told", "persistentVolumeClaim": {"claimName": "told"}}]}
    mounts = [{"name": "told", "mountPath": "/told"}]
    trap = "trap 'echo asked >> /told/all; exit 0' TERM; touch /run/up; sleep infinity & wait"
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook >> /told/all"]}}}
    up = {"exec": {"command": ["test", "-e", "/run/up"]}, "periodSeconds": 1}
    pod("polite", trap, spec=spec, volumeMounts=mounts, lifecycle=hook, readinessProbe=up)
    is_ready("polite")
    kubectl("delete", "pod", "polite", WAIT)
    pod("told", "cat /told/all", spec=spec, volumeMounts=mounts)
    assert ends("told") == "hook\nasked"
    # The first process of a container ignores what it does not handle.
    pod("deaf", "sleep infinity; true")
    is_ready("deaf")
    first = sandbox("deaf")
    kubectl("delete", "pod", "deaf", "--grace-period=1", WAIT)
    assert not processes.wait_until_gone([first], 30)


def test_services_names_and_ports_lead_to_pods_that_are_ready() -> None:
    port = {"name": "redis", "containerPort": 6379}
    ready = {"exec": {"command": ["sh", "-c", "valkey-cli -h localhost ping | grep PONG"]}, "periodSeconds": 1}
    served = {"name": "main", "image": VALKEY, "args": ["--protected-mode", "no"], "ports": [port]}
    template = {"containers": [{**served, "readinessProbe": ready}], "terminationGracePeriodSeconds": 5}
    labels = {"app": "cache"}
    sets = {"serviceName": "cache-pods", "replicas": 2, "selector": {"matchLabels": labels}}
    apply("Service", "cache", {"selector": labels, "ports": [{"port": 80, "targetPort": "redis"}]})
    apply("Service", "cache-pods", {"selector": labels, "clusterIP": "None", "ports": [{"port": 6379}]})
    apply("StatefulSet", "cache", {**sets, "template": {"metadata": {"labels": labels}, "spec": template}}, "apps/v1")
    kubectl("rollout", "status", "statefulset/cache", WAIT)

    assert valkey("cache", "-p", "80", "ping") == "PONG"
    names = "cache.node-test.svc.cluster.local cache-0.cache-pods.node-test.svc cache-1.cache-pods"
    ping = (
        "for name in cache; do valkey-cli -h $name -p 80 ping; done; for name in $@; do valkey-cli -h $name ping; done"
    )
    _first, *pods = names.split()
    said = kubectl("exec", "cache-0", "--", "sh", "-c", ping, "sh", *pods).splitlines()
    assert said == ["PONG"] * 3
    # Both listen on every address of theirs at the same port, and one follows the other.
    kubectl("exec", "cache-1", "--", "valkey-cli", "replicaof", "cache-0.cache-pods", "6379")
    kubectl(
        "exec", "cache-1", "--", "sh", "-c", "until valkey-cli info replication | grep link_status:up; do sleep 1; done"
    )
    seen = kubectl("exec", "cache-0", "--", "valkey-cli", "info", "replication")
    assert f"slave0:ip={of('pod/cache-1', '.status.podIP')}" in seen

    # A pod that dies comes back, as itself.
    kubectl("delete", "pod", "cache-0", WAIT)
    kubectl("rollout", "status", "statefulset/cache", WAIT)
    assert valkey("cache", "-p", "80", "ping") == "PONG"
    kubectl("scale", "statefulset/cache", "--replicas=0")
    kubectl("wait", "pod/cache-0", "--for=delete", WAIT)
    refused = subprocess.run(
        ["valkey-cli", "-h", on_machine("cache"), "-p", "80", "ping"], capture_output=True, text=True, check=False
    )
    assert "Connection refused" in refused.stderr + refused.stdout


def test_a_pod_reaches_the_servers_of_the_bed() -> None:
    variables = [{"name": name, "value": os.environ[name]} for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD")]
    asked = {"image": "docker.io/library/postgres:18.1", "command": ["psql", "-Atc", "select 6*7", "postgres"]}
    pod("client", "", env=variables, **asked)
    assert ends("client") == "42"


def test_kubectl_runs_programs_in_a_pod_and_forwards_its_ports() -> None:
    pod("server", "", image=VALKEY, command=["valkey-server"])
    is_ready("server")
    assert kubectl("exec", "-i", "server", "--", "cat", given="told") == "told"
    failing = ["kubectl", "--namespace", NAMESPACE, "exec", "server", "--", "sh", "-c", "echo why >&2; exit 7"]
    done = subprocess.run(failing, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (7, "why")
    forward = ["kubectl", "--namespace", NAMESPACE, "port-forward", "pod/server", ":6379"]
    with subprocess.Popen(forward, stdout=subprocess.PIPE, text=True) as forwarding:
        assert forwarding.stdout
        # Forwarding from 127.0.0.1:PORT -> 6379
        port = forwarding.stdout.readline().split()[2].rpartition(":")[2]
        assert ask("valkey-cli", "-p", port, "ping") == "PONG"
        forwarding.terminate()
    kubectl("delete", "pod", "server", WAIT)


def test_pods_outlive_the_node_but_not_the_machine(request: pytest.FixtureRequest) -> None:
    request.addfinalizer(lambda: bed("up"))
    pod("lasting", "echo began; trap 'exit 0' TERM; sleep infinity & wait", policy="Always")
    pod("short", "until test -e /run/end; do sleep 1; done; exit 5", policy="Never")
    is_ready("lasting")
    is_ready("short")
    status = ".status.containerStatuses[0]"
    first = sandbox("lasting")
    began = of("pod/lasting", f"{status}.state.running.startedAt")
    kubectl("exec", "short", "--", "touch", "/run/end")
    bed("kill", "node")
    bed("up")
    # It ends while nobody looks, or a moment before; that it has, and how, is known.
    arrives("pod/short", f"{status}.state.terminated.exitCode", "5")
    assert sandbox("lasting").pid == first.pid
    assert of("pod/lasting", f"{status}.state.running.startedAt") == began
    assert of("pod/lasting", f"{status}.restartCount") == "0"
    assert kubectl("logs", "lasting") == "began"

    bed("kill", "machine")
    assert not processes.wait_until_gone([first], 30)
    bed("up")
    arrives("pod/lasting", f"{status}.restartCount", "1")
    is_ready("lasting")
    assert of("pod/lasting", f"{status}.lastState.terminated.reason") == "ContainerStatusUnknown"
    assert of("pod/short", f"{status}.restartCount") == "0"
    kubectl("delete", "pod", "lasting", "short", WAIT)


def test_two_beds_at_once_are_two_worlds_and_the_other_leaves_nothing(request: pytest.FixtureRequest) -> None:
    # Of its name there is none but the gates' own.
    name = "beside"
    request.addfinalizer(lambda: bed("down", name=name))
    bed("up", "--with", "caches", name=name)
    other = state_folder(name)
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "cache", "namespace": "default"},
        "spec": {"containers": [{"name": "main", "image": VALKEY}]},
    }
    there = ("kubectl", "--kubeconfig", str(other / "kubeconfig"), "--namespace=default")
    ask(*there, "wait", "serviceaccount/default", "--for=create", WAIT)
    ask(*there, "apply", "--filename=-", given=json.dumps(manifest))
    pod("cache", "", image=VALKEY, command=["valkey-server"])
    is_ready("cache")
    ask(*there, "wait", "pod/cache", "--for=condition=Ready", WAIT)
    ask(*there, "exec", "cache", "--", "valkey-cli", "set", "whose", "theirs")
    assert kubectl("exec", "cache", "--", "valkey-cli", "exists", "whose") == "0"
    assert not network.pods(load(other)).overlaps(network.pods(load(STATE)))
    bed("down", name=name)
    assert not processes.members(other)
    assert not other.exists()
    assert kubectl("exec", "cache", "--", "valkey-cli", "ping") == "PONG"
    kubectl("delete", "pod", "cache", WAIT)
