# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for KubeVirt: what it reads, and what it makes of it."""

from __future__ import annotations

import asyncio
import struct
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.testbed.bed import Bed
from tests.testbed.kubevirt import bootstrap_data, faults, pki, spdy, status
from tests.testbed.kubevirt.bootstrap_data import CONTROL_PLANE_TAINT, UNINITIALIZED_TAINT, BootstrapError
from tests.testbed.kubevirt.control_plane import ControlPlane
from tests.testbed.kubevirt.faults import Fault, Kind
from tests.testbed.kubevirt.network import Addresses, network_of
from tests.testbed.kubevirt.node import Node
from tests.testbed.kubevirt.pki import Subject
from tests.testbed.kubevirt.spdy import Frame, Headers, Type
from tests.testbed.kubevirt.status import State

USER_DATA = """\
## template: jinja
#cloud-config
write_files:
  - path: /etc/kubernetes/pki/ca.crt
    owner: root:root
    content: |
      authority
  - path: /etc/encoded
    encoding: base64
    content: aGVsbG8=
  - path: /run/kubeadm/kubeadm.yaml
    content: |
      ---
      apiVersion: kubeadm.k8s.io/v1beta4
      kind: ClusterConfiguration
      clusterName: dev
      ---
      apiVersion: kubeadm.k8s.io/v1beta4
      kind: InitConfiguration
      nodeRegistration:
        name: '{{ ds.meta_data.local_hostname }}'
runcmd:
  - [sh, -c, "echo before"]
  - 'kubeadm init --config /run/kubeadm/kubeadm.yaml && echo success > /run/cluster-api/bootstrap-success.complete'
users:
  - default
  - name: capk
    ssh_authorized_keys: [ecdsa-sha2-nistp256 AAAA]
"""


def test_bootstrap_data_is_read_as_the_machine_sees_it() -> None:
    data = bootstrap_data.parse(USER_DATA, "dev-control-plane-1")

    assert data.files["/etc/kubernetes/pki/ca.crt"] == "authority\n"
    assert data.files["/etc/encoded"] == "hello"
    assert data.authorized_keys == ["ecdsa-sha2-nistp256 AAAA"]
    assert data.configuration["ClusterConfiguration"]["clusterName"] == "dev"
    assert data.configuration["InitConfiguration"]["nodeRegistration"]["name"] == "dev-control-plane-1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "no YAML"),
        ("text", "no cloud-config"),
        ("write_files: [{path: /x, encoding: gzip, content: x}]", "encoded as gzip"),
        ("runcmd: [reboot]", "none of its commands is `kubeadm init`"),
    ],
)
def test_other_bootstrap_data_boots_nothing(text: str, said: str) -> None:
    with pytest.raises(BootstrapError, match=said):
        assert bootstrap_data.parse(text, "x").configuration


EXTERNAL = {"kubeletExtraArgs": [{"name": "cloud-provider", "value": "external"}]}


@pytest.mark.parametrize(
    ("registration", "control_plane", "expected"),
    [
        ({}, True, [CONTROL_PLANE_TAINT]),
        ({"taints": None}, True, [CONTROL_PLANE_TAINT]),
        ({"taints": []}, True, []),
        ({}, False, []),
        (EXTERNAL, False, [UNINITIALIZED_TAINT]),
        ({"kubeletExtraArgs": {"cloud-provider": "external"}}, True, [CONTROL_PLANE_TAINT, UNINITIALIZED_TAINT]),
    ],
)
def test_absent_taints_are_the_default_and_empty_ones_none(
    registration: dict[str, object], control_plane: bool, expected: list[dict[str, str]]
) -> None:
    assert bootstrap_data.taints(registration, control_plane) == expected


def test_the_kubelet_labels_its_node_as_it_is_told() -> None:
    registration = {"kubeletExtraArgs": [{"name": "node-labels", "value": "a=b,role.io/x="}]}
    assert bootstrap_data.labels(registration) == {"a": "b", "role.io/x": ""}
    assert bootstrap_data.labels({}) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("never-boots", Fault(Kind.NEVER_BOOTS)), ("dies", Fault(Kind.DIES)), ("slow=20s", Fault(Kind.SLOW, 20))],
)
def test_a_fault_is_named_by_an_annotation(text: str, expected: Fault) -> None:
    assert faults.of_vm({faults.ANNOTATION: text}, {}, {}) == expected


