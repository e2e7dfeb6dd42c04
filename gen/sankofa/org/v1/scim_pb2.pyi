from sankofa.org.v1 import org_pb2 as _org_pb2
from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetScimTokenRequest(_message.Message):
    __slots__ = ("org_id",)
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    def __init__(self, org_id: _Optional[str] = ...) -> None: ...

class GetScimTokenResponse(_message.Message):
    __slots__ = ("token_id", "created_at_unix_ms", "created_by")
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    token_id: str
    created_at_unix_ms: int
    created_by: str
    def __init__(self, token_id: _Optional[str] = ..., created_at_unix_ms: _Optional[int] = ..., created_by: _Optional[str] = ...) -> None: ...

class CreateScimTokenRequest(_message.Message):
    __slots__ = ("org_id",)
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    def __init__(self, org_id: _Optional[str] = ...) -> None: ...

class CreateScimTokenResponse(_message.Message):
    __slots__ = ("token_id", "token", "created_at_unix_ms")
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    token_id: str
    token: str
    created_at_unix_ms: int
    def __init__(self, token_id: _Optional[str] = ..., token: _Optional[str] = ..., created_at_unix_ms: _Optional[int] = ...) -> None: ...

class DeleteScimTokenRequest(_message.Message):
    __slots__ = ("org_id",)
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    def __init__(self, org_id: _Optional[str] = ...) -> None: ...

class DeleteScimTokenResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ScimUserFields(_message.Message):
    __slots__ = ("user_name", "external_id", "email", "role", "active")
    USER_NAME_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    user_name: str
    external_id: str
    email: str
    role: _org_pb2.OrgRole
    active: bool
    def __init__(self, user_name: _Optional[str] = ..., external_id: _Optional[str] = ..., email: _Optional[str] = ..., role: _Optional[_Union[_org_pb2.OrgRole, str]] = ..., active: _Optional[bool] = ...) -> None: ...

class ScimUser(_message.Message):
    __slots__ = ("user_id", "fields", "groups", "created_at_unix_ms", "changed_at_unix_ms", "version")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    fields: ScimUserFields
    groups: _containers.RepeatedCompositeFieldContainer[ScimReference]
    created_at_unix_ms: int
    changed_at_unix_ms: int
    version: str
    def __init__(self, user_id: _Optional[str] = ..., fields: _Optional[_Union[ScimUserFields, _Mapping]] = ..., groups: _Optional[_Iterable[_Union[ScimReference, _Mapping]]] = ..., created_at_unix_ms: _Optional[int] = ..., changed_at_unix_ms: _Optional[int] = ..., version: _Optional[str] = ...) -> None: ...

class ScimReference(_message.Message):
    __slots__ = ("id", "display")
    ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_FIELD_NUMBER: _ClassVar[int]
    id: str
    display: str
    def __init__(self, id: _Optional[str] = ..., display: _Optional[str] = ...) -> None: ...

class ScimGroup(_message.Message):
    __slots__ = ("team_id", "name", "external_id", "user_ids", "created_at_unix_ms", "version")
    TEAM_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    USER_IDS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    team_id: str
    name: str
    external_id: str
    user_ids: _containers.RepeatedScalarFieldContainer[str]
    created_at_unix_ms: int
    version: str
    def __init__(self, team_id: _Optional[str] = ..., name: _Optional[str] = ..., external_id: _Optional[str] = ..., user_ids: _Optional[_Iterable[str]] = ..., created_at_unix_ms: _Optional[int] = ..., version: _Optional[str] = ...) -> None: ...

