"""What both ends of a transfer say in the same words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from mesh.clock import wall_ms
from sankofa.org.v1.transfer_pb2 import TableDigest as TableDigestMessage
from sankofa.registry.v1.registry_pb2 import Handover, OrgOperation, OrgOperationKind, Row
from sankofa.residency.v1.grant_pb2 import OrgGrant
from storage.records.moves.rows import TableDigest

Reached: TypeAlias = Callable[[str], None]
"""Told of each step as soon as it is on disk. Tests end the process there."""


def nothing(_step: str) -> None:
    """Nobody wants to know."""


def key_message(grant: OrgGrant, public_key: bytes) -> bytes:
    """What a target signs of the key that it wants to be sealed to."""
    return b"\0".join((b"sankofa.org.v1.BeginResponse", grant.grant_id.encode(), public_key))


def new_word(
    region: str, to_region: str, epoch: int, *, org_id: str | None = None, login_hint: str | None = None
) -> Handover:
    """That this region gives its organisation, or account, to another: yet to be signed."""
    now = wall_ms()
    return Handover(
        from_region=region,
        to_region=to_region,
        epoch=epoch,
        at_unix_ms=now,
        org_id=org_id,
        login_hint=login_hint,
    )


def operation_row(region: str, org_id: str, operation_id: str, begun_ms: int, *, finished: bool) -> Row:
    """That a reassignment is in flight, or over."""
    fact = OrgOperation(
        org_id=org_id,
        operation_id=operation_id,
        kind=OrgOperationKind.ORG_OPERATION_KIND_ASSIGN,
        begun_at_unix_ms=begun_ms,
        finished=finished,
    )
    return Row(region=region, org_operation=fact)


def to_messages(tables: Iterable[TableDigest]) -> list[TableDigestMessage]:
    """For the wire."""
    return [TableDigestMessage(table=each.table, rows=each.rows, digest=each.digest) for each in tables]


def from_messages(tables: Iterable[TableDigestMessage]) -> list[TableDigest]:
    """From the wire."""
    return [TableDigest(each.table, each.rows, each.digest) for each in tables]
