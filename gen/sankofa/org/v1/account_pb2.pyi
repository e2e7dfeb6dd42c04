from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class IntroduceRequest(_message.Message):
    __slots__ = ("region", "org_id")
    REGION_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    region: str
    org_id: str
    def __init__(self, region: _Optional[str] = ..., org_id: _Optional[str] = ...) -> None: ...

class IntroduceResponse(_message.Message):
    __slots__ = ("introduction",)
    INTRODUCTION_FIELD_NUMBER: _ClassVar[int]
    introduction: str
    def __init__(self, introduction: _Optional[str] = ...) -> None: ...
