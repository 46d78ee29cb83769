# SPDX-License-Identifier: GPL-3.0-or-later
"""The PKI: strict clients accept it, nobody else reads it, and it is made once."""

from __future__ import annotations

import ipaddress
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from tests.testbed import pki


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bed") / "pki"
    pki.create(path)
    return path


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_the_server_certificate_is_valid_for_loopback(folder: Path, name: str) -> None:
    subject = x509.DNSName(name) if name == "localhost" else x509.IPAddress(ipaddress.ip_address(name))
    verifier = PolicyBuilder().store(Store([certificate(folder / "ca.crt")])).build_server_verifier(subject)
    verifier.verify(certificate(folder / "server" / "tls.crt"), [])


def test_the_authority_may_sign_and_says_so(folder: Path) -> None:
    usage = certificate(folder / "ca.crt").extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign


def test_the_administrator_is_one_for_kubernetes(folder: Path) -> None:
    assert "O=system:masters" in certificate(folder / "admin" / "tls.crt").subject.rfc4514_string()


@pytest.mark.parametrize("identity", pki.IDENTITIES, ids=lambda identity: identity.folder)
def test_every_identity_is_signed_by_the_authority_of_its_folder(folder: Path, identity: pki.Identity) -> None:
    own = folder / identity.folder
    assert {path.name for path in own.iterdir()} == {"ca.crt", "tls.crt", "tls.key"}
    certificate(own / "tls.crt").verify_directly_issued_by(certificate(own / "ca.crt"))


def test_nobody_else_reads_it(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_it_is_made_once_and_completely(folder: Path) -> None:
    before = (folder / "ca.crt").read_bytes()
    pki.create(folder)
    assert (folder / "ca.crt").read_bytes() == before


def test_what_a_killed_run_left_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "pki.unfinished" / "server").mkdir(parents=True)
    pki.create(tmp_path / "pki")
    assert (tmp_path / "pki" / "service-account.key").exists()
    assert not (tmp_path / "pki.unfinished").exists()
