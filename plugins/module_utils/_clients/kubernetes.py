# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes API server, as ``ports.Kubernetes``.

Credentials, kubeconfig and TLS are the official client's; requests go straight through its connection pool, because its
typed and dynamic layers neither bound a request in time nor retry, and cache discovery in a world-readable file.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from .._domain import errors
from .._domain.manifest import FIELD_MANAGER, Manifest, ObjectRef, ref_of
from .._domain.ports import Clock, Seen, Silence
from .._domain.text import inert
from . import kubernetes_errors
from .kubernetes_watch import WatchExpired, watch_groups

try:
    import kubernetes.client
    import kubernetes.config
    import urllib3

    IMPORT_ERROR: ImportError | None = None
except ImportError as error:
    IMPORT_ERROR = error

USER_AGENT = "pnow.infra/0.1.0"
CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0
ATTEMPTS = 5
LONGEST_PAUSE = 2.0
PAGE_SIZE = 500
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})


@contextmanager
def connect(options: Mapping[str, Any], clock: Clock) -> Iterator[KubernetesApi]:
    """The API server that the connection options name; credential files are gone when the context ends.

    Raises MissingLibrary, InvalidOption.
    """
    if IMPORT_ERROR is not None:
        raise errors.MissingLibrary(
            f"the Python library {IMPORT_ERROR.name} is not installed where this task runs",
            next_step="install the collection's requirements.txt there, or use its execution environment",
        )
    # The client library writes inline certificates to files and removes them at interpreter exit, which a forked
    # Ansible worker never reaches: so they get a folder of our own.
    with tempfile.TemporaryDirectory(prefix="pnow-infra-") as folder:
        api = KubernetesApi(_configuration(options, folder), clock)
        try:
            yield api
        finally:
            api.close()


def _configuration(options: Mapping[str, Any], folder: str) -> kubernetes.client.Configuration:
    configuration = kubernetes.client.Configuration()
    if not options.get("host"):
        _load_kubeconfig(options, configuration, folder)
    settings = {
        "host": options.get("host"),
        "ssl_ca_cert": options.get("ca_cert"),
        "cert_file": options.get("client_cert"),
        "key_file": options.get("client_key"),
        "verify_ssl": options.get("validate_certs"),
        "proxy": options.get("proxy"),
    }
    for name, value in settings.items():
        if value is not None:
            setattr(configuration, name, value)
    if options.get("api_key"):
        configuration.api_key = {"authorization": f"Bearer {options['api_key']}"}
    return configuration


def _load_kubeconfig(options: Mapping[str, Any], configuration: kubernetes.client.Configuration, folder: str) -> None:
    path = options.get("kubeconfig") or os.environ.get("KUBECONFIG")
    try:
        if path is None and "KUBERNETES_SERVICE_HOST" in os.environ:
            kubernetes.config.load_incluster_config(client_configuration=configuration)
            return
        kubernetes.config.load_kube_config(
            config_file=str(Path(path).expanduser()) if path else None,
            context=options.get("context"),
            client_configuration=configuration,
            persist_config=False,
            temp_file_path=folder,
        )
    except (kubernetes.config.ConfigException, OSError, TypeError, ValueError) as error:
        raise errors.InvalidOption(
            f"no usable Kubernetes connection in kubeconfig {path or '~/.kube/config'}: {inert(error, 200)}",
            next_step="set kubeconfig (K8S_AUTH_KUBECONFIG) to a readable file and context to one of its contexts",
        ) from error


