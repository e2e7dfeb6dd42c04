from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MirrorDefectKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MIRROR_DEFECT_KIND_UNSPECIFIED: _ClassVar[MirrorDefectKind]
    MIRROR_DEFECT_KIND_MISSING: _ClassVar[MirrorDefectKind]
    MIRROR_DEFECT_KIND_CHANGED: _ClassVar[MirrorDefectKind]
    MIRROR_DEFECT_KIND_SURPLUS: _ClassVar[MirrorDefectKind]

class MirrorCountBy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MIRROR_COUNT_BY_UNSPECIFIED: _ClassVar[MirrorCountBy]
    MIRROR_COUNT_BY_ACTION: _ClassVar[MirrorCountBy]
    MIRROR_COUNT_BY_ACTOR: _ClassVar[MirrorCountBy]
    MIRROR_COUNT_BY_RESOURCE_TYPE: _ClassVar[MirrorCountBy]
    MIRROR_COUNT_BY_MONTH: _ClassVar[MirrorCountBy]
MIRROR_DEFECT_KIND_UNSPECIFIED: MirrorDefectKind
MIRROR_DEFECT_KIND_MISSING: MirrorDefectKind
MIRROR_DEFECT_KIND_CHANGED: MirrorDefectKind
MIRROR_DEFECT_KIND_SURPLUS: MirrorDefectKind
MIRROR_COUNT_BY_UNSPECIFIED: MirrorCountBy
MIRROR_COUNT_BY_ACTION: MirrorCountBy
MIRROR_COUNT_BY_ACTOR: MirrorCountBy
MIRROR_COUNT_BY_RESOURCE_TYPE: MirrorCountBy
MIRROR_COUNT_BY_MONTH: MirrorCountBy

class CompareMirrorRequest(_message.Message):
    __slots__ = ("scope",)
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    scope: str
    def __init__(self, scope: _Optional[str] = ...) -> None: ...

class CompareMirrorResponse(_message.Message):
    __slots__ = ("scope", "rows", "behind", "defects")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BEHIND_FIELD_NUMBER: _ClassVar[int]
    DEFECTS_FIELD_NUMBER: _ClassVar[int]
    scope: str
    rows: int
    behind: int
    defects: _containers.RepeatedCompositeFieldContainer[MirrorDefect]
    def __init__(self, scope: _Optional[str] = ..., rows: _Optional[int] = ..., behind: _Optional[int] = ..., defects: _Optional[_Iterable[_Union[MirrorDefect, _Mapping]]] = ...) -> None: ...

class MirrorDefect(_message.Message):
    __slots__ = ("kind", "seq", "last", "audit_id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    AUDIT_ID_FIELD_NUMBER: _ClassVar[int]
    kind: MirrorDefectKind
    seq: int
    last: int
    audit_id: str
    def __init__(self, kind: _Optional[_Union[MirrorDefectKind, str]] = ..., seq: _Optional[int] = ..., last: _Optional[int] = ..., audit_id: _Optional[str] = ...) -> None: ...

class CountMirrorRequest(_message.Message):
    __slots__ = ("scope", "by", "since_unix_ms", "until_unix_ms")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    SINCE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    scope: str
    by: MirrorCountBy
    since_unix_ms: int
    until_unix_ms: int
    def __init__(self, scope: _Optional[str] = ..., by: _Optional[_Union[MirrorCountBy, str]] = ..., since_unix_ms: _Optional[int] = ..., until_unix_ms: _Optional[int] = ...) -> None: ...

class CountMirrorResponse(_message.Message):
    __slots__ = ("counts", "behind")
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    BEHIND_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedCompositeFieldContainer[MirrorCount]
    behind: int
    def __init__(self, counts: _Optional[_Iterable[_Union[MirrorCount, _Mapping]]] = ..., behind: _Optional[int] = ...) -> None: ...

class MirrorCount(_message.Message):
    __slots__ = ("value", "rows")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    value: str
    rows: int
    def __init__(self, value: _Optional[str] = ..., rows: _Optional[int] = ...) -> None: ...
