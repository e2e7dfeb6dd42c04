from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TokenKeyState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOKEN_KEY_STATE_UNSPECIFIED: _ClassVar[TokenKeyState]
    TOKEN_KEY_STATE_ANNOUNCED: _ClassVar[TokenKeyState]
    TOKEN_KEY_STATE_SIGNING: _ClassVar[TokenKeyState]
    TOKEN_KEY_STATE_VERIFYING: _ClassVar[TokenKeyState]
    TOKEN_KEY_STATE_RETIRED: _ClassVar[TokenKeyState]
TOKEN_KEY_STATE_UNSPECIFIED: TokenKeyState
TOKEN_KEY_STATE_ANNOUNCED: TokenKeyState
TOKEN_KEY_STATE_SIGNING: TokenKeyState
TOKEN_KEY_STATE_VERIFYING: TokenKeyState
TOKEN_KEY_STATE_RETIRED: TokenKeyState

class RotateTokenKeyRequest(_message.Message):
    __slots__ = ("without",)
    WITHOUT_FIELD_NUMBER: _ClassVar[int]
    without: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, without: _Optional[_Iterable[str]] = ...) -> None: ...

class RotateTokenKeyResponse(_message.Message):
    __slots__ = ("kid",)
    KID_FIELD_NUMBER: _ClassVar[int]
    kid: str
    def __init__(self, kid: _Optional[str] = ...) -> None: ...

class ListTokenKeysRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTokenKeysResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[TokenKey]
    def __init__(self, keys: _Optional[_Iterable[_Union[TokenKey, _Mapping]]] = ...) -> None: ...

class TokenKey(_message.Message):
    __slots__ = ("kid", "state", "created_at_unix_ms", "signs_since_unix_ms", "verifies_until_unix_ms", "retired_at_unix_ms", "behind")
    KID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    SIGNS_SINCE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    VERIFIES_UNTIL_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    RETIRED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    BEHIND_FIELD_NUMBER: _ClassVar[int]
    kid: str
    state: TokenKeyState
    created_at_unix_ms: int
    signs_since_unix_ms: int
    verifies_until_unix_ms: int
    retired_at_unix_ms: int
    behind: _containers.RepeatedCompositeFieldContainer[BehindDirectory]
    def __init__(self, kid: _Optional[str] = ..., state: _Optional[_Union[TokenKeyState, str]] = ..., created_at_unix_ms: _Optional[int] = ..., signs_since_unix_ms: _Optional[int] = ..., verifies_until_unix_ms: _Optional[int] = ..., retired_at_unix_ms: _Optional[int] = ..., behind: _Optional[_Iterable[_Union[BehindDirectory, _Mapping]]] = ...) -> None: ...

class BehindDirectory(_message.Message):
    __slots__ = ("region", "why")
    REGION_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    region: str
    why: str
    def __init__(self, region: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...
