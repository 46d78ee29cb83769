# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes client against a scripted API server: verbs, outages, refusals, and the time they may take.

The numbers of faults are those of docs/faults.md.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes import api as kubernetes
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes.api import KubernetesApi
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes.policy import Policy
from ansible_collections.pnow.infra.plugins.module_utils._domain import errors
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.findings import Invalid
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import ObjectRef
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.ports import Served
from tests.unit.plugins.scripted import ScriptedClock
from tests.unit.plugins.scripted_api_server import (
    DISCOVERY,
    GROUP,
    ScriptedApiServer,
    Step,
    closed_port,
    cut,
    half,
    refuse,
    reply,
    reset_after,
    silence,
    status,
    trickle,
)

POLICY = Policy()
HASTY = Policy(read_timeout=0.1)
MAP = ObjectRef("v1", "ConfigMap", "settings", "dev")
CLAIM = ObjectRef(f"{GROUP}/v1", "Database", "dev-database", "dev")
MAPS = "/api/v1/namespaces/dev/configmaps"
DATABASES = f"/apis/{GROUP}/v1/namespaces/dev/databases"
GET = f"GET {MAPS}/settings"
PATCH = f"PATCH {DATABASES}/dev-database"
DELETE = f"DELETE {MAPS}/settings"
LIVE = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b" * 100}}
WANTED = {
    "apiVersion": f"{GROUP}/v1",
    "kind": "Database",
    "metadata": {"name": "dev-database", "namespace": "dev"},
    "spec": {"size": "small"},
}
INITIALIZING = refuse(429, "storage is (re)initializing", "TooManyRequests", retryAfterSeconds=1)


@contextmanager
def connected(
    server: ScriptedApiServer | str, clock: ScriptedClock, policy: Policy = POLICY, **options: Any
) -> Iterator[KubernetesApi]:
    url = server if isinstance(server, str) else server.url
    with kubernetes.connect({"host": url, **options}, clock, policy=policy) as api:
        yield api


@pytest.fixture
def api(api_server: ScriptedApiServer, clock: ScriptedClock) -> Iterator[KubernetesApi]:
    with connected(api_server, clock) as api:
        yield api


def failed(api: KubernetesApi, verb: str) -> errors.InfraError:
    """The error of a request that must fail."""
    request = {
        "get": lambda: api.get(MAP),
        "apply": lambda: api.apply(WANTED),
        "delete": lambda: api.delete(MAP, uid="uid-1"),
        "list": lambda: api.list_objects("v1", "ConfigMap", "dev"),
    }[verb]
    with pytest.raises(errors.InfraError) as caught:
        request()
    assert "\n" not in str(caught.value)
    assert caught.value.next_step
    return caught.value


# ---- what is sent