@pytest.mark.parametrize("text", ["explodes", "slow", "slow=x"])
def test_a_fault_that_there_is_not_lists_those_there_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"there are: never-boots, .*, slow=<seconds>s$"):
        faults.parse(text)


def test_a_namespace_names_the_fault_of_a_role_and_a_vm_its_own() -> None:
    namespace = {"kubevirt.testbed/fault-worker": "never-boots"}
    worker, control_plane = {faults.ROLE_LABEL: "worker"}, {faults.ROLE_LABEL: "control-plane"}

    assert faults.of_vm({}, worker, namespace) == Fault(Kind.NEVER_BOOTS)
    assert faults.of_vm({faults.ANNOTATION: "dies"}, worker, namespace) == Fault(Kind.DIES)
    assert faults.of_vm({}, control_plane, namespace) is None


def test_two_beds_have_no_address_in_common(bed: Bed) -> None:
    other = replace(bed, ports={**bed.ports, "kubevirt": bed.ports["kubevirt"] + 1})
    assert not network_of(bed).overlaps(network_of(other))
    assert network_of(bed).is_loopback


def test_addresses_are_remembered_and_not_given_again_at_once(bed: Bed, tmp_path: Path) -> None:
    file = tmp_path / "addresses.json"
    addresses = Addresses(network_of(bed), file)
    first, second = addresses.of("vm/dev/a"), addresses.of("vm/dev/b")
    assert first != second
    addresses.release("vm/dev/a")

    again = Addresses(network_of(bed), file)

    assert again.of("vm/dev/b") == second
    assert again.of("vm/dev/c") not in (first, second)


def test_a_frame_is_read_as_it_was_written() -> None:
    async def read(data: bytes) -> Frame:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        return await spdy.read_frame(reader)

    data = Frame(spdy.FIN, b"content", stream=5)
    ping = Frame(0, struct.pack(">I", 7), control=Type.PING, stream=7)

    assert asyncio.run(read(data.encode())) == data
    assert data.is_last
    assert asyncio.run(read(ping.encode())) == ping


def test_headers_are_compressed_with_the_dictionary_of_spdy() -> None:
    assert len(spdy.DICTIONARY) == 1423
    pairs = {"streamtype": "data", "port": "2379", "requestid": "0"}
    texts = [text.encode() for pair in pairs.items() for text in pair]
    block = struct.pack(">I", len(pairs)) + b"".join(struct.pack(">I", len(text)) + text for text in texts)
    deflate = zlib.compressobj(zdict=spdy.DICTIONARY)
    opened = struct.pack(">IIH", 1, 0, 0) + deflate.compress(block) + deflate.flush(zlib.Z_SYNC_FLUSH)

    headers = Headers()

    assert headers.of_new_stream(Frame(0, opened, control=Type.SYN_STREAM, stream=1)) == pairs
    reply = headers.reply(1)
    assert (reply.control, reply.stream) == (Type.SYN_REPLY, 1)
    assert zlib.decompressobj(zdict=spdy.DICTIONARY).decompress(reply.payload[4:]) == struct.pack(">I", 0)


