# SPDX-License-Identifier: GPL-3.0-or-later
"""Caches: made, used, resized, broken and deleted by the playbooks, and seen by kubectl, valkey-cli and vault.

It needs a test bed with caches (`up --with caches`). $PNOW_STYLE is the style of the platform API, `claims` by default.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.servers import ask, bed
from tests.testbed.bed import CACHES, load
from tests.testbed.node.network import on_machine

STATE = Path(os.environ["PNOW_TESTBED_STATE"])
VARIABLES = os.environ["PNOW_TESTBED_VARS"]
STYLE = os.environ.get("PNOW_STYLE", "claims")
QUIETLY = (sys.executable, "-m", "tests.quiet")
CLAIMS = "redisinstances.cache.yourdomain.com"
RELEASES = "releases.helm.crossplane.io" if STYLE == "claims" else "releases.helm.m.crossplane.io"
ENVIRONMENTS = ("dev", "staging", "uat", "preprod", "production", "sandbox")
ONE_POD = {"cache_replicas": 1, "cache_memory_gb": 1}
KILLS = int(os.environ.get("PNOW_KILLS", "2"))
SEED = int(os.environ.get("PNOW_SEED", str(random.randrange(2**32))))
GIBIBYTE = 2**30
THREE_QUARTERS = 3 * GIBIBYTE // 4

pytestmark = pytest.mark.skipif(CACHES not in load(STATE).features, reason="the test bed was made without caches")


def start(verb: str, environments: tuple[str, ...], *arguments: str, **variables: object) -> tuple[str, ...]:
    """The command of a verb, for environments that have nothing but a cache."""
    settings = {"environment_capabilities": ["cache"], **variables}
    inventories = [f"--inventory=inventories/{name}" for name in environments]
    return "ansible-playbook", f"pnow.infra.{verb}", *inventories, f"--extra-vars={json.dumps(settings)}", *arguments


def play(
    verb: str, *arguments: str, on: str = "dev", quietly: bool = False, fails: bool = False, **wants: object
) -> str:
    """What a verb says of an environment, or of several that are separated by commas."""
    command = (*(QUIETLY if quietly else ()), *start(verb, tuple(on.split(",")), *arguments, **wants))
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert (done.returncode != 0) == fails, done.stdout
    return done.stdout


def changes(output: str) -> int:
    recap = re.findall(r"changed=(\d+) ", output)
    assert recap, output
    return sum(map(int, recap))


def get(kind: str, *arguments: str, namespace: str = "dev") -> Any:
    return json.loads(ask("kubectl", "get", kind, *arguments, f"--namespace={namespace}", "--output=json"))


def secret(name: str = "redis-connection", namespace: str = "dev") -> dict[str, str]:
    found = get("secret", name, namespace=namespace)["data"]
    return {key: base64.b64decode(value).decode() for key, value in found.items()}


def in_vault(instance: str = "dev") -> dict[str, str]:
    found: dict[str, str] = json.loads(ask("vault", "kv", "get", "-format=json", f"secret/cache/{instance}"))["data"][
        "data"
    ]
    return found


def address(service: str, namespace: str = "dev") -> str:
    """Where a Service is, from here."""
    return on_machine(get("service", service, namespace=namespace)["spec"]["clusterIP"])


def valkey(*words: str, password: str | None = None, service: str = "dev-redis", namespace: str = "dev") -> str:
    """What the server answers."""
    environment = {key: value for key, value in os.environ.items() if key != "REDISCLI_AUTH"}
    if password is not None:
        environment["REDISCLI_AUTH"] = password
    command = ["valkey-cli", "-h", address(service, namespace), "--no-auth-warning", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return (done.stdout + done.stderr).strip()


def inside(*words: str) -> str:
    return valkey(*words, password=secret()["password"])


def limit() -> str:
    [container] = get("pod", "dev-redis-0")["spec"]["containers"]
    found: str = container["resources"]["limits"]["memory"]
    return found


def volumes(namespace: str = "dev") -> dict[str, str]:
    """The sizes of volumes, by the names of their claims."""
    claims = get("persistentvolumeclaims", namespace=namespace)["items"]
    return {each["metadata"]["name"]: each["status"].get("capacity", {}).get("storage", "") for each in claims}


def nothing_left(environment: str) -> None:
    """Nothing of a cache is there, wherever it may be."""
    for kind in (
        CLAIMS,
        RELEASES,
        "objects.kubernetes.crossplane.io",
        "statefulsets",
        "pods",
        "persistentvolumeclaims",
    ):
        left = ask("kubectl", "get", kind, "--all-namespaces", "--output=name", "--ignore-not-found").split()
        assert [name for name in left if f"{environment}-redis" in name] == []
    for kind in ("secrets", "rolebindings.rbac.authorization.k8s.io", "services", "configmaps"):
        left = ask("kubectl", "get", kind, f"--namespace={environment}", "--output=name", "--ignore-not-found").split()
        assert [name for name in left if "redis" in name or "helm" in name] == []
    found = subprocess.run(["vault", "kv", "get", f"secret/cache/{environment}"], capture_output=True, check=False)
    assert found.returncode == 2


def bootstrap(**variables: object) -> str:
    """Offer the platform, with what differs from the test bed's."""
    platform = ("--inventory=inventories/management", f"--extra-vars=@{VARIABLES}")
    settings = {"platform_api_style": STYLE, **variables}
    return ask("ansible-playbook", "pnow.infra.bootstrap", *platform, f"--extra-vars={json.dumps(settings)}")


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    print(f"PNOW_SEED={SEED}")
    bootstrap()
    play("provision")
    yield
    play("delete", "--extra-vars=confirm=dev")