def test_get_says_who_asks(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(GET, reply(200, LIVE))
    assert api.get(MAP) == LIVE
    (asked,) = api_server.requests(GET)
    assert asked.header("User-Agent")[0].startswith("pnow.infra/")


def test_absent_is_not_an_error(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(GET, refuse(404, "not found", "NotFound", name="settings", kind="configmaps"))
    assert api.get(MAP) is None


def test_apply_is_strict_and_ours(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(PATCH, reply(200, WANTED))
    assert api.apply(WANTED) == WANTED
    api.apply(WANTED, force=True)
    first, second = api_server.requests(PATCH)
    assert first.query == {"fieldManager": "pnow.infra", "fieldValidation": "Strict", "force": "false"}
    assert second.query["force"] == "true"
    assert first.header("Content-Type") == ["application/apply-patch+yaml"]
    assert json.loads(first.body) == WANTED


def test_a_dry_run_is_the_same_request(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(PATCH, reply(200, LIVE))
    assert api.apply(WANTED, force=True, dry_run=True) == LIVE
    api.apply(WANTED, force=True)
    asked, done = api_server.requests(PATCH)
    assert asked.query == {**done.query, "dryRun": "All"}
    assert asked.body == done.body


def test_a_creation_can_not_meet_an_object(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    """By a version that no object has: the API server refuses it for any that exists, and that is an answer."""
    api_server.on(PATCH, reply(201, WANTED), refuse(409, "the object has been modified; please apply", "Conflict"))
    assert api.create(WANTED) == WANTED
    assert api.create(WANTED) is None
    first, _second = api_server.requests(PATCH)
    sent = {**WANTED, "metadata": {**WANTED["metadata"], "resourceVersion": "1"}}
    assert json.loads(first.body) == sent
    assert first.query == {"fieldManager": "pnow.infra", "fieldValidation": "Strict", "force": "false"}


def test_a_deletion_can_be_tried(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(DELETE, reply(200, {}))
    api.delete(MAP, uid="uid-1", dry_run=True)
    (asked,) = api_server.requests(DELETE)
    assert json.loads(asked.body)["dryRun"] == ["All"]
    assert asked.query == {"dryRun": "All"}


def test_a_namespace_is_looked_through(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    """Every kind that goes with a namespace once, in one version, metadata only; what may not be listed is told."""
    verbs = ["delete", "get", "list"]
    core = [
        {"name": "configmaps", "kind": "ConfigMap", "namespaced": True, "verbs": verbs},
        {"name": "secrets", "kind": "Secret", "namespaced": True, "verbs": verbs},
        {"name": "bindings", "kind": "Binding", "namespaced": True, "verbs": ["create"]},
        {"name": "nodes", "kind": "Node", "namespaced": False, "verbs": verbs},
    ]
    databases = {"resources": [{"name": "databases", "kind": "Database", "namespaced": True, "verbs": verbs}]}
    versions = [{"groupVersion": f"{GROUP}/v1"}, {"groupVersion": f"{GROUP}/v1beta1"}]
    api_server.on("GET /api", reply(200, {"versions": ["v1"]}))
    api_server.on("GET /apis", reply(200, {"groups": [{"name": GROUP, "versions": versions}]}))
    api_server.on("GET /api/v1", reply(200, {"resources": core}))
    api_server.on(f"GET /apis/{GROUP}/v1", reply(200, databases))
    api_server.on(f"GET /apis/{GROUP}/v1beta1", reply(200, databases))
    item = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a", "uid": "1"}}
    rest = {"metadata": {}, "items": [{**item, "metadata": {"name": "b", "uid": "2"}}]}
    api_server.on(f"GET {MAPS}", reply(200, {"metadata": {"continue": "more"}, "items": [item]}), reply(200, rest))
    denied = 'secrets is forbidden: User "jane" cannot list resource "secrets" in API group "" in the namespace "dev"'
    api_server.on("GET /api/v1/namespaces/dev/secrets", refuse(403, denied, "Forbidden"))
    api_server.on(f"GET {DATABASES}", refuse(404, "404 page not found"))
    contents = api.contents("dev")
    assert [(found["kind"], found["apiVersion"], found["metadata"]["name"]) for found in contents.objects] == [
        ("ConfigMap", "v1", "a"),
        ("ConfigMap", "v1", "b"),
    ]
    assert len(contents.unknown) == 1
    assert "jane may not list secrets in namespace dev" in contents.unknown[0]
    assert "as=PartialObjectMetadataList" in api_server.requests(f"GET {MAPS}")[0].header("Accept")[0]
    assert len(api_server.requests(f"GET {DATABASES}")) == 1


def test_a_group_that_does_not_answer_would_hold_a_namespace_up(
    api_server: ScriptedApiServer, api: KubernetesApi
) -> None:
    api_server.on("GET /api", reply(200, {"versions": []}))
    broken = {"groups": [{"versions": [{"groupVersion": "metrics.k8s.io/v1beta1"}]}]}
    api_server.on("GET /apis", reply(200, broken))
    api_server.on("GET /apis/metrics.k8s.io/v1beta1", refuse(503, "the server is unavailable", "ServiceUnavailable"))
    with pytest.raises(errors.Unreachable, match=r"metrics\.k8s\.io/v1beta1"):
        api.contents("dev")


def test_delete_means_one_very_object(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    gone = refuse(404, "not found", "NotFound", name="settings", kind="configmaps")
    other = refuse(409, "the UID in the precondition (uid-1) does not match the UID in record (uid-2)", "Conflict")
    api_server.on(DELETE, reply(200, {}), gone, other)
    for _round in range(3):
        api.delete(MAP, uid="uid-1")
    asked = api_server.requests(DELETE)
    assert len(asked) == 3
    assert json.loads(asked[0].body)["preconditions"] == {"uid": "uid-1"}
    assert json.loads(asked[0].body)["propagationPolicy"] == "Foreground"


def test_discovery_is_asked_once_and_tells_what_a_kind_is(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    assert api.served(f"{GROUP}/v1", "Database") == Served("databases", namespaced=True, categories=("claim",))
    assert api.served(f"{GROUP}/v1", "Database").namespaced
    assert len(api_server.requests(f"GET /apis/{GROUP}/v1")) == 1
    assert api.served("v1", "Namespace") == Served("namespaces", namespaced=False)


def test_lists_are_read_page_by_page_and_completed(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    first = {"metadata": {"continue": "more"}, "items": [{"metadata": {"name": "a"}}]}
    api_server.on(f"GET {MAPS}", reply(200, first), reply(200, {"metadata": {}, "items": [LIVE]}))
    found = api.list_objects("v1", "ConfigMap", "dev", labels="app=x")
    assert [(item["kind"], item["metadata"]["name"]) for item in found] == [
        ("ConfigMap", "a"),
        ("ConfigMap", "settings"),
    ]
    assert [asked.query.get("continue") for asked in api_server.requests(f"GET {MAPS}")] == [None, "more"]
    assert api_server.requests(f"GET {MAPS}")[0].query["labelSelector"] == "app=x"


def test_a_list_that_expires_between_pages_is_read_afresh(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    first = reply(200, {"metadata": {"continue": "more"}, "items": [LIVE]})
    expired = refuse(410, "the provided continue parameter is too old", "Expired")
    api_server.on(f"GET {MAPS}", first, expired, first, reply(200, {"metadata": {}, "items": []}))
    assert len(api.list_objects("v1", "ConfigMap", "dev")) == 1
    api_server.on(f"GET {MAPS}", *[first, expired] * 3)
    assert "forgets the list of ConfigMap" in str(failed(api, "list"))


def test_a_scan_reads_a_page_when_it_is_needed(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    pages = [named("a"), reply(200, {"metadata": {}, "items": [{"metadata": {"name": "b", "uid": "uid-b"}}]})]
    api_server.on(f"GET {MAPS}", *pages)
    found = api.scan("v1", "ConfigMap", "dev", labels="tier=db")
    assert next(found)["metadata"]["name"] == "a"
    assert len(api_server.requests(f"GET {MAPS}")) == 1
    assert [item["metadata"]["name"] for item in found] == ["b"]
    first, second = (asked.query for asked in api_server.requests(f"GET {MAPS}"))
    assert first == {"labelSelector": "tier=db", "limit": "100"}
    assert second == {**first, "continue": "more"}


def test_a_scan_that_expires_between_pages_meets_nothing_twice(
    api_server: ScriptedApiServer, api: KubernetesApi
) -> None:
    expired = refuse(410, "the provided continue parameter is too old", "Expired")
    last = reply(200, {"metadata": {}, "items": [{"metadata": {"name": "b", "uid": "uid-b"}}]})
    api_server.on(f"GET {MAPS}", named("a"), expired, named("a"), last)
    assert [item["metadata"]["name"] for item in api.scan("v1", "ConfigMap", "dev")] == ["a", "b"]
    api_server.on(f"GET {MAPS}", *[named("a"), expired] * 3)
    with pytest.raises(errors.Unreachable, match="forgets the list of ConfigMap"):
        list(api.scan("v1", "ConfigMap", "dev"))


def named(name: str) -> Any:
    """The first page of a list: one object, and more to come."""
    return reply(200, {"metadata": {"continue": "more"}, "items": [{"metadata": {"name": name, "uid": f"uid-{name}"}}]})


# ---- down, silent, broken: faults 1, 3, 4 and 6


def test_a_closed_port_is_tried_a_few_times(clock: ScriptedClock) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    with connected(url, clock) as api:
        error = failed(api, "get")
    assert isinstance(error, errors.Unreachable)
    assert f"the Kubernetes API at {url} did not answer in 5 attempts (no connection x 5): " in error.message
    assert "onnection refused" in error.message
    assert clock.now <= POLICY.attempts * POLICY.longest_pause


def test_the_error_names_the_context(tmp_path: Path, clock: ScriptedClock) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    path = tmp_path / "kubeconfig"
    path.write_text(
        f"current-context: far\ncontexts: [{{name: far, context: {{cluster: c, user: u}}}}]\n"
        f"clusters: [{{name: c, cluster: {{server: '{url}'}}}}]\nusers: []\n"
    )
    with kubernetes.connect({"kubeconfig": str(path)}, clock, policy=POLICY) as api:
        assert f"{url} (context far) did not answer" in failed(api, "get").message


def test_a_write_outlives_a_restart(api_server: ScriptedApiServer) -> None:
    class RestartingClock(ScriptedClock):
        """The server is back after a while."""

        restarted: ScriptedApiServer | None = None

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.now > 8 and self.restarted is None:
                self.restarted = ScriptedApiServer(port=api_server.port)
                self.restarted.on(PATCH, INITIALIZING, reply(200, WANTED))

    clock = RestartingClock()
    with connected(api_server, clock) as api:
        api.path_of(CLAIM)
        api_server.close()
        assert api.apply(WANTED) == WANTED
    assert clock.restarted is not None
    clock.restarted.close()
    assert len(clock.restarted.requests(PATCH)) == 2


def test_a_write_to_a_server_that_stays_away_ends(api_server: ScriptedApiServer, clock: ScriptedClock) -> None:
    with connected(api_server, clock) as api:
        api.path_of(CLAIM)
        api_server.close()
        message = failed(api, "apply").message
    assert re.search(r"in 12 attempts \(.*no connection x 1[12]\)", message)


@pytest.mark.parametrize("verb", ["get", "apply", "delete"])
def test_a_silent_server_is_bounded(api_server: ScriptedApiServer, clock: ScriptedClock, verb: str) -> None:
    for request in (GET, PATCH, DELETE):
        api_server.on(request, silence)
    with connected(api_server, clock, HASTY) as api:
        assert "in 5 attempts (timed out x 5)" in failed(api, verb).message


def test_silent_discovery_is_bounded(api_server: ScriptedApiServer, clock: ScriptedClock) -> None:
    api_server.on("GET /api/v1", silence)
    with connected(api_server, clock, HASTY) as api:
        assert "timed out x 5" in failed(api, "get").message


def test_a_silent_answer_is_asked_for_again(api_server: ScriptedApiServer, clock: ScriptedClock) -> None:
    api_server.on(GET, silence, reply(200, LIVE))
    with connected(api_server, clock, HASTY) as api:
        assert api.get(MAP) == LIVE


@pytest.mark.parametrize("fault", [reset_after(), reset_after('{"kind": "Conf'), half(LIVE), cut(LIVE)])
def test_a_broken_answer_is_asked_for_again(api_server: ScriptedApiServer, api: KubernetesApi, fault: Step) -> None:
    api_server.on(GET, fault, reply(200, LIVE))
    assert api.get(MAP) == LIVE
    assert len(api_server.requests(GET)) == 2


def test_an_answer_that_always_breaks_is_told(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(GET, cut(LIVE))
    message = failed(api, "get").message
    assert "in 5 attempts (half an answer x 5): it broke off in the middle of its answer" in message


@pytest.mark.parametrize("fault", [reset_after(), half(WANTED), cut(WANTED)])
def test_an_apply_whose_answer_broke_is_sent_again(
    api_server: ScriptedApiServer, api: KubernetesApi, fault: Step
) -> None:
    api_server.on(PATCH, fault, reply(200, WANTED))
    assert api.apply(WANTED) == WANTED
    first, second = api_server.requests(PATCH)
    assert first.body == second.body


def test_a_deletion_whose_answer_broke_is_sent_again(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(DELETE, cut(LIVE), refuse(404, "not found", "NotFound", name="settings", kind="configmaps"))
    api.delete(MAP, uid="uid-1")


def test_what_is_not_kubernetes_says_so_inertly(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(GET, reply(200, "<html>\x1b[31mWelcome\n</html>"))
    error = failed(api, "get")
    assert "unreadable answer x 5" in error.message
    assert "the answer is not a JSON object: <html>Welcome" in error.message


def test_a_redirect_is_not_an_answer(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(GET, reply(302, "", Location="https://login.example.org"))
    assert "answered 302 to get ConfigMap dev/settings" in failed(api, "get").message


# ---- 5xx and 429: faults 7 and 8


@pytest.mark.parametrize("code", [500, 502, 503, 504])
@pytest.mark.parametrize("burst", [1, 4])
def test_a_burst_of_server_errors_is_survived(
    api_server: ScriptedApiServer, api: KubernetesApi, clock: ScriptedClock, code: int, burst: int
) -> None:
    api_server.on(GET, *[reply(code, "<html>Bad Gateway</html>")] * burst, reply(200, LIVE))
    assert api.get(MAP) == LIVE
    assert clock.now > 0


def test_what_lasts_lists_the_attempts(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(GET, reply(503, ""), reset_after(), reply(503, ""), refuse(500, "etcdserver: no leader"))
    error = failed(api, "get")
    assert isinstance(error, errors.Unreachable)
    assert "answered 500 to get ConfigMap dev/settings in 5 attempts" in error.message
    assert "(503, connection broken, 503, 500 x 2): etcdserver: no leader" in error.message


def test_storage_that_initializes_is_waited_for(
    api_server: ScriptedApiServer, api: KubernetesApi, clock: ScriptedClock
) -> None:
    api_server.on(GET, *[INITIALIZING] * 9, reply(200, LIVE))
    assert api.get(MAP) == LIVE
    assert clock.now > 5


def test_what_had_to_be_asked_again_is_remembered(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(GET, reply(200, LIVE), refuse(429, "too many requests"), reply(200, LIVE))
    api.get(MAP)
    assert api.strain() == ""
    api.bounded_by(1000).get(MAP)
    assert api.strain().endswith("is under strain: it was asked again after 429 (1 x)")


def test_the_wish_of_the_server_is_honoured(
    api_server: ScriptedApiServer, api: KubernetesApi, clock: ScriptedClock
) -> None:
    api_server.on(GET, reply(429, "", Retry_After="17"), reply(503, "", Retry_After="30"), reply(200, LIVE))
    api.get(MAP)
    assert clock.now == 47


def test_a_server_that_stays_busy_is_left(
    api_server: ScriptedApiServer, api: KubernetesApi, clock: ScriptedClock
) -> None:
    api_server.on(GET, reply(429, "", Retry_After="1"))
    assert "in 12 attempts (429, retry after 1 s x 12)" in failed(api, "get").message
    assert 11 <= clock.now <= 11 * POLICY.longest_pause


def test_an_hour_is_not_waited_for(api_server: ScriptedApiServer, api: KubernetesApi, clock: ScriptedClock) -> None:
    api_server.on(GET, reply(429, "", Retry_After="3600"))
    failed(api, "get")
    assert (clock.now, len(api_server.requests(GET))) == (0, 1)


# ---- one deadline


def test_no_pause_goes_beyond_the_deadline(
    api_server: ScriptedApiServer, api: KubernetesApi, clock: ScriptedClock
) -> None:
    api_server.on(GET, reply(429, "", Retry_After="17"))
    failed(api.bounded_by(30.0), "get")
    assert (clock.now, len(api_server.requests(GET))) == (17, 2)


def test_after_the_deadline_nothing_is_sent(
    api_server: ScriptedApiServer, api: KubernetesApi, clock: ScriptedClock
) -> None:
    api.path_of(MAP)
    clock.now = 30.0
    error = failed(api.bounded_by(30.0), "get")
    assert isinstance(error, errors.Unreachable)
    assert "was not asked any more, the time of the task is up; raise wait_timeout" in str(error)
    assert api_server.requests(GET) == []
    api_server.on(GET, reply(200, LIVE))
    assert api.get(MAP) == LIVE


def test_a_silent_request_ends_with_the_deadline(api_server: ScriptedApiServer, clock: ScriptedClock) -> None:
    api_server.on(GET, silence)
    with connected(api_server, clock, Policy(attempts=1, read_timeout=600)) as api:
        assert "timed out" in failed(api.bounded_by(0.05), "get").message


def test_an_answer_that_trickles_in_ends_with_the_deadline(api_server: ScriptedApiServer, clock: ScriptedClock) -> None:
    def later() -> None:
        clock.now += 10

    api_server.on(GET, trickle(["{"] * 6, later))
    with connected(api_server, clock, Policy(attempts=1, read_timeout=600)) as api:
        assert "was not complete in time" in failed(api.bounded_by(30.0), "get").message
    assert clock.now >= 30


def test_without_a_deadline_attempts_are_the_bound(api: KubernetesApi) -> None:
    assert api.bounded_by(math.inf).get(MAP) is None


# ---- refusals: faults 9, 11, 12, 17 and 18


def test_a_field_conflict_names_field_and_manager(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    causes = [
        {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl-edit" using v1', "field": ".spec.size"},
        {"reason": "FieldManagerConflict", "message": 'conflict with "argocd" using v1', "field": ".spec.backup"},
    ]
    api_server.on(PATCH, refuse(409, "Apply failed with 2 conflicts", "Conflict", causes=causes))
    error = failed(api, "apply")
    assert isinstance(error, errors.FieldConflict)
    assert "Database dev/dev-database has fields" in error.message
    assert "spec.size is owned by kubectl-edit; spec.backup is owned by argocd" in error.message
    assert "force_conflicts" in error.next_step
    assert len(api_server.requests(PATCH)) == 1


@pytest.mark.parametrize("reason", ["Conflict", "AlreadyExists"])
def test_a_race_is_run_again(api_server: ScriptedApiServer, api: KubernetesApi, reason: str) -> None:
    api_server.on(PATCH, refuse(409, "the object has been modified", reason), reply(200, WANTED))
    assert api.apply(WANTED) == WANTED


def test_a_race_that_is_always_lost_ends(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(PATCH, refuse(409, "the object has been modified", "Conflict"))
    error = failed(api, "apply")
    assert isinstance(error, errors.Rejected)
    assert "in 5 attempts (conflict x 5): the object has been modified" in error.message


def test_a_refused_credential_is_read_once_more(
    api_server: ScriptedApiServer, clock: ScriptedClock, tmp_path: Path
) -> None:
    path = tmp_path / "kubeconfig"

    def write(token: str) -> None:
        path.write_text(
            "current-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n"
            f"clusters: [{{name: c, cluster: {{server: '{api_server.url}'}}}}]\n"
            f"users: [{{name: u, user: {{token: {token}}}}}]\n"
        )

    def expired(handler: Any) -> None:
        write("fresh")
        refuse(401, "Unauthorized", "Unauthorized")(handler)

    write("stale")
    api_server.on(GET, expired, reply(200, LIVE))
    with kubernetes.connect({"kubeconfig": str(path)}, clock, policy=POLICY) as api:
        assert api.get(MAP) == LIVE
    tokens = [asked.header("Authorization") for asked in api_server.requests(GET)]
    assert tokens == [["Bearer stale"], ["Bearer fresh"]]


def test_an_expired_credential_says_what_to_renew(api_server: ScriptedApiServer, clock: ScriptedClock) -> None:
    api_server.on(GET, refuse(401, "Unauthorized", "Unauthorized"))
    with connected(api_server, clock, api_key="secret-token") as api:
        error = failed(api, "get")
    assert isinstance(error, errors.Unauthorized)
    assert "does not accept the credential, which is missing, wrong or expired" in error.message
    assert "renew the token or certificate in kubeconfig" in error.next_step
    assert "secret-token" not in str(error)
    assert len(api_server.requests(GET)) == 2


@pytest.mark.parametrize(
    ("cannot", "told", "grant"),
    [
        (
            f'create resource "databases" in API group "{GROUP}" in the namespace "dev"',
            f"awx may not create databases.{GROUP} in namespace dev, needed to patch Database dev/dev-database",
            f"grant create databases.{GROUP} in namespace dev",
        ),
        (
            'impersonate resource "users" in API group "" at the cluster scope',
            "awx may not impersonate users in the whole cluster, needed to patch",
            "grant impersonate users in the whole cluster",
        ),
        ('get path "/apis"', "awx may not get /apis in the whole cluster", "grant get /apis in the whole cluster"),
    ],
)
def test_a_missing_permission_is_exact(
    api_server: ScriptedApiServer, api: KubernetesApi, cannot: str, told: str, grant: str
) -> None:
    api_server.on(PATCH, refuse(403, f'something is forbidden: User "awx" cannot {cannot}', "Forbidden"))
    error = failed(api, "apply")
    assert isinstance(error, errors.Forbidden)
    assert told in error.message
    assert error.next_step == grant


def test_a_forbidden_list_names_kind_and_namespace(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    message = (
        'configmaps is forbidden: User "awx" cannot list resource "configmaps" in API group "" in the namespace "dev"'
    )
    api_server.on(f"GET {MAPS}", refuse(403, message, "Forbidden", kind="configmaps"))
    assert "awx may not list configmaps in namespace dev, needed to list ConfigMap in namespace dev" in str(
        failed(api, "list")
    )


def test_a_quota_is_not_a_missing_permission(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    message = 'databases "dev-database" is forbidden: exceeded quota: team, requested: 1, used: 4, limited: 4'
    api_server.on(PATCH, refuse(403, message, "Forbidden"))
    error = failed(api, "apply")
    assert isinstance(error, errors.Rejected)
    assert "exceeded quota: team, requested: 1, used: 4, limited: 4" in error.message


@pytest.mark.parametrize("code", [400, 403, 409, 422, 500])
def test_a_webhook_that_denies_is_quoted_and_not_asked_again(
    api_server: ScriptedApiServer, api: KubernetesApi, code: int
) -> None:
    message = 'admission webhook "policy.example.org" denied the request: databases in dev are small'
    api_server.on(PATCH, refuse(code, message))
    error = failed(api, "apply")
    assert isinstance(error, errors.Rejected)
    assert 'admission webhook "policy.example.org" refuses to patch Database dev/dev-database: ' in error.message
    assert "databases in dev are small" in error.message
    assert len(api_server.requests(PATCH)) == 1


@pytest.mark.parametrize(
    ("code", "message", "causes", "says"),
    [
        (
            500,
            "failed to create typed patch object (x): .spec.size: no text, got &value.valueUnstructured{Value:1}",
            [],
            "the API server refuses Database dev/dev-database: spec.size: no text, got 1",
        ),
        (
            422,
            "is invalid",
            [{"field": "spec.size", "message": "Required value"}, {"field": "spec.b", "message": "odd"}],
            "the API server refuses Database dev/dev-database: spec.size is missing; spec.b: odd",
        ),
        (400, 'strict decoding error: unknown field "spec.sise"', [], "spec.sise is not known"),
    ],
)
def test_a_wrong_object_is_told_field_by_field_and_not_sent_again(
    api_server: ScriptedApiServer, api: KubernetesApi, *, code: int, message: str, causes: list[Any], says: str
) -> None:
    api_server.on(PATCH, refuse(code, message, "Invalid", causes=causes))
    error = failed(api, "apply")
    assert isinstance(error, Invalid)
    assert says in error.message
    assert len(api_server.requests(PATCH)) == 1


def test_who_can_not_answer_a_dry_run_is_told_apart(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(PATCH, refuse(400, 'admission webhook "policy.example.org" does not support dry run', "BadRequest"))
    error = failed(api, "apply")
    assert isinstance(error, errors.DryRunRefused)
    assert 'admission webhook "policy.example.org" does not support dry run' in error.message


def test_an_object_that_names_what_does_not_exist(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    details = {"name": "reader", "group": "rbac.authorization.k8s.io", "kind": "roles"}
    api_server.on(PATCH, refuse(404, 'roles.rbac.authorization.k8s.io "reader" not found', "NotFound", **details))
    error = failed(api, "apply")
    assert isinstance(error, errors.Rejected)
    assert 'which names what does not exist: roles.rbac.authorization.k8s.io "reader" not found' in error.message


def test_a_deletion_that_a_webhook_denies_is_not_taken_for_done(
    api_server: ScriptedApiServer, api: KubernetesApi
) -> None:
    message = 'admission webhook "nousages.example.org" denied the request: in-use by 1 Usage(s): backup'
    api_server.on(DELETE, refuse(409, message, "Conflict"))
    assert "in-use by 1 Usage(s): backup" in failed(api, "delete").message


def test_a_version_that_does_not_know_a_field_is_said_and_not_asked_again(
    api_server: ScriptedApiServer, api: KubernetesApi
) -> None:
    message = "failed to prune fields: failed to convert merged object to last applied version: .spec.motto: field not"
    api_server.on(PATCH, refuse(500, message))
    error = failed(api, "apply")
    assert isinstance(error, errors.OtherVersion)
    assert "was written in another version of its API, which does not know a field that is new now" in error.message
    assert len(api_server.requests(PATCH)) == 1


def test_a_webhook_that_does_not_answer_is_asked_again(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    message = 'Internal error occurred: failed calling webhook "policy.example.org": context deadline exceeded'
    api_server.on(PATCH, refuse(500, message), reply(200, WANTED))
    assert api.apply(WANTED) == WANTED
    api_server.on(PATCH, refuse(500, message))
    error = failed(api, "apply")
    assert isinstance(error, errors.Unreachable)
    assert 'admission webhook "policy.example.org" could not be asked whether to patch' in error.message
    assert "in 5 attempts (500 x 5): context deadline exceeded" in error.message


def test_a_kind_that_is_not_served(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    for api_version in ("nothing.example.org/v1", f"{GROUP}/v1"):
        with pytest.raises(errors.NotServed, match=f"does not serve Queue of {api_version}; install its definition"):
            api.get(ObjectRef(api_version, "Queue", "a", "dev"))


@pytest.mark.parametrize("answer", [reply(404, "<html>"), reply(200, {"hello": "world"})])
def test_what_is_no_kubernetes_api_is_not_taken_for_one_without_the_kind(
    api_server: ScriptedApiServer, api: KubernetesApi, answer: Step
) -> None:
    api_server.on("GET /api", answer)
    with pytest.raises(
        errors.Unreachable, match=r"something that is not a Kubernetes API answered at .*; correct host"
    ):
        api.get(ObjectRef("nothing.example.org/v1", "Queue", "a", "dev"))


def test_a_kind_is_looked_up_again_once_it_is_served(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    path = f"/apis/{GROUP}/v1"
    api_server.on(f"GET {path}", reply(404, "404 page not found"), reply(200, DISCOVERY[path]))
    api_server.on(PATCH, reply(200, WANTED))
    assert isinstance(failed(api, "apply"), errors.NotServed)
    api.apply(WANTED)
    api.apply(WANTED)
    assert len(api_server.requests(f"GET {path}")) == 2


def test_a_kind_that_is_served_no_longer(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(PATCH, reply(404, "404 page not found"))
    assert "does not serve Database" in failed(api, "apply").message
    failed(api, "apply")
    assert len(api_server.requests(f"GET /apis/{GROUP}/v1")) == 2


def test_a_namespace_that_is_missing(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(PATCH, refuse(404, 'namespaces "dev" not found', "NotFound", name="dev", kind="namespaces"))
    error = failed(api, "apply")
    assert isinstance(error, errors.NamespaceMissing)
    assert error.next_step == "create namespace dev"


def test_a_strange_status_is_no_defect(api_server: ScriptedApiServer, api: KubernetesApi) -> None:
    api_server.on(GET, reply(422, {"message": ["a"], "details": "b", "reason": 3}))
    assert "refuses to get ConfigMap dev/settings: ['a']" in failed(api, "get").message


# ---- discovery is kept in memory only: faults 19


def test_nothing_is_cached_on_disk(
    api_server: ScriptedApiServer, clock: ScriptedClock, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = temporary.parent / "home"
    planted = home / ".kube" / "cache" / "discovery" / "127.0.0.1" / "servergroups.json"
    planted.parent.mkdir(parents=True)
    planted.write_text(json.dumps(status(500, "poisoned")))
    (temporary / "k8srcp-0.json").write_text('{"poisoned": true}')
    monkeypatch.setenv("HOME", str(home))
    api_server.on(GET, reply(200, LIVE))
    with connected(api_server, clock) as api:
        assert api.get(MAP) == LIVE
    assert [path.name for path in temporary.iterdir()] == ["k8srcp-0.json"]
    assert [path for path in home.rglob("*") if path.is_file()] == [planted]
