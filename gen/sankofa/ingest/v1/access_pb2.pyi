from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class AwaitRequest(_message.Message):
    __slots__ = ("region", "primary_region", "epoch")
    REGION_FIELD_NUMBER: _ClassVar[int]
    PRIMARY_REGION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    region: str
    primary_region: str
    epoch: int
    def __init__(self, region: _Optional[str] = ..., primary_region: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class AwaitResponse(_message.Message):
    __slots__ = ("taken",)
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    taken: bool
    def __init__(self, taken: _Optional[bool] = ...) -> None: ...
