"""The region's mirror of its audit logs: inserts what is missing, erases what is over, down to the files.

The records have each row too. So the table keeps no parts longer than it must, and what it has lost is copied
anew. A row counts once whatever was repeated: its key is its scope and its number. Read with FINAL.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Final, TypeVar

import msgspec

from storage.analytics.engine import Engine
from storage.analytics.errors import StoreUnavailable
from storage.analytics.parts import Parts
from storage.analytics.tables import seconds
from storage.records.audit.chain import AuditRow

T = TypeVar("T")

KEPT: Final = timedelta(days=730)
"""How old a row may be: the table's TTL. By its plan it may go before, with the records."""

EVERYTHING: Final = (1 << 63) - 1
"""A number beyond any row's."""

WAIT_S: Final = 60.0
POLL_S: Final = 0.1

_PREFIX: Final = "sankofa-audit-mirror-"
_WHOLE: Final = "SETTINGS select_sequential_consistency = 1"
_COLUMNS: Final = (
    "scope, seq, audit_id, toUnixTimestamp64Milli(at), actor_id, actor_email, action, resource_type, "
    "resource_id, before, after, metadata, hash"
)
_ERASE: Final = (
    "ALTER TABLE audit_rows DELETE WHERE scope IN {scopes:Array(String)} AND "
    "seq <= transform(scope, {scopes:Array(String)}, {through:Array(UInt64)}, toUInt64(0)) "
    "SETTINGS mutations_sync = 0"
)
_VALUES: Final = {
    "action": "action",
    "actor": "actor_id",
    "resource_type": "resource_type",
    "month": "formatDateTime(at, '%Y-%m')",
}
COUNTED_BY: Final = tuple(_VALUES)
VALUES_AT_MOST: Final = 1000
_OF_TABLE: Final = "database = currentDatabase() AND table = 'audit_rows'"


class _Line(msgspec.Struct, frozen=True, gc=False):
    scope: str
    seq: int
    audit_id: str
    at: msgspec.Raw
    actor_id: str
    actor_email: str
    action: str
    resource_type: str
    resource_id: str
    before: str
    after: str
    metadata: str
    hash: str


_encoder = msgspec.json.Encoder()


