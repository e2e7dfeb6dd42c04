from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExportState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_STATE_UNSPECIFIED: _ClassVar[ExportState]
    EXPORT_STATE_PENDING: _ClassVar[ExportState]
    EXPORT_STATE_READY: _ClassVar[ExportState]
    EXPORT_STATE_EXPIRED: _ClassVar[ExportState]
EXPORT_STATE_UNSPECIFIED: ExportState
EXPORT_STATE_PENDING: ExportState
EXPORT_STATE_READY: ExportState
EXPORT_STATE_EXPIRED: ExportState

class Export(_message.Message):
    __slots__ = ("export_id", "state", "created_by", "created_at_unix_ms", "since_unix_ms", "until_unix_ms", "rows", "bytes", "ready_at_unix_ms", "delete_at_unix_ms")
    EXPORT_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    SINCE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    READY_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    DELETE_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    export_id: str
    state: ExportState
    created_by: str
    created_at_unix_ms: int
    since_unix_ms: int
    until_unix_ms: int
    rows: int
    bytes: int
    ready_at_unix_ms: int
    delete_at_unix_ms: int
    def __init__(self, export_id: _Optional[str] = ..., state: _Optional[_Union[ExportState, str]] = ..., created_by: _Optional[str] = ..., created_at_unix_ms: _Optional[int] = ..., since_unix_ms: _Optional[int] = ..., until_unix_ms: _Optional[int] = ..., rows: _Optional[int] = ..., bytes: _Optional[int] = ..., ready_at_unix_ms: _Optional[int] = ..., delete_at_unix_ms: _Optional[int] = ...) -> None: ...

class DownloadLink(_message.Message):
    __slots__ = ("expires_unix_ms", "user_id", "signature")
    EXPIRES_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    expires_unix_ms: int
    user_id: str
    signature: str
    def __init__(self, expires_unix_ms: _Optional[int] = ..., user_id: _Optional[str] = ..., signature: _Optional[str] = ...) -> None: ...

class CreateExportRequest(_message.Message):
    __slots__ = ("org_id", "since_unix_ms", "until_unix_ms")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    SINCE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    since_unix_ms: int
    until_unix_ms: int
    def __init__(self, org_id: _Optional[str] = ..., since_unix_ms: _Optional[int] = ..., until_unix_ms: _Optional[int] = ...) -> None: ...

class CreateExportResponse(_message.Message):
    __slots__ = ("export",)
    EXPORT_FIELD_NUMBER: _ClassVar[int]
    export: Export
    def __init__(self, export: _Optional[_Union[Export, _Mapping]] = ...) -> None: ...

class ListExportsRequest(_message.Message):
    __slots__ = ("org_id",)
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    def __init__(self, org_id: _Optional[str] = ...) -> None: ...

class ListExportsResponse(_message.Message):
    __slots__ = ("exports",)
    EXPORTS_FIELD_NUMBER: _ClassVar[int]
    exports: _containers.RepeatedCompositeFieldContainer[Export]
    def __init__(self, exports: _Optional[_Iterable[_Union[Export, _Mapping]]] = ...) -> None: ...

class GetExportRequest(_message.Message):
    __slots__ = ("org_id", "export_id")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    EXPORT_ID_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    export_id: str
    def __init__(self, org_id: _Optional[str] = ..., export_id: _Optional[str] = ...) -> None: ...

class GetExportResponse(_message.Message):
    __slots__ = ("export", "link")
    EXPORT_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    export: Export
    link: DownloadLink
    def __init__(self, export: _Optional[_Union[Export, _Mapping]] = ..., link: _Optional[_Union[DownloadLink, _Mapping]] = ...) -> None: ...

class DownloadRequest(_message.Message):
    __slots__ = ("org_id", "export_id", "link")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    EXPORT_ID_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    export_id: str
    link: DownloadLink
    def __init__(self, org_id: _Optional[str] = ..., export_id: _Optional[str] = ..., link: _Optional[_Union[DownloadLink, _Mapping]] = ...) -> None: ...

class DownloadResponse(_message.Message):
    __slots__ = ("piece",)
    PIECE_FIELD_NUMBER: _ClassVar[int]
    piece: bytes
    def __init__(self, piece: _Optional[bytes] = ...) -> None: ...
