from sankofa.residency.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LeaseRequest(_message.Message):
    __slots__ = ("primary_region", "reports")
    PRIMARY_REGION_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    primary_region: str
    reports: _containers.RepeatedCompositeFieldContainer[UsageReport]
    def __init__(self, primary_region: _Optional[str] = ..., reports: _Optional[_Iterable[_Union[UsageReport, _Mapping]]] = ...) -> None: ...

class UsageReport(_message.Message):
    __slots__ = ("project_id", "org_id", "month", "total", "needed", "ahead", "answered", "holds")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    MONTH_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    NEEDED_FIELD_NUMBER: _ClassVar[int]
    AHEAD_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    org_id: str
    month: int
    total: int
    needed: int
    ahead: int
    answered: int
    holds: int
    def __init__(self, project_id: _Optional[str] = ..., org_id: _Optional[str] = ..., month: _Optional[int] = ..., total: _Optional[int] = ..., needed: _Optional[int] = ..., ahead: _Optional[int] = ..., answered: _Optional[int] = ..., holds: _Optional[int] = ...) -> None: ...

class LeaseResponse(_message.Message):
    __slots__ = ("leases",)
    LEASES_FIELD_NUMBER: _ClassVar[int]
    leases: _containers.RepeatedCompositeFieldContainer[UsageLease]
    def __init__(self, leases: _Optional[_Iterable[_Union[UsageLease, _Mapping]]] = ...) -> None: ...

class UsageLease(_message.Message):
    __slots__ = ("project_id", "month", "unlimited", "budget", "lease_ms", "exhausted", "number", "reserved")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    MONTH_FIELD_NUMBER: _ClassVar[int]
    UNLIMITED_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    LEASE_MS_FIELD_NUMBER: _ClassVar[int]
    EXHAUSTED_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    RESERVED_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    month: int
    unlimited: bool
    budget: int
    lease_ms: int
    exhausted: bool
    number: int
    reserved: int
    def __init__(self, project_id: _Optional[str] = ..., month: _Optional[int] = ..., unlimited: _Optional[bool] = ..., budget: _Optional[int] = ..., lease_ms: _Optional[int] = ..., exhausted: _Optional[bool] = ..., number: _Optional[int] = ..., reserved: _Optional[int] = ...) -> None: ...

class GetBillingRequest(_message.Message):
    __slots__ = ("org_id",)
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    def __init__(self, org_id: _Optional[str] = ...) -> None: ...

class GetBillingResponse(_message.Message):
    __slots__ = ("plan", "periods")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PERIODS_FIELD_NUMBER: _ClassVar[int]
    plan: str
    periods: _containers.RepeatedCompositeFieldContainer[BillingPeriod]
    def __init__(self, plan: _Optional[str] = ..., periods: _Optional[_Iterable[_Union[BillingPeriod, _Mapping]]] = ...) -> None: ...

class BillingPeriod(_message.Message):
    __slots__ = ("month", "plan", "quota", "events", "overage", "projects")
    MONTH_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    OVERAGE_FIELD_NUMBER: _ClassVar[int]
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    month: int
    plan: str
    quota: int
    events: int
    overage: int
    projects: _containers.RepeatedCompositeFieldContainer[ProjectUsage]
    def __init__(self, month: _Optional[int] = ..., plan: _Optional[str] = ..., quota: _Optional[int] = ..., events: _Optional[int] = ..., overage: _Optional[int] = ..., projects: _Optional[_Iterable[_Union[ProjectUsage, _Mapping]]] = ...) -> None: ...

class ProjectUsage(_message.Message):
    __slots__ = ("project_id", "region", "events", "reported_at_unix_ms")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    REPORTED_AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    region: str
    events: int
    reported_at_unix_ms: int
    def __init__(self, project_id: _Optional[str] = ..., region: _Optional[str] = ..., events: _Optional[int] = ..., reported_at_unix_ms: _Optional[int] = ...) -> None: ...

class ChangePlanRequest(_message.Message):
    __slots__ = ("org_id", "plan")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    plan: str
    def __init__(self, org_id: _Optional[str] = ..., plan: _Optional[str] = ...) -> None: ...

class ChangePlanResponse(_message.Message):
    __slots__ = ("plan",)
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: str
    def __init__(self, plan: _Optional[str] = ...) -> None: ...
