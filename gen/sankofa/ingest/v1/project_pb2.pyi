from sankofa.residency.v1 import environment_pb2 as _environment_pb2
from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProjectState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROJECT_STATE_UNSPECIFIED: _ClassVar[ProjectState]
    PROJECT_STATE_ACTIVE: _ClassVar[ProjectState]
    PROJECT_STATE_ARCHIVED: _ClassVar[ProjectState]
PROJECT_STATE_UNSPECIFIED: ProjectState
PROJECT_STATE_ACTIVE: ProjectState
PROJECT_STATE_ARCHIVED: ProjectState

class Project(_message.Message):
    __slots__ = ("project_id", "org_id", "name", "region", "state", "created_at_unix_ms", "keys", "retention_days", "authorized_domains", "authorized_ips")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    RETENTION_DAYS_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZED_DOMAINS_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZED_IPS_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    org_id: str
    name: str
    region: str
    state: ProjectState
    created_at_unix_ms: int
    keys: _containers.RepeatedCompositeFieldContainer[KeyInfo]
    retention_days: int
    authorized_domains: AllowList
    authorized_ips: AllowList
    def __init__(self, project_id: _Optional[str] = ..., org_id: _Optional[str] = ..., name: _Optional[str] = ..., region: _Optional[str] = ..., state: _Optional[_Union[ProjectState, str]] = ..., created_at_unix_ms: _Optional[int] = ..., keys: _Optional[_Iterable[_Union[KeyInfo, _Mapping]]] = ..., retention_days: _Optional[int] = ..., authorized_domains: _Optional[_Union[AllowList, _Mapping]] = ..., authorized_ips: _Optional[_Union[AllowList, _Mapping]] = ...) -> None: ...

class AllowList(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, entries: _Optional[_Iterable[str]] = ...) -> None: ...

class KeyInfo(_message.Message):
    __slots__ = ("key_id", "environment", "created_at_unix_ms", "revoked")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    environment: _environment_pb2.Environment
    created_at_unix_ms: int
    revoked: bool
    def __init__(self, key_id: _Optional[str] = ..., environment: _Optional[_Union[_environment_pb2.Environment, str]] = ..., created_at_unix_ms: _Optional[int] = ..., revoked: _Optional[bool] = ...) -> None: ...

class MintedKey(_message.Message):
    __slots__ = ("key_id", "environment", "secret")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    environment: _environment_pb2.Environment
    secret: str
    def __init__(self, key_id: _Optional[str] = ..., environment: _Optional[_Union[_environment_pb2.Environment, str]] = ..., secret: _Optional[str] = ...) -> None: ...

class ProvisionRequest(_message.Message):
    __slots__ = ("region", "ticket")
    REGION_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    region: str
    ticket: str
    def __init__(self, region: _Optional[str] = ..., ticket: _Optional[str] = ...) -> None: ...

class ProvisionResponse(_message.Message):
    __slots__ = ("project", "live_key", "test_key")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    LIVE_KEY_FIELD_NUMBER: _ClassVar[int]
    TEST_KEY_FIELD_NUMBER: _ClassVar[int]
    project: Project
    live_key: MintedKey
    test_key: MintedKey
    def __init__(self, project: _Optional[_Union[Project, _Mapping]] = ..., live_key: _Optional[_Union[MintedKey, _Mapping]] = ..., test_key: _Optional[_Union[MintedKey, _Mapping]] = ...) -> None: ...

class CheckProvisionRequest(_message.Message):
    __slots__ = ("region", "project_id")
    REGION_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    region: str
    project_id: str
    def __init__(self, region: _Optional[str] = ..., project_id: _Optional[str] = ...) -> None: ...

class CheckProvisionResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: ProjectState
    def __init__(self, state: _Optional[_Union[ProjectState, str]] = ...) -> None: ...

class GetProjectRequest(_message.Message):
    __slots__ = ("project_id",)
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    def __init__(self, project_id: _Optional[str] = ...) -> None: ...

class GetProjectResponse(_message.Message):
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: Project
    def __init__(self, project: _Optional[_Union[Project, _Mapping]] = ...) -> None: ...

class MintKeyRequest(_message.Message):
    __slots__ = ("project_id", "environment")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    environment: _environment_pb2.Environment
    def __init__(self, project_id: _Optional[str] = ..., environment: _Optional[_Union[_environment_pb2.Environment, str]] = ...) -> None: ...

class MintKeyResponse(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: MintedKey
    def __init__(self, key: _Optional[_Union[MintedKey, _Mapping]] = ...) -> None: ...

class RevokeKeyRequest(_message.Message):
    __slots__ = ("project_id", "key_id")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    key_id: str
    def __init__(self, project_id: _Optional[str] = ..., key_id: _Optional[str] = ...) -> None: ...

class RevokeKeyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetAllowListsRequest(_message.Message):
    __slots__ = ("project_id", "authorized_domains", "authorized_ips")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZED_DOMAINS_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZED_IPS_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    authorized_domains: AllowList
    authorized_ips: AllowList
    def __init__(self, project_id: _Optional[str] = ..., authorized_domains: _Optional[_Union[AllowList, _Mapping]] = ..., authorized_ips: _Optional[_Union[AllowList, _Mapping]] = ...) -> None: ...

class SetAllowListsResponse(_message.Message):
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: Project
    def __init__(self, project: _Optional[_Union[Project, _Mapping]] = ...) -> None: ...

class ArchiveProjectRequest(_message.Message):
    __slots__ = ("project_id",)
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    def __init__(self, project_id: _Optional[str] = ...) -> None: ...

class ArchiveProjectResponse(_message.Message):
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: Project
    def __init__(self, project: _Optional[_Union[Project, _Mapping]] = ...) -> None: ...
