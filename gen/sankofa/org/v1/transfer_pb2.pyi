from sankofa.registry.v1 import registry_pb2 as _registry_pb2
from sankofa.residency.v1 import grant_pb2 as _grant_pb2
from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AssignmentStep(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASSIGNMENT_STEP_UNSPECIFIED: _ClassVar[AssignmentStep]
    ASSIGNMENT_STEP_CLAIMING: _ClassVar[AssignmentStep]
    ASSIGNMENT_STEP_FENCED: _ClassVar[AssignmentStep]
    ASSIGNMENT_STEP_COPIED: _ClassVar[AssignmentStep]
    ASSIGNMENT_STEP_HANDED_OVER: _ClassVar[AssignmentStep]
    ASSIGNMENT_STEP_SWITCHED: _ClassVar[AssignmentStep]
    ASSIGNMENT_STEP_ACCOUNTS_MOVED: _ClassVar[AssignmentStep]
    ASSIGNMENT_STEP_ERASED: _ClassVar[AssignmentStep]
    ASSIGNMENT_STEP_DONE: _ClassVar[AssignmentStep]
    ASSIGNMENT_STEP_ABANDONED: _ClassVar[AssignmentStep]
ASSIGNMENT_STEP_UNSPECIFIED: AssignmentStep
ASSIGNMENT_STEP_CLAIMING: AssignmentStep
ASSIGNMENT_STEP_FENCED: AssignmentStep
ASSIGNMENT_STEP_COPIED: AssignmentStep
ASSIGNMENT_STEP_HANDED_OVER: AssignmentStep
ASSIGNMENT_STEP_SWITCHED: AssignmentStep
ASSIGNMENT_STEP_ACCOUNTS_MOVED: AssignmentStep
ASSIGNMENT_STEP_ERASED: AssignmentStep
ASSIGNMENT_STEP_DONE: AssignmentStep
ASSIGNMENT_STEP_ABANDONED: AssignmentStep

class Assignment(_message.Message):
    __slots__ = ("operation_id", "from_region", "to_region", "step", "begun_at_unix_ms", "finished_at_unix_ms", "write_pause_ms", "rows", "accounts", "reason", "left")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_REGION_FIELD_NUMBER: _ClassVar[int]
    TO_REGION_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    BEGUN_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    WRITE_PAUSE_MS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    operation_id: str
    from_region: str
    to_region: str
    step: AssignmentStep
    begun_at_unix_ms: int
    finished_at_unix_ms: int
    write_pause_ms: int
    rows: int
    accounts: int
    reason: str
    left: Left
    def __init__(self, operation_id: _Optional[str] = ..., from_region: _Optional[str] = ..., to_region: _Optional[str] = ..., step: _Optional[_Union[AssignmentStep, str]] = ..., begun_at_unix_ms: _Optional[int] = ..., finished_at_unix_ms: _Optional[int] = ..., write_pause_ms: _Optional[int] = ..., rows: _Optional[int] = ..., accounts: _Optional[int] = ..., reason: _Optional[str] = ..., left: _Optional[_Union[Left, _Mapping]] = ...) -> None: ...

class Left(_message.Message):
    __slots__ = ("rows", "files")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    rows: int
    files: int
    def __init__(self, rows: _Optional[int] = ..., files: _Optional[int] = ...) -> None: ...

class AssignRequest(_message.Message):
    __slots__ = ("org_id", "region")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    region: str
    def __init__(self, org_id: _Optional[str] = ..., region: _Optional[str] = ...) -> None: ...

class AssignResponse(_message.Message):
    __slots__ = ("assignment", "primary_region")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    PRIMARY_REGION_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    primary_region: str
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ..., primary_region: _Optional[str] = ...) -> None: ...

class GetAssignmentRequest(_message.Message):
    __slots__ = ("org_id",)
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    def __init__(self, org_id: _Optional[str] = ...) -> None: ...

class GetAssignmentResponse(_message.Message):
    __slots__ = ("assignment", "primary_region")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    PRIMARY_REGION_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    primary_region: str
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ..., primary_region: _Optional[str] = ...) -> None: ...

class BeginRequest(_message.Message):
    __slots__ = ("grant",)
    GRANT_FIELD_NUMBER: _ClassVar[int]
    grant: _grant_pb2.OrgGrant
    def __init__(self, grant: _Optional[_Union[_grant_pb2.OrgGrant, _Mapping]] = ...) -> None: ...

