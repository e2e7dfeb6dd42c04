"""Registry rows are signed by the region they belong to, so that nobody needs to trust the registry."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mesh.certificates import ROW_SIGNER
from mesh.errors import Forbidden
from mesh.handovers import handovers_of, message_of
from mesh.identity import Identity
from sankofa.registry.v1.registry_pb2 import Handover, Row, SignedRow, Signer
from sankofa.residency.v1.error_pb2 import ErrorReason

_DOMAIN = b"sankofa.registry.v1.Row\x00"


def _message(row: Row) -> bytes:
    return _DOMAIN + row.SerializeToString(deterministic=True)


class RowSigner:
    """Signs rows of one region."""

    def __init__(self, *, region: str, key: Ed25519PrivateKey, certificate_der: bytes) -> None:
        self.region = region
        self.key_id = hashlib.sha256(certificate_der).hexdigest()
        self._key = key
        self.certificate_der = certificate_der

    @classmethod
    def load(cls, pki_dir: Path, region: str) -> RowSigner:
        """Reads `<pki>/<region>/rows.{crt,key}`."""
        stem = pki_dir / region / ROW_SIGNER
        key = serialization.load_pem_private_key(stem.with_suffix(".key").read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{stem}.key is not an Ed25519 key")
        certificate = x509.load_pem_x509_certificate(stem.with_suffix(".crt").read_bytes())
        der = certificate.public_bytes(serialization.Encoding.DER)
        return cls(region=region, key=key, certificate_der=der)

    def signer_row(self) -> SignedRow:
        """The row that tells others of this signer. Its certificate vouches for it."""
        signer = Signer(key_id=self.key_id, certificate_der=self.certificate_der)
        return SignedRow(row=Row(region=self.region, signer=signer))

    def sign(self, row: Row) -> SignedRow:
        """Raises Forbidden for a row of another region."""
        if row.region != self.region:
            raise Forbidden(ErrorReason.ERROR_REASON_ROW_NOT_OWN)
        return SignedRow(row=row, signer_key_id=self.key_id, signature=self._key.sign(_message(row)))

    def sign_handover(self, handover: Handover) -> Handover:
        """Gives away what is this region's. Raises Forbidden for what is another's."""
        if handover.from_region != self.region:
            raise Forbidden(ErrorReason.ERROR_REASON_ROW_NOT_OWN)
        signed = Handover()
        signed.CopyFrom(handover)
        signed.certificate_der = self.certificate_der
        signed.signature = self.sign_message(message_of(signed))
        return signed

    def sign_message(self, message: bytes) -> bytes:
        """Signs another word of the region than a row; `message` begins with what it is, and a zero byte."""
        return self._key.sign(message)


class RowVerifier:
    """Checks rows against the authorities of their regions, learning signers as they come."""

    def __init__(self, authorities: Mapping[str, bytes]) -> None:
        self._authorities = {
            region: x509.load_pem_x509_certificate(pem) for region, pem in authorities.items()
        }
        self._signers: dict[tuple[str, str], Ed25519PublicKey] = {}

    def add(self, signed: SignedRow) -> None:
        """Learns a signer. Raises Forbidden unless the region's authority issued it for its rows."""
        region, signer = signed.row.region, signed.row.signer
        if (region, signer.key_id) in self._signers:
            return
        key_id = hashlib.sha256(signer.certificate_der).hexdigest()
        if key_id != signer.key_id:
            raise Forbidden(ErrorReason.ERROR_REASON_ROW_NOT_SIGNED)
        self._signers[region, key_id] = self._vouched_key(region, signer.certificate_der)

    def check(self, signed: SignedRow) -> None:
        """Raises Forbidden unless the row's region signed it, and each region that it says it came from."""
        if signed.row.WhichOneof("fact") == "signer":
            self.add(signed)
            return
        for handover in handovers_of(signed.row):
            self.check_handover(handover)
        key = self._signers.get((signed.row.region, signed.signer_key_id))
        if key is None:
            raise Forbidden(ErrorReason.ERROR_REASON_ROW_NOT_SIGNED)
        try:
            key.verify(signed.signature, _message(signed.row))
        except InvalidSignature:
            raise Forbidden(ErrorReason.ERROR_REASON_ROW_NOT_SIGNED) from None

    def check_handover(self, handover: Handover) -> None:
        """Raises Forbidden unless the region that is left signed it."""
        certificate = handover.certificate_der
        self.check_message(handover.from_region, certificate, handover.signature, message_of(handover))

    def check_message(self, region: str, certificate_der: bytes, signature: bytes, message: bytes) -> None:
        """Raises Forbidden unless a row signer of the region, by this certificate, has signed the message."""
        key = self._vouched_key(region, certificate_der)
        try:
            key.verify(signature, message)
        except InvalidSignature:
            raise Forbidden(ErrorReason.ERROR_REASON_ROW_NOT_SIGNED) from None

    def _vouched_key(self, region: str, certificate_der: bytes) -> Ed25519PublicKey:
        authority = self._authorities.get(region)
        try:
            certificate = x509.load_der_x509_certificate(certificate_der)
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            if authority is None:
                raise ValueError("no such region")
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            raise Forbidden(ErrorReason.ERROR_REASON_ROW_NOT_SIGNED) from None
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        key = certificate.public_key()
        in_time = certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc
        if uris != [Identity(region, ROW_SIGNER).uri] or not in_time or not isinstance(key, Ed25519PublicKey):
            raise Forbidden(ErrorReason.ERROR_REASON_ROW_NOT_SIGNED)
        return key
