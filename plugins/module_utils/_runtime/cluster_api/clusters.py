# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of module ``kubevirt_cluster``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..._domain.cluster_api.claim import claim_entry
from ..._domain.cluster_api.kubeconfig import Kubeconfig, kubeconfig_from, secret_ref, text_in, why_of_another
from ..._domain.cluster_api.ports import Workloads
from ..._domain.cluster_api.resize import Refused, heaviest
from ..._domain.errors import Failed, InfraError, InvalidOption
from ..._domain.kubernetes.manifest import Manifest, ObjectRef
from ..._domain.kubernetes.ports import Kubernetes
from ..._domain.plan import Action, Plan
from ..._domain.ports import Clock
from ..._domain.units import seconds
from ..._domain.vault.ports import Vault
from ..crossplane.claim_tree import look
from ..crossplane.claims import claims_from, reconcile_claims
from ..kubernetes.applying import observe
from ..kubernetes.waiting import Deadline
from ..task import Outcome, Request
from ..vault.writes import reported
from .logins import Login, ServiceAccountLogin
from .looking import state_behind
from .settling import ClusterParticulars, parameters
from .stores import FileStore, Keeping, Store, VaultStore


@dataclass(frozen=True)
class Servers:
    """Whom a task speaks to; ``vault`` only where the kubeconfig is kept there."""

    api: Kubernetes
    workloads: Workloads
    clock: Clock
    vault: Vault | None = None


def reconcile_cluster(request: Request, servers: Servers) -> Outcome:
    """Brings a claim of a cluster to the wanted state, and its kubeconfig to where it is to be kept."""
    return _Run(request, servers).outcome()


class _Run:
    def __init__(self, request: Request, servers: Servers) -> None:
        options = request.options
        self._request = request
        self._servers = servers
        self._entry = claim_entry(options)
        self._ref = claims_from([self._entry])[0].ref
        self._store = _store(options, servers.vault)
        self._lifetime = seconds(options["kubeconfig_lifetime"], "kubeconfig_lifetime")
        self._deadline = Deadline.after(servers.clock, seconds(options["wait_timeout"], "wait_timeout"))
        self._api = servers.api.bounded_by(self._deadline.moment)
        self._particulars = ClusterParticulars()

    def outcome(self) -> Outcome:
        if self._request.options["state"] == "absent":
            return self._absent()
        claimed = self._claimed()
        changed = self._particulars.changes
        kept, kubeconfig = self._kept(claimed)
        plan = Plan((*claimed.plan.actions, *kept))
        way = heaviest(changed)
        notes = kubeconfig.notes() if kubeconfig else {}
        facts = {
            "cluster": self._fact(claimed.facts["claims"][0]),
            "changes": [change.fact() for change in changed],
            "resize": way.value if way else "",
            "kubeconfig": {**self._store.fact(), **notes} if self._store else {},
        }
        return Outcome(plan, facts)

    def _claimed(self) -> Outcome:
        """The claim as wanted; where that is impossible and it may be replaced, after the one there is has gone."""
        live = observe(self._api, [self._ref], unserved_is_absent=True)[self._ref]
        entry = {**self._entry, "parameters": {**self._entry["parameters"], **self._left_alone(live)}}
        try:
            # What is asked for in so many words is judged first: the definition, too, has rules about some of it.
            self._particulars.judge_change(live, {**parameters(live), **entry["parameters"]})
            return self._reconciled("present", entry)
        except Refused:
            if not self._request.options["allow_replace"]:
                raise
        going = self._reconciled("absent", entry)
        if going.facts["kept"]:
            raise InvalidOption(
                f"{self._ref} is not replaced, for it was not created by this collection",
                next_step="set adopt to replace it all the same",
            )
        replaced = self._particulars.changes
        coming = going if self._request.check_mode else self._reconciled("present", entry)
        self._particulars.changes = replaced
        return Outcome(Plan((*going.plan.actions, *(coming.plan.actions if coming is not going else ()))), coming.facts)

    def _reconciled(self, state: str, entry: Mapping[str, Any]) -> Outcome:
        options = {**self._request.options, "claims": [entry], "state": state, "wait_timeout": self._remaining}
        if state == "absent" and self._request.options["state"] == "present":
            options["wait"] = True  # for the new one to be made when the old one is gone
        request = replace(self._request, options=options)
        return reconcile_claims(request, self._servers.api, self._servers.clock, self._particulars)

    @property
    def _remaining(self) -> str:
        return str(max(0, int(self._deadline.moment - self._servers.clock.monotonic())))

    def _left_alone(self, live: Manifest | None) -> dict[str, Any]:
        """The parameters that stay as they are, although they were left out or something else decides about them.

        Without the moment of the last rollout one that is under way would stop half way.
        """
        found, asked = parameters(live), self._entry["parameters"]
        kept = {}
        if "rolloutAfter" in found and "rolloutAfter" not in asked:
            kept["rolloutAfter"] = found["rolloutAfter"]
        if live and "workerNodes" in asked and asked["workerNodes"] != found.get("workerNodes"):
            state = state_behind(self._api, look(self._api, {self._ref: live})[self._ref])
            if state and state.autoscaled and "workerNodes" in found:
                kept["workerNodes"] = found["workerNodes"]
                self._request.reporter.warn(
                    f"worker_nodes is not applied: MachineDeployment {state.autoscaled[0]} has the annotations of "
                    "the cluster autoscaler, which decides how many workers there are"
                )
        return kept

    def _kept(self, claimed: Outcome) -> tuple[Sequence[Action], Kubeconfig | None]:
        """What was done, or in check mode would be, for the kubeconfig to be kept; and that, if there is one yet."""
        fact = claimed.facts["claims"][0]
        if self._store is None:
            return [], None
        if not fact["ready"]:
            return self._later(self._store), None
        with reported(changed=claimed.plan.changed):
            administrators = read_kubeconfig(self._request, self._api, self._servers, self._environment(fact))
            login = self._login(administrators, self._store.text)
        with reported(changed=claimed.plan.changed or bool(login.applies)):
            keeping = self._store.keep(login.kubeconfig) if login.kubeconfig else self._store.announce()
            if keeping and login.kubeconfig:
                _prove(login.kubeconfig, self._servers.workloads, self._deadline)
            if keeping and not self._request.check_mode:
                self._perform(keeping)
        return [*login.applies, *([keeping] if keeping else [])], login.kubeconfig

    def _later(self, store: Store) -> Sequence[Action]:
        """What will have to be done once there is a kubeconfig."""
        if self._request.check_mode and self._request.options["wait"]:
            return [] if store.text is not None else [store.announce()]
        if not self._request.options["paused"]:
            self._request.reporter.warn(f"the kubeconfig of {self._ref} is not kept yet, for it is not ready")
        return []

    def _login(self, administrators: Kubeconfig, kept: str | None) -> Login:
        """The kubeconfig to keep, which is the administrator's unless a service account's was asked for."""
        if self._request.options["kubeconfig_login"] == "certificate":
            return Login(administrators)
        workloads, clock = self._servers.workloads, self._servers.clock
        with workloads.opened(administrators.content, self._deadline.last_moment) as workload:
            account = ServiceAccountLogin(self._request, workload, self._lifetime)
            login = account.to(administrators, workloads.parsed(kept or ""), clock.wall_time())
        for secret in login.kubeconfig.secrets if login.kubeconfig else ():
            self._request.redactor.remember(secret)
        return login

    def _perform(self, keeping: Keeping) -> None:
        keeping.perform()
        self._request.reporter.line(f"{keeping.verb} {keeping.target}")

    def _environment(self, claim: Mapping[str, Any]) -> ObjectRef:
        """The Cluster of a claim, as it is named after its environment."""
        return ObjectRef("", "Cluster", str(claim["parameters"]["environment"]), self._ref.namespace)

    def _fact(self, claim: Mapping[str, Any]) -> dict[str, Any]:
        return described_cluster(self._api, claim)

    def _absent(self) -> Outcome:
        live = observe(self._api, [self._ref], unserved_is_absent=True)[self._ref]
        gone = self._reconciled("absent", self._entry)
        keeping = self._removal(live) if not gone.facts["kept"] else None
        plan = Plan((*gone.plan.actions, *([keeping] if keeping else [])))
        if keeping and not self._request.check_mode:
            with reported(changed=gone.plan.changed):
                self._perform(keeping)
        return Outcome(plan, {"cluster": self._fact(gone.facts["claims"][0]), "kept": gone.facts["kept"]})

    def _removal(self, live: Manifest | None) -> Keeping | None:
        """What removes the kubeconfig; None, with a warning, when it is not that of the cluster which the claim had."""
        if self._store is None or self._store.text is None:
            return None
        environment = parameters(live).get("environment") or self._request.options["environment"] or ""
        server = ((live or {}).get("status") or {}).get("clusterEndpoint") or ""
        why = why_of_another(self._servers.workloads.parsed(self._store.text), str(environment), str(server))
        if not why:
            return self._store.remove()
        (place,) = self._store.fact().values()
        self._request.reporter.warn(f"the kubeconfig in {place} is left alone: {why}; remove it by hand")
        return None


