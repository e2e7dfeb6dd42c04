from sankofa.residency.v1 import environment_pb2 as _environment_pb2
from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RegionStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REGION_STATUS_UNSPECIFIED: _ClassVar[RegionStatus]
    REGION_STATUS_OPEN: _ClassVar[RegionStatus]
    REGION_STATUS_ROADMAP: _ClassVar[RegionStatus]

class OrgOperationKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORG_OPERATION_KIND_UNSPECIFIED: _ClassVar[OrgOperationKind]
    ORG_OPERATION_KIND_ASSIGN: _ClassVar[OrgOperationKind]
    ORG_OPERATION_KIND_MIGRATION: _ClassVar[OrgOperationKind]
REGION_STATUS_UNSPECIFIED: RegionStatus
REGION_STATUS_OPEN: RegionStatus
REGION_STATUS_ROADMAP: RegionStatus
ORG_OPERATION_KIND_UNSPECIFIED: OrgOperationKind
ORG_OPERATION_KIND_ASSIGN: OrgOperationKind
ORG_OPERATION_KIND_MIGRATION: OrgOperationKind

class Region(_message.Message):
    __slots__ = ("id", "display_name", "status", "rest_url", "federated_address", "org_address")
    ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REST_URL_FIELD_NUMBER: _ClassVar[int]
    FEDERATED_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ORG_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    id: str
    display_name: str
    status: RegionStatus
    rest_url: str
    federated_address: str
    org_address: str
    def __init__(self, id: _Optional[str] = ..., display_name: _Optional[str] = ..., status: _Optional[_Union[RegionStatus, str]] = ..., rest_url: _Optional[str] = ..., federated_address: _Optional[str] = ..., org_address: _Optional[str] = ...) -> None: ...

class Catalogue(_message.Message):
    __slots__ = ("regions", "default_region")
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_REGION_FIELD_NUMBER: _ClassVar[int]
    regions: _containers.RepeatedCompositeFieldContainer[Region]
    default_region: str
    def __init__(self, regions: _Optional[_Iterable[_Union[Region, _Mapping]]] = ..., default_region: _Optional[str] = ...) -> None: ...

class Signer(_message.Message):
    __slots__ = ("key_id", "certificate_der")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_DER_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    certificate_der: bytes
    def __init__(self, key_id: _Optional[str] = ..., certificate_der: _Optional[bytes] = ...) -> None: ...

class JwtKey(_message.Message):
    __slots__ = ("kid", "public_key", "retired")
    KID_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    RETIRED_FIELD_NUMBER: _ClassVar[int]
    kid: str
    public_key: bytes
    retired: bool
    def __init__(self, kid: _Optional[str] = ..., public_key: _Optional[bytes] = ..., retired: _Optional[bool] = ...) -> None: ...

class Pin(_message.Message):
    __slots__ = ("project_id", "org_id")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    org_id: str
    def __init__(self, project_id: _Optional[str] = ..., org_id: _Optional[str] = ...) -> None: ...

class ApiKey(_message.Message):
    __slots__ = ("key_hash", "key_id", "project_id", "environment", "revoked")
    KEY_HASH_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    key_hash: bytes
    key_id: str
    project_id: str
    environment: _environment_pb2.Environment
    revoked: bool
    def __init__(self, key_hash: _Optional[bytes] = ..., key_id: _Optional[str] = ..., project_id: _Optional[str] = ..., environment: _Optional[_Union[_environment_pb2.Environment, str]] = ..., revoked: _Optional[bool] = ...) -> None: ...

