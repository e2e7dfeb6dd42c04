from sankofa.org.v1 import org_pb2 as _org_pb2
from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ApiToken(_message.Message):
    __slots__ = ("token_id", "name", "role", "created_by", "created_at_unix_ms", "expires_at_unix_ms", "last_used_at_unix_ms", "revoked_at_unix_ms")
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    token_id: str
    name: str
    role: _org_pb2.ProjectRole
    created_by: str
    created_at_unix_ms: int
    expires_at_unix_ms: int
    last_used_at_unix_ms: int
    revoked_at_unix_ms: int
    def __init__(self, token_id: _Optional[str] = ..., name: _Optional[str] = ..., role: _Optional[_Union[_org_pb2.ProjectRole, str]] = ..., created_by: _Optional[str] = ..., created_at_unix_ms: _Optional[int] = ..., expires_at_unix_ms: _Optional[int] = ..., last_used_at_unix_ms: _Optional[int] = ..., revoked_at_unix_ms: _Optional[int] = ...) -> None: ...

class MintTokenRequest(_message.Message):
    __slots__ = ("project_id", "name", "role", "lifetime_days")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_DAYS_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    name: str
    role: _org_pb2.ProjectRole
    lifetime_days: int
    def __init__(self, project_id: _Optional[str] = ..., name: _Optional[str] = ..., role: _Optional[_Union[_org_pb2.ProjectRole, str]] = ..., lifetime_days: _Optional[int] = ...) -> None: ...

class MintTokenResponse(_message.Message):
    __slots__ = ("token", "secret")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    token: ApiToken
    secret: str
    def __init__(self, token: _Optional[_Union[ApiToken, _Mapping]] = ..., secret: _Optional[str] = ...) -> None: ...

class ListTokensRequest(_message.Message):
    __slots__ = ("project_id",)
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    def __init__(self, project_id: _Optional[str] = ...) -> None: ...

class ListTokensResponse(_message.Message):
    __slots__ = ("tokens", "org_id")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedCompositeFieldContainer[ApiToken]
    org_id: str
    def __init__(self, tokens: _Optional[_Iterable[_Union[ApiToken, _Mapping]]] = ..., org_id: _Optional[str] = ...) -> None: ...

class RevokeTokenRequest(_message.Message):
    __slots__ = ("project_id", "token_id")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    token_id: str
    def __init__(self, project_id: _Optional[str] = ..., token_id: _Optional[str] = ...) -> None: ...

class RevokeTokenResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class NoteTokenUseRequest(_message.Message):
    __slots__ = ("project_id", "token_id")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    token_id: str
    def __init__(self, project_id: _Optional[str] = ..., token_id: _Optional[str] = ...) -> None: ...

class NoteTokenUseResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
