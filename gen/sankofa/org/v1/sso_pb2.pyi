from sankofa.org.v1 import org_pb2 as _org_pb2
from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SsoSettings(_message.Message):
    __slots__ = ("issuer", "client_id", "client_secret_name", "default_role", "allowed_domains", "required")
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_SECRET_NAME_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_ROLE_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_DOMAINS_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    issuer: str
    client_id: str
    client_secret_name: str
    default_role: _org_pb2.OrgRole
    allowed_domains: _containers.RepeatedScalarFieldContainer[str]
    required: bool
    def __init__(self, issuer: _Optional[str] = ..., client_id: _Optional[str] = ..., client_secret_name: _Optional[str] = ..., default_role: _Optional[_Union[_org_pb2.OrgRole, str]] = ..., allowed_domains: _Optional[_Iterable[str]] = ..., required: _Optional[bool] = ...) -> None: ...

class GetSsoRequest(_message.Message):
    __slots__ = ("org_id",)
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    def __init__(self, org_id: _Optional[str] = ...) -> None: ...

class GetSsoResponse(_message.Message):
    __slots__ = ("settings", "redirect_uri")
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    REDIRECT_URI_FIELD_NUMBER: _ClassVar[int]
    settings: SsoSettings
    redirect_uri: str
    def __init__(self, settings: _Optional[_Union[SsoSettings, _Mapping]] = ..., redirect_uri: _Optional[str] = ...) -> None: ...

class PutSsoRequest(_message.Message):
    __slots__ = ("org_id", "settings")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    settings: SsoSettings
    def __init__(self, org_id: _Optional[str] = ..., settings: _Optional[_Union[SsoSettings, _Mapping]] = ...) -> None: ...

class PutSsoResponse(_message.Message):
    __slots__ = ("settings", "redirect_uri")
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    REDIRECT_URI_FIELD_NUMBER: _ClassVar[int]
    settings: SsoSettings
    redirect_uri: str
    def __init__(self, settings: _Optional[_Union[SsoSettings, _Mapping]] = ..., redirect_uri: _Optional[str] = ...) -> None: ...

class DeleteSsoRequest(_message.Message):
    __slots__ = ("org_id",)
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    def __init__(self, org_id: _Optional[str] = ...) -> None: ...

class DeleteSsoResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StartSsoRequest(_message.Message):
    __slots__ = ("org_id", "return_to", "browser", "link")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    RETURN_TO_FIELD_NUMBER: _ClassVar[int]
    BROWSER_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    return_to: str
    browser: str
    link: bool
    def __init__(self, org_id: _Optional[str] = ..., return_to: _Optional[str] = ..., browser: _Optional[str] = ..., link: _Optional[bool] = ...) -> None: ...

class StartSsoResponse(_message.Message):
    __slots__ = ("url", "secure")
    URL_FIELD_NUMBER: _ClassVar[int]
    SECURE_FIELD_NUMBER: _ClassVar[int]
    url: str
    secure: bool
    def __init__(self, url: _Optional[str] = ..., secure: _Optional[bool] = ...) -> None: ...

class FinishSsoRequest(_message.Message):
    __slots__ = ("org_id", "state", "code", "iss", "error", "browser")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    ISS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    BROWSER_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    state: str
    code: str
    iss: str
    error: str
    browser: str
    def __init__(self, org_id: _Optional[str] = ..., state: _Optional[str] = ..., code: _Optional[str] = ..., iss: _Optional[str] = ..., error: _Optional[str] = ..., browser: _Optional[str] = ...) -> None: ...

class FinishSsoResponse(_message.Message):
    __slots__ = ("token", "user", "org", "return_to")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    ORG_FIELD_NUMBER: _ClassVar[int]
    RETURN_TO_FIELD_NUMBER: _ClassVar[int]
    token: str
    user: _org_pb2.User
    org: _org_pb2.Org
    return_to: str
    def __init__(self, token: _Optional[str] = ..., user: _Optional[_Union[_org_pb2.User, _Mapping]] = ..., org: _Optional[_Union[_org_pb2.Org, _Mapping]] = ..., return_to: _Optional[str] = ...) -> None: ...
