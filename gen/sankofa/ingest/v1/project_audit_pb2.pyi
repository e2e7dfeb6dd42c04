from sankofa.org.v1 import audit_pb2 as _audit_pb2
from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListProjectRowsRequest(_message.Message):
    __slots__ = ("project_id", "filter")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    filter: _audit_pb2.AuditFilter
    def __init__(self, project_id: _Optional[str] = ..., filter: _Optional[_Union[_audit_pb2.AuditFilter, _Mapping]] = ...) -> None: ...

class ListProjectRowsResponse(_message.Message):
    __slots__ = ("rows", "more", "org_id")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[_audit_pb2.AuditRow]
    more: bool
    org_id: str
    def __init__(self, rows: _Optional[_Iterable[_Union[_audit_pb2.AuditRow, _Mapping]]] = ..., more: _Optional[bool] = ..., org_id: _Optional[str] = ...) -> None: ...

class GetProjectRowRequest(_message.Message):
    __slots__ = ("project_id", "audit_id")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    AUDIT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    audit_id: str
    def __init__(self, project_id: _Optional[str] = ..., audit_id: _Optional[str] = ...) -> None: ...

class GetProjectRowResponse(_message.Message):
    __slots__ = ("row", "org_id")
    ROW_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    row: _audit_pb2.AuditRow
    org_id: str
    def __init__(self, row: _Optional[_Union[_audit_pb2.AuditRow, _Mapping]] = ..., org_id: _Optional[str] = ...) -> None: ...
