from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class GetSecondFactorRequest(_message.Message):
    __slots__ = ("region",)
    REGION_FIELD_NUMBER: _ClassVar[int]
    region: str
    def __init__(self, region: _Optional[str] = ...) -> None: ...

class GetSecondFactorResponse(_message.Message):
    __slots__ = ("enabled", "enabled_at_unix_ms", "recovery_codes_left")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    ENABLED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_CODES_LEFT_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    enabled_at_unix_ms: int
    recovery_codes_left: int
    def __init__(self, enabled: _Optional[bool] = ..., enabled_at_unix_ms: _Optional[int] = ..., recovery_codes_left: _Optional[int] = ...) -> None: ...

class BeginSecondFactorRequest(_message.Message):
    __slots__ = ("region", "password")
    REGION_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    region: str
    password: str
    def __init__(self, region: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class BeginSecondFactorResponse(_message.Message):
    __slots__ = ("secret", "uri")
    SECRET_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    secret: str
    uri: str
    def __init__(self, secret: _Optional[str] = ..., uri: _Optional[str] = ...) -> None: ...

class ConfirmSecondFactorRequest(_message.Message):
    __slots__ = ("region", "code")
    REGION_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    region: str
    code: str
    def __init__(self, region: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class ConfirmSecondFactorResponse(_message.Message):
    __slots__ = ("recovery_codes",)
    RECOVERY_CODES_FIELD_NUMBER: _ClassVar[int]
    recovery_codes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, recovery_codes: _Optional[_Iterable[str]] = ...) -> None: ...

class RenewRecoveryCodesRequest(_message.Message):
    __slots__ = ("region", "password", "code")
    REGION_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    region: str
    password: str
    code: str
    def __init__(self, region: _Optional[str] = ..., password: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class RenewRecoveryCodesResponse(_message.Message):
    __slots__ = ("recovery_codes",)
    RECOVERY_CODES_FIELD_NUMBER: _ClassVar[int]
    recovery_codes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, recovery_codes: _Optional[_Iterable[str]] = ...) -> None: ...

class DisableSecondFactorRequest(_message.Message):
    __slots__ = ("region", "password", "code")
    REGION_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    region: str
    password: str
    code: str
    def __init__(self, region: _Optional[str] = ..., password: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class DisableSecondFactorResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RemoveSecondFactorRequest(_message.Message):
    __slots__ = ("region", "email")
    REGION_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    region: str
    email: str
    def __init__(self, region: _Optional[str] = ..., email: _Optional[str] = ...) -> None: ...

class RemoveSecondFactorResponse(_message.Message):
    __slots__ = ("user_id", "removed", "ended_sessions")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    ENDED_SESSIONS_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    removed: bool
    ended_sessions: int
    def __init__(self, user_id: _Optional[str] = ..., removed: _Optional[bool] = ..., ended_sessions: _Optional[int] = ...) -> None: ...
