from sankofa.residency.v1 import environment_pb2 as _environment_pb2
from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ErasePersonRequest(_message.Message):
    __slots__ = ("project_id", "environment", "distinct_id")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    environment: _environment_pb2.Environment
    distinct_id: str
    def __init__(self, project_id: _Optional[str] = ..., environment: _Optional[_Union[_environment_pb2.Environment, str]] = ..., distinct_id: _Optional[str] = ...) -> None: ...

class ErasePersonResponse(_message.Message):
    __slots__ = ("erasure_id", "erased_at_unix_ms", "off_disk_by_unix_ms")
    ERASURE_ID_FIELD_NUMBER: _ClassVar[int]
    ERASED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    OFF_DISK_BY_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    erasure_id: str
    erased_at_unix_ms: int
    off_disk_by_unix_ms: int
    def __init__(self, erasure_id: _Optional[str] = ..., erased_at_unix_ms: _Optional[int] = ..., off_disk_by_unix_ms: _Optional[int] = ...) -> None: ...
