"""Carries out erasures, in their place among the rows of the log."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from storage.analytics.erasing import Eraser, ErasureOrder
from storage.log import DurableLog, Record

_encoder = msgspec.json.Encoder()
_order = msgspec.json.Decoder(ErasureOrder)


class _Named(msgspec.Struct, frozen=True):
    """What a row says of whom it is about; empty for what it does not say."""

    environment: str = ""
    distinct_id: str = ""
    alias_id: str = ""


_named = msgspec.json.Decoder(_Named)


def order_row(order: ErasureOrder) -> bytes:
    """An order as the log takes it."""
    return _encoder.encode(order)[1:]


class Erasures:
    """What is before an order in the log is stored, what is after it is not yet: it erases the former."""

    def __init__(self, *, log: DurableLog, eraser: Eraser) -> None:
        self._log = log
        self._eraser = eraser

    def carry_out(self, record: Record) -> None:
        """Dead letters too, and they first: their rows are the last that name the person. May be repeated."""
        order = _order.decode(b"{" + record.row)
        ids = self._eraser.ids_of(order)
        for letter in self._log.dead_letters():
            if _is_about(letter.record, order, ids):
                self._log.drop(letter.record.seq)
        # With its place: replayed as a dead letter it is another erasure, of all that has come since.
        self._eraser.erase(order, ids, name=f"{order.erasure_id}/{record.seq}")


def _is_about(record: Record, order: ErasureOrder, ids: Sequence[str]) -> bool:
    """A row that can't be read is about whom it mentions: rather one letter too many than one less."""
    if record.project_id != order.project_id:
        return False
    try:
        row = _named.decode(b"{" + record.row)
    except (msgspec.DecodeError, RecursionError):
        return any(_encoder.encode(one)[1:-1] in record.row for one in ids)
    return row.environment in ("", order.environment) and (row.distinct_id in ids or row.alias_id in ids)
