# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that kubeadm would make on a machine, signed by the authorities that Cluster API has put there."""

from __future__ import annotations

import ipaddress
import ssl
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.testbed.bed import write_private

VALIDITY = timedelta(days=365)
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Subject:
    """Whom a certificate is for; one with `hosts`, names or addresses, may serve there."""

    common_name: str
    organization: str = ""
    hosts: Sequence[str] = ()


def issue(authority: Path, subject: Subject, target: Path) -> None:
    """Write `target`.crt and .key, signed by `authority`.crt and .key, unless they are there already."""
    if target.with_suffix(".crt").exists():
        return
    with warnings.catch_warnings():
        # Those of Cluster API have 0 for a serial number.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        issuer = x509.load_pem_x509_certificate(authority.with_suffix(".crt").read_bytes())
    signer = load_pem_private_key(authority.with_suffix(".key").read_bytes(), password=None)
    if not isinstance(signer, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError(f"{authority}.key is neither an RSA nor an EC key")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(subject, issuer, key).sign(signer, hashes.SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    write_private(target.with_suffix(".key"), pem)
    write_private(target.with_suffix(".crt"), certificate.public_bytes(Encoding.PEM).decode())


def client_context(authority: Path, identity: Path | None = None) -> ssl.SSLContext:
    """Trust `authority`.crt, and present `identity`.crt and .key."""
    context = ssl.create_default_context(cafile=str(authority.with_suffix(".crt")))
    if identity:
        context.load_cert_chain(identity.with_suffix(".crt"), identity.with_suffix(".key"))
    return context


def server_context(identity: Path) -> ssl.SSLContext:
    """Serve with `identity`.crt and .key."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(identity.with_suffix(".crt"), identity.with_suffix(".key"))
    return context


def self_signed(target: Path, host: str) -> None:
    """Write `target`.crt and .key, which vouch for themselves, as a kubelet's do."""
    if target.with_suffix(".crt").exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = _builder(name, name, key).sign(key, hashes.SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    write_private(target.with_suffix(".key"), pem)
    write_private(target.with_suffix(".crt"), certificate.public_bytes(Encoding.PEM).decode())


def _certificate(
    subject: Subject, issuer: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name)]
    if subject.organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject.organization))
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = _builder(x509.Name(attributes), issuer.subject, key)
    if subject.hosts:
        purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
        names = x509.SubjectAlternativeName([_general_name(host) for host in dict.fromkeys(subject.hosts)])
        builder = builder.add_extension(names, critical=False)
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + VALIDITY)
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
