"""Fills a cell's analytics store with events that the engine itself makes: 300,000 a second and more.

`python -m bench.fill ANALYTICS_FOLDER` answers one line for each `Fill`, when the store has settled. It opens
the store through the storage layer, so no cell may run on it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from mesh.regions import DEFAULT_REGION
from storage.analytics.engine import Engine
from storage.analytics.handles import WriterHandle

MEMORY_BYTES: Final = 1_500_000_000
ROWS_A_PART: Final = 1_000_000
EVENTS_A_PERSON: Final = 100
ALIASES: Final = 100
MONTH_MS: Final = 30 * 24 * 3600 * 1000
QUIET_S: Final = 3.0
SETTLED_WITHIN_S: Final = 600.0

_ID: Final = "concat('evt_', substring(lower(hex(sipHash128(number))), 1, 21))"
_PERSON: Final = "concat('user_', leftPad(toString(sipHash64(number) % {people:UInt64}), 8, '0'))"
_TIME: Final = "{end_ms:Int64} - ({rows:Int64} - toInt64(number)) * {step_ms:Int64}"

_EVENTS: Final = f"""
    INSERT INTO events (log_id, log_seq, org_id, project_id, environment, id, event_name, distinct_id,
        timestamp_ms, received_at, session_id, os, browser, device_model, lib_version, properties,
        default_properties)
    SELECT 'log_bench', number + 1, {{org_id:String}}, {{project_id:String}}, 'live', {_ID},
        ['checkout_started', 'opened', '$screen', 'added_to_cart', 'paid'][number % 5 + 1], {_PERSON},
        {_TIME} AS at_ms, fromUnixTimestamp64Milli(at_ms + 50, 'UTC'),
        concat('sess_', toString(intDiv(number, 20))) AS session, 'ios', 'Safari', 'iPhone15,2', 'web@1.0.0',
        concat('{{"$session_id":"', session, '","cart_value":', toString(number % 500),
            '.99,"currency":"EUR","items":', toString(number % 9), ',"coupon":null}}'),
        '{{"$os":"ios","$browser":"Safari","$device_model":"iPhone15,2"}}'
    FROM numbers({{first:UInt64}}, {{count:UInt64}})
"""
_PEOPLE: Final = """
    INSERT INTO people (log_id, log_seq, org_id, project_id, environment, distinct_id, timestamp_ms,
        received_at, traits)
    SELECT 'log_bench', {rows:Int64} + number + 1, {org_id:String}, {project_id:String}, 'live',
        concat('user_', leftPad(toString(number), 8, '0')), {end_ms:Int64},
        fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC'),
        map('plan', '"pro"', 'age', toString(number % 90), 'city', '"Accra"')
    FROM numbers({people:UInt64})
"""
_ALIASES: Final = """
    INSERT INTO aliases (log_id, log_seq, org_id, project_id, environment, alias_id, distinct_id,
        timestamp_ms, received_at)
    SELECT 'log_bench', {rows:Int64} * 2 + number + 1, {org_id:String}, {project_id:String}, 'live',
        concat('anonymous_', toString(number)), concat('user_', leftPad(toString(number), 8, '0')),
        {end_ms:Int64}, fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
    FROM numbers({aliases:UInt64})
"""


class Fill(msgspec.Struct, frozen=True):
    """So many events of one project's live environment, over the 30 days before now, 100 for each person."""

    project_id: str
    org_id: str
    rows: int


class Filled(msgspec.Struct, frozen=True):
    """What is there, in how many parts, once all merges have ended."""

    rows: int
    people: int
    parts: int
    bytes: int
    seconds: float


def fill(folder: Path, wanted: Fill) -> Filled:
    """Inserts in the order of time, a million rows a part, and waits until no merge runs."""
    begun = time.monotonic()
    engine = Engine.embedded(folder, region=DEFAULT_REGION, max_memory_bytes=MEMORY_BYTES)
    try:
        writer = engine.writer()
        people = max(wanted.rows // EVENTS_A_PERSON, 1)
        bound = {
            **msgspec.structs.asdict(wanted),
            "people": people,
            "aliases": min(ALIASES, people),
            "end_ms": time.time_ns() // 1_000_000,
            "step_ms": max(MONTH_MS // wanted.rows, 1),
        }
        for first in range(0, wanted.rows, ROWS_A_PART):
            count = min(ROWS_A_PART, wanted.rows - first)
            writer.command(_EVENTS, bound | {"first": first, "count": count})
        writer.command(_PEOPLE, bound)
        writer.command(_ALIASES, bound)
        rows, parts, size = _settled(writer)
        return Filled(rows, people, parts, size, time.monotonic() - begun)
    finally:
        engine.close()


def _settled(writer: WriterHandle) -> tuple[int, int, int]:
    """Rows, parts and bytes of `events` once no merge has run for QUIET_S: the next one is planned later."""
    begun = quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < QUIET_S:
        if writer.query_rows("SELECT count() FROM system.merges")[0][0]:
            quiet_since = time.monotonic()
        if time.monotonic() - begun > SETTLED_WITHIN_S:
            raise RuntimeError(f"merges still run after {SETTLED_WITHIN_S:.0f} s")
        time.sleep(0.2)
    sql = "SELECT sum(rows), count(), sum(bytes_on_disk) FROM system.parts WHERE table = 'events' AND active"
    ((rows, parts, size),) = writer.query_rows(sql)
    return int(rows), int(parts), int(size)


if __name__ == "__main__":
    for line in sys.stdin:
        filled = fill(Path(sys.argv[1]), msgspec.json.decode(line, type=Fill))
        print(msgspec.json.encode(filled).decode(), flush=True)
