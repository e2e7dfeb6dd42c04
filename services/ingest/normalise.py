"""Operations as clients send them → rows. The rules are those of the public API's "Ingestion" chapter.

Pure: no clock, no directory, no disk. A required field that is missing, or a bag that is not a JSON object,
raises InvalidInput with its reason; a garbage id gives no row.
"""

from __future__ import annotations

import msgspec

from mesh.errors import InvalidInput
from sankofa.ingest.v1.ingest_pb2 import Alias, Command, People, Track
from sankofa.residency.v1.error_pb2 import (
    ERROR_REASON_INVALID_BODY,
    ERROR_REASON_MISSING_ALIAS_ID,
    ERROR_REASON_MISSING_DISTINCT_ID,
    ERROR_REASON_MISSING_EVENT_NAME,
    ERROR_REASON_TOO_MANY_PROPERTIES,
    ErrorReason,
)
from services.ingest import ids, timestamps
from services.ingest.user_agent import Device
from storage.analytics.tables import AliasRow, Environment, EventRow, PeopleRow

SCREEN_EVENTS = frozenset({"$screen", "$screen_view"})
_SHORTEST_ID = 2
LONGEST_TEXT = 8192
"""Characters of what a column holds apart from the bag: a page of a thousand events has to be answered."""
MOST_TRAITS = 10_000
"""Of one person in one operation: 3 ms of work, while all of the region waits."""
MOST_TRAITS_OF_A_REQUEST = 100_000
_TRAITS_BYTES = 1 << 20
_EMPTY_BAG = msgspec.Raw(b"{}")