class ScimPage(_message.Message):
    __slots__ = ("id", "external_id", "name", "offset", "limit")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    id: str
    external_id: str
    name: str
    offset: int
    limit: int
    def __init__(self, id: _Optional[str] = ..., external_id: _Optional[str] = ..., name: _Optional[str] = ..., offset: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ListScimUsersRequest(_message.Message):
    __slots__ = ("org_id", "page")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    page: ScimPage
    def __init__(self, org_id: _Optional[str] = ..., page: _Optional[_Union[ScimPage, _Mapping]] = ...) -> None: ...

class ListScimUsersResponse(_message.Message):
    __slots__ = ("users", "total")
    USERS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    users: _containers.RepeatedCompositeFieldContainer[ScimUser]
    total: int
    def __init__(self, users: _Optional[_Iterable[_Union[ScimUser, _Mapping]]] = ..., total: _Optional[int] = ...) -> None: ...

class CreateScimUserRequest(_message.Message):
    __slots__ = ("org_id", "fields")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    fields: ScimUserFields
    def __init__(self, org_id: _Optional[str] = ..., fields: _Optional[_Union[ScimUserFields, _Mapping]] = ...) -> None: ...

class CreateScimUserResponse(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: ScimUser
    def __init__(self, user: _Optional[_Union[ScimUser, _Mapping]] = ...) -> None: ...

class ReplaceScimUserRequest(_message.Message):
    __slots__ = ("org_id", "user_id", "fields", "version")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    user_id: str
    fields: ScimUserFields
    version: str
    def __init__(self, org_id: _Optional[str] = ..., user_id: _Optional[str] = ..., fields: _Optional[_Union[ScimUserFields, _Mapping]] = ..., version: _Optional[str] = ...) -> None: ...

class ReplaceScimUserResponse(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: ScimUser
    def __init__(self, user: _Optional[_Union[ScimUser, _Mapping]] = ...) -> None: ...

class DeleteScimUserRequest(_message.Message):
    __slots__ = ("org_id", "user_id")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    user_id: str
    def __init__(self, org_id: _Optional[str] = ..., user_id: _Optional[str] = ...) -> None: ...

class DeleteScimUserResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListScimGroupsRequest(_message.Message):
    __slots__ = ("org_id", "page")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    page: ScimPage
    def __init__(self, org_id: _Optional[str] = ..., page: _Optional[_Union[ScimPage, _Mapping]] = ...) -> None: ...

class ListScimGroupsResponse(_message.Message):
    __slots__ = ("groups", "total")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[ScimGroup]
    total: int
    def __init__(self, groups: _Optional[_Iterable[_Union[ScimGroup, _Mapping]]] = ..., total: _Optional[int] = ...) -> None: ...

class CreateScimGroupRequest(_message.Message):
    __slots__ = ("org_id", "name", "external_id", "user_ids")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    USER_IDS_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    name: str
    external_id: str
    user_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, org_id: _Optional[str] = ..., name: _Optional[str] = ..., external_id: _Optional[str] = ..., user_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class CreateScimGroupResponse(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: ScimGroup
    def __init__(self, group: _Optional[_Union[ScimGroup, _Mapping]] = ...) -> None: ...

class ReplaceScimGroupRequest(_message.Message):
    __slots__ = ("org_id", "team_id", "name", "external_id", "user_ids", "version")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    TEAM_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    USER_IDS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    team_id: str
    name: str
    external_id: str
    user_ids: _containers.RepeatedScalarFieldContainer[str]
    version: str
    def __init__(self, org_id: _Optional[str] = ..., team_id: _Optional[str] = ..., name: _Optional[str] = ..., external_id: _Optional[str] = ..., user_ids: _Optional[_Iterable[str]] = ..., version: _Optional[str] = ...) -> None: ...

class ReplaceScimGroupResponse(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: ScimGroup
    def __init__(self, group: _Optional[_Union[ScimGroup, _Mapping]] = ...) -> None: ...

class DeleteScimGroupRequest(_message.Message):
    __slots__ = ("org_id", "team_id")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    TEAM_ID_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    team_id: str
    def __init__(self, org_id: _Optional[str] = ..., team_id: _Optional[str] = ...) -> None: ...

class DeleteScimGroupResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
