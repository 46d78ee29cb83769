# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches against a scripted API server: nothing is missed, nothing spins, whatever ends the connection.

The numbers of faults are those of docs/faults.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes import api as kubernetes
from ansible_collections.pnow.infra.plugins.module_utils._clients.kubernetes.policy import Policy
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import Forbidden, NotServed
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.manifest import Manifest, ObjectRef
from ansible_collections.pnow.infra.plugins.module_utils._domain.kubernetes.ports import Seen, Silence
from tests.unit.plugins.scripted import ScriptedClock
from tests.unit.plugins.scripted_api_server import (
    ScriptedApiServer,
    event,
    refuse,
    reply,
    reset_after,
    silence,
    status,
    stream,
)

POLICY = Policy(attempts=1, first_watch_pause=0.001, longest_watch_pause=0.01, heartbeat=0.2)
MAPS = "/api/v1/namespaces/dev/configmaps"
LIST = f"GET {MAPS}"
WATCH = f"WATCH {MAPS}"
A = ObjectRef("v1", "ConfigMap", "a", "dev")
B = ObjectRef("v1", "ConfigMap", "b", "dev")
HOLD = stream(end="hold")


def config_map(name: str, version: int) -> Manifest:
    metadata = {"name": name, "namespace": "dev", "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def listed(version: int, *items: Manifest, **metadata: str) -> Any:
    """A list as the API server sends it: its items carry no kind."""
    bare = [{"metadata": item["metadata"]} for item in items]
    return reply(200, {"metadata": {"resourceVersion": str(version), **metadata}, "items": bare})


def bookmark(version: int) -> Manifest:
    return event("BOOKMARK", {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": str(version)}})


@contextmanager
def watching(
    server: ScriptedApiServer, *refs: ObjectRef, policy: Policy = POLICY
) -> Iterator[Iterator[Seen | Silence]]:
    with (
        kubernetes.connect({"host": server.url}, ScriptedClock(), policy=policy) as api,
        api.watch(refs or [A]) as messages,
    ):
        yield messages


def seen(messages: Iterator[Seen | Silence], number: int) -> list[tuple[str, str | None]]:
    """The next so many states: name and resource version, None for an object that does not exist."""
    found: list[tuple[str, str | None]] = []
    while len(found) < number:
        message = next(messages)
        if isinstance(message, Seen):
            version = message.manifest["metadata"]["resourceVersion"] if message.manifest else None
            found.append((message.ref.name, version))
    return found


def trouble(messages: Iterator[Seen | Silence]) -> str:
    """The next trouble that is told."""
    return next(message.trouble for message in messages if isinstance(message, Silence) and message.trouble)


def versions(server: ScriptedApiServer, number: int) -> list[str]:
    """Where the first so many watches began."""
    return [asked.query["resourceVersion"] for asked in server.requests(WATCH)][:number]


def test_first_the_present_state_then_every_change(api_server: ScriptedApiServer) -> None:
    api_server.on(LIST, listed(10, config_map("a", 7)))
    changes = [event("ADDED", config_map("b", 11)), event("MODIFIED", config_map("a", 12))]
    strange = event("MODIFIED", config_map("not-ours", 13))
    api_server.on(WATCH, stream(*changes, strange, event("DELETED", config_map("a", 14)), end="hold"))
    with watching(api_server, A, B) as messages:
        assert seen(messages, 5) == [("a", "7"), ("b", None), ("b", "11"), ("a", "12"), ("a", None)]
    asked = api_server.requests(WATCH)[0].query
    assert asked["allowWatchBookmarks"] == "true"
    assert asked["timeoutSeconds"] == str(POLICY.watch_lifetime)
    assert "fieldSelector" not in asked


def test_one_object_is_watched_alone(api_server: ScriptedApiServer) -> None:
    api_server.on(LIST, listed(10))
    api_server.on(WATCH, HOLD)
    with watching(api_server, A) as messages:
        assert seen(messages, 1) == [("a", None)]
        assert next(messages) == Silence()
    assert api_server.requests(LIST)[0].query["fieldSelector"] == "metadata.name=a"
    assert api_server.requests(WATCH)[0].query["fieldSelector"] == "metadata.name=a"


def test_a_long_list_is_read_to_its_end(api_server: ScriptedApiServer) -> None:
    more = {"continue": "more"}
    api_server.on(LIST, listed(10, config_map("a", 7), **more), listed(10, config_map("b", 8)))
    api_server.on(WATCH, HOLD)
    with watching(api_server, A, B) as messages:
        assert seen(messages, 2) == [("a", "7"), ("b", "8")]


# ---- dropped and closed: faults 13


@pytest.mark.parametrize("end", ["close", "break"])
def test_a_watch_that_ends_is_resumed_where_it_was(api_server: ScriptedApiServer, end: str) -> None:
    api_server.on(LIST, listed(10))
    api_server.on(
        WATCH,
        stream(event("ADDED", config_map("a", 11)), end=end),
        stream(bookmark(20), end=end),
        stream(end=end),
        stream(event("MODIFIED", config_map("a", 21)), end="hold"),
    )
    with watching(api_server) as messages:
        assert seen(messages, 3) == [("a", None), ("a", "11"), ("a", "21")]
    assert versions(api_server, 4) == ["10", "11", "20", "20"]
    assert len(api_server.requests(LIST)) == 1


@pytest.mark.parametrize("fault", [reset_after(), stream('{"type": "MODIF\n'), stream("[]\n"), reply(503, "")])
def test_a_watch_that_breaks_is_told_and_resumed(api_server: ScriptedApiServer, fault: Any) -> None:
    api_server.on(LIST, listed(10))
    api_server.on(WATCH, fault, stream(event("ADDED", config_map("a", 11)), end="hold"))
    with watching(api_server) as messages:
        assert f"the Kubernetes API at {api_server.url}" in trouble(messages)
        assert seen(messages, 1) == [("a", "11")]
    assert versions(api_server, 2) == ["10", "10"]


def test_a_watch_that_breaks_off_says_so_in_plain_words(api_server: ScriptedApiServer) -> None:
    api_server.on(LIST, listed(10))
    api_server.on(WATCH, stream(event("ADDED", config_map("a", 11)), end="break"))
    with watching(api_server) as messages:
        assert trouble(messages).endswith("did not answer: it broke off in the middle of its answer")


def test_a_silent_watch_is_given_up_and_resumed(api_server: ScriptedApiServer) -> None:
    api_server.on(LIST, listed(10))
    api_server.on(WATCH, silence, stream(event("ADDED", config_map("a", 11)), end="hold"))
    impatient = Policy(attempts=1, watch_lifetime=0, watch_grace=0.1, heartbeat=0.05)
    with watching(api_server, policy=impatient) as messages:
        assert "timed out" in trouble(messages)
        assert seen(messages, 1) == [("a", "11")]


def test_trouble_lasts_until_the_server_is_heard_again(api_server: ScriptedApiServer) -> None:
    """Also when it has no news: a judge looks behind an object only in an untroubled silence."""
    api_server.on(LIST, listed(10))
    api_server.on(WATCH, reply(503, ""), HOLD)
    patient = Policy(attempts=1, first_watch_pause=0.2, longest_watch_pause=0.2, heartbeat=0.02)
    with watching(api_server, policy=patient) as messages:
        first = trouble(messages)
        assert next(messages) == Silence(first)
        assert any(message == Silence() for message, _turn in zip(messages, range(100), strict=False))


def test_a_server_that_is_away_for_a_while(api_server: ScriptedApiServer) -> None:
    api_server.on(LIST, listed(10))
    api_server.on(WATCH, stream(end="close"))
    with watching(api_server) as messages:
        seen(messages, 1)
        api_server.close()
        assert "did not answer" in trouble(messages)
        script = {WATCH: [stream(event("ADDED", config_map("a", 11)), end="hold")]}
        back = ScriptedApiServer(port=api_server.port, script=script)
        assert seen(messages, 1) == [("a", "11")]
    assert [asked.query["resourceVersion"] for asked in back.requests(WATCH)] == ["10"]
    back.close()


@pytest.mark.parametrize("answer", [stream(), stream(event("ERROR", status(500, "etcd"))), refuse(410, "Gone")])
def test_a_server_that_ends_every_watch_at_once_is_not_pestered(api_server: ScriptedApiServer, answer: Any) -> None:
    api_server.on(LIST, listed(10))
    api_server.on(WATCH, answer)
    slow = Policy(attempts=1, first_watch_pause=1000, longest_watch_pause=1000, heartbeat=0.05)
    with watching(api_server, policy=slow) as messages:
        seen(messages, 1)
        for _round in range(3):
            next(messages)
    assert len(api_server.requests(WATCH)) == 1


# ---- forgotten versions: faults 14


@pytest.mark.parametrize(
    "expired",
    [
        refuse(410, "too old resource version: 10 (20)", "Expired"),
        stream(event("ERROR", status(410, "too old resource version: 10 (20)", "Expired"))),
        refuse(504, "Too large resource version: 10, current: 2", "Timeout"),
        stream(event("ERROR", status(500, "etcd has compacted", "InternalError"))),
    ],
)
def test_a_forgotten_version_is_listed_afresh(api_server: ScriptedApiServer, expired: Any) -> None:
    """B was deleted and C changed while nobody looked."""
    api_server.on(LIST, listed(10, config_map("a", 7), config_map("b", 8)), listed(20, config_map("a", 19)))
    api_server.on(WATCH, expired, stream(event("MODIFIED", config_map("a", 21)), end="hold"))
    with watching(api_server, A, B) as messages:
        assert seen(messages, 5) == [("a", "7"), ("b", "8"), ("a", "19"), ("b", None), ("a", "21")]
    assert versions(api_server, 2) == ["10", "20"]


def test_a_list_that_expires_between_pages_is_begun_again(api_server: ScriptedApiServer) -> None:
    more = {"continue": "more"}
    first = listed(10, config_map("a", 7), **more)
    api_server.on(LIST, first, refuse(410, "continue parameter is too old", "Expired"), first, listed(10))
    api_server.on(WATCH, HOLD)
    with watching(api_server, A, B) as messages:
        assert seen(messages, 2) == [("a", "7"), ("b", None)]


# ---- what ends a wait, and what does not


def test_a_kind_that_is_not_served_is_told_at_once(api_server: ScriptedApiServer) -> None:
    with pytest.raises(NotServed), watching(api_server, ObjectRef("v1", "Queue", "a", "dev")):
        pass


def test_with_its_definition_an_object_is_gone(api_server: ScriptedApiServer) -> None:
    api_server.on(LIST, listed(10, config_map("a", 7)), reply(404, "404 page not found"))
    api_server.on(WATCH, refuse(404, "the server could not find the requested resource", "NotFound"))
    with watching(api_server) as messages:
        assert seen(messages, 3) == [("a", "7"), ("a", None), ("a", None)]


def test_what_may_not_be_watched_is_told(api_server: ScriptedApiServer) -> None:
    message = 'User "awx" cannot watch resource "configmaps" in API group "" in the namespace "dev"'
    api_server.on(LIST, listed(10))
    api_server.on(WATCH, refuse(403, message, "Forbidden"))
    with (
        watching(api_server) as messages,
        pytest.raises(Forbidden, match="awx may not watch configmaps in namespace dev"),
    ):
        for _message in messages:
            pass


def test_a_defect_in_a_watch_is_not_swallowed(api_server: ScriptedApiServer) -> None:
    api_server.on(LIST, listed(10))
    api_server.on(WATCH, stream({"type": "MODIFIED", "object": {"kind": "ConfigMap"}}))
    with watching(api_server) as messages, pytest.raises(KeyError):
        for _message in messages:
            pass


def test_a_refused_credential_is_read_once_more(api_server: ScriptedApiServer) -> None:
    api_server.on(LIST, listed(10))
    added = stream(event("ADDED", config_map("a", 11)), end="hold")
    api_server.on(WATCH, refuse(401, "Unauthorized", "Unauthorized"), added)
    with watching(api_server) as messages:
        assert seen(messages, 2) == [("a", None), ("a", "11")]


def test_two_kinds_are_one_stream(api_server: ScriptedApiServer) -> None:
    namespace = ObjectRef("v1", "Namespace", "dev")
    api_server.on(LIST, listed(10, config_map("a", 7)))
    api_server.on("GET /api/v1/namespaces", listed(10))
    api_server.on(WATCH, HOLD)
    api_server.on("WATCH /api/v1/namespaces", HOLD)
    with watching(api_server, A, namespace) as messages:
        assert sorted(seen(messages, 2), key=str) == [("a", "7"), ("dev", None)]


def test_after_the_deadline_no_watch_is_opened(api_server: ScriptedApiServer) -> None:
    clock = ScriptedClock()
    api_server.on(LIST, listed(10))
    api_server.on(WATCH, stream(end="close"))
    with kubernetes.connect({"host": api_server.url}, clock, policy=POLICY) as api:
        bounded = api.bounded_by(30.0)
        bounded.path_of(A)
        with bounded.watch([A]) as messages:
            assert seen(messages, 1) == [("a", None)]
            clock.now = 31.0
            assert "the time of the task is up" in trouble(messages)