class AuditMirrorStore:
    """Has a thread of its own, so that no insert runs while it erases. Methods may raise StoreUnavailable."""

    def __init__(self, *, engine: Engine) -> None:
        self._engine = engine
        self._handle = engine.writer()
        self._parts = Parts(session=self._handle)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="audit-mirror")

    async def settle(self) -> None:
        """Returns when no insert runs any more: only then does a look tell the truth."""
        await self._in_thread(lambda: self._handle.settle(_PREFIX))

    async def missing(self, rows: Sequence[AuditRow]) -> list[AuditRow]:
        """Those whose number is not there; it does not look at what they say."""
        sql = (
            "SELECT DISTINCT scope, seq FROM audit_rows "
            f"WHERE scope IN {{scopes:Array(String)}} AND seq IN {{seqs:Array(UInt64)}} {_WHOLE}"
        )
        bound = {"scopes": sorted({row.scope for row in rows}), "seqs": sorted({row.seq for row in rows})}
        there = set(await self._in_thread(lambda: self._handle.query_rows(sql, bound)))
        return [row for row in rows if (row.scope, row.seq) not in there]

    async def insert(self, rows: Sequence[AuditRow]) -> None:
        """One insert, on disk when it returns."""
        await self._in_thread(lambda: self._insert(rows))

    def _insert(self, rows: Sequence[AuditRow]) -> None:
        lines = _encoder.encode_lines([_line(row) for row in rows])
        query_id = f"{_PREFIX}{rows[0].scope}-{rows[0].seq}"
        self._handle.insert("audit_rows", lines, query_id=query_id)
        self._parts.verify("audit_rows")

    async def erase(self, through: Mapping[str, int]) -> None:
        """Returns when no row up to these numbers is left, by scope: in no answer, and in no file."""
        await self._in_thread(lambda: self._erase(through))

    def _erase(self, through: Mapping[str, int]) -> None:
        deadline = time.monotonic() + WAIT_S
        bound = {"scopes": list(through), "through": list(through.values())}
        self._handle.command(_ERASE, bound)
        while self._handle.query_rows(f"SELECT 1 FROM system.mutations WHERE {_OF_TABLE} AND NOT is_done"):
            _pause(deadline)
        self._leave_nothing(deadline)

    def _leave_nothing(self, deadline: float) -> None:
        """The parts that held rows which are erased, those that a start has found or put aside included."""
        self._handle.command("SYSTEM WAIT LOADING PARTS audit_rows")
        inactive = f"SELECT name FROM system.parts WHERE {_OF_TABLE} AND NOT active"
        old = set(self._handle.query_rows(inactive))
        while old & set(self._handle.query_rows(inactive)):
            # The engine looks for old parts when it drops some, and else when it comes to it.
            self._handle.command("ALTER TABLE audit_rows DROP PARTITION ID '197001'")
            _pause(deadline)
        apart = f"SELECT name FROM system.detached_parts WHERE {_OF_TABLE}"
        for (name,) in self._handle.query_rows(apart):
            self._handle.command(
                "ALTER TABLE audit_rows DROP DETACHED PART {name:String} SETTINGS allow_drop_detached = 1",
                {"name": name},
            )

    async def counts(self, since_ms: int) -> dict[str, int]:
        """How many rows there are, not older than a time, by scope; scopes of which all are older as 0."""
        sql = (
            "SELECT scope, countIf(at >= fromUnixTimestamp64Milli({since:Int64})) FROM audit_rows FINAL "
            f"GROUP BY scope {_WHOLE}, max_threads = 1"
        )
        return dict(await self._in_thread(lambda: self._handle.query_rows(sql, {"since": since_ms})))

    async def rows(self, scope: str, after: int, since_ms: int, limit: int) -> list[AuditRow]:
        """The first rows beyond a number that are not older than a time, in their order."""
        sql = (
            f"SELECT {_COLUMNS} FROM audit_rows FINAL "
            "WHERE scope = {scope:String} AND seq > {after:UInt64} "
            "AND at >= fromUnixTimestamp64Milli({since:Int64}) "
            f"ORDER BY seq LIMIT {{limit:UInt32}} {_WHOLE}"
        )
        bound = {"scope": scope, "after": after, "since": since_ms, "limit": limit}
        found = await self._in_thread(lambda: self._handle.query_rows(sql, bound))
        return [_row(*row) for row in found]

    async def count_by(
        self, what: str, scope: str, after: int, since_ms: int, until_ms: int
    ) -> list[tuple[str, int]]:
        """Rows beyond a number and of a time, by one of COUNTED_BY: values and counts, most first.

        A query like a customer's: read-only, in the engine's pool, within its limits.
        """
        sql = (
            f"SELECT toString({_VALUES[what]}) AS value, count() AS rows FROM audit_rows FINAL "
            "WHERE scope = {scope:String} AND seq > {after:UInt64} "
            "AND at >= fromUnixTimestamp64Milli({since:Int64}) "
            "AND at < fromUnixTimestamp64Milli({until:Int64}) "
            "GROUP BY value ORDER BY rows DESC, value LIMIT {most:UInt32}"
        )
        bound = {"scope": scope, "after": after, "since": since_ms, "until": until_ms}
        found = await self._engine.query(sql, bound | {"most": VALUES_AT_MOST})
        return [(str(value), int(rows)) for value, rows in found]

    def close(self) -> None:
        """Waits for the call that runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _pause(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise StoreUnavailable("ERASURE_STILL_RUNNING")
    time.sleep(POLL_S)


def _line(row: AuditRow) -> _Line:
    return _Line(
        row.scope,
        row.seq,
        row.audit_id,
        seconds(row.at_ms),
        row.actor_id,
        row.actor_email,
        row.action,
        row.resource_type,
        row.resource_id,
        row.before,
        row.after,
        row.metadata,
        row.hash.hex(),
    )


def _row(*values: Any) -> AuditRow:
    *fields, hashed = values
    return AuditRow(*(*fields, _hash(hashed)))


def _hash(text: str) -> bytes:
    """What is no hash compares unequal to every one."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return text.encode()
