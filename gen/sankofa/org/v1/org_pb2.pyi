from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OrgRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORG_ROLE_UNSPECIFIED: _ClassVar[OrgRole]
    ORG_ROLE_MEMBER: _ClassVar[OrgRole]
    ORG_ROLE_ADMIN: _ClassVar[OrgRole]
    ORG_ROLE_OWNER: _ClassVar[OrgRole]

class ProjectRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROJECT_ROLE_UNSPECIFIED: _ClassVar[ProjectRole]
    PROJECT_ROLE_VIEWER: _ClassVar[ProjectRole]
    PROJECT_ROLE_EDITOR: _ClassVar[ProjectRole]
    PROJECT_ROLE_ADMIN: _ClassVar[ProjectRole]
ORG_ROLE_UNSPECIFIED: OrgRole
ORG_ROLE_MEMBER: OrgRole
ORG_ROLE_ADMIN: OrgRole
ORG_ROLE_OWNER: OrgRole
PROJECT_ROLE_UNSPECIFIED: ProjectRole
PROJECT_ROLE_VIEWER: ProjectRole
PROJECT_ROLE_EDITOR: ProjectRole
PROJECT_ROLE_ADMIN: ProjectRole

class Org(_message.Message):
    __slots__ = ("org_id", "name", "plan", "primary_region", "role")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PRIMARY_REGION_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    name: str
    plan: str
    primary_region: str
    role: OrgRole
    def __init__(self, org_id: _Optional[str] = ..., name: _Optional[str] = ..., plan: _Optional[str] = ..., primary_region: _Optional[str] = ..., role: _Optional[_Union[OrgRole, str]] = ...) -> None: ...

class User(_message.Message):
    __slots__ = ("user_id", "email", "home_region")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    HOME_REGION_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    email: str
    home_region: str
    def __init__(self, user_id: _Optional[str] = ..., email: _Optional[str] = ..., home_region: _Optional[str] = ...) -> None: ...

class OrgProject(_message.Message):
    __slots__ = ("project_id", "org_id", "name", "region", "created_at_unix_ms", "retention_days")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    RETENTION_DAYS_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    org_id: str
    name: str
    region: str
    created_at_unix_ms: int
    retention_days: int
    def __init__(self, project_id: _Optional[str] = ..., org_id: _Optional[str] = ..., name: _Optional[str] = ..., region: _Optional[str] = ..., created_at_unix_ms: _Optional[int] = ..., retention_days: _Optional[int] = ...) -> None: ...

class SignUpRequest(_message.Message):
    __slots__ = ("region", "email", "password", "org_name")
    REGION_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    ORG_NAME_FIELD_NUMBER: _ClassVar[int]
    region: str
    email: str
    password: str
    org_name: str
    def __init__(self, region: _Optional[str] = ..., email: _Optional[str] = ..., password: _Optional[str] = ..., org_name: _Optional[str] = ...) -> None: ...

class SignUpResponse(_message.Message):
    __slots__ = ("token", "user", "orgs", "refresh_token")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    ORGS_FIELD_NUMBER: _ClassVar[int]
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    user: User
    orgs: _containers.RepeatedCompositeFieldContainer[Org]
    refresh_token: str
    def __init__(self, token: _Optional[str] = ..., user: _Optional[_Union[User, _Mapping]] = ..., orgs: _Optional[_Iterable[_Union[Org, _Mapping]]] = ..., refresh_token: _Optional[str] = ...) -> None: ...

