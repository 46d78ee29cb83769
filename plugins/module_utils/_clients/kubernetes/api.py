# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes API server, as ``ports.Kubernetes``.

Credentials, kubeconfig and TLS are the official client's; requests go straight through its connection pool, because its
typed and dynamic layers neither bound a request in time nor retry, and cache discovery in a world-readable file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

from ..._domain import errors
from ..._domain.kubernetes.contents import Contents
from ..._domain.kubernetes.manifest import FIELD_MANAGER, Manifest, ObjectRef, ref_of
from ..._domain.kubernetes.ports import Seen, Served, Silence
from ..._domain.ports import Clock, Permit, unasked
from . import refusals
from .configuration import IMPORT_ERROR
from .contents import contents_of
from .policy import POLICY, Answer, Policy
from .session import Sessions
from .transport import Call, Transport
from .watch import Expired, watch_groups

with suppress(ImportError):  # without it nobody connects, and is told so
    import urllib3

PAGE_SIZE = 500
# Of objects that are met one by one only a page is in memory, so it is a small one.
SCAN_PAGE_SIZE = 100
LIST_ATTEMPTS = 3

APPLY = "application/apply-patch+yaml"
# No object has it, so a request that asks for it is a conflict with any object that exists.
NO_VERSION = "1"

Warn = Callable[[str], None]


@contextmanager
def connect(
    options: Mapping[str, Any],
    clock: Clock,
    warn: Warn | None = None,
    policy: Policy = POLICY,
    *,
    permit: Permit = unasked,
) -> Iterator[KubernetesApi]:
    """The API server that the connection options name; its connections end with the context.

    ``warn`` is told when its certificate is not verified, ``permit`` asked before each write. Raises MissingLibrary,
    InvalidOption.
    """
    if IMPORT_ERROR is not None:
        raise errors.MissingLibrary(
            f"the Python library {IMPORT_ERROR.name} is not installed where this task runs",
            next_step="install the collection's requirements.txt there, or use its execution environment",
        )
    sessions = Sessions(options)
    if sessions.current.unverified:
        _tell_unverified(sessions.current.place, warn)
    try:
        yield KubernetesApi(Transport(sessions, clock, policy, permit=permit))
    finally:
        sessions.close()


def _tell_unverified(place: str, warn: Warn | None) -> None:
    """One warning in words of our own, instead of the transport's on every request."""
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    if warn is not None:
        warn(
            f"the certificate of the Kubernetes API at {place} is not verified: whoever sits in between can read and "
            "change everything (validate_certs, or insecure-skip-tls-verify in the kubeconfig)"
        )


