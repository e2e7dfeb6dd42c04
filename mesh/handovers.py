"""How an organisation, or an account, came to the region it is in: by the word of each region that it left.

The first epoch of everything is 1, in the region that made it. Each later epoch begins with a handover that
the region of the epoch before has signed. A row carries all of them, so that who has seen no epoch between
two can still tell that the second follows from the first, and trusts no registry with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sankofa.registry.v1.registry_pb2 import Handover, Row

FIRST_EPOCH: Final = 1

VOUCHES_MS: Final = 20 * 60_000
"""How long after a handover the region that gave it still vouches for people: longer than its tokens last."""

_DOMAIN: Final = b"sankofa.registry.v1.Handover\x00"
_CARRIERS: Final = ("org", "login_hint")


def message_of(handover: Handover) -> bytes:
    """What the region that is left signs."""
    unsigned = Handover()
    unsigned.CopyFrom(handover)
    unsigned.ClearField("signature")
    return _DOMAIN + unsigned.SerializeToString(deterministic=True)


def handovers_of(row: Row) -> Sequence[Handover]:
    """The handovers that a row carries; none where it is of a kind that never moves."""
    kind = row.WhichOneof("fact")
    return getattr(row, kind).handovers if kind in _CARRIERS else ()


def epoch_of(row: Row) -> int:
    """The epoch of an organisation's row, or of a login hint's."""
    return row.org.epoch if row.WhichOneof("fact") == "org" else FIRST_EPOCH + len(row.login_hint.handovers)


def region_at(row: Row, epoch: int) -> str:
    """The region of an epoch, this row's or one before it, as the row tells it."""
    later = [handover for handover in handovers_of(row) if handover.epoch > epoch]
    return later[0].from_region if later else row.region


def is_chain(row: Row) -> bool:
    """Whether a row's handovers are of its subject, one after the other, and end in its region and epoch."""
    handovers = handovers_of(row)
    subject = (
        ("org_id", row.org.org_id) if row.WhichOneof("fact") == "org" else ("login_hint", row.login_hint.hint)
    )
    region = handovers[0].from_region if handovers else row.region
    for epoch, handover in enumerate(handovers, FIRST_EPOCH + 1):
        named = handover.WhichOneof("subject") or ""
        if (named, getattr(handover, named, "")) != subject or handover.epoch != epoch:
            return False
        if handover.from_region != region:
            return False
        region = handover.to_region
    return region == row.region and epoch_of(row) == FIRST_EPOCH + len(handovers)