# Used


def test_the_platform_is_offered_once() -> None:
    assert changes(bootstrap()) == 0


@pytest.mark.parametrize("facts", [secret, in_vault], ids=["secret", "vault"])
def test_it_takes_and_gives_with_the_password_that_one_is_told(facts: Any) -> None:
    told = facts()
    assert told["host"] == "dev-redis.dev.svc"
    assert told["url"] == f"redis://default:{told['password']}@dev-redis.dev.svc:6379/0"
    assert valkey("SET", "greeting", "hello", password=told["password"]) == "OK"
    assert valkey("GET", "greeting", password=told["password"]) == "hello"


def test_nobody_gets_in_otherwise() -> None:
    assert "WRONGPASS" in valkey("GET", "greeting", password="guessed")
    assert "NOAUTH" in valkey("GET", "greeting")


def test_the_password_is_nowhere_in_clear() -> None:
    password = secret()["password"]
    for kind in (CLAIMS, RELEASES, "objects.kubernetes.crossplane.io", "configmaps", "pods", "statefulsets"):
        shown = ask("kubectl", "get", kind, "--all-namespaces", "--output=json")
        assert password not in shown
        assert base64.b64encode(password.encode()).decode() not in shown


def test_a_second_run_writes_nothing() -> None:
    assert changes(play("provision", quietly=True)) == 0


def test_status_has_a_line_for_it() -> None:
    said = play("status", quietly=True)
    assert re.search(r"dev +dev-redis +9\.1\.2 +1 GiB +1/1 +8 GiB +ready .* in Vault", said), said


# Resized


def test_memory_grows_and_the_data_stay() -> None:
    assert inside("CONFIG", "GET", "maxmemory").split()[-1] == str(THREE_QUARTERS)
    assert inside("SET", "kept", "yes") == "OK"
    said = play("resize", "--check", quietly=True, cache_memory_gb=2)
    assert "dev-redis: memory_gb from 1 to 2, rolling (its only pod is replaced" in said
    assert changes(play("resize", cache_memory_gb=2)) == 1
    assert limit() == "2Gi"
    assert inside("CONFIG", "GET", "maxmemory").split()[-1] == str(2 * THREE_QUARTERS)
    assert inside("GET", "kept") == "yes"
    assert changes(play("resize", quietly=True, cache_memory_gb=2)) == 0
    play("resize")


def test_replicas_come_and_go() -> None:
    play("resize", cache_replicas=3)
    told = get(CLAIMS, "dev-redis")["status"]
    assert [pod["role"] for pod in told["pods"]] == ["primary", "replica", "replica"]
    ask("kubectl", "wait", "pod/dev-redis-2", "--namespace=dev", "--for=condition=Ready", "--timeout=60s")
    assert "connected_slaves:2" in follows("connected_slaves:2")
    assert valkey("GET", "kept", password=secret()["password"], service="dev-redis-read") == "yes"
    assert get("poddisruptionbudget", "dev-redis")["spec"]["maxUnavailable"] == 1
    assert len(volumes()) == 3
    play("resize", cache_replicas=1)
    assert "connected_slaves:0" in follows("connected_slaves:0")
    assert list(volumes()) == ["valkey-data-dev-redis-0"]
    assert inside("GET", "kept") == "yes"


def follows(wanted: str) -> str:
    """What the primary says of its replicas, once it says it, or at last."""
    for _look in range(60):
        said = inside("INFO", "replication")
        if wanted in said:
            break
        ask("kubectl", "get", CLAIMS, "--namespace=dev")
    return said


