from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class OrgGrant(_message.Message):
    __slots__ = ("grant_id", "org_id", "operation_id", "epoch", "source", "target", "not_before_unix_ms", "expires_at_unix_ms", "digest_key", "certificate_der", "signature")
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_KEY_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_DER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    grant_id: str
    org_id: str
    operation_id: str
    epoch: int
    source: str
    target: str
    not_before_unix_ms: int
    expires_at_unix_ms: int
    digest_key: bytes
    certificate_der: bytes
    signature: bytes
    def __init__(self, grant_id: _Optional[str] = ..., org_id: _Optional[str] = ..., operation_id: _Optional[str] = ..., epoch: _Optional[int] = ..., source: _Optional[str] = ..., target: _Optional[str] = ..., not_before_unix_ms: _Optional[int] = ..., expires_at_unix_ms: _Optional[int] = ..., digest_key: _Optional[bytes] = ..., certificate_der: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...