class KubernetesApi:
    """Implements ``ports.Kubernetes``. Every request is bounded in time; every one here may safely be sent twice."""

    def __init__(self, configuration: kubernetes.client.Configuration, clock: Clock) -> None:
        self._configuration = configuration
        self._client = kubernetes.client.ApiClient(configuration)
        self._pool: urllib3.PoolManager = self._client.rest_client.pool_manager
        self._clock = clock
        self._plurals: dict[tuple[str, str], tuple[str, bool]] = {}
        self.server = str(configuration.host)

    def close(self) -> None:
        self._pool.clear()

    def get(self, ref: ObjectRef) -> Manifest | None:
        path = self.path_of(ref)
        status, body = self._request("GET", path)
        if status == 404:
            return None
        return self._checked(status, body, "get", ref)

    def list_objects(self, api_version: str, kind: str, namespace: str = "", labels: str = "") -> list[Manifest]:
        """All objects of a kind, of one namespace or of all; page by page."""
        collection = ObjectRef(api_version, kind, "", namespace)
        items: list[Manifest] = []
        token = ""
        while True:
            page = self.page(collection, {"labelSelector": labels, "continue": token})
            items += page["items"]
            token = page["metadata"].get("continue") or ""
            if not token:
                return items

    def page(self, collection: ObjectRef, query: Mapping[str, str]) -> Manifest:
        """One page of a list, its items complete with apiVersion and kind, which a list leaves out."""
        sent = {"limit": str(PAGE_SIZE), **{key: value for key, value in query.items() if value}}
        status, body = self._request("GET", f"{self.path_of(collection)}?{urlencode(sent)}")
        page = self._checked(status, body, "list", collection)
        kind = {"apiVersion": collection.api_version, "kind": collection.kind}
        return {"metadata": page.get("metadata") or {}, "items": [{**item, **kind} for item in page.get("items") or []]}

    def apply(self, manifest: Manifest, *, force: bool = False) -> Manifest:
        """Server-side apply with strict field validation. Raises FieldConflict unless ``force``."""
        ref = ref_of(manifest)
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", "force": str(force).lower()}
        status, body = self._request(
            "PATCH", f"{self.path_of(ref)}?{urlencode(query)}", manifest, "application/apply-patch+yaml"
        )
        return self._checked(status, body, "patch", ref)

    def delete(self, ref: ObjectRef, *, uid: str) -> None:
        """Deletes that very object, foreground. One that is gone, or has another uid by now, is not an error."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": uid},
        }
        status, body = self._request("DELETE", self.path_of(ref), options)
        if status not in (404, 409):
            self._checked(status, body, "delete", ref)

    def events(self, ref: ObjectRef, uid: str) -> list[Manifest]:
        """The events about one object. Those of a cluster-scoped object are kept in namespace ``default``."""
        collection = ObjectRef("v1", "Event", "", ref.namespace or "default")
        return list(self.page(collection, {"fieldSelector": f"involvedObject.uid={uid}"})["items"])

    def watch(self, refs: Sequence[ObjectRef]) -> AbstractContextManager[Iterator[Seen | Silence]]:
        """First the present state of every ref, then every change; a Silence whenever a second passes without one."""
        return watch_groups(self, refs)

    def open_watch(self, collection: ObjectRef, query: Mapping[str, str], timeout: int) -> Iterator[Manifest]:
        """The events of one watch connection, until the server ends it after ``timeout`` seconds."""
        sent = {**query, "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(timeout)}
        path = f"{self.path_of(collection)}?{urlencode(sent)}"
        # A server that dies without a word is noticed by the read timeout: bookmarks come about once a minute.
        limit = urllib3.Timeout(connect=CONNECT_TIMEOUT, read=timeout + READ_TIMEOUT)
        try:
            response = self._pool.request(
                "GET", self.server + path, headers=self._headers(), timeout=limit, retries=False, preload_content=False
            )
            try:
                if response.status == 410:
                    raise WatchExpired
                if response.status != 200:
                    self._checked(response.status, response.read(), "watch", collection)
                yield from (json.loads(line) for line in _lines(response))
            finally:
                response.close()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise kubernetes_errors.unreachable(self.server, error) from error

    def path_of(self, ref: ObjectRef) -> str:
        """The URL path of an object, or of its collection when ``ref`` has no name. Raises NotServed."""
        plural, namespaced = self._resource(ref.api_version, ref.kind)
        parts = [_root(ref.api_version)]
        if namespaced and ref.namespace:
            parts += ["namespaces", quote(ref.namespace, safe="")]
        parts.append(plural)
        if ref.name:
            parts.append(quote(ref.name, safe=""))
        return "/".join(parts)

    def _resource(self, api_version: str, kind: str) -> tuple[str, bool]:
        if (api_version, kind) not in self._plurals:
            status, body = self._request("GET", _root(api_version))
            served = {} if status == 404 else self._checked(status, body, "get", ObjectRef(api_version, kind, ""))
            for entry in served.get("resources", []):
                if "/" not in entry["name"]:
                    self._plurals[api_version, entry["kind"]] = (entry["name"], entry["namespaced"])
        try:
            return self._plurals[api_version, kind]
        except KeyError:
            raise kubernetes_errors.not_served(self.server, api_version, kind) from None

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT}
        settings: Mapping[str, Any] = self._configuration.auth_settings()
        for setting in settings.values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        return headers

    def _request(
        self, method: str, path: str, body: Manifest | None = None, content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        """Sends, and sends again what failed in passing. Raises Unreachable after the last attempt."""
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers(), "Content-Type": content_type}
        limit = urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT)
        for attempt in range(1, ATTEMPTS + 1):
            wait = min(LONGEST_PAUSE, 0.2 * 2**attempt) * random.uniform(0.5, 1.0)
            try:
                response = self._pool.request(
                    method, self.server + path, body=data, headers=headers, timeout=limit, retries=False
                )
            except (urllib3.exceptions.HTTPError, OSError) as error:
                if attempt == ATTEMPTS or not kubernetes_errors.passing(error):
                    raise kubernetes_errors.unreachable(self.server, error, attempt) from error
            else:
                if response.status not in RETRIED_STATUSES or attempt == ATTEMPTS:
                    return response.status, response.data
                wait = max(wait, _retry_after(response.headers))
            self._clock.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _checked(self, status: int, body: bytes, verb: str, ref: ObjectRef) -> Manifest:
        parsed = _parsed(body)
        if status >= 400:
            raise kubernetes_errors.from_response(self.server, verb, ref, status, parsed)
        return parsed


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _parsed(body: bytes) -> Manifest:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {"message": inert(body.decode(errors="replace"), 300)}
    return parsed if isinstance(parsed, dict) else {}


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    rest = b""
    for chunk in response.stream(amt=65536, decode_content=True):
        *complete, rest = (rest + chunk).split(b"\n")
        yield from (line for line in complete if line.strip())


def _retry_after(headers: Mapping[str, str]) -> float:
    """The server's wish in seconds, within reason; the date form is rare and counts as no wish."""
    value = headers.get("Retry-After", "")
    return min(float(value), 10.0) if value.isdigit() else 0.0