def test_a_volume_grows_and_does_not_shrink() -> None:
    play("resize", cache_persistence_gb=9)
    assert volumes() == {"valkey-data-dev-redis-0": "9Gi"}
    refused = play("resize", quietly=True, fails=True, cache_persistence_gb=8)
    assert "A volume cannot shrink" in refused
    assert "0 writes seen" in refused
    refused = play("provision", quietly=True, fails=True, cache_persistence_gb=9, cache_engine="redis")
    assert "The engine cannot change" in refused
    assert "0 writes seen" in refused
    assert inside("GET", "kept") == "yes"


def test_a_pod_that_is_killed_comes_back_and_status_says_so_meanwhile() -> None:
    node = ask("kubectl", "get", "nodes", "--output=jsonpath={.items[0].metadata.name}")
    ask("kubectl", "cordon", node)
    try:
        ask("kubectl", "delete", "pod", "dev-redis-0", "--namespace=dev", "--timeout=60s")
        said = play("status", cache_persistence_gb=9)
        assert re.search(r"dev-redis .* waiting .*Pod dev-redis-0 .*unschedulable", said), said
    finally:
        ask("kubectl", "uncordon", node)
    play("provision", cache_persistence_gb=9)
    assert inside("GET", "kept") == "yes"


def test_the_password_changes_when_asked_and_only_then() -> None:
    before = secret()["password"]
    said = play("provision", cache_persistence_gb=9, cache_rotate_password="first")
    assert "connections that were made with the old password end" in said
    after = secret()["password"]
    assert after != before
    assert in_vault()["password"] == after
    assert "WRONGPASS" in valkey("GET", "kept", password=before)
    assert inside("GET", "kept") == "yes"
    assert changes(play("provision", quietly=True, cache_persistence_gb=9, cache_rotate_password="first")) == 0
    play("provision", cache_persistence_gb=9)
    assert secret()["password"] == after


# Several


def test_an_application_has_a_cache_of_its_own_and_it_goes_alone() -> None:
    both = [{"persistence_gb": 9}, {"app_name": "shop", "persistence_gb": 0}]
    play("provision", cache_instances=both)
    told = secret("redis-connection-shop")
    assert told["password"] != secret()["password"]
    assert valkey("SET", "a", "b", password=told["password"], service="dev-shop-redis") == "OK"
    assert "WRONGPASS" in valkey("GET", "a", password=secret()["password"], service="dev-shop-redis")
    play("delete", "--extra-vars=confirm=dev-shop", cache_instances=both)
    assert [each["metadata"]["name"] for each in get(CLAIMS)["items"]] == ["dev-redis"]
    assert inside("GET", "kept") == "yes"


def test_six_environments_have_six_caches_that_open_for_nobody_else() -> None:
    everywhere = ",".join(ENVIRONMENTS)
    play("provision", on=everywhere, **ONE_POD, cache_persistence_gb=9)
    passwords = {name: secret(namespace=name)["password"] for name in ENVIRONMENTS}
    for place in ENVIRONMENTS:
        for name, password in passwords.items():
            said = valkey("PING", password=password, service=f"{place}-redis", namespace=place)
            assert ("PONG" in said) == (place == name)
    others = tuple(name for name in ENVIRONMENTS if name != "dev")
    for name in others:
        play("delete", f"--extra-vars=confirm={name}", on=name, **ONE_POD)
        nothing_left(name)


def test_redis_by_the_second_chart() -> None:
    wants = {"cache_engine": "redis", "cache_replicas": 3, "cache_memory_gb": 1}
    play("provision", on="uat", **wants)
    password = secret(namespace="uat")["password"]
    there = {"password": password, "service": "uat-redis-master", "namespace": "uat"}
    assert valkey("SET", "a", "b", **there) == "OK"
    assert "redis_version:8" in valkey("INFO", "server", **there)
    assert "WRONGPASS" in valkey("GET", "a", **{**there, "password": "guessed"})
    assert changes(play("provision", on="uat", quietly=True, **wants)) == 0
    play("resize", on="uat", **{**wants, "cache_memory_gb": 2, "cache_replicas": 1})
    assert valkey("GET", "a", **there) == "b"
    assert valkey("CONFIG", "GET", "maxmemory", **there).split()[-1] == str(2 * THREE_QUARTERS)
    play("delete", "--extra-vars=confirm=uat", on="uat", **wants)
    nothing_left("uat")


# Broken