class Handover(_message.Message):
    __slots__ = ("org_id", "login_hint", "from_region", "to_region", "epoch", "at_unix_ms", "certificate_der", "signature")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    LOGIN_HINT_FIELD_NUMBER: _ClassVar[int]
    FROM_REGION_FIELD_NUMBER: _ClassVar[int]
    TO_REGION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_DER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    login_hint: str
    from_region: str
    to_region: str
    epoch: int
    at_unix_ms: int
    certificate_der: bytes
    signature: bytes
    def __init__(self, org_id: _Optional[str] = ..., login_hint: _Optional[str] = ..., from_region: _Optional[str] = ..., to_region: _Optional[str] = ..., epoch: _Optional[int] = ..., at_unix_ms: _Optional[int] = ..., certificate_der: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Org(_message.Message):
    __slots__ = ("org_id", "epoch", "handovers")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    HANDOVERS_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    epoch: int
    handovers: _containers.RepeatedCompositeFieldContainer[Handover]
    def __init__(self, org_id: _Optional[str] = ..., epoch: _Optional[int] = ..., handovers: _Optional[_Iterable[_Union[Handover, _Mapping]]] = ...) -> None: ...

class LoginHint(_message.Message):
    __slots__ = ("hint", "handovers")
    HINT_FIELD_NUMBER: _ClassVar[int]
    HANDOVERS_FIELD_NUMBER: _ClassVar[int]
    hint: str
    handovers: _containers.RepeatedCompositeFieldContainer[Handover]
    def __init__(self, hint: _Optional[str] = ..., handovers: _Optional[_Iterable[_Union[Handover, _Mapping]]] = ...) -> None: ...

class OrgOperation(_message.Message):
    __slots__ = ("org_id", "operation_id", "kind", "begun_at_unix_ms", "finished")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    BEGUN_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    operation_id: str
    kind: OrgOperationKind
    begun_at_unix_ms: int
    finished: bool
    def __init__(self, org_id: _Optional[str] = ..., operation_id: _Optional[str] = ..., kind: _Optional[_Union[OrgOperationKind, str]] = ..., begun_at_unix_ms: _Optional[int] = ..., finished: _Optional[bool] = ...) -> None: ...

class SessionEnd(_message.Message):
    __slots__ = ("session_id", "forget_after_unix_ms", "before_unix_ms")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    FORGET_AFTER_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    forget_after_unix_ms: int
    before_unix_ms: int
    def __init__(self, session_id: _Optional[str] = ..., forget_after_unix_ms: _Optional[int] = ..., before_unix_ms: _Optional[int] = ...) -> None: ...

class Row(_message.Message):
    __slots__ = ("region", "signer", "jwt_key", "pin", "api_key", "org", "login_hint", "org_operation", "session_end")
    REGION_FIELD_NUMBER: _ClassVar[int]
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    JWT_KEY_FIELD_NUMBER: _ClassVar[int]
    PIN_FIELD_NUMBER: _ClassVar[int]
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    ORG_FIELD_NUMBER: _ClassVar[int]
    LOGIN_HINT_FIELD_NUMBER: _ClassVar[int]
    ORG_OPERATION_FIELD_NUMBER: _ClassVar[int]
    SESSION_END_FIELD_NUMBER: _ClassVar[int]
    region: str
    signer: Signer
    jwt_key: JwtKey
    pin: Pin
    api_key: ApiKey
    org: Org
    login_hint: LoginHint
    org_operation: OrgOperation
    session_end: SessionEnd
    def __init__(self, region: _Optional[str] = ..., signer: _Optional[_Union[Signer, _Mapping]] = ..., jwt_key: _Optional[_Union[JwtKey, _Mapping]] = ..., pin: _Optional[_Union[Pin, _Mapping]] = ..., api_key: _Optional[_Union[ApiKey, _Mapping]] = ..., org: _Optional[_Union[Org, _Mapping]] = ..., login_hint: _Optional[_Union[LoginHint, _Mapping]] = ..., org_operation: _Optional[_Union[OrgOperation, _Mapping]] = ..., session_end: _Optional[_Union[SessionEnd, _Mapping]] = ...) -> None: ...

class SignedRow(_message.Message):
    __slots__ = ("row", "signer_key_id", "signature")
    ROW_FIELD_NUMBER: _ClassVar[int]
    SIGNER_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    row: Row
    signer_key_id: str
    signature: bytes
    def __init__(self, row: _Optional[_Union[Row, _Mapping]] = ..., signer_key_id: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class PutRowsRequest(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[SignedRow]
    def __init__(self, rows: _Optional[_Iterable[_Union[SignedRow, _Mapping]]] = ...) -> None: ...

class PutRowsResponse(_message.Message):
    __slots__ = ("feed_id", "seq")
    FEED_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    feed_id: str
    seq: int
    def __init__(self, feed_id: _Optional[str] = ..., seq: _Optional[int] = ...) -> None: ...

class FindLoginHintRequest(_message.Message):
    __slots__ = ("hint",)
    HINT_FIELD_NUMBER: _ClassVar[int]
    hint: str
    def __init__(self, hint: _Optional[str] = ...) -> None: ...

class FindLoginHintResponse(_message.Message):
    __slots__ = ("row", "signer")
    ROW_FIELD_NUMBER: _ClassVar[int]
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    row: SignedRow
    signer: SignedRow
    def __init__(self, row: _Optional[_Union[SignedRow, _Mapping]] = ..., signer: _Optional[_Union[SignedRow, _Mapping]] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("feed_id", "after_seq", "region")
    FEED_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQ_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    feed_id: str
    after_seq: int
    region: str
    def __init__(self, feed_id: _Optional[str] = ..., after_seq: _Optional[int] = ..., region: _Optional[str] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("feed_id", "seq", "snapshot_begin", "snapshot_end", "rows", "catalogue", "heartbeat")
    FEED_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_BEGIN_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_END_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CATALOGUE_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    feed_id: str
    seq: int
    snapshot_begin: SnapshotBegin
    snapshot_end: SnapshotEnd
    rows: Rows
    catalogue: Catalogue
    heartbeat: Heartbeat
    def __init__(self, feed_id: _Optional[str] = ..., seq: _Optional[int] = ..., snapshot_begin: _Optional[_Union[SnapshotBegin, _Mapping]] = ..., snapshot_end: _Optional[_Union[SnapshotEnd, _Mapping]] = ..., rows: _Optional[_Union[Rows, _Mapping]] = ..., catalogue: _Optional[_Union[Catalogue, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ...) -> None: ...

class Rows(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[SignedRow]
    def __init__(self, rows: _Optional[_Iterable[_Union[SignedRow, _Mapping]]] = ...) -> None: ...

class SnapshotBegin(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SnapshotEnd(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
