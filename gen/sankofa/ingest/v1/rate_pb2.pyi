from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LeaseRateRequest(_message.Message):
    __slots__ = ("limit", "asks")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    ASKS_FIELD_NUMBER: _ClassVar[int]
    limit: int
    asks: _containers.RepeatedCompositeFieldContainer[RateAsk]
    def __init__(self, limit: _Optional[int] = ..., asks: _Optional[_Iterable[_Union[RateAsk, _Mapping]]] = ...) -> None: ...

class RateAsk(_message.Message):
    __slots__ = ("key_id", "needed", "ahead", "returned", "window")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    NEEDED_FIELD_NUMBER: _ClassVar[int]
    AHEAD_FIELD_NUMBER: _ClassVar[int]
    RETURNED_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    needed: int
    ahead: int
    returned: int
    window: int
    def __init__(self, key_id: _Optional[str] = ..., needed: _Optional[int] = ..., ahead: _Optional[int] = ..., returned: _Optional[int] = ..., window: _Optional[int] = ...) -> None: ...

class LeaseRateResponse(_message.Message):
    __slots__ = ("leases",)
    LEASES_FIELD_NUMBER: _ClassVar[int]
    leases: _containers.RepeatedCompositeFieldContainer[RateLease]
    def __init__(self, leases: _Optional[_Iterable[_Union[RateLease, _Mapping]]] = ...) -> None: ...

class RateLease(_message.Message):
    __slots__ = ("granted", "window", "window_left_ms")
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    WINDOW_LEFT_MS_FIELD_NUMBER: _ClassVar[int]
    granted: int
    window: int
    window_left_ms: int
    def __init__(self, granted: _Optional[int] = ..., window: _Optional[int] = ..., window_left_ms: _Optional[int] = ...) -> None: ...
