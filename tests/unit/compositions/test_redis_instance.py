# SPDX-License-Identifier: GPL-3.0-or-later
"""RedisInstance: what is composed and when, what a chart is told, whose password it is, and when it is called ready."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.testbed.chart_repository import FOLDER
from tests.unit.compositions.renderer import Manifest, Renderer, Rendering
from tests.unit.compositions.test_kubernetes_cluster import closed

KEY = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"namespace": "crossplane-system", "name": "platform-api-cache-passwords"},
    "data": {"key": base64.b64encode(b"the platform's key").decode()},
}
BITNAMI = {
    "driver": "bitnami",
    "chart": "redis",
    "repository": "https://charts.example.org/bitnami",
    "version": "23.1.1",
    "image": {"registry": "registry.example.org", "repository": "bitnami/redis", "tag": "8.2.1-debian-12-r0"},
}
STATE = {"state": "deployed", "revision": 1, "releaseDescription": "Install complete"}


@pytest.fixture(scope="session")
def defaults(cache_parameters_schema: dict[str, Any]) -> Manifest:
    """The parameters of a claim that says as little as it may, as the API server completes them."""
    properties = cache_parameters_schema["properties"]
    named = {"environment": "dev"}
    return {name: schema["default"] for name, schema in properties.items() if "default" in schema} | named


@pytest.fixture(scope="session")
def bitnami(cache_renderer: Renderer) -> Renderer:
    """The renderer of a platform that has Bitnami's chart as well."""
    return cache_renderer.with_platform(engines={"redis": BITNAMI})


@pytest.fixture(scope="session")
def complete(cache_renderer: Renderer, defaults: Manifest) -> Rendering:
    return provision(cache_renderer, defaults)


def render(renderer: Renderer, parameters: Manifest, before: Rendering | None = None, **others: Manifest) -> Rendering:
    """Render once, with all the former as it is when it is ready; `others` are the differences, by key."""
    observed = [] if before is None else everything(before, **others)
    return renderer.render(parameters, observed, [KEY], before=before)


def provision(renderer: Renderer, parameters: Manifest, before: Rendering | None = None) -> Rendering:
    """Render until nothing new is wanted."""
    rendering = render(renderer, parameters, before)
    while True:
        following = render(renderer, parameters, rendering)
        if following.resources == rendering.resources:
            return following
        rendering = following


def everything(rendering: Rendering, **others: Manifest) -> list[Manifest]:
    """What was wanted, as its providers show it once it is ready."""
    return [others.get(key.replace("-", "_")) or as_provided(resource) for key, resource in rendering.resources.items()]


