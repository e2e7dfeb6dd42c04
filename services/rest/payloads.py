"""Ingestion bodies as typed structs; property bags stay the JSON text that was sent."""

from __future__ import annotations

import threading
from typing import Annotated, Any, Final, NoReturn, TypeAlias, TypeVar

import msgspec

from mesh.errors import InvalidInput
from sankofa.ingest.v1.ingest_pb2 import AppendItem, Operation
from sankofa.residency.v1.error_pb2 import ErrorReason

LONGEST_TEXT: Final = 8192
"""Characters of a name or an id: longer ones would make a page of a thousand events too large to answer."""

Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)]
Time: TypeAlias = str | int | float | None
T = TypeVar("T")
_NO_BAG: Final = msgspec.Raw(b"")
_INT64: Final = 1 << 63
MOST_OPERATIONS: Final = 10_000
"""Of one batch, unless configured: 30 ms of work here and 60 ms at ingest (measured): others hardly wait."""


class TrackBody(msgspec.Struct):
    """POST /api/v1/track."""

    event_name: Text | None = None
    distinct_id: Text | None = None
    timestamp: Time = None
    properties: msgspec.Raw = _NO_BAG
    default_properties: msgspec.Raw = _NO_BAG
    lib_version: Text | None = None
    event_id: Text | None = None

    def complete(self) -> bool:
        """Whether all that is required is there."""
        return bool(self.event_name and self.distinct_id)

    def write(self, operation: Operation) -> None:
        """Fills an operation in place (building it apart costs three times as much). Raises ValueError."""
        track = operation.track
        track.SetInParent()
        track.event_name = self.event_name or ""
        track.distinct_id = self.distinct_id or ""
        track.properties = _bag(self.properties)
        track.default_properties = _bag(self.default_properties)
        if self.timestamp is not None:
            track.timestamp = _time(self.timestamp)
        if self.lib_version is not None:
            track.lib_version = self.lib_version
        if self.event_id is not None:
            track.event_id = self.event_id


class PeopleBody(msgspec.Struct):
    """POST /api/v1/people."""

    distinct_id: Text | None = None
    properties: msgspec.Raw = _NO_BAG
    timestamp: Time = None

    def complete(self) -> bool:
        """Whether all that is required is there."""
        return bool(self.distinct_id)

    def write(self, operation: Operation) -> None:
        """Fills an operation in place. Raises ValueError where the bag is no object."""
        people = operation.people
        people.distinct_id = self.distinct_id or ""
        people.properties = _bag(self.properties) or b"{}"
        people.timestamp = _time(self.timestamp)


class AliasBody(msgspec.Struct):
    """POST /api/v1/alias."""

    alias_id: Text | None = None
    distinct_id: Text | None = None
    timestamp: Time = None

    def complete(self) -> bool:
        """Whether all that is required is there."""
        return bool(self.alias_id and self.distinct_id)

    def write(self, operation: Operation) -> None:
        """Fills an operation in place."""
        alias = operation.alias
        alias.SetInParent()
        alias.alias_id = self.alias_id or ""
        alias.distinct_id = self.distinct_id or ""
        alias.timestamp = _time(self.timestamp)


Body: TypeAlias = TrackBody | PeopleBody | AliasBody


class _TrackOperation(msgspec.Struct, tag_field="type", tag="track"):
    payload: TrackBody


class _PeopleOperation(msgspec.Struct, tag_field="type", tag="people"):
    payload: PeopleBody


class _AliasOperation(msgspec.Struct, tag_field="type", tag="alias"):
    payload: AliasBody


class _Batch(msgspec.Struct):
    operations: list[_TrackOperation | _PeopleOperation | _AliasOperation] | None = None


class _Counter(threading.local):
    left = 0


class _CountedOperation(msgspec.Struct):
    """An operation that is only counted: decoding ends with the first one too many, and has kept nothing."""

    def __post_init__(self) -> None:
        _counter.left -= 1
        if _counter.left < 0:
            raise InvalidInput(ErrorReason.ERROR_REASON_TOO_MANY_OPERATIONS)


class _CountedBatch(msgspec.Struct):
    operations: list[_CountedOperation] | None = None


class _Texts(msgspec.Struct):
    """The fields of any payload that have a bound."""

    event_name: msgspec.Raw = _NO_BAG
    distinct_id: msgspec.Raw = _NO_BAG
    alias_id: msgspec.Raw = _NO_BAG
    lib_version: msgspec.Raw = _NO_BAG
    event_id: msgspec.Raw = _NO_BAG


class _LooseOperation(msgspec.Struct):
    type: str | None = None
    payload: msgspec.Raw = _NO_BAG


class _LooseBatch(msgspec.Struct):
    operations: list[_LooseOperation] | None = None