class Origin(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What all operations of one request share. `received_at` is the server's time as the store reads it."""

    project_id: str
    org_id: str
    environment: Environment
    device: Device
    retry_key: str
    received_at_ms: int
    received_at: msgspec.Raw
    retention_days: int


_Scalar = str | int | bool | None


class _Known(msgspec.Struct, frozen=True, gc=False, rename=lambda name: f"${name}"):
    """The properties that ingest reads. msgspec checks the syntax of all others on its way past them."""

    timestamp: _Scalar = None
    time: _Scalar = None
    session_id: _Scalar = None
    screen_name: _Scalar = None
    os: _Scalar = None
    browser: _Scalar = None
    device_model: _Scalar = None


class _Unread(msgspec.Struct, frozen=True, gc=False, rename=lambda name: f"${name}"):
    """The same where one is of another type: a large value must not become many small objects."""

    timestamp: msgspec.Raw = msgspec.Raw(b"null")
    time: msgspec.Raw = msgspec.Raw(b"null")
    session_id: msgspec.Raw = msgspec.Raw(b"null")
    screen_name: msgspec.Raw = msgspec.Raw(b"null")
    os: msgspec.Raw = msgspec.Raw(b"null")
    browser: msgspec.Raw = msgspec.Raw(b"null")
    device_model: msgspec.Raw = msgspec.Raw(b"null")


_KNOWN = msgspec.json.Decoder(_Known)
_UNREAD = msgspec.json.Decoder(_Unread)
_SCALAR: msgspec.json.Decoder[_Scalar] = msgspec.json.Decoder(_Scalar)
_TRAITS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NOTHING = _Known()


def event_row(track: Track, origin: Origin, index: int) -> tuple[EventRow | None, Command | None]:
    """The row of an event and what the SDK should do next; neither for a garbage distinct_id."""
    event_name, distinct_id, event_id = track.event_name, track.distinct_id, track.event_id
    _require(event_name, ERROR_REASON_MISSING_EVENT_NAME)
    _require(distinct_id, ERROR_REASON_MISSING_DISTINCT_ID)
    if _is_garbage(distinct_id):
        return None, None
    properties, default_properties = track.properties, track.default_properties
    sent, defaults = _known(properties), _known(default_properties)
    device = origin.device
    row = EventRow(
        id=_event_id(event_id, origin, index),
        event_id=event_id,
        project_id=origin.project_id,
        org_id=origin.org_id,
        environment=origin.environment,
        event_name=event_name,
        distinct_id=distinct_id,
        timestamp_ms=_time(track.timestamp, sent, origin.received_at_ms),
        received_at=origin.received_at,
        session_id=_text(sent.session_id),
        os=_text(sent.os) or _text(defaults.os) or device.os,
        browser=_text(sent.browser) or _text(defaults.browser) or device.browser,
        device_model=_text(sent.device_model) or _text(defaults.device_model) or device.device_model,
        lib_version=track.lib_version,
        properties=_bag(properties),
        default_properties=_bag(default_properties),
        retention_days=origin.retention_days,
    )
    screen = Command(screen=_text(sent.screen_name)) if event_name in SCREEN_EVENTS else None
    return row, screen


def person_row(people: People, origin: Origin, index: int) -> PeopleRow | None:
    """The row of a person's traits; None for a garbage distinct_id."""
    _require(people.distinct_id, ERROR_REASON_MISSING_DISTINCT_ID)
    if _is_garbage(people.distinct_id):
        return None
    return PeopleRow(
        id=_operation_id(origin, index),
        project_id=origin.project_id,
        org_id=origin.org_id,
        environment=origin.environment,
        distinct_id=people.distinct_id,
        timestamp_ms=_time(people.timestamp, _NOTHING, origin.received_at_ms),
        received_at=origin.received_at,
        traits=_traits(people.properties),
    )


def alias_row(alias: Alias, origin: Origin, index: int) -> AliasRow | None:
    """The row of an alias; None where either id is garbage: it would make strangers one person."""
    _require(alias.alias_id, ERROR_REASON_MISSING_ALIAS_ID)
    _require(alias.distinct_id, ERROR_REASON_MISSING_DISTINCT_ID)
    if _is_garbage(alias.distinct_id) or _is_garbage(alias.alias_id):
        return None
    return AliasRow(
        id=_operation_id(origin, index),
        project_id=origin.project_id,
        org_id=origin.org_id,
        environment=origin.environment,
        alias_id=alias.alias_id,
        distinct_id=alias.distinct_id,
        timestamp_ms=_time(alias.timestamp, _NOTHING, origin.received_at_ms),
        received_at=origin.received_at,
    )


def _require(value: str, reason: ErrorReason) -> None:
    if not value:
        raise InvalidInput(reason)


def _is_garbage(distinct_id: str) -> bool:
    """Ids that come from a header put in the wrong place."""
    text = distinct_id.lower()  # and no loop nor regular expression: this is a tenth of an event's cost
    return (
        len(text) < _SHORTEST_ID
        or "gzip" in text
        or "*/*" in text
        or "deflate" in text
        or "identity" in text
        or "accept" in text
    )


def _event_id(event_id: str, origin: Origin, index: int) -> str:
    if event_id:
        return ids.id_of_event_id(origin.project_id, origin.environment, event_id)
    return _operation_id(origin, index)


def _operation_id(origin: Origin, index: int) -> str:
    if origin.retry_key:
        return ids.id_of_key(origin.project_id, origin.environment, origin.retry_key, index)
    return ids.random_id()


def _time(sent: str, known: _Known, received_at_ms: int) -> int:
    """The first that parses: a client's valid time is never overwritten."""
    parsed = timestamps.parse(sent) if sent else None
    if parsed is None and known.timestamp is not None:
        parsed = timestamps.parse(_text(known.timestamp))
    if parsed is None and known.time is not None:
        parsed = timestamps.parse(_text(known.time))
    return received_at_ms if parsed is None else parsed


def _bag(sent: bytes) -> msgspec.Raw:
    return msgspec.Raw(sent) if sent else _EMPTY_BAG


def _known(bag: bytes) -> _Known:
    """Reads a bag, and checks all of it: one row that ClickHouse can't read fails a whole insert."""
    if not bag:
        return _NOTHING
    try:
        if not bag.isascii():
            bag.decode()  # msgspec does not look at the UTF-8 of what it passes by
        try:
            return _KNOWN.decode(bag)
        except msgspec.ValidationError:
            return _Known(*map(_scalar, msgspec.structs.astuple(_UNREAD.decode(bag))))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInput(ERROR_REASON_INVALID_BODY) from None


def _scalar(raw: msgspec.Raw) -> _Scalar:
    """What it is; a fraction is the text of its digits, an array and an object are nothing."""
    try:
        return _SCALAR.decode(raw)
    except msgspec.ValidationError:
        text = bytes(raw)
        return text.decode() if text[0] not in b"[{" else None


def _traits(bag: bytes) -> dict[str, str]:
    if not bag:
        return {}
    may_be_many = bag.count(b":") > MOST_TRAITS
    if may_be_many and len(bag) > _TRAITS_BYTES:  # to count them exactly would take what they are refused for
        raise InvalidInput(ERROR_REASON_TOO_MANY_PROPERTIES)
    try:
        found = _TRAITS.decode(bag)
        if may_be_many and len(found) > MOST_TRAITS:
            raise InvalidInput(ERROR_REASON_TOO_MANY_PROPERTIES)
        return {key: bytes(value).decode() for key, value in found.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInput(ERROR_REASON_INVALID_BODY) from None


def _text(value: _Scalar) -> str:
    """A string's text or a number's digits; empty for anything else, for nothing, for what is too long."""
    if type(value) is str:
        return value if len(value) <= LONGEST_TEXT else ""
    return str(value) if type(value) is int else ""