def as_provided(resource: Manifest, status: Manifest | None = None, **provided: Any) -> Manifest:
    """A wanted resource as the API server shows it once its provider is content, and its object has this status."""
    observed = copy.deepcopy(resource)
    observed.pop("ready", None)
    observed["metadata"] |= {"uid": f"uid of {resource['metadata']['name']}", "generation": 1}
    if resource["kind"] == "Secret":
        return observed
    conditions = [
        {"type": kind, "status": "True", "reason": "Available", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        for kind in ("Ready", "Synced")
    ]
    observed["status"] = {"conditions": conditions, **provided}
    if resource["kind"] == "Object":
        seen = copy.deepcopy(resource["spec"]["forProvider"]["manifest"])
        seen["metadata"] |= {"uid": f"uid of {seen['kind']}", "generation": 1}
        if seen["kind"] == "PersistentVolumeClaim":
            capacity = {"capacity": seen["spec"]["resources"]["requests"]}
            status = status or {"phase": "Bound", **capacity}
        observed["status"]["atProvider"] = {"manifest": {**seen, "status": status or {"replicas": 3}}}
    if resource["kind"] == "Release":
        observed["spec"]["forProvider"] |= {"maxHistory": 20}
        observed["spec"]["forProvider"]["chart"] |= {"pullSecretRef": {"name": "", "namespace": ""}}
        observed["status"] |= {"atProvider": STATE} | provided
    return observed


def values(rendering: Rendering) -> Manifest:
    found: Manifest = rendering.resources["release"]["spec"]["forProvider"]["values"]
    return found


def ordered(rendering: Rendering, key: str) -> Manifest:
    found: Manifest = rendering.resources[key]["spec"]["forProvider"]["manifest"]
    return found


def size(rendering: Rendering, key: str) -> str:
    found: str = ordered(rendering, key)["spec"]["resources"]["requests"]["storage"]
    return found


def query(rendering: Rendering, key: str) -> str:
    found: str = rendering.resources[key]["spec"]["readiness"]["celQuery"]
    return found


# What is composed, and when


def test_access_password_and_volume_come_first_then_the_release_then_its_pods(
    cache_renderer: Renderer, defaults: Manifest, complete: Rendering, style: str
) -> None:
    first = render(cache_renderer, defaults)
    beside = {"connection", "users"} if style == "namespaced" else set()
    assert first.resources.keys() == {"access", "volume-server-0"} | beside
    copied = first
    if style == "claims":
        copied = render(cache_renderer, defaults, first)
        assert copied.resources.keys() == first.resources.keys() | {"users"}
    second = render(cache_renderer, defaults, copied)
    assert second.resources.keys() == copied.resources.keys() | {"release"}
    installing = as_provided(second.resources["release"], atProvider={"state": "pending-install", "revision": 1})
    third = render(cache_renderer, defaults, second, release=installing)
    assert third.resources.keys() == second.resources.keys()
    assert complete.resources.keys() == second.resources.keys() | {"server"}
    assert [first.is_ready, second.is_ready, third.is_ready, complete.is_ready] == [False, False, False, True]


@pytest.mark.parametrize("engine", ["valkey", "redis"])
@pytest.mark.parametrize(
    ("replicas", "volume", "issuer"),
    [(*shape, issuer) for shape in ((1, 0), (1, 8), (3, 8)) for issuer in ({}, {"name": "platform"})],
)
def test_every_combination_fits_the_schemas(
    *,
    bitnami: Renderer,
    defaults: Manifest,
    cache_parameters_schema: dict[str, Any],
    provider_schemas: dict[str, Manifest],
    engine: str,
    replicas: int,
    volume: int,
    issuer: Manifest,
) -> None:
    order = {**defaults, "engine": engine, "replicas": replicas, "persistenceGB": volume}
    schema = copy.deepcopy(cache_parameters_schema)
    schema["properties"]["engine"]["enum"] = ["redis", "valkey"]
    Draft202012Validator(schema).validate(order)
    rendering = provision(bitnami.with_platform(issuer=issuer), order)
    for resource in rendering.managed.values():
        spec = provider_schemas[resource["kind"]]["properties"]["spec"]
        Draft202012Validator(closed(spec)).validate(resource["spec"])
    # A chart passes on whatever is misspelt; the test bed's have schemas that know what upstream's read, and no more.
    chart = json.loads((FOLDER / engine / "values.schema.json").read_text())
    Draft202012Validator(chart).validate(values(rendering))
    assert rendering.is_ready
    assert len([key for key in rendering.resources if key.startswith("volume-")]) == (replicas if volume else 0)
    assert ("certificate" in rendering.resources) == bool(issuer)


def test_names_follow_from_environment_and_application(
    cache_renderer: Renderer, defaults: Manifest, complete: Rendering
) -> None:
    assert complete.resources["release"]["metadata"]["name"] == "dev-redis"
    assert ordered(complete, "volume-server-0")["metadata"]["name"] == "valkey-data-dev-redis-0"
    assert complete.composite["status"]["endpoint"] == "dev-redis.dev.svc:6379"
    named = provision(cache_renderer, {**defaults, "appName": "shop"})
    assert named.resources["release"]["metadata"]["name"] == "dev-shop-redis"
    assert named.composite["status"]["endpoint"] == "dev-shop-redis.dev.svc:6379"
    longest = {**defaults, "environment": "pr-1234567890", "appName": "a" * 31}
    name = provision(cache_renderer, longest).resources["release"]["metadata"]["name"]
    assert len(name) <= 52


def test_everything_is_in_the_claims_namespace(cache_renderer: Renderer, defaults: Manifest, style: str) -> None:
    rendering = cache_renderer.render(defaults, (), [KEY], namespace="elsewhere")
    if style == "namespaced":
        refused = ["Caches of environment dev belong into namespace dev; order this one there."]
        assert rendering.fatal == refused
        return
    assert ordered(rendering, "volume-server-0")["metadata"]["namespace"] == "elsewhere"
    copied = cache_renderer.render(defaults, everything(rendering), [KEY], namespace="elsewhere", before=rendering)
    assert copied.resources["users"]["spec"]["writeConnectionSecretToRef"]["namespace"] == "elsewhere"


def test_a_cache_that_belongs_to_another_is_refused(
    cache_renderer: Renderer, defaults: Manifest, complete: Rendering
) -> None:
    theirs = as_provided(complete.resources["release"])
    theirs["metadata"]["labels"] = {"crossplane.io/claim-namespace": "dev", "crossplane.io/claim-name": "other"}
    rendering = cache_renderer.render(defaults, (), [KEY, theirs])
    assert rendering.fatal == [
        "Release dev-redis exists and belongs to claim dev/other; choose another environment or appName."
    ]


def test_provider_helm_may_install_where_there_is_a_cache_and_as_long_as_it_is_there(complete: Rendering) -> None:
    binding = ordered(complete, "access")
    assert binding["kind"] == "RoleBinding"
    assert binding["metadata"]["namespace"] == "dev"
    assert binding["roleRef"]["name"] == "platform-api-caches"
    assert [each["name"] for each in binding["subjects"]] == ["system:serviceaccount:crossplane-system:provider-helm"]
    assert complete.resources["access"]["metadata"]["finalizers"] == ["foregroundDeletion"]
    owners = complete.resources["release"]["metadata"]["ownerReferences"]
    assert "dev-redis-access" in [owner.get("name") for owner in owners]


# The password


def test_the_password_is_in_the_connection_secret_and_in_no_object_in_clear(complete: Rendering, style: str) -> None:
    details = complete.connection_details
    password = details["password"]
    assert len(password) == 64
    assert details == {
        "host": "dev-redis.dev.svc",
        "port": "6379",
        "username": "default",
        "password": password,
        "url": f"redis://default:{password}@dev-redis.dev.svc:6379/0",
        "replicas": "dev-redis-read.dev.svc:6379",
    }
    shown = json.dumps({**complete.managed, "composite": complete.composite})
    assert password not in shown
    assert base64.b64encode(password.encode()).decode() not in shown
    users = complete.resources["users"]
    if style == "namespaced":
        assert base64.b64decode(users["data"]["default"]).decode() == password
    else:
        assert users["spec"]["connectionDetails"][0]["fieldPath"] == "data.password"
        assert users["spec"]["writeConnectionSecretToRef"] == {"namespace": "dev", "name": "dev-redis-users"}
    assert values(complete)["auth"]["usersExistingSecret"] == "dev-redis-users"


def test_it_stays_even_if_the_function_sees_nothing_of_it_yet(
    cache_renderer: Renderer, defaults: Manifest, complete: Rendering
) -> None:
    assert render(cache_renderer, defaults).connection_details == complete.connection_details


def test_it_stays_with_another_key_of_the_platform(
    cache_renderer: Renderer, defaults: Manifest, complete: Rendering
) -> None:
    other = {**KEY, "data": {"key": base64.b64encode(b"another").decode()}}
    rendering = cache_renderer.render(defaults, everything(complete), [other], before=complete)
    assert rendering.connection_details == complete.connection_details


def test_without_a_key_there_is_no_password(cache_renderer: Renderer, defaults: Manifest) -> None:
    rendering = cache_renderer.render(defaults, (), [{**KEY, "data": {}}])
    assert rendering.fatal == ["The platform's key for passwords is empty; run pnow.infra.bootstrap again."]


def test_six_environments_have_six_passwords(cache_renderer: Renderer, defaults: Manifest) -> None:
    names = ("dev", "staging", "uat", "preprod", "production", "sandbox", "pr-7")
    found = {render(cache_renderer, {**defaults, "environment": name}).connection_details["password"] for name in names}
    assert len(found) == len(names)


def test_a_word_asks_for_a_new_one_once_and_pods_are_replaced(
    cache_renderer: Renderer, defaults: Manifest, complete: Rendering, style: str
) -> None:
    order = {**defaults, "rotatePassword": "2026-11-26"}
    rotated = provision(cache_renderer, order, complete)
    assert rotated.connection_details["password"] != complete.connection_details["password"]
    key = values(rotated)["auth"]["aclUsers"]["default"]["passwordKey"]
    assert key.startswith("default-")
    assert values(rotated)["podAnnotations"] != values(complete)["podAnnotations"]
    if style == "namespaced":
        assert rotated.resources["users"]["data"].keys() == {"default", key}
    assert provision(cache_renderer, order, rotated).connection_details == rotated.connection_details
    # Nobody has to remember the word.
    silent = provision(cache_renderer, defaults, rotated)
    assert silent.connection_details == rotated.connection_details
    assert values(silent) == values(rotated)
    again = provision(cache_renderer, {**defaults, "rotatePassword": "another"}, silent)
    assert again.connection_details["password"] != rotated.connection_details["password"]


# Sizes


def test_memory_limits_the_pod_and_leaves_headroom_for_the_server(
    cache_renderer: Renderer, defaults: Manifest, complete: Rendering
) -> None:
    larger = provision(cache_renderer, {**defaults, "memoryGB": 2, "evictionPolicy": "noeviction"}, complete)
    assert values(larger)["resources"]["limits"] == {"memory": "2Gi"}
    assert values(larger)["extraConfig"].splitlines() == [
        "maxmemory 1536mb",
        "maxmemory-policy noeviction",
        "appendonly yes",
        'save ""',
    ]
    assert larger.composite["status"]["maxMemory"] == "1536Mi"
    assert values(larger)["podAnnotations"] != values(complete)["podAnnotations"]


def test_more_pods_have_volumes_a_budget_and_a_spread_and_the_others_stay(
    cache_renderer: Renderer, defaults: Manifest, complete: Rendering
) -> None:
    three = provision(cache_renderer, {**defaults, "replicas": 3}, complete)
    assert values(three)["replica"] == {"enabled": True, "replicas": 3}
    assert values(three)["podDisruptionBudget"]["enabled"]
    [spread] = values(three)["topologySpreadConstraints"]
    assert spread["labelSelector"] == {"matchLabels": {"app.kubernetes.io/instance": "dev-redis"}}
    assert values(three)["podAnnotations"] == values(complete)["podAnnotations"]
    assert [pod["role"] for pod in three.composite["status"]["pods"]] == ["primary", "replica", "replica"]
    one = provision(cache_renderer, defaults, three)
    assert values(one) == values(complete)
    assert one.resources.keys() == complete.resources.keys()


def test_a_volume_grows_and_the_chart_does_not_hear_of_it(
    cache_renderer: Renderer, defaults: Manifest, complete: Rendering
) -> None:
    grown = render(cache_renderer, {**defaults, "persistenceGB": 20}, complete)
    assert size(grown, "volume-server-0") == "20Gi"
    assert values(grown)["persistence"]["size"] == "8Gi"
    assert not grown.is_ready
    late = as_provided(grown.resources["volume-server-0"], {"phase": "Bound", "capacity": {"storage": "8Gi"}})
    assert not render(cache_renderer, {**defaults, "persistenceGB": 20}, grown, volume_server_0=late).is_ready
    assert provision(cache_renderer, {**defaults, "persistenceGB": 20}, grown).is_ready
    unbound = as_provided(complete.resources["volume-server-0"], {"phase": "Pending"})
    waiting = render(cache_renderer, {**defaults, "persistenceGB": 20}, complete, volume_server_0=unbound)
    assert size(waiting, "volume-server-0") == "8Gi"


def test_without_a_volume_it_is_one_pod_that_keeps_nothing(cache_renderer: Renderer, defaults: Manifest) -> None:
    rendering = provision(cache_renderer, {**defaults, "persistenceGB": 0})
    assert ordered(rendering, "server")["kind"] == "Deployment"
    assert values(rendering)["persistence"] == {"enabled": False}
    assert "appendonly no" in values(rendering)["extraConfig"]
    assert rendering.connection_details["replicas"] == "dev-redis.dev.svc:6379"


def test_a_change_is_not_ready_before_its_pods_are(
    cache_renderer: Renderer, defaults: Manifest, complete: Rendering
) -> None:
    order = {**defaults, "memoryGB": 2}
    changed = render(cache_renderer, order, complete)
    assert not changed.is_ready
    assert query(changed, "server") != query(complete, "server")
    assert values(changed)["podAnnotations"]["pnow.infra/settings"] in query(changed, "server")


# Charts


def test_the_image_is_the_platforms(cache_renderer: Renderer, defaults: Manifest) -> None:
    digest = f"sha256:{'0' * 64}"
    image = {"registry": "registry.example.org", "repository": "v/valkey", "tag": "9.1.3-alpine", "digest": digest}
    chart = {"driver": "valkey", "chart": "valkey", "repository": "https://example.org", "version": "1.0.0"}
    extra = {"priorityClassName": "caches", "auth": {"enabled": False}}
    renderer = cache_renderer.with_platform(engines={"valkey": {**chart, "image": image, "values": extra}})
    rendering = provision(renderer, defaults)
    assert values(rendering)["image"] == {
        "registry": "registry.example.org",
        "repository": "v/valkey",
        "tag": f"9.1.3-alpine@{digest}",
    }
    assert rendering.composite["status"]["version"] == "9.1.3"
    assert values(rendering)["priorityClassName"] == "caches"
    assert values(rendering)["auth"]["enabled"]


def test_bitnamis_chart_is_told_the_same_in_its_own_words(bitnami: Renderer, defaults: Manifest) -> None:
    rendering = provision(bitnami, {**defaults, "engine": "redis", "replicas": 3})
    told = values(rendering)
    assert told["architecture"] == "replication"
    assert told["auth"] == {
        "enabled": True,
        "existingSecret": "dev-redis-users",
        "existingSecretPasswordKey": "default",
    }
    assert told["replica"]["replicaCount"] == 2
    assert told["master"]["persistence"] == {"enabled": True, "size": "8Gi"}
    assert told["master"]["resources"]["limits"] == {"memory": "1Gi"}
    assert rendering.resources.keys() >= {"server", "replicas"}
    names = {ordered(rendering, key)["metadata"]["name"] for key in rendering.resources if key.startswith("volume")}
    assert names == {
        "redis-data-dev-redis-master-0",
        "redis-data-dev-redis-replicas-0",
        "redis-data-dev-redis-replicas-1",
    }
    assert rendering.connection_details["host"] == "dev-redis-master.dev.svc"
    assert rendering.connection_details["replicas"] == "dev-redis-replicas.dev.svc:6379"


def test_with_an_issuer_connections_are_encrypted(cache_renderer: Renderer, defaults: Manifest) -> None:
    rendering = provision(cache_renderer.with_platform(issuer={"name": "platform"}), defaults)
    certificate = ordered(rendering, "certificate")["spec"]
    assert certificate["issuerRef"] == {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": "platform"}
    assert {"dev-redis.dev.svc", "dev-redis-read.dev.svc"} <= set(certificate["dnsNames"])
    assert values(rendering)["tls"] == {
        "enabled": True,
        "existingSecret": "dev-redis-tls",
        "serverPublicKey": "tls.crt",
        "serverKey": "tls.key",
        "caPublicKey": "ca.crt",
    }
    assert rendering.connection_details["url"].startswith("rediss://")


# Failure


def test_a_failed_release_is_tried_again_about_each_minute(
    cache_renderer: Renderer, defaults: Manifest, complete: Rendering
) -> None:
    def limit(release: Manifest) -> int:
        found: int = render(cache_renderer, defaults, complete, release=release).resources["release"]["spec"][
            "rollbackLimit"
        ]
        return found

    assert complete.resources["release"]["spec"]["rollbackLimit"] == 3
    failed = as_provided(complete.resources["release"], atProvider={**STATE, "state": "failed"}, failed=3)
    assert limit(failed) == 4
    trying = copy.deepcopy(failed)
    trying["status"]["conditions"][1]["status"] = "False"
    assert limit(trying) == 3
