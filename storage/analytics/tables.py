"""What ingest sends for each table: the contract of a row.

A row is a JSON object on one JSONEachRow line. Ingest encodes it once, with `tail`, and nothing encodes it
again; the writer puts `log_id` and `log_seq` before it. A row with an unknown field, or a value that does not
fit, is refused by the store and becomes a dead letter, so ingest checks before it answers:

- text is valid UTF-8, also inside raw JSON: ClickHouse takes any bytes, and readers can't decode them
- `properties` and `default_properties` are JSON objects byte for byte as sent, `{}` for none; they are copied
  unescaped into a String column, white space and repeated keys included; ClickHouse does not check them
- `timestamp_ms` is the client's time in milliseconds since 1970 (UTC), negative before, within 64 bits (else
  it wraps silently); the years 1 to 9999 are tested
- `received_at` is the server's time as SECONDS with three decimals, 1778337121.482, unquoted: an integer
  would be read as seconds. `seconds(ms)` makes it, exactly
- `traits` maps each key to the raw JSON text of its value: {"plan": "\\"pro\\"", "age": "41", "gone": "null"}
- `id` is `evt_…` (events), or any id that a retry repeats. With the project and environment (and the distinct
  id or alias) it is the row's key: of two rows with the same key the first received stays
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from storage.log import Table

DATABASE: Final = "sankofa"
"""Database of every table. Clients of the engine are in it, so that queries name tables alone."""

NOT_EXPIRED: Final = "(retention_days = 0 OR received_at + toIntervalDay(retention_days) > now64(3))"
"""Condition for every query of events: expired rows go every few hours only, and are hidden until then."""

Environment = Literal["live", "test"]


class EventRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A row of `events`. Read with FINAL."""

    project_id: str
    environment: Environment
    org_id: str
    id: str
    event_name: str
    distinct_id: str
    timestamp_ms: int
    received_at: msgspec.Raw
    properties: msgspec.Raw
    default_properties: msgspec.Raw
    event_id: str = ""
    session_id: str = ""
    os: str = ""
    browser: str = ""
    device_model: str = ""
    lib_version: str = ""
    retention_days: int = 0
    """Days after `received_at` that the row lives, 65535 at most; 0 is for ever."""


class PeopleRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A row of `people`: one change of traits, merged when read. Read with FINAL."""

    project_id: str
    environment: Environment
    org_id: str
    id: str
    distinct_id: str
    timestamp_ms: int
    received_at: msgspec.Raw
    traits: dict[str, str]


class AliasRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A row of `aliases`. Read with FINAL; order of arrival is (received_at, log_seq)."""

    project_id: str
    environment: Environment
    org_id: str
    id: str
    alias_id: str
    distinct_id: str
    timestamp_ms: int
    received_at: msgspec.Raw


Row = EventRow | PeopleRow | AliasRow

ROW_OF: Final[dict[Table, type[Row]]] = {
    Table.EVENTS: EventRow,
    Table.PEOPLE: PeopleRow,
    Table.ALIASES: AliasRow,
}

TABLES: Final = tuple(ROW_OF)
"""Those of the log's tables that are tables here."""

_encoder = msgspec.json.Encoder()


def tail(row: Row) -> bytes:
    """The row as the log takes it: its JSON without the opening brace."""
    return _encoder.encode(row)[1:]


def seconds(unix_ms: int) -> msgspec.Raw:
    """A server time, milliseconds since 1970, as `received_at` wants it. Once for a frame is enough."""
    return msgspec.Raw(b"%d.%03d" % divmod(unix_ms, 1000))
