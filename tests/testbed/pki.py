# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of one test bed: a CA, one folder per identity, and the service account signing key.

Every identity is a folder with `ca.crt`, `tls.crt` and `tls.key`: the names that Kubernetes uses in TLS Secrets, and
that Crossplane expects in the folders it is pointed to.
"""

from __future__ import annotations

import ipaddress
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALIDITY = timedelta(days=3650)
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Identity:
    """The subject of one certificate; every identity may be a client, only `server` also serves."""

    folder: str
    common_name: str
    organization: str | None = None
    serves: bool = False


SERVER = Identity("server", "localhost", serves=True)
ADMIN = Identity("admin", "testbed-admin", organization="system:masters")
KUBE_APISERVER = Identity("kube-apiserver", "kube-apiserver")
CROSSPLANE = Identity("crossplane", "crossplane")
IDENTITIES = (SERVER, ADMIN, KUBE_APISERVER, CROSSPLANE)


def create(folder: Path) -> None:
    """Write the whole PKI into `folder`, unless a complete one is there already."""
    if folder.is_dir():
        return
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700, parents=True)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate_authority(ca_key)
    _write(unfinished / "ca.crt", ca.public_bytes(Encoding.PEM))
    for identity in IDENTITIES:
        _issue(unfinished / identity.folder, identity, ca, ca_key)
    service_account = ec.generate_private_key(ec.SECP256R1())
    _write(unfinished / "service-account.key", _private_pem(service_account))
    _write(unfinished / "service-account.pub", _public_pem(service_account))
    unfinished.rename(folder)


def _certificate_authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name("testbed-ca", None)
    # Python 3.13 verifies strictly and refuses a CA without these key usages.
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _issue(folder: Path, identity: Identity, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = _builder(_name(identity.common_name, identity.organization), ca.subject, key.public_key())
    if identity.serves:
        purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    folder.mkdir(mode=0o700)
    _write(folder / "ca.crt", ca.public_bytes(Encoding.PEM))
    _write(folder / "tls.crt", certificate.public_bytes(Encoding.PEM))
    _write(folder / "tls.key", _private_pem(key))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + VALIDITY)
    )


def _name(common_name: str, organization: str | None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(content)
