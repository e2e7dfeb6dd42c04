"""Authorities and certificates: one authority per region, constrained to its own names.

The constraint is what makes pooled roots safe: without it one region's
authority could sign a name of another (measured: it was accepted).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mesh.identity import Identity
from mesh.regions import GLOBAL

REGIONAL_ROLES = ("cell", "rest", "router", "edge", "registry", "operator")
GLOBAL_ROLES = ("registry", "operator")
ROW_SIGNER = "rows"
AUTHORITY_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=90)
RENEW_BEFORE = timedelta(days=15)

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def certificate_pem(self) -> bytes:
        """X.509, PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """PKCS#8, PEM, not encrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def create_authority(region: str) -> Issued:
    """A root that can sign names of `region` only: RFC 5280 4.2.1.10, critical, for URIs and DNS names."""
    key = ec.generate_private_key(ec.SECP256R1())
    domain = f"{region}.sankofa"
    constraint = x509.NameConstraints(
        permitted_subtrees=[x509.UniformResourceIdentifier(domain), x509.DNSName(domain)],
        excluded_subtrees=None,
    )
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
    name = _name(f"Sankofa authority {region}")
    builder = (
        _builder(name, name, key.public_key(), AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(constraint, critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Issued(builder.sign(key, hashes.SHA256()), key)


def issue(authority: Issued, identity: Identity) -> Issued:
    """A leaf for TLS, or, for the role "rows", for signing registry rows (Ed25519)."""
    key: PrivateKey = (
        ed25519.Ed25519PrivateKey.generate()
        if identity.role == ROW_SIGNER
        else ec.generate_private_key(ec.SECP256R1())
    )
    # A row is checked again whenever it is read: what signed it must stay valid as long as the row.
    lifetime = AUTHORITY_LIFETIME if identity.role == ROW_SIGNER else LEAF_LIFETIME
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(identity.uri)]
    if identity.role != ROW_SIGNER:
        names.append(x509.DNSName(identity.dns_name))
    authority_key = authority.key
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    builder = (
        _builder(_name(identity.dns_name), authority.certificate.subject, key.public_key(), lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(issuer_id, critical=False)
    )
    if identity.role != ROW_SIGNER:
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return Issued(builder.sign(authority_key, hashes.SHA256()), key)


def ensure_pki(pki_dir: Path, regions: Iterable[str]) -> None:
    """Makes what is missing, renews what ends within 15 days, and leaves the rest as it is."""
    for region in (*regions, GLOBAL):
        folder = pki_dir / region
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        authority = _load(folder / "authority") or _store(folder / "authority", create_authority(region))
        trust = pki_dir / "trust" / f"{region}.pem"
        trust.parent.mkdir(exist_ok=True)
        trust.write_bytes(authority.certificate_pem)
        for role in GLOBAL_ROLES if region == GLOBAL else (*REGIONAL_ROLES, ROW_SIGNER):
            if not _still_good(_load(folder / role)):
                _store(folder / role, issue(authority, Identity(region, role)))


def _still_good(leaf: Issued | None) -> bool:
    return leaf is not None and leaf.certificate.not_valid_after_utc - datetime.now(UTC) > RENEW_BEFORE


def _load(stem: Path) -> Issued | None:
    certificate, key = stem.with_suffix(".crt"), stem.with_suffix(".key")
    if not (certificate.exists() and key.exists()):
        return None
    loaded = serialization.load_pem_private_key(key.read_bytes(), password=None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError(f"{key} holds a key of a kind this mesh does not use: delete it and start again")
    return Issued(x509.load_pem_x509_certificate(certificate.read_bytes()), loaded)


def _store(stem: Path, issued: Issued) -> Issued:
    descriptor = os.open(stem.with_suffix(".key"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(issued.key_pem)
    stem.with_suffix(".crt").write_bytes(issued.certificate_pem)
    return issued


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + lifetime)
    )
