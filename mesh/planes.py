"""What the contracts say of a call: its plane, its subject, its size. Read from the descriptors only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from mesh.errors import CrossingRefused
from sankofa.residency.v1 import options_pb2
from sankofa.residency.v1.error_pb2 import ErrorReason
from sankofa.residency.v1.options_pb2 import Plane, Subject

THIRD_PARTY: dict[str, Plane] = {
    "/grpc.health.v1.Health/Check": Plane.PLANE_LOCAL,
    "/grpc.health.v1.Health/Watch": Plane.PLANE_LOCAL,
    "/grpc.health.v1.Health/List": Plane.PLANE_LOCAL,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Plane.PLANE_LOCAL,
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": Plane.PLANE_LOCAL,
}
"""Services that are not ours get their planes here; one that is not listed is refused."""

UNTRACED = frozenset(
    {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        "/sankofa.residency.v1.LedgerService/Report",
    }
)
"""The way out of telemetry makes none: it would never come to rest. The ledger counts it."""

OF_RPCS = frozenset(Plane.values()) - {Plane.PLANE_UNSPECIFIED, Plane.PLANE_TRANSIT, Plane.PLANE_EGRESS}
"""Planes that an rpc may declare."""

INTERNAL_PLANES = frozenset({Plane.PLANE_DATA, Plane.PLANE_LOCAL})


@dataclass(frozen=True, slots=True)
class Named:
    """What a request names: a kind of subject and its id."""

    subject: Subject
    value: str


@dataclass(frozen=True, slots=True)
class Shape:
    """How to read a message type: its subject, its frame, the rows in it."""

    path: tuple[str, ...] | None
    subject: Subject
    frame: str | None
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@cache
def plane_of(rpc: str) -> Plane:
    """The plane of "/package.Service/Method". Raises CrossingRefused where it has none."""
    if rpc in THIRD_PARTY:
        return THIRD_PARTY[rpc]
    try:
        method = descriptor_pool.Default().FindMethodByName(rpc.lstrip("/").replace("/", "."))
    except KeyError:
        raise CrossingRefused(ErrorReason.ERROR_REASON_PLANE_UNKNOWN) from None
    plane: Plane = _option(method, options_pb2.plane)
    if plane not in OF_RPCS:
        raise CrossingRefused(ErrorReason.ERROR_REASON_PLANE_UNKNOWN)
    return plane


@cache
def shape_of(descriptor: Descriptor) -> Shape:
    """Reads a message type's options once."""
    rows = tuple(
        (field.name, tuple(child.name for child in _repeated_messages(field.message_type)))
        for field in _repeated_messages(descriptor)
    )
    for field in descriptor.fields:
        subject = _subject(field)
        if subject:
            return Shape((field.name,), subject, None, rows)
        for child in field.message_type.fields if field.message_type else ():
            if subject := _subject(child):
                if field.is_repeated:
                    return Shape(None, Subject.SUBJECT_UNSPECIFIED, field.name, rows)
                return Shape((field.name, child.name), subject, None, rows)
    return Shape(None, Subject.SUBJECT_UNSPECIFIED, None, rows)


def subject_of(request: Message) -> Named | None:
    """What a request names; None where it names nothing by itself (LOCAL, the registry, a frame)."""
    shape = shape_of(request.DESCRIPTOR)
    return None if shape.path is None else Named(shape.subject, subject_value(request))


def subject_value(request: Message) -> Any:
    """The id of what a request names; None where it names nothing. Messages of one type name one kind."""
    value: Any = request
    for name in shape_of(request.DESCRIPTOR).path or ():
        value = getattr(value, name)
    return None if value is request else value


def requests_in(message: Message) -> int:
    """A frame counts the requests in it; any other message is one."""
    frame = shape_of(message.DESCRIPTOR).frame
    return len(getattr(message, frame)) if frame else 1


def rows_in(message: Message) -> int:
    """Elements of its lists; in a list of lists, those of the inner ones."""
    total = 0
    for name, inner in shape_of(message.DESCRIPTOR).rows:
        items = getattr(message, name)
        total += sum(len(getattr(item, child)) for item in items for child in inner) if inner else len(items)
    return total


def _subject(field: FieldDescriptor) -> Subject:
    subject: Subject = _option(field, options_pb2.subject)
    return subject


def _option(described: Any, extension: Any) -> Any:
    return described.GetOptions().Extensions[extension]


def _repeated_messages(descriptor: Descriptor | None) -> list[FieldDescriptor]:
    fields = () if descriptor is None else descriptor.fields
    return [field for field in fields if field.is_repeated and field.message_type is not None]