class KubernetesApi:
    """Implements ``ports.Kubernetes``. Every request is bounded in time; every one here may safely be sent twice."""

    def __init__(self, transport: Transport, resources: dict[tuple[str, str], Served] | None = None) -> None:
        self._transport = transport
        # By (apiVersion, kind). Only in memory, and only what is served.
        self._resources = {} if resources is None else resources
        self._date = ""

    def bounded_by(self, moment: float) -> KubernetesApi:
        """The same server, asked until that moment of the clock and no longer."""
        return KubernetesApi(self._transport.bounded_by(moment), self._resources)

    def strain(self) -> str:
        """How busy the server has shown itself since the task began, in words; empty when it was not."""
        busy = str(self._transport.strain)
        return f"the Kubernetes API at {self._transport.place} is under strain: {busy}" if busy else ""

    def now(self) -> float | None:
        """The server's time when it last answered, to the second; None when it has not told."""
        try:
            return parsedate_to_datetime(self._date).timestamp()
        except ValueError:
            return None

    def get(self, ref: ObjectRef) -> Manifest | None:
        answer = self._transport.send(Call("GET", self.path_of(ref)))
        return None if answer.status == 404 else self._checked(answer, "get", ref)

    def list_objects(
        self, api_version: str, kind: str, namespace: str = "", labels: str = "", *, accept: str = ""
    ) -> list[Manifest]:
        """All objects of a kind, of one namespace or of all; page by page."""
        collection, query = ObjectRef(api_version, kind, "", namespace), {"labelSelector": labels}
        for _attempt in range(LIST_ATTEMPTS):
            with suppress(Expired):
                return [item for page in self.pages(collection, query, accept) for item in page["items"]]
        raise self._forgetful(kind)

    def scan(self, api_version: str, kind: str, namespace: str = "", labels: str = "") -> Iterator[Manifest]:
        """The same objects one by one, a page of them in memory; each as it is when its page is read."""
        collection = ObjectRef(api_version, kind, "", namespace)
        query = {"labelSelector": labels, "limit": str(SCAN_PAGE_SIZE)}
        met: set[str] = set()
        for _attempt in range(LIST_ATTEMPTS):
            with suppress(Expired):
                for page in self.pages(collection, query):
                    new = [item for item in page["items"] if item["metadata"]["uid"] not in met]
                    met |= {item["metadata"]["uid"] for item in new}
                    yield from new
                return
        raise self._forgetful(kind)

    def pages(self, collection: ObjectRef, query: Mapping[str, str], accept: str = "") -> Iterator[Manifest]:
        """A list page by page. Raises Expired when the server has forgotten it before the last one."""
        token = ""
        while True:
            page = self.page(collection, {**query, "continue": token}, accept)
            yield page
            token = str(page["metadata"].get("continue") or "")
            if not token:
                return

    def page(self, collection: ObjectRef, query: Mapping[str, str], accept: str = "") -> Manifest:
        """One page of a list, its items complete with apiVersion and kind, which a list leaves out."""
        sent = {"limit": str(PAGE_SIZE), **{key: value for key, value in query.items() if value}}
        answer = self._transport.send(Call("GET", f"{self.path_of(collection)}?{urlencode(sent)}", accept=accept))
        if answer.status == 410:
            raise Expired
        page = self._checked(answer, "list", collection)
        kind = {"apiVersion": collection.api_version, "kind": collection.kind}
        return {"metadata": page.get("metadata") or {}, "items": [{**item, **kind} for item in page.get("items") or []]}

    def apply(self, manifest: Manifest, *, force: bool = False, dry_run: bool = False) -> Manifest:
        """Server-side apply with strict field validation. Raises Invalid, and FieldConflict unless ``force``.

        With ``dry_run`` the answer is what would be stored, and nothing is. Raises DryRunRefused.
        """
        ref = ref_of(manifest)
        path = self._apply_path(ref, force=force, dry_run=dry_run)
        call = Call("PATCH", path, json.dumps(manifest).encode(), content_type=APPLY, storing=not dry_run)
        return self._checked(self._transport.send(call), "patch", ref)

    def create(self, manifest: Manifest) -> Manifest | None:
        """The same, but it can only create: None, and nothing written, when the object exists by now."""
        return self._swap(manifest, NO_VERSION)

    def swap(self, manifest: Manifest, version: str) -> Manifest | None:
        """The same, taking over all fields, of an object that has this resource version; one that is empty creates.

        None, and nothing written, when it has another one by now. One that was deleted meanwhile is made again.
        """
        return self._swap(manifest, version or NO_VERSION, force=True)

    def _swap(self, manifest: Manifest, version: str, *, force: bool = False) -> Manifest | None:
        ref = ref_of(manifest)
        only = {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": version}}
        path, data = self._apply_path(ref, force=force), json.dumps(only).encode()
        call = Call("PATCH", path, data, content_type=APPLY, swapping=True, storing=True)
        answer = self._transport.send(call)
        return None if answer.status == 409 else self._checked(answer, "patch", ref)

    def _apply_path(self, ref: ObjectRef, *, force: bool = False, dry_run: bool = False) -> str:
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", "force": str(force).lower()}
        if dry_run:
            query["dryRun"] = "All"
        return f"{self.path_of(ref)}?{urlencode(query)}"

    def delete(self, ref: ObjectRef, *, uid: str, dry_run: bool = False) -> None:
        """Deletes that very object, foreground. One that is gone, or has another uid by now, is not an error."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": uid},
        }
        # A body counts instead of the query, which is what an audit log shows.
        options, query = ({**options, "dryRun": ["All"]}, "?dryRun=All") if dry_run else (options, "")
        call = Call("DELETE", self.path_of(ref) + query, json.dumps(options).encode(), storing=not dry_run)
        answer = self._transport.send(call)
        if answer.status != 404 and not answer.other_uid:
            self._checked(answer, "delete", ref)

    def user(self) -> str:
        """The caller's name, as the API server knows it."""
        ref = ObjectRef("authentication.k8s.io/v1", "SelfSubjectReview", "")
        review = json.dumps({"apiVersion": ref.api_version, "kind": ref.kind}).encode()
        answer = self._transport.send(Call("POST", self.path_of(ref), review))
        return str(self._checked(answer, "create", ref)["status"]["userInfo"].get("username") or "")

    def token(self, account: ObjectRef, seconds: int) -> str:
        """A new token of a service account; the server decides whether it lasts as long."""
        asked = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        answer = self._transport.send(Call("POST", f"{self.path_of(account)}/token", json.dumps(asked).encode()))
        return str(self._checked(answer, "create", account)["status"]["token"])

    def contents(self, namespace: str) -> Contents:
        """Everything in a namespace that goes with it, metadata only."""
        return contents_of(self, namespace)

    def events(self, ref: ObjectRef, uid: str) -> list[Manifest]:
        """The events about one object. Those of a cluster-scoped object are kept in namespace ``default``."""
        collection = ObjectRef("v1", "Event", "", ref.namespace or "default")
        return list(self.page(collection, {"fieldSelector": f"involvedObject.uid={uid}"})["items"])

    def watch(self, refs: Sequence[ObjectRef]) -> AbstractContextManager[Iterator[Seen | Silence]]:
        """First the present state of every ref, then every change; a Silence whenever a second passes without one."""
        return watch_groups(self, refs, self._transport.policy)

    @contextmanager
    def open_watch(self, collection: ObjectRef, query: Mapping[str, str]) -> Iterator[Iterator[Manifest]]:
        """The events of one watch connection, until the server ends it. Raises Expired."""
        lifetime = str(self._transport.policy.watch_lifetime)
        sent = {**query, "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": lifetime}
        call = Call("GET", f"{self.path_of(collection)}?{urlencode(sent)}")
        with self._transport.stream(call) as (answer, events):
            # 504: the resource version lies in the server's future, which is so after a restored backup.
            if answer.status in (410, 504):
                raise Expired
            self._checked(answer, "watch", collection)
            yield events

    def path_of(self, ref: ObjectRef) -> str:
        """The URL path of an object, or of its collection when ``ref`` has no name. Raises NotServed."""
        served = self.served(ref.api_version, ref.kind)
        parts = [_root(ref.api_version)]
        if served.namespaced and ref.namespace:
            parts += ["namespaces", quote(ref.namespace, safe="")]
        parts.append(served.plural)
        if ref.name:
            parts.append(quote(ref.name, safe=""))
        return "/".join(parts)

    def served(self, api_version: str, kind: str) -> Served:
        """Discovery, which every other request about the kind rests on: asked once. Raises NotServed."""
        if (api_version, kind) not in self._resources:
            self.kinds(api_version)
        try:
            return self._resources[api_version, kind]
        except KeyError:
            raise refusals.not_served(self._transport.place, api_version, kind) from None

    def kinds(self, api_version: str) -> dict[str, Served]:
        """All kinds of a version of an API group."""
        answer = self._transport.send(Call("GET", _root(api_version)))
        if answer.status == 404:
            self._require_kubernetes()
            return {}
        group = self._checked(answer, "get", ObjectRef("v1", "APIResourceList", api_version))
        kinds = {entry["kind"]: _served(entry) for entry in group.get("resources") or [] if "/" not in entry["name"]}
        self._resources |= {(api_version, kind): served for kind, served in kinds.items()}
        return kinds

    def _require_kubernetes(self) -> None:
        """Raises Unreachable when it is something else that knows no such group, for on the web everything says 404."""
        answer = self._transport.send(Call("GET", "/api"))
        if answer.status == 404 or (answer.status == 200 and answer.body.get("kind") != "APIVersions"):
            raise refusals.not_kubernetes(self._transport.place, answer.status)

    def group_versions(self) -> list[str]:
        """Every version of every API group, the preferred ones of a group first."""
        core = self._checked(self._transport.send(Call("GET", "/api")), "get", ObjectRef("v1", "APIVersions", ""))
        groups = self._checked(self._transport.send(Call("GET", "/apis")), "get", ObjectRef("v1", "APIGroupList", ""))
        found = [version["groupVersion"] for group in groups["groups"] for version in group["versions"]]
        return [*core["versions"], *found]

    def _forgetful(self, kind: str) -> errors.Unreachable:
        return errors.Unreachable(
            f"the Kubernetes API at {self._transport.place} forgets the list of {kind} faster than it can be read",
            next_step="look at the API server's load and try again",
        )

    def _checked(self, answer: Answer, verb: str, ref: ObjectRef) -> Manifest:
        self._date = str(answer.headers.get("Date") or "")
        if 200 <= answer.status < 300:
            return answer.body
        error = refusals.from_answer(self._transport.place, verb, ref, answer)
        if isinstance(error, errors.NotServed):
            self._resources.pop((ref.api_version, ref.kind), None)
        raise error


def _served(entry: Mapping[str, Any]) -> Served:
    categories, verbs = tuple(entry.get("categories") or ()), tuple(entry.get("verbs") or ())
    return Served(entry["name"], entry["namespaced"], categories, verbs)


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
