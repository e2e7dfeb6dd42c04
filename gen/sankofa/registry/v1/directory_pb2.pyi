from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TokenKeyStanding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOKEN_KEY_STANDING_UNSPECIFIED: _ClassVar[TokenKeyStanding]
    TOKEN_KEY_STANDING_UNKNOWN: _ClassVar[TokenKeyStanding]
    TOKEN_KEY_STANDING_VERIFIES: _ClassVar[TokenKeyStanding]
    TOKEN_KEY_STANDING_RETIRED: _ClassVar[TokenKeyStanding]
TOKEN_KEY_STANDING_UNSPECIFIED: TokenKeyStanding
TOKEN_KEY_STANDING_UNKNOWN: TokenKeyStanding
TOKEN_KEY_STANDING_VERIFIES: TokenKeyStanding
TOKEN_KEY_STANDING_RETIRED: TokenKeyStanding

class FindTokenKeysRequest(_message.Message):
    __slots__ = ("region", "issuer", "kids")
    REGION_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    KIDS_FIELD_NUMBER: _ClassVar[int]
    region: str
    issuer: str
    kids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, region: _Optional[str] = ..., issuer: _Optional[str] = ..., kids: _Optional[_Iterable[str]] = ...) -> None: ...

class FindTokenKeysResponse(_message.Message):
    __slots__ = ("standings",)
    STANDINGS_FIELD_NUMBER: _ClassVar[int]
    standings: _containers.RepeatedScalarFieldContainer[TokenKeyStanding]
    def __init__(self, standings: _Optional[_Iterable[_Union[TokenKeyStanding, str]]] = ...) -> None: ...
