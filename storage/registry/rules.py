"""What a registry row is called, and which value of it may follow which.

The registry and every directory decide by these rules, so that neither needs to trust the other.
"""

from __future__ import annotations

from typing import NamedTuple

from mesh.errors import Conflict, InvalidInput
from mesh.handovers import epoch_of, is_chain, region_at
from sankofa.registry.v1.registry_pb2 import OrgOperation, Row
from sankofa.residency.v1.environment_pb2 import Environment
from sankofa.residency.v1.error_pb2 import ErrorReason

MAX_EPOCH = 2**63 - 1
"""What a signed 64-bit column holds."""

MAX_ID_BYTES = 200
"""Two of them with a separator are within LMDB's 511-byte keys."""

OF_ONE_REGION = ("pin", "api_key")
"""Kinds that only their own region, and the router, keep."""

UNWATCHED = ("login_hint", "org_operation")
"""Kinds that no watch tells of."""

RowKey = tuple[str, tuple[str | bytes, ...]]
"""The kind of a row ("pin", "api_key", …) and the key that it has within its kind."""


class Position(NamedTuple):
    """A place in the change feed. Another feed_id means another store: compare everything."""

    feed_id: str
    seq: int


def key_of(row: Row) -> RowKey:
    """The name of a row. Raises InvalidInput for a row that has none."""
    match row.WhichOneof("fact"):
        case "signer":
            return "signer", (row.region, row.signer.key_id)
        case "jwt_key":
            return "jwt_key", (row.region, row.jwt_key.kid)
        case "pin":
            return "pin", (row.pin.project_id,)
        case "api_key":
            return "api_key", (row.api_key.key_hash,)
        case "org":
            return "org", (row.org.org_id,)
        case "login_hint":
            return "login_hint", (row.login_hint.hint,)
        case "org_operation":
            return "org_operation", (row.org_operation.org_id,)
        case "session_end":
            return "session_end", (row.region, row.session_end.session_id)
    raise InvalidInput(detail="a row without a fact")


def check_form(row: Row) -> None:
    """Raises InvalidInput for a row that no region writes."""
    kind, key = key_of(row)
    parts = (row.region, *key)
    if any(
        not part or len(part) > MAX_ID_BYTES or (isinstance(part, str) and "\0" in part) for part in parts
    ):
        raise InvalidInput(detail=f"a {kind} row with an empty or overlong id")
    sound = {
        "jwt_key": len(row.jwt_key.public_key) == 32,
        "pin": bool(row.pin.org_id),
        "api_key": len(row.api_key.key_hash) == 32
        and bool(row.api_key.project_id)
        and row.api_key.environment in (Environment.ENVIRONMENT_LIVE, Environment.ENVIRONMENT_TEST),
        "org": row.org.epoch <= MAX_EPOCH and is_chain(row),
        "login_hint": is_chain(row),
        "org_operation": 0 < len(row.org_operation.operation_id) <= MAX_ID_BYTES
        and 0 < row.org_operation.begun_at_unix_ms <= MAX_EPOCH
        and bool(row.org_operation.kind),
        "session_end": 0 < row.session_end.forget_after_unix_ms <= MAX_EPOCH
        and 0 <= row.session_end.before_unix_ms <= MAX_EPOCH,
    }
    if not sound.get(kind, True):
        raise InvalidInput(detail=f"a malformed {kind} row")


def supersedes(new: Row, old: Row) -> bool:
    """Whether `new` replaces `old`, a row of the same key; False where nothing changes.

    Raises Conflict for a second, different value of what is written once, or of one epoch, and for an
    operation while another is in flight. Whose signatures a row carries is the verifier's to check.
    """
    if new == old:
        return False
    kind = new.WhichOneof("fact")
    if kind == "org" and epoch_of(new) < epoch_of(old):
        return False
    if kind in ("org", "login_hint") and epoch_of(new) > epoch_of(old):
        return _follows(new, old)
    if kind == "session_end":
        # A session ends once, and whatever is said later changes nothing; an account's may end again.
        return new.session_end.before_unix_ms > old.session_end.before_unix_ms > 0
    if kind == "org_operation":
        return _takes_turn(new.org_operation, old.org_operation)
    if new.region != old.region:
        raise Conflict
    match kind:
        case "api_key":
            return _ends(new, old, "api_key", "revoked")
        case "jwt_key":
            return _ends(new, old, "jwt_key", "retired")
        case "org":
            return False
    raise Conflict


def _follows(new: Row, old: Row) -> bool:
    """A later epoch counts if the region of the epoch that is known has given it away."""
    if region_at(new, epoch_of(old)) != old.region:
        raise Conflict
    return True


def _takes_turn(new: OrgOperation, old: OrgOperation) -> bool:
    """One at a time: the same one ends, or, once it has ended, a later one begins."""
    if new.operation_id == old.operation_id:
        return new.finished and not old.finished
    if not old.finished or new.begun_at_unix_ms <= old.begun_at_unix_ms:
        raise Conflict(ErrorReason.ERROR_REASON_OPERATION_IN_FLIGHT)
    return True


def _ends(new: Row, old: Row, kind: str, end: str) -> bool:
    """The only change of a key is its end, and a key that is revoked, or retired, stays so."""
    same = Row()
    same.CopyFrom(new)
    setattr(getattr(same, kind), end, getattr(getattr(old, kind), end))
    if same != old:
        raise Conflict
    ended: bool = getattr(getattr(new, kind), end)
    return ended