def described_cluster(api: Kubernetes, claim: Mapping[str, Any]) -> dict[str, Any]:
    """A claim as its fact, together with the cluster behind it."""
    ref = ObjectRef(claim["api_version"], claim["kind"], claim["name"], claim["namespace"])
    live = api.get(ref) if claim["exists"] else None
    state = state_behind(api, look(api, {ref: live})[ref]) if live else None
    described = state.fact() if state else {}
    return {**claim, **described, "ready": claim["ready"] and not described.get("paused", False)}


def read_kubeconfig(request: Request, api: Kubernetes, servers: Servers, cluster: ObjectRef) -> Kubeconfig:
    """The kubeconfig that Cluster API keeps for a cluster. Raises Failed saying what is wrong with it."""
    ref = secret_ref(cluster)
    text = text_in(api.get(ref), ref)
    workloads, now = servers.workloads, servers.clock.wall_time()
    kubeconfig = kubeconfig_from(text, workloads.parsed(text), workloads.certificate, ref, now)
    for secret in kubeconfig.secrets:
        request.redactor.remember(secret)
    return kubeconfig


def _prove(kubeconfig: Kubeconfig, workloads: Workloads, deadline: Deadline) -> None:
    """Reads something that only whom the cluster knows may read. Raises Failed when it can not be read from here."""
    try:
        with workloads.opened(kubeconfig.content, deadline.last_moment) as workload:
            next(workload.scan("v1", "Node"), None)
    except InfraError as error:
        raise Failed(
            f"the kubeconfig is not kept, for it does not open the cluster from here: {error.message}",
            next_step="make the cluster's API reachable from where this task runs, or set kubeconfig to none",
        ) from error


def _store(options: Mapping[str, Any], vault: Vault | None) -> Store | None:
    """Where the kubeconfig is to be kept. Raises InvalidOption when it can not be kept there."""
    if options["kubeconfig"] == "path":
        return FileStore(options["kubeconfig_path"])
    if options["kubeconfig"] == "vault" and vault is not None:
        return VaultStore(vault, options["vault_path"])
    return None
