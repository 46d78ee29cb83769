# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of module ``environment_remains``: what there is before a deletion, and whether it is there after it.

Both times the servers are asked, and nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ..._domain.crossplane.real_object import kept_by
from ..._domain.environment.remains import (
    KEPT,
    KUBERNETES,
    LEFT,
    POSTGRESQL,
    VAULT,
    Thing,
    left,
    object_thing,
    once,
    thing,
)
from ..._domain.errors import Failed, Forbidden, NotServed, Unauthorized, Unreachable
from ..._domain.kubernetes.creation import is_ours
from ..._domain.kubernetes.manifest import Manifest, ObjectRef
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.kubernetes.progress import some
from ..._domain.plan import Plan
from ..._domain.postgresql.ports import PostgreSQL
from ..._domain.vault.ports import Vault
from ..crossplane.claim_tree import trees
from ..crossplane.removing import occupied
from ..task import Outcome, Request
from ..vault.key_value import find_secret
from .sql import Logins, roles_of

ON_PURPOSE = "it outlives the claim on purpose"
SOMEBODY_ELSES = "it was not created by this collection"

# What an environment's namespace may hold that takes up room elsewhere.
_MACHINES = ("Machine", "PersistentVolumeClaim", "VirtualMachine", "VirtualMachineInstance")


@dataclass(frozen=True)
class Servers:
    """Whom a task asks."""

    api: Kubernetes
    vault: Vault
    postgresql: PostgreSQL


def remains(request: Request, servers: Servers) -> Outcome:
    """What there is; with option ``known``, what there is of that. Raises Failed when something is left of it."""
    known = request.options["known"]
    if known is None:
        things = once([*_Finding(request, servers).things()])
        return Outcome(Plan(), {"things": [item.fact() for item in things]})
    looked = _Looking(request, servers)
    things = [looked.again(thing(fact)) for fact in known]
    facts = {"things": [item.fact() for item in things]}
    if rest := left(things):
        raise Failed(
            f"not all is gone: {some([str(item) for item in rest])}",
            next_step="look what keeps it, and delete again; what is gone stays gone",
            facts=facts,
        )
    return Outcome(Plan(), facts)


class _Finding:
    """What belongs to the claims that are to go, found before they do."""

    def __init__(self, request: Request, servers: Servers) -> None:
        self._options = request.options
        self._servers = servers
        self._logins = Logins(servers.api, servers.postgresql, request.redactor)

    def things(self) -> Iterator[Thing]:
        api = self._servers.api
        for entry in self._options["claims"]:
            ref = ObjectRef(entry["api_version"], entry["kind"], entry["name"], entry["namespace"] or "")
            claim = _seen(api, ref)
            if claim is not None:
                yield from self._behind(claim)
        yield from self._in_vault()
        if self._options["namespace"]:
            yield from self._namespace(self._options["namespace"])

    def _behind(self, claim: Manifest) -> Iterator[Thing]:
        why = "" if is_ours(claim) else SOMEBODY_ELSES
        tree = trees(self._servers.api, [claim])
        for ref, manifest in tree.items():
            yield object_thing(ref, why)
            real = kept_by(manifest)
            if real is not None:
                policies = manifest["spec"].get("managementPolicies") or ["*"]
                stays = not {"*", "Delete"} & set(policies)
                yield object_thing(real, why or (ON_PURPOSE if stays else ""))
        yield from roles_of(tree, self._logins, why)

    def _in_vault(self) -> Iterator[Thing]:
        vault = self._servers.vault
        for path in self._options["vault_paths"]:
            if vault.read(path) is not None:
                yield Thing(VAULT, "path", path, {"path": path})
        for path in self._options["vault_secrets"]:
            if _secret(vault, path):
                yield Thing(VAULT, "secret", path, {"secret": path})
        for path in self._options["vault_leases"]:
            for lease in vault.list_keys(f"sys/leases/lookup/{path}"):
                yield Thing(VAULT, "lease", f"{path}/{lease}", {"lease": lease, "below": path})

    def _namespace(self, name: str) -> Iterator[Thing]:
        ref = ObjectRef("v1", "Namespace", name)
        live = self._servers.api.get(ref)
        if live is None:
            return
        for item in self._servers.api.contents(name).objects:
            if item["kind"] in _MACHINES:
                found = ObjectRef(str(item["apiVersion"]), str(item["kind"]), str(item["metadata"]["name"]), name)
                # What is behind a claim was found there; else only what something owns came with what is to go.
                yield object_thing(found, "" if item["metadata"].get("ownerReferences") else SOMEBODY_ELSES)
        yield object_thing(ref, "" if is_ours(live) else SOMEBODY_ELSES)


class _Looking:
    """Whether things are there."""

    def __init__(self, request: Request, servers: Servers) -> None:
        self._servers = servers
        self._logins = Logins(servers.api, servers.postgresql, request.redactor)
        self._ways: dict[str, Callable[[Thing], bool]] = {
            KUBERNETES: self._in_kubernetes,
            VAULT: self._in_vault,
            POSTGRESQL: self._logins.has,
        }

    def again(self, item: Thing) -> Thing:
        """The thing as it is now; one on a server that does not tell is unknown."""
        try:
            found = item.found(self._ways[item.server](item))
        except (Forbidden, Unauthorized, Unreachable) as error:
            return item.unseen(error.message)
        if found.state == LEFT and item.kind == "Namespace":
            why = occupied(self._servers.api, item.name, ())
            return replace(found, state=KEPT, why=why) if why else found
        return found

    def _in_kubernetes(self, item: Thing) -> bool:
        return _seen(self._servers.api, ObjectRef(**item.place)) is not None

    def _in_vault(self, item: Thing) -> bool:
        vault, place = self._servers.vault, item.place
        if "secret" in place:
            return _secret(vault, place["secret"])
        if "lease" in place:
            return place["lease"] in vault.list_keys(f"sys/leases/lookup/{place['below']}")
        return vault.read(place["path"]) is not None


def _seen(api: Kubernetes, ref: ObjectRef) -> Manifest | None:
    """The object; a kind that is not served has none."""
    try:
        return api.get(ref)
    except NotServed:
        return None


def _secret(vault: Vault, path: str) -> bool:
    place = find_secret(vault, path)
    folder = "/metadata/" if place.version == 2 else "/"
    return vault.read(f"{place.mount_point}{folder}{place.path}") is not None
