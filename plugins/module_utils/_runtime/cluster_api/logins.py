# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As whom a kubeconfig that is kept opens its cluster: as the administrator, or as a service account for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..._domain.cluster_api.credentials import Token, token_from
from ..._domain.cluster_api.kubeconfig import Kubeconfig, short_lived, token_in
from ..._domain.cluster_api.ports import Workload
from ..._domain.kubernetes.creation import genuine, marked
from ..._domain.kubernetes.manifest import Manifest, ref_of, uid
from ..kubernetes.applying import Apply, apply_all, observe, plan_apply
from ..task import Request
from ..vault.writes import reported

ACCOUNT = "pnow-infra"
_NAMESPACE = "kube-system"
_LABELS = {"app.kubernetes.io/managed-by": "pnow.infra"}
_OBJECTS: Sequence[Manifest] = (
    {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": ACCOUNT, "namespace": _NAMESPACE, "labels": _LABELS},
        "automountServiceAccountToken": False,
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": ACCOUNT, "labels": _LABELS},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": _NAMESPACE}],
    },
)
_REFS = [ref_of(manifest) for manifest in _OBJECTS]


@dataclass(frozen=True)
class Login:
    """A kubeconfig to keep, None when check mode can not make it; and what was, or would be, written in the cluster."""

    kubeconfig: Kubeconfig | None
    applies: Sequence[Apply] = ()


@dataclass(frozen=True)
class ServiceAccountLogin:
    """Logs in to a cluster by a token of a service account that is an administrator, too.

    Unlike a certificate it ends soon, and with the account at once.
    """

    request: Request
    workload: Workload
    lifetime: int

    def to(self, administrators: Kubeconfig, kept: Any, now: float) -> Login:
        """The kubeconfig that is kept as long as its token is good, and then another one."""
        observed = {ref: genuine(live) for ref, live in observe(self.workload, _REFS).items()}
        desired = [marked(manifest, observed[ref_of(manifest)]) for manifest in _OBJECTS]
        cluster = administrators.content["current-context"]
        applies = [
            replace(each, target=f"{each.target} in {cluster}")
            for each in plan_apply(self.request, self.workload, desired, observed)
        ]
        token = token_in(kept)
        good = token is not None and self._is_good(token, observed[_REFS[0]], now)
        if not self.request.check_mode:
            apply_all(self.workload, applies, self.request.reporter, force=self.request.options["force_conflicts"])
            with reported(changed=bool(applies)):
                token = token if good else token_from(self.workload.token(_REFS[0], self.lifetime))
        elif not good:
            return Login(None, applies)
        return Login(short_lived(administrators, ACCOUNT, token) if token else None, applies)

    def _is_good(self, token: Token, account: Manifest | None, now: float) -> bool:
        """Whether it is one of the very account that there is, lives no longer than is wanted, and is not due."""
        its_own = account is not None and token.account == uid(account)
        return its_own and token.lifetime <= self.lifetime and not token.is_due(now)
