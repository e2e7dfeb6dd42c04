from sankofa.residency.v1 import environment_pb2 as _environment_pb2
from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Scope(_message.Message):
    __slots__ = ("project_id", "environment")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    environment: _environment_pb2.Environment
    def __init__(self, project_id: _Optional[str] = ..., environment: _Optional[_Union[_environment_pb2.Environment, str]] = ...) -> None: ...

class EventFilter(_message.Message):
    __slots__ = ("event_name", "distinct_id", "since_unix_ms", "until_unix_ms")
    EVENT_NAME_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    SINCE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    event_name: str
    distinct_id: str
    since_unix_ms: int
    until_unix_ms: int
    def __init__(self, event_name: _Optional[str] = ..., distinct_id: _Optional[str] = ..., since_unix_ms: _Optional[int] = ..., until_unix_ms: _Optional[int] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("id", "event_id", "event_name", "distinct_id", "timestamp_unix_ms", "received_at_unix_ms", "properties", "default_properties", "lib_version", "session_id", "os", "browser", "device_model")
    ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_NAME_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    LIB_VERSION_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    OS_FIELD_NUMBER: _ClassVar[int]
    BROWSER_FIELD_NUMBER: _ClassVar[int]
    DEVICE_MODEL_FIELD_NUMBER: _ClassVar[int]
    id: str
    event_id: str
    event_name: str
    distinct_id: str
    timestamp_unix_ms: int
    received_at_unix_ms: int
    properties: bytes
    default_properties: bytes
    lib_version: str
    session_id: str
    os: str
    browser: str
    device_model: str
    def __init__(self, id: _Optional[str] = ..., event_id: _Optional[str] = ..., event_name: _Optional[str] = ..., distinct_id: _Optional[str] = ..., timestamp_unix_ms: _Optional[int] = ..., received_at_unix_ms: _Optional[int] = ..., properties: _Optional[bytes] = ..., default_properties: _Optional[bytes] = ..., lib_version: _Optional[str] = ..., session_id: _Optional[str] = ..., os: _Optional[str] = ..., browser: _Optional[str] = ..., device_model: _Optional[str] = ...) -> None: ...

class Person(_message.Message):
    __slots__ = ("distinct_id", "aliases", "properties", "updated_at_unix_ms")
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    distinct_id: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    properties: bytes
    updated_at_unix_ms: int
    def __init__(self, distinct_id: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., properties: _Optional[bytes] = ..., updated_at_unix_ms: _Optional[int] = ...) -> None: ...

class ListEventsRequest(_message.Message):
    __slots__ = ("scope", "filter", "limit", "cursor")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    filter: EventFilter
    limit: int
    cursor: str
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., filter: _Optional[_Union[EventFilter, _Mapping]] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("events", "next_cursor")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    next_cursor: str
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class ListEventNamesRequest(_message.Message):
    __slots__ = ("scope", "filter")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    filter: EventFilter
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., filter: _Optional[_Union[EventFilter, _Mapping]] = ...) -> None: ...

class ListEventNamesResponse(_message.Message):
    __slots__ = ("names",)
    NAMES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedCompositeFieldContainer[EventNameCount]
    def __init__(self, names: _Optional[_Iterable[_Union[EventNameCount, _Mapping]]] = ...) -> None: ...

class EventNameCount(_message.Message):
    __slots__ = ("event_name", "count")
    EVENT_NAME_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    event_name: str
    count: int
    def __init__(self, event_name: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class CountEventsRequest(_message.Message):
    __slots__ = ("scope", "filter")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    filter: EventFilter
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., filter: _Optional[_Union[EventFilter, _Mapping]] = ...) -> None: ...

class CountEventsResponse(_message.Message):
    __slots__ = ("events", "people")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    events: int
    people: int
    def __init__(self, events: _Optional[int] = ..., people: _Optional[int] = ...) -> None: ...

class ListPeopleRequest(_message.Message):
    __slots__ = ("scope", "limit", "cursor")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    limit: int
    cursor: str
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListPeopleResponse(_message.Message):
    __slots__ = ("people", "next_cursor")
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    people: _containers.RepeatedCompositeFieldContainer[Person]
    next_cursor: str
    def __init__(self, people: _Optional[_Iterable[_Union[Person, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class GetPersonRequest(_message.Message):
    __slots__ = ("scope", "distinct_id")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    distinct_id: str
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., distinct_id: _Optional[str] = ...) -> None: ...

class GetPersonResponse(_message.Message):
    __slots__ = ("person",)
    PERSON_FIELD_NUMBER: _ClassVar[int]
    person: Person
    def __init__(self, person: _Optional[_Union[Person, _Mapping]] = ...) -> None: ...
