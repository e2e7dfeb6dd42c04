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
MIRROR_DEFECT_KIND_UNSPECIFIED: MirrorDefectKind
MIRROR_DEFECT_KIND_MISSING: MirrorDefectKind
MIRROR_DEFECT_KIND_CHANGED: MirrorDefectKind
MIRROR_DEFECT_KIND_SURPLUS: MirrorDefectKind

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