class BeginResponse(_message.Message):
    __slots__ = ("public_key", "certificate_der", "signature")
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_DER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    public_key: bytes
    certificate_der: bytes
    signature: bytes
    def __init__(self, public_key: _Optional[bytes] = ..., certificate_der: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class PutRequest(_message.Message):
    __slots__ = ("grant", "cursor", "nonce", "sealed")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    grant: _grant_pb2.OrgGrant
    cursor: int
    nonce: bytes
    sealed: bytes
    def __init__(self, grant: _Optional[_Union[_grant_pb2.OrgGrant, _Mapping]] = ..., cursor: _Optional[int] = ..., nonce: _Optional[bytes] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class PutResponse(_message.Message):
    __slots__ = ("cursor",)
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    cursor: int
    def __init__(self, cursor: _Optional[int] = ...) -> None: ...

class TableDigest(_message.Message):
    __slots__ = ("table", "rows", "digest")
    TABLE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    table: str
    rows: int
    digest: bytes
    def __init__(self, table: _Optional[str] = ..., rows: _Optional[int] = ..., digest: _Optional[bytes] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ("grant", "tables")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    TABLES_FIELD_NUMBER: _ClassVar[int]
    grant: _grant_pb2.OrgGrant
    tables: _containers.RepeatedCompositeFieldContainer[TableDigest]
    def __init__(self, grant: _Optional[_Union[_grant_pb2.OrgGrant, _Mapping]] = ..., tables: _Optional[_Iterable[_Union[TableDigest, _Mapping]]] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("differing",)
    DIFFERING_FIELD_NUMBER: _ClassVar[int]
    differing: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, differing: _Optional[_Iterable[str]] = ...) -> None: ...

class TakeRequest(_message.Message):
    __slots__ = ("grant", "handover", "tables")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    HANDOVER_FIELD_NUMBER: _ClassVar[int]
    TABLES_FIELD_NUMBER: _ClassVar[int]
    grant: _grant_pb2.OrgGrant
    handover: _registry_pb2.Handover
    tables: _containers.RepeatedCompositeFieldContainer[TableDigest]
    def __init__(self, grant: _Optional[_Union[_grant_pb2.OrgGrant, _Mapping]] = ..., handover: _Optional[_Union[_registry_pb2.Handover, _Mapping]] = ..., tables: _Optional[_Iterable[_Union[TableDigest, _Mapping]]] = ...) -> None: ...

class TakeResponse(_message.Message):
    __slots__ = ("row", "signer")
    ROW_FIELD_NUMBER: _ClassVar[int]
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    row: _registry_pb2.SignedRow
    signer: _registry_pb2.SignedRow
    def __init__(self, row: _Optional[_Union[_registry_pb2.SignedRow, _Mapping]] = ..., signer: _Optional[_Union[_registry_pb2.SignedRow, _Mapping]] = ...) -> None: ...

class TakeAccountRequest(_message.Message):
    __slots__ = ("grant", "user_id", "handover", "nonce", "sealed")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    HANDOVER_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    grant: _grant_pb2.OrgGrant
    user_id: str
    handover: _registry_pb2.Handover
    nonce: bytes
    sealed: bytes
    def __init__(self, grant: _Optional[_Union[_grant_pb2.OrgGrant, _Mapping]] = ..., user_id: _Optional[str] = ..., handover: _Optional[_Union[_registry_pb2.Handover, _Mapping]] = ..., nonce: _Optional[bytes] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class TakeAccountResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class FinishRequest(_message.Message):
    __slots__ = ("grant", "left", "write_pause_ms", "accounts", "files_left")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    WRITE_PAUSE_MS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    FILES_LEFT_FIELD_NUMBER: _ClassVar[int]
    grant: _grant_pb2.OrgGrant
    left: _containers.RepeatedCompositeFieldContainer[TableDigest]
    write_pause_ms: int
    accounts: int
    files_left: int
    def __init__(self, grant: _Optional[_Union[_grant_pb2.OrgGrant, _Mapping]] = ..., left: _Optional[_Iterable[_Union[TableDigest, _Mapping]]] = ..., write_pause_ms: _Optional[int] = ..., accounts: _Optional[int] = ..., files_left: _Optional[int] = ...) -> None: ...

class FinishResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AbandonRequest(_message.Message):
    __slots__ = ("grant",)
    GRANT_FIELD_NUMBER: _ClassVar[int]
    grant: _grant_pb2.OrgGrant
    def __init__(self, grant: _Optional[_Union[_grant_pb2.OrgGrant, _Mapping]] = ...) -> None: ...

class AbandonResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTransfersRequest(_message.Message):
    __slots__ = ("region",)
    REGION_FIELD_NUMBER: _ClassVar[int]
    region: str
    def __init__(self, region: _Optional[str] = ...) -> None: ...

class Transfer(_message.Message):
    __slots__ = ("operation_id", "org_id", "epoch", "from_region", "to_region", "handed_over", "begun_at_unix_ms", "finished_at_unix_ms")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    FROM_REGION_FIELD_NUMBER: _ClassVar[int]
    TO_REGION_FIELD_NUMBER: _ClassVar[int]
    HANDED_OVER_FIELD_NUMBER: _ClassVar[int]
    BEGUN_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    operation_id: str
    org_id: str
    epoch: int
    from_region: str
    to_region: str
    handed_over: bool
    begun_at_unix_ms: int
    finished_at_unix_ms: int
    def __init__(self, operation_id: _Optional[str] = ..., org_id: _Optional[str] = ..., epoch: _Optional[int] = ..., from_region: _Optional[str] = ..., to_region: _Optional[str] = ..., handed_over: _Optional[bool] = ..., begun_at_unix_ms: _Optional[int] = ..., finished_at_unix_ms: _Optional[int] = ...) -> None: ...

class ListTransfersResponse(_message.Message):
    __slots__ = ("departures", "arrivals")
    DEPARTURES_FIELD_NUMBER: _ClassVar[int]
    ARRIVALS_FIELD_NUMBER: _ClassVar[int]
    departures: _containers.RepeatedCompositeFieldContainer[Transfer]
    arrivals: _containers.RepeatedCompositeFieldContainer[Transfer]
    def __init__(self, departures: _Optional[_Iterable[_Union[Transfer, _Mapping]]] = ..., arrivals: _Optional[_Iterable[_Union[Transfer, _Mapping]]] = ...) -> None: ...
