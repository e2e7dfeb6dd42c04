from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Side(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIDE_UNSPECIFIED: _ClassVar[Side]
    SIDE_CLIENT: _ClassVar[Side]
    SIDE_SERVER: _ClassVar[Side]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_ALLOWED: _ClassVar[Verdict]
    VERDICT_REFUSED: _ClassVar[Verdict]
SIDE_UNSPECIFIED: Side
SIDE_CLIENT: Side
SIDE_SERVER: Side
VERDICT_UNSPECIFIED: Verdict
VERDICT_ALLOWED: Verdict
VERDICT_REFUSED: Verdict

class Edge(_message.Message):
    __slots__ = ("side", "caller_region", "callee_region", "rpc", "plane", "verdict", "requests", "answered", "rows", "bytes")
    SIDE_FIELD_NUMBER: _ClassVar[int]
    CALLER_REGION_FIELD_NUMBER: _ClassVar[int]
    CALLEE_REGION_FIELD_NUMBER: _ClassVar[int]
    RPC_FIELD_NUMBER: _ClassVar[int]
    PLANE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    side: Side
    caller_region: str
    callee_region: str
    rpc: str
    plane: _options_pb2.Plane
    verdict: Verdict
    requests: int
    answered: int
    rows: int
    bytes: int
    def __init__(self, side: _Optional[_Union[Side, str]] = ..., caller_region: _Optional[str] = ..., callee_region: _Optional[str] = ..., rpc: _Optional[str] = ..., plane: _Optional[_Union[_options_pb2.Plane, str]] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., requests: _Optional[int] = ..., answered: _Optional[int] = ..., rows: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class Witness(_message.Message):
    __slots__ = ("instance_id", "role", "region", "started_at_unix_ms", "reported_at_unix_ms", "closed")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    REPORTED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    role: str
    region: str
    started_at_unix_ms: int
    reported_at_unix_ms: int
    closed: bool
    def __init__(self, instance_id: _Optional[str] = ..., role: _Optional[str] = ..., region: _Optional[str] = ..., started_at_unix_ms: _Optional[int] = ..., reported_at_unix_ms: _Optional[int] = ..., closed: _Optional[bool] = ...) -> None: ...

class Violation(_message.Message):
    __slots__ = ("trace_id", "trace_region", "rpc", "caller_region", "callee_region", "kind")
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_REGION_FIELD_NUMBER: _ClassVar[int]
    RPC_FIELD_NUMBER: _ClassVar[int]
    CALLER_REGION_FIELD_NUMBER: _ClassVar[int]
    CALLEE_REGION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    trace_id: str
    trace_region: str
    rpc: str
    caller_region: str
    callee_region: str
    kind: str
    def __init__(self, trace_id: _Optional[str] = ..., trace_region: _Optional[str] = ..., rpc: _Optional[str] = ..., caller_region: _Optional[str] = ..., callee_region: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...

class ReportRequest(_message.Message):
    __slots__ = ("witness", "edges")
    WITNESS_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    witness: Witness
    edges: _containers.RepeatedCompositeFieldContainer[Edge]
    def __init__(self, witness: _Optional[_Union[Witness, _Mapping]] = ..., edges: _Optional[_Iterable[_Union[Edge, _Mapping]]] = ...) -> None: ...

class ReportResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListEdgesRequest(_message.Message):
    __slots__ = ("region",)
    REGION_FIELD_NUMBER: _ClassVar[int]
    region: str
    def __init__(self, region: _Optional[str] = ...) -> None: ...

class ListEdgesResponse(_message.Message):
    __slots__ = ("edges", "witnesses", "violations", "spans")
    EDGES_FIELD_NUMBER: _ClassVar[int]
    WITNESSES_FIELD_NUMBER: _ClassVar[int]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    edges: _containers.RepeatedCompositeFieldContainer[Edge]
    witnesses: _containers.RepeatedCompositeFieldContainer[Witness]
    violations: _containers.RepeatedCompositeFieldContainer[Violation]
    spans: int
    def __init__(self, edges: _Optional[_Iterable[_Union[Edge, _Mapping]]] = ..., witnesses: _Optional[_Iterable[_Union[Witness, _Mapping]]] = ..., violations: _Optional[_Iterable[_Union[Violation, _Mapping]]] = ..., spans: _Optional[int] = ...) -> None: ...

class SweepRequest(_message.Message):
    __slots__ = ("marker",)
    MARKER_FIELD_NUMBER: _ClassVar[int]
    marker: str
    def __init__(self, marker: _Optional[str] = ...) -> None: ...

class SweepResponse(_message.Message):
    __slots__ = ("places",)
    PLACES_FIELD_NUMBER: _ClassVar[int]
    places: _containers.RepeatedCompositeFieldContainer[SweepPlace]
    def __init__(self, places: _Optional[_Iterable[_Union[SweepPlace, _Mapping]]] = ...) -> None: ...

class SweepPlace(_message.Message):
    __slots__ = ("store", "place", "examined", "hits")
    STORE_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    EXAMINED_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    store: str
    place: str
    examined: int
    hits: int
    def __init__(self, store: _Optional[str] = ..., place: _Optional[str] = ..., examined: _Optional[int] = ..., hits: _Optional[int] = ...) -> None: ...
