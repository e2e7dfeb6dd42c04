"""Proves a chain: what of it was changed, is missing, or is where it was not written.

What it can't find: rows that somebody with the whole database has written anew, every hash after them and the
head included. Against that helps an end that is kept elsewhere: by an operator, in an export, at a webhook.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from storage.records.audit.chain import AuditRow
from storage.records.audit.expiry import EXPIRED, through
from storage.records.audit.reading import Head

RowsOf = Callable[[], AsyncIterator[AuditRow]]
"""Reads the chain from its beginning."""

HeadOf = Callable[[], Awaitable[Head]]
"""Reads the end of the chain as it is now."""


class Kind(Enum):
    """What is wrong."""

    CHANGED = "changed"
    """The row is not what was written, or not where it was written."""
    MISSING = "missing"
    """Rows are not there."""
    BEYOND = "beyond the end"
    """The row is beyond the end that the chain says it has."""
    HEAD = "end"
    """The chain's end says another hash than its last row has."""
    BEGINNING = "beginning"
    """The chain begins elsewhere than its last `audit.expired` says."""
    REWRITTEN = "written anew"
    """The row is not the one that the chain once ended with."""


@dataclass(frozen=True, slots=True)
class Defect:
    """Rows `seq` to `last` of a chain; the id of the first, where it is there."""

    kind: Kind
    seq: int
    last: int
    audit_id: str = ""


@dataclass(slots=True)
class Proof:
    """A chain that was read: its end, how many rows, and what is wrong. No defect: it holds."""

    head: Head
    rows: int
    defects: list[Defect]


async def prove(head_of: HeadOf, rows_of: RowsOf, ends: Mapping[int, bytes] | None = None) -> Proof:
    """Reads a chain from its first row that is kept to its end.

    A row is compared with the hash that the row before it has, not with what that should be: so each defect
    is told once, where it is. What is written while it is read is not looked at; where old rows are let go
    meanwhile, it is read again. `ends`: the number and hash of rows that it ended with before.
    """
    while True:
        head = await head_of()
        proof = await _prove(head, head_of, rows_of(), ends or {})
        if (await head_of()).first_seq == head.first_seq:
            return proof


async def _prove(
    head: Head, head_of: HeadOf, rows: AsyncIterator[AuditRow], ends: Mapping[int, bytes]
) -> Proof:
    proof = Proof(head, 0, [])
    seq, last, let_go = head.first_seq, head.first_hash, 0
    beyond: AuditRow | None = None
    async for row in rows:
        if row.seq > head.seq:
            beyond = row
            break
        if row.seq > seq + 1:
            proof.defects.append(Defect(Kind.MISSING, seq + 1, row.seq - 1))
        elif row.hashed_after(last) != row.hash:
            proof.defects.append(Defect(Kind.CHANGED, row.seq, row.seq, row.audit_id))
        elif ends.get(row.seq, row.hash) != row.hash:
            proof.defects.append(Defect(Kind.REWRITTEN, row.seq, row.seq, row.audit_id))
        seq, last = row.seq, row.hash
        proof.rows += 1
        if row.action == EXPIRED:
            let_go = through(row)
    if seq < head.seq:
        proof.defects.append(Defect(Kind.MISSING, seq + 1, head.seq))
    elif last != head.hash:
        proof.defects.append(Defect(Kind.HEAD, seq, seq))
    if let_go != head.first_seq:
        # The head is in no chain; the row that says where the chain begins is.
        between = sorted((let_go, head.first_seq))
        proof.defects.append(Defect(Kind.BEGINNING, between[0] + 1, between[1]))
    if cut := [end for end in ends if end > head.seq]:
        proof.defects.append(Defect(Kind.MISSING, head.seq + 1, max(cut)))
    if beyond is not None and (await head_of()).seq < beyond.seq:
        proof.defects.append(Defect(Kind.BEYOND, beyond.seq, beyond.seq, beyond.audit_id))
    return proof
