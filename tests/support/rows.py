"""Registry rows by the handful. Their signatures are empty words: stores leave those to the verifier."""

from __future__ import annotations

import hashlib

from sankofa.registry.v1.registry_pb2 import ApiKey, JwtKey, LoginHint, Org, Pin, Row, SignedRow, Signer


def signed(row: Row) -> SignedRow:
    return SignedRow(row=row, signer_key_id=f"signer-{row.region}", signature=b"checked elsewhere")


def signer(region: str) -> SignedRow:
    fact = Signer(key_id=f"signer-{region}", certificate_der=b"x")
    return SignedRow(row=Row(region=region, signer=fact))


def jwt_key(region: str, kid: str = "kid", fill: bytes = b"1") -> SignedRow:
    return signed(Row(region=region, jwt_key=JwtKey(kid=kid, public_key=fill * 32)))


def pin(project: str, region: str, org: str = "org_1") -> SignedRow:
    return signed(Row(region=region, pin=Pin(project_id=project, org_id=org)))


def hash_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def api_key(secret: str, region: str, project: str = "proj_1", *, revoked: bool = False) -> SignedRow:
    fact = ApiKey(
        key_hash=hash_of(secret),
        key_id=f"key_{secret}",
        project_id=project,
        environment="ENVIRONMENT_LIVE",
        revoked=revoked,
    )
    return signed(Row(region=region, api_key=fact))


def org(name: str, region: str, epoch: int = 1) -> SignedRow:
    return signed(Row(region=region, org=Org(org_id=name, epoch=epoch)))


def hint(value: str, region: str) -> SignedRow:
    return signed(Row(region=region, login_hint=LoginHint(hint=value)))