class LoginRequest(_message.Message):
    __slots__ = ("hint", "email", "password", "code")
    HINT_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    hint: str
    email: str
    password: str
    code: str
    def __init__(self, hint: _Optional[str] = ..., email: _Optional[str] = ..., password: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class LoginResponse(_message.Message):
    __slots__ = ("token", "user", "orgs", "elsewhere", "refresh_token")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    ORGS_FIELD_NUMBER: _ClassVar[int]
    ELSEWHERE_FIELD_NUMBER: _ClassVar[int]
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    user: User
    orgs: _containers.RepeatedCompositeFieldContainer[Org]
    elsewhere: _containers.RepeatedScalarFieldContainer[str]
    refresh_token: str
    def __init__(self, token: _Optional[str] = ..., user: _Optional[_Union[User, _Mapping]] = ..., orgs: _Optional[_Iterable[_Union[Org, _Mapping]]] = ..., elsewhere: _Optional[_Iterable[str]] = ..., refresh_token: _Optional[str] = ...) -> None: ...

class ListOrgsRequest(_message.Message):
    __slots__ = ("region",)
    REGION_FIELD_NUMBER: _ClassVar[int]
    region: str
    def __init__(self, region: _Optional[str] = ...) -> None: ...

class ListOrgsResponse(_message.Message):
    __slots__ = ("orgs",)
    ORGS_FIELD_NUMBER: _ClassVar[int]
    orgs: _containers.RepeatedCompositeFieldContainer[Org]
    def __init__(self, orgs: _Optional[_Iterable[_Union[Org, _Mapping]]] = ...) -> None: ...

class ListProjectsRequest(_message.Message):
    __slots__ = ("org_id",)
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    def __init__(self, org_id: _Optional[str] = ...) -> None: ...

class ListProjectsResponse(_message.Message):
    __slots__ = ("projects",)
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    projects: _containers.RepeatedCompositeFieldContainer[OrgProject]
    def __init__(self, projects: _Optional[_Iterable[_Union[OrgProject, _Mapping]]] = ...) -> None: ...

class GetResidencyRequest(_message.Message):
    __slots__ = ("org_id",)
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    def __init__(self, org_id: _Optional[str] = ...) -> None: ...

class GetResidencyResponse(_message.Message):
    __slots__ = ("primary_region", "projects")
    PRIMARY_REGION_FIELD_NUMBER: _ClassVar[int]
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    primary_region: str
    projects: _containers.RepeatedCompositeFieldContainer[OrgProject]
    def __init__(self, primary_region: _Optional[str] = ..., projects: _Optional[_Iterable[_Union[OrgProject, _Mapping]]] = ...) -> None: ...

class AuthorizeCreateRequest(_message.Message):
    __slots__ = ("org_id", "name", "region")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    name: str
    region: str
    def __init__(self, org_id: _Optional[str] = ..., name: _Optional[str] = ..., region: _Optional[str] = ...) -> None: ...

class AuthorizeCreateResponse(_message.Message):
    __slots__ = ("project_id", "ticket")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    ticket: str
    def __init__(self, project_id: _Optional[str] = ..., ticket: _Optional[str] = ...) -> None: ...

class CompleteCreateRequest(_message.Message):
    __slots__ = ("org_id", "project_id")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    project_id: str
    def __init__(self, org_id: _Optional[str] = ..., project_id: _Optional[str] = ...) -> None: ...

class CompleteCreateResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetRetentionRequest(_message.Message):
    __slots__ = ("org_id", "project_id", "retention_days")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    RETENTION_DAYS_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    project_id: str
    retention_days: int
    def __init__(self, org_id: _Optional[str] = ..., project_id: _Optional[str] = ..., retention_days: _Optional[int] = ...) -> None: ...

class SetRetentionResponse(_message.Message):
    __slots__ = ("retention_days",)
    RETENTION_DAYS_FIELD_NUMBER: _ClassVar[int]
    retention_days: int
    def __init__(self, retention_days: _Optional[int] = ...) -> None: ...

class SetPlanRequest(_message.Message):
    __slots__ = ("org_id", "plan")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    plan: str
    def __init__(self, org_id: _Optional[str] = ..., plan: _Optional[str] = ...) -> None: ...

class SetPlanResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("primary_region", "project_region")
    PRIMARY_REGION_FIELD_NUMBER: _ClassVar[int]
    PROJECT_REGION_FIELD_NUMBER: _ClassVar[int]
    primary_region: str
    project_region: str
    def __init__(self, primary_region: _Optional[str] = ..., project_region: _Optional[str] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("rows", "complete", "epoch", "retention")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[AccessRow]
    complete: bool
    epoch: int
    retention: _containers.RepeatedCompositeFieldContainer[RetentionRow]
    def __init__(self, rows: _Optional[_Iterable[_Union[AccessRow, _Mapping]]] = ..., complete: _Optional[bool] = ..., epoch: _Optional[int] = ..., retention: _Optional[_Iterable[_Union[RetentionRow, _Mapping]]] = ...) -> None: ...

class RetentionRow(_message.Message):
    __slots__ = ("project_id", "org_id", "days", "audit_days", "plan")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    AUDIT_DAYS_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    org_id: str
    days: int
    audit_days: int
    plan: str
    def __init__(self, project_id: _Optional[str] = ..., org_id: _Optional[str] = ..., days: _Optional[int] = ..., audit_days: _Optional[int] = ..., plan: _Optional[str] = ...) -> None: ...

class AccessRow(_message.Message):
    __slots__ = ("user_id", "project_id", "org_id", "role", "home_region", "epoch")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    HOME_REGION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    project_id: str
    org_id: str
    role: ProjectRole
    home_region: str
    epoch: int
    def __init__(self, user_id: _Optional[str] = ..., project_id: _Optional[str] = ..., org_id: _Optional[str] = ..., role: _Optional[_Union[ProjectRole, str]] = ..., home_region: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...