def engines(**others: Any) -> dict[str, Any]:
    """The platform's engines, with what differs in that of a cache."""
    found: dict[str, Any] = yaml.safe_load(Path(VARIABLES).read_text())["platform_api_cache_engines"]
    return {**found, "valkey": {**found["valkey"], **others}}


@pytest.mark.parametrize(
    ("broken", "timeout", "says"),
    [
        ({"chart": "no-such-chart"}, "5m", 'chart "no-such-chart"'),
        ({"repository": "http://127.0.0.1:9"}, "40s", "cannot be reached"),
        ({"image": {"registry": "docker.io", "repository": "nowhere/nothing", "tag": "9"}}, "5m", "nowhere/nothing:9"),
        ({"values": {"testbedHook": "exit 3"}}, "5m", "pre-install"),
    ],
    ids=["chart", "repository", "image", "hook"],
)
def test_what_the_platform_has_wrong_is_named_and_mended(broken: dict[str, Any], timeout: str, says: str) -> None:
    bootstrap(platform_api_cache_engines=engines(**broken))
    try:
        said = play("provision", on="uat", fails=True, cache_wait_timeout=timeout)
    finally:
        bootstrap()
    assert says in said, said
    assert ("not ready after" in said) == (timeout != "5m"), said
    if "image" in broken:
        # As Kubernetes has it, a StatefulSet waits for a pod that can not start before it replaces it.
        ask("kubectl", "delete", "pod", "uat-redis-0", "--namespace=uat", "--timeout=60s")
    play("provision", on="uat")
    assert "PONG" in valkey("PING", password=secret(namespace="uat")["password"], service="uat-redis", namespace="uat")
    play("delete", "--extra-vars=confirm=uat", on="uat")
    nothing_left("uat")


def test_a_quota_that_is_full_is_named_and_what_was_kept_off_comes() -> None:
    ask("kubectl", "create", "namespace", "uat")
    ask("kubectl", "create", "quota", "none", "--hard=pods=0", "--namespace=uat")
    said = play("provision", on="uat", fails=True, cache_wait_timeout="60s")
    assert "exceeded quota" in said, said
    ask("kubectl", "delete", "quota", "none", "--namespace=uat")
    play("provision", on="uat")
    play("delete", "--extra-vars=confirm=uat", on="uat")
    nothing_left("uat")
    ask("kubectl", "delete", "namespace", "uat", "--timeout=60s")


def test_a_provider_that_is_killed_while_it_installs_goes_on(request: pytest.FixtureRequest) -> None:
    request.addfinalizer(lambda: bed("up"))
    process = subprocess.Popen(start("provision", ("uat",)), stdout=subprocess.PIPE, text=True)
    ask(
        "kubectl",
        "wait",
        RELEASES,
        "uat-redis",
        "--for=create",
        "--timeout=120s",
        *(("-n", "uat") if STYLE != "claims" else ()),
    )
    bed("kill", "provider-helm")
    bed("start", "provider-helm")
    output, _stderr = process.communicate(timeout=400)
    assert process.returncode == 0, output
    play("delete", "--extra-vars=confirm=uat", on="uat")
    nothing_left("uat")


# Killed


def killed(verb: str, moment: float, *arguments: str, **wants: object) -> None:
    command = start(verb, ("sandbox",), *arguments, **wants)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=moment)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("number", range(KILLS))
def test_what_is_killed_at_any_moment_converges(number: int) -> None:
    moments = random.Random(f"{SEED} {number}")
    killed("provision", moments.uniform(2, 30))
    play("provision", on="sandbox")
    there = {"service": "sandbox-redis", "namespace": "sandbox"}
    assert valkey("SET", "a", "b", password=secret(namespace="sandbox")["password"], **there) == "OK"
    assert changes(play("provision", on="sandbox", quietly=True)) == 0
    killed("resize", moments.uniform(2, 30), cache_memory_gb=2)
    play("resize", on="sandbox", cache_memory_gb=2)
    assert valkey("GET", "a", password=secret(namespace="sandbox")["password"], **there) == "b"
    assert changes(play("resize", on="sandbox", quietly=True, cache_memory_gb=2)) == 0
    killed("delete", moments.uniform(2, 30), "--extra-vars=confirm=sandbox")
    play("delete", "--extra-vars=confirm=sandbox", on="sandbox")
    nothing_left("sandbox")


# Gone


def test_it_is_deleted_alone_and_again_nothing_is_written() -> None:
    play("delete", "--extra-vars=confirm=dev-redis", cache_persistence_gb=9)
    nothing_left("dev")
    assert changes(play("delete", "--extra-vars=confirm=dev-redis", quietly=True, cache_persistence_gb=9)) == 0
