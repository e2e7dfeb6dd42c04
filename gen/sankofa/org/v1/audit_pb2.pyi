from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChainDefectKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHAIN_DEFECT_KIND_UNSPECIFIED: _ClassVar[ChainDefectKind]
    CHAIN_DEFECT_KIND_CHANGED: _ClassVar[ChainDefectKind]
    CHAIN_DEFECT_KIND_MISSING: _ClassVar[ChainDefectKind]
    CHAIN_DEFECT_KIND_BEYOND: _ClassVar[ChainDefectKind]
    CHAIN_DEFECT_KIND_HEAD: _ClassVar[ChainDefectKind]
    CHAIN_DEFECT_KIND_REWRITTEN: _ClassVar[ChainDefectKind]
    CHAIN_DEFECT_KIND_BEGINNING: _ClassVar[ChainDefectKind]
CHAIN_DEFECT_KIND_UNSPECIFIED: ChainDefectKind
CHAIN_DEFECT_KIND_CHANGED: ChainDefectKind
CHAIN_DEFECT_KIND_MISSING: ChainDefectKind
CHAIN_DEFECT_KIND_BEYOND: ChainDefectKind
CHAIN_DEFECT_KIND_HEAD: ChainDefectKind
CHAIN_DEFECT_KIND_REWRITTEN: ChainDefectKind
CHAIN_DEFECT_KIND_BEGINNING: ChainDefectKind

class AuditRow(_message.Message):
    __slots__ = ("audit_id", "seq", "at_unix_ms", "actor_id", "actor_email", "action", "resource_type", "resource_id", "before", "after", "metadata", "hash")
    AUDIT_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ACTOR_EMAIL_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    audit_id: str
    seq: int
    at_unix_ms: int
    actor_id: str
    actor_email: str
    action: str
    resource_type: str
    resource_id: str
    before: str
    after: str
    metadata: str
    hash: bytes
    def __init__(self, audit_id: _Optional[str] = ..., seq: _Optional[int] = ..., at_unix_ms: _Optional[int] = ..., actor_id: _Optional[str] = ..., actor_email: _Optional[str] = ..., action: _Optional[str] = ..., resource_type: _Optional[str] = ..., resource_id: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ..., metadata: _Optional[str] = ..., hash: _Optional[bytes] = ...) -> None: ...

class AuditFilter(_message.Message):
    __slots__ = ("actor_id", "action", "resource_type", "since_unix_ms", "until_unix_ms", "before_seq", "limit")
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    SINCE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_SEQ_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    actor_id: str
    action: str
    resource_type: str
    since_unix_ms: int
    until_unix_ms: int
    before_seq: int
    limit: int
    def __init__(self, actor_id: _Optional[str] = ..., action: _Optional[str] = ..., resource_type: _Optional[str] = ..., since_unix_ms: _Optional[int] = ..., until_unix_ms: _Optional[int] = ..., before_seq: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ListOrgRowsRequest(_message.Message):
    __slots__ = ("org_id", "filter")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    filter: AuditFilter
    def __init__(self, org_id: _Optional[str] = ..., filter: _Optional[_Union[AuditFilter, _Mapping]] = ...) -> None: ...

class ListOrgRowsResponse(_message.Message):
    __slots__ = ("rows", "more")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[AuditRow]
    more: bool
    def __init__(self, rows: _Optional[_Iterable[_Union[AuditRow, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...

class GetOrgRowRequest(_message.Message):
    __slots__ = ("org_id", "audit_id")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    AUDIT_ID_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    audit_id: str
    def __init__(self, org_id: _Optional[str] = ..., audit_id: _Optional[str] = ...) -> None: ...

class GetOrgRowResponse(_message.Message):
    __slots__ = ("row",)
    ROW_FIELD_NUMBER: _ClassVar[int]
    row: AuditRow
    def __init__(self, row: _Optional[_Union[AuditRow, _Mapping]] = ...) -> None: ...

class ResolveActorsRequest(_message.Message):
    __slots__ = ("org_id", "user_ids")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    USER_IDS_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    user_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, org_id: _Optional[str] = ..., user_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ResolveActorsResponse(_message.Message):
    __slots__ = ("actors",)
    ACTORS_FIELD_NUMBER: _ClassVar[int]
    actors: _containers.RepeatedCompositeFieldContainer[Actor]
    def __init__(self, actors: _Optional[_Iterable[_Union[Actor, _Mapping]]] = ...) -> None: ...

class Actor(_message.Message):
    __slots__ = ("user_id", "email")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    email: str
    def __init__(self, user_id: _Optional[str] = ..., email: _Optional[str] = ...) -> None: ...

class VerifyLogsRequest(_message.Message):
    __slots__ = ("scope", "ends")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    ENDS_FIELD_NUMBER: _ClassVar[int]
    scope: str
    ends: _containers.RepeatedCompositeFieldContainer[ChainEnd]
    def __init__(self, scope: _Optional[str] = ..., ends: _Optional[_Iterable[_Union[ChainEnd, _Mapping]]] = ...) -> None: ...

class ChainEnd(_message.Message):
    __slots__ = ("scope", "seq", "hash")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    scope: str
    seq: int
    hash: bytes
    def __init__(self, scope: _Optional[str] = ..., seq: _Optional[int] = ..., hash: _Optional[bytes] = ...) -> None: ...

class VerifyLogsResponse(_message.Message):
    __slots__ = ("scope", "rows", "head_seq", "head_hash", "defects", "chains")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    HEAD_SEQ_FIELD_NUMBER: _ClassVar[int]
    HEAD_HASH_FIELD_NUMBER: _ClassVar[int]
    DEFECTS_FIELD_NUMBER: _ClassVar[int]
    CHAINS_FIELD_NUMBER: _ClassVar[int]
    scope: str
    rows: int
    head_seq: int
    head_hash: bytes
    defects: _containers.RepeatedCompositeFieldContainer[ChainDefect]
    chains: int
    def __init__(self, scope: _Optional[str] = ..., rows: _Optional[int] = ..., head_seq: _Optional[int] = ..., head_hash: _Optional[bytes] = ..., defects: _Optional[_Iterable[_Union[ChainDefect, _Mapping]]] = ..., chains: _Optional[int] = ...) -> None: ...

class ChainDefect(_message.Message):
    __slots__ = ("kind", "seq", "last", "audit_id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    AUDIT_ID_FIELD_NUMBER: _ClassVar[int]
    kind: ChainDefectKind
    seq: int
    last: int
    audit_id: str
    def __init__(self, kind: _Optional[_Union[ChainDefectKind, str]] = ..., seq: _Optional[int] = ..., last: _Optional[int] = ..., audit_id: _Optional[str] = ...) -> None: ...
