from sankofa.residency.v1 import environment_pb2 as _environment_pb2
from sankofa.residency.v1 import error_pb2 as _error_pb2
from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AppendRequest(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[AppendItem]
    def __init__(self, items: _Optional[_Iterable[_Union[AppendItem, _Mapping]]] = ...) -> None: ...

class AppendResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[AppendResult]
    def __init__(self, results: _Optional[_Iterable[_Union[AppendResult, _Mapping]]] = ...) -> None: ...

class AppendItem(_message.Message):
    __slots__ = ("request_id", "project_id", "environment", "operations", "user_agent", "idempotency_key", "traceparent")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    project_id: str
    environment: _environment_pb2.Environment
    operations: _containers.RepeatedCompositeFieldContainer[Operation]
    user_agent: str
    idempotency_key: str
    traceparent: str
    def __init__(self, request_id: _Optional[int] = ..., project_id: _Optional[str] = ..., environment: _Optional[_Union[_environment_pb2.Environment, str]] = ..., operations: _Optional[_Iterable[_Union[Operation, _Mapping]]] = ..., user_agent: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ("track", "people", "alias")
    TRACK_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    track: Track
    people: People
    alias: Alias
    def __init__(self, track: _Optional[_Union[Track, _Mapping]] = ..., people: _Optional[_Union[People, _Mapping]] = ..., alias: _Optional[_Union[Alias, _Mapping]] = ...) -> None: ...

class Track(_message.Message):
    __slots__ = ("event_name", "distinct_id", "timestamp", "properties", "default_properties", "lib_version", "event_id")
    EVENT_NAME_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    LIB_VERSION_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    event_name: str
    distinct_id: str
    timestamp: str
    properties: bytes
    default_properties: bytes
    lib_version: str
    event_id: str
    def __init__(self, event_name: _Optional[str] = ..., distinct_id: _Optional[str] = ..., timestamp: _Optional[str] = ..., properties: _Optional[bytes] = ..., default_properties: _Optional[bytes] = ..., lib_version: _Optional[str] = ..., event_id: _Optional[str] = ...) -> None: ...

class People(_message.Message):
    __slots__ = ("distinct_id", "properties", "timestamp")
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    distinct_id: str
    properties: bytes
    timestamp: str
    def __init__(self, distinct_id: _Optional[str] = ..., properties: _Optional[bytes] = ..., timestamp: _Optional[str] = ...) -> None: ...

class Alias(_message.Message):
    __slots__ = ("alias_id", "distinct_id", "timestamp")
    ALIAS_ID_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    alias_id: str
    distinct_id: str
    timestamp: str
    def __init__(self, alias_id: _Optional[str] = ..., distinct_id: _Optional[str] = ..., timestamp: _Optional[str] = ...) -> None: ...

class AppendResult(_message.Message):
    __slots__ = ("request_id", "error", "events", "people", "aliases", "discarded", "commands", "retry_after_s")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    DISCARDED_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    error: _error_pb2.ErrorReason
    events: int
    people: int
    aliases: int
    discarded: int
    commands: _containers.RepeatedCompositeFieldContainer[Command]
    retry_after_s: int
    def __init__(self, request_id: _Optional[int] = ..., error: _Optional[_Union[_error_pb2.ErrorReason, str]] = ..., events: _Optional[int] = ..., people: _Optional[int] = ..., aliases: _Optional[int] = ..., discarded: _Optional[int] = ..., commands: _Optional[_Iterable[_Union[Command, _Mapping]]] = ..., retry_after_s: _Optional[int] = ...) -> None: ...

class Command(_message.Message):
    __slots__ = ("screen",)
    SCREEN_FIELD_NUMBER: _ClassVar[int]
    screen: str
    def __init__(self, screen: _Optional[str] = ...) -> None: ...