_decoders: Final[dict[type[Body], msgspec.json.Decoder[Any]]] = {
    kind: msgspec.json.Decoder(kind) for kind in (TrackBody, PeopleBody, AliasBody)
}
_batch_decoder: Final = msgspec.json.Decoder(_Batch)
_counter: Final = _Counter()
_counted_decoder: Final = msgspec.json.Decoder(_CountedBatch)
_texts_decoder: Final = msgspec.json.Decoder(_Texts)
_text_decoder: Final = msgspec.json.Decoder(str)
_loose_decoder: Final = msgspec.json.Decoder(_LooseBatch)
_KINDS: Final[dict[str, tuple[type[Body], ErrorReason]]] = {
    "track": (TrackBody, ErrorReason.ERROR_REASON_INVALID_TRACK_PAYLOAD),
    "people": (PeopleBody, ErrorReason.ERROR_REASON_INVALID_PEOPLE_PAYLOAD),
    "alias": (AliasBody, ErrorReason.ERROR_REASON_INVALID_ALIAS_PAYLOAD),
}


def single(kind: type[Body], body: bytes, item: AppendItem) -> None:
    """Writes a track, people or alias body into an item. Raises InvalidInput."""
    try:
        _payload(kind, body).write(item.operations.add())
    except ValueError as error:
        raise InvalidInput(ErrorReason.ERROR_REASON_INVALID_BODY) from error


def batch(body: bytes, item: AppendItem, *, most: int = MOST_OPERATIONS) -> None:
    """Writes the operations of a batch into an item, in order. Raises InvalidInput for the first bad one.

    One of more than `most` operations is refused before anything is spent on it.
    """
    if body.count(b"{") > 2 * most:  # an operation has two at least; most batches are done with here
        _count(body, most)
    try:
        operations = _decode(_batch_decoder, body).operations
        if operations and all(operation.payload.complete() for operation in operations):
            for operation in operations:
                operation.payload.write(item.operations.add())
            return
    except ValueError:
        pass  # one pass says that something is bad; a second one, operation by operation, says what
    _explain(body)


def _count(body: bytes, most: int) -> None:
    """Raises InvalidInput: too many operations, or none that can be counted."""
    _counter.left = most
    try:
        _decode(_counted_decoder, body)
    except InvalidInput as refused:
        raise InvalidInput(refused.reason, detail=f"{most} at most") from None
    except ValueError as error:
        raise InvalidInput(ErrorReason.ERROR_REASON_INVALID_BODY) from error


def _explain(body: bytes) -> NoReturn:
    """Finds what is wrong with a batch, and raises it."""
    try:
        operations = _decode(_loose_decoder, body).operations
    except ValueError as error:
        raise InvalidInput(ErrorReason.ERROR_REASON_INVALID_BODY) from error
    if not operations:
        raise InvalidInput(ErrorReason.ERROR_REASON_NO_OPERATIONS)
    for operation in operations:
        _check(operation)
    raise InvalidInput(ErrorReason.ERROR_REASON_INVALID_BODY)


def _check(operation: _LooseOperation) -> None:
    if operation.type not in _KINDS:
        raise InvalidInput(ErrorReason.ERROR_REASON_UNKNOWN_OPERATION_TYPE)
    kind, malformed = _KINDS[operation.type]
    try:
        payload = _payload(kind, bytes(operation.payload))
        payload.write(Operation())
    except ValueError as error:
        raise InvalidInput(malformed) from error
    if not payload.complete():
        raise InvalidInput(malformed)


def _payload(kind: type[Body], text: bytes) -> Body:
    """Raises ValueError; InvalidInput where a text is too long."""
    try:
        payload: Body = _decode(_decoders[kind], text)
    except msgspec.ValidationError:
        _check_lengths(_decode(_texts_decoder, text))
        raise
    return payload


def _check_lengths(texts: _Texts) -> None:
    for name in texts.__struct_fields__:
        raw = getattr(texts, name)
        if len(raw) > LONGEST_TEXT and len(_decode(_text_decoder, bytes(raw))) > LONGEST_TEXT:
            raise InvalidInput(detail=f"{name} has more than {LONGEST_TEXT} characters")


def _decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Raises ValueError, as msgspec's errors are. It skips over Raw, so UTF-8 is checked here."""
    if not body.isascii():
        body.decode("utf-8")
    try:
        return decoder.decode(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _bag(raw: msgspec.Raw) -> bytes:
    text = bytes(raw)
    if not text or text[0] == 0x7B:  # {
        return text
    if text == b"null":
        return b""
    raise ValueError("not an object")


def _time(value: Time) -> str:
    """A number as the text of unix milliseconds; one past 64 bits is no time, and is left out."""
    if value is None or isinstance(value, str):
        return value or ""
    return str(int(value)) if -_INT64 <= value < _INT64 else ""
