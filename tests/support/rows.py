"""Registry rows by the handful. Their signatures are empty words: stores leave those to the verifier."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

from sankofa.registry.v1.registry_pb2 import (
    ApiKey,
    Handover,
    JwtKey,
    LoginHint,
    Org,
    OrgOperation,
    Pin,
    Row,
    SessionEnd,
    SignedRow,
    Signer,
)


def signed(row: Row) -> SignedRow:
    return SignedRow(row=row, signer_key_id=f"signer-{row.region}", signature=b"checked elsewhere")


def signer(region: str) -> SignedRow:
    fact = Signer(key_id=f"signer-{region}", certificate_der=b"x")
    return SignedRow(row=Row(region=region, signer=fact))


def jwt_key(region: str, kid: str = "kid", fill: bytes = b"1", *, retired: bool = False) -> SignedRow:
    return signed(Row(region=region, jwt_key=JwtKey(kid=kid, public_key=fill * 32, retired=retired)))


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
    """One that has been in this region only, though reassigned to it."""
    return moved_org(name, *[region] * epoch)


def moved_org(name: str, *regions: str) -> SignedRow:
    """An organisation that has been in these regions, one epoch in each."""
    fact = Org(org_id=name, epoch=len(regions), handovers=handovers(regions, org_id=name))
    return signed(Row(region=regions[-1], org=fact))


def moved_hint(value: str, *regions: str) -> SignedRow:
    """An account that has been in these regions."""
    fact = LoginHint(hint=value, handovers=handovers(regions, login_hint=value))
    return signed(Row(region=regions[-1], login_hint=fact))


def handovers(regions: Sequence[str], *, at_ms: int = 1_700_000_000_000, **subject: str) -> list[Handover]:
    """From each region to the next."""
    return [
        Handover(from_region=left, to_region=reached, epoch=epoch, at_unix_ms=at_ms, **subject)
        for epoch, (left, reached) in enumerate(pairwise(regions), 2)
    ]


def operation(org: str, name: str, region: str, begun: int = 1, *, finished: bool = False) -> SignedRow:
    fact = OrgOperation(
        org_id=org,
        operation_id=name,
        kind="ORG_OPERATION_KIND_ASSIGN",
        begun_at_unix_ms=begun,
        finished=finished,
    )
    return signed(Row(region=region, org_operation=fact))


def account_end(user: str, region: str, before_ms: int) -> SignedRow:
    end = SessionEnd(session_id=user, forget_after_unix_ms=2_000_000_000_000, before_unix_ms=before_ms)
    return signed(Row(region=region, session_end=end))


def hint(value: str, region: str) -> SignedRow:
    return signed(Row(region=region, login_hint=LoginHint(hint=value)))