def write_authority(path: Path) -> None:
    """An authority such as Cluster API makes: with an RSA key."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    path.with_suffix(".key").write_bytes(private)


def test_a_control_plane_has_the_certificates_that_kubeadm_makes(tmp_path: Path) -> None:
    configuration = {"controlPlaneEndpoint": "127.78.0.9:6443", "networking": {"serviceSubnet": "10.96.0.0/12"}}
    plane = ControlPlane("a", "127.78.0.1", tmp_path, configuration)
    for name in ("ca", "etcd/ca", "front-proxy-ca"):
        write_authority(plane.pki / name)

    plane.issue_all()

    certificate = x509.load_pem_x509_certificate((plane.pki / "apiserver.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    served = {str(name.value) for name in names}
    assert {"a", "127.78.0.1", "127.78.0.9", "10.96.0.1", "kubernetes.default.svc.cluster.local"} <= served
    pki.client_context(plane.pki / "ca", plane.admin)
    pki.server_context(plane.pki / "etcd/server")
    before = (plane.pki / "apiserver.crt").read_bytes()
    pki.issue(plane.pki / "ca", Subject("other"), plane.pki / "apiserver")
    assert (plane.pki / "apiserver.crt").read_bytes() == before


def test_a_control_plane_runs_with_what_the_cluster_says(tmp_path: Path) -> None:
    configuration = {
        "networking": {"serviceSubnet": "10.1.0.0/16", "podSubnet": "10.2.0.0/16"},
        "apiServer": {"extraArgs": [{"name": "authorization-mode", "value": "RBAC"}]},
    }
    plane = ControlPlane("a", "127.78.0.1", tmp_path, configuration)

    apiserver = plane.apiserver(Path("kube-apiserver"))
    assert "--service-cluster-ip-range=10.1.0.0/16" in apiserver
    assert "--authorization-mode=RBAC" in apiserver
    assert "--cluster-cidr=10.2.0.0/16" in plane.controller_manager(Path("kube-controller-manager"))
    etcd = plane.etcd(Path("etcd"), {"b": "https://127.78.0.2:2380", "a": plane.peer_url}, joins=True)
    assert "--initial-cluster=b=https://127.78.0.2:2380,a=https://127.78.0.1:2380" in etcd
    assert "--initial-cluster-state=existing" in etcd


VM = {
    "metadata": {"name": "a", "namespace": "dev", "uid": "1"},
    "spec": {
        "template": {
            "metadata": {"labels": {"cluster.x-k8s.io/role": "worker"}},
            "spec": {
                "domain": {"cpu": {"cores": 2, "threads": 2}, "memory": {"guest": "8Gi"}},
                "volumes": [
                    {"name": "disk", "containerDisk": {"image": "localhost:5000/capk/ubuntu:v1.31.0"}},
                    {"name": "cloudinitvolume", "cloudInitConfigDrive": {"secretRef": {"name": "a-userdata"}}},
                ],
            },
        }
    },
}


def test_an_instance_is_ready_once_it_runs() -> None:
    running = status.instance(VM, State.RUNNING, "127.78.0.1")
    conditions = {each["type"]: each["status"] for each in running["status"]["conditions"]}
    assert conditions == {"Ready": "True", "LiveMigratable": "True"}
    assert running["status"]["interfaces"][0]["ipAddress"] == "127.78.0.1"
    assert running["metadata"]["ownerReferences"][0]["uid"] == "1"

    waiting = status.machine_status(VM, State.UNSCHEDULABLE)["status"]
    assert waiting["printableStatus"] == "ErrorUnschedulable"
    assert [each["reason"] for each in waiting["conditions"]] == ["GuestNotRunning", "Unschedulable"]


def test_a_vm_is_as_large_as_its_spec_and_as_new_as_its_image() -> None:
    spec = VM["spec"]["template"]["spec"]  # type: ignore[index]
    assert status.capacity(spec) == {"cpu": "4", "memory": "8Gi"}
    assert status.capacity({"domain": {"resources": {"requests": {"cpu": "3", "memory": "2Gi"}}}}) == {
        "cpu": "3",
        "memory": "2Gi",
    }
    assert status.kubelet_version(VM) == "v1.31.0"
    assert status.user_data_secret(spec) == "a-userdata"
    data_volume = {"spec": {"source": {"registry": {"url": "docker://quay.io/capk/ubuntu:v1.32.0"}}}}
    assert (
        status.kubelet_version({"spec": {"template": {"spec": {}}, "dataVolumeTemplates": [data_volume]}}) == "v1.32.0"
    )


def test_a_node_says_what_a_kubelet_would() -> None:
    node = Node("a", "127.78.0.1", "v1.31.0", {"cpu": "4", "memory": "8Gi"}, is_control_plane=True)
    manifest = node.manifest()
    assert manifest["status"]["nodeInfo"]["kubeletVersion"] == "v1.31.0"
    assert "node-role.kubernetes.io/control-plane" in manifest["metadata"]["labels"]
    assert "providerID" not in manifest["spec"]
    pod = node.static_pod("etcd", "uid")
    assert pod["metadata"]["name"] == "etcd-a"
    assert "kubernetes.io/config.mirror" in pod["metadata"]["annotations"]
