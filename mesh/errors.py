"""Domain errors and the one table that says how each looks on either wire.

SankofaError
├── InvalidInput        what the caller sent can't be used
├── Unauthenticated     who the caller is can't be established
├── Forbidden           the caller is known, and may not
│   └── CrossingRefused the guard: this call may not cross, or not be served here
├── NotFound            no such thing here
├── Conflict            it clashes with what is
├── RateLimited         the caller asks too often
└── Unavailable         the same call may succeed later
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from sankofa.residency.v1.error_pb2 import ErrorReason

DOMAIN = "sankofa"
LONGEST_DETAIL = 200
"""Characters: it travels in gRPC's trailers, three times and encoded, and they hold 8 KiB."""
RETRY_AFTER_S = 1
"""When to come again, where nothing more exact is known."""


class SankofaError(Exception):
    """A refusal with a typed reason. `detail` completes the public text and never holds a payload.

    `retry_after_s`: where the same call may succeed later, whole seconds until it is worth trying.
    """

    default: ClassVar[ErrorReason] = ErrorReason.ERROR_REASON_INTERNAL

    def __init__(
        self, reason: ErrorReason | None = None, *, detail: str = "", retry_after_s: int = RETRY_AFTER_S
    ) -> None:
        self.reason: ErrorReason = self.default if reason is None else reason
        self.detail = detail[:LONGEST_DETAIL]
        self.retry_after_s = retry_after_s
        super().__init__(self.public_text)

    @property
    def public_text(self) -> str:
        """What a person outside may read."""
        text = TABLE[self.reason].text
        return f"{text}: {self.detail}" if self.detail else text

    @property
    def http_status(self) -> int:
        """The status of the REST answer."""
        return TABLE[self.reason].http

    @property
    def grpc_code(self) -> grpc.StatusCode:
        """The code of the gRPC answer."""
        return TABLE[self.reason].code


class InvalidInput(SankofaError):
    """What the caller sent can't be used."""

    default = ErrorReason.ERROR_REASON_INVALID_ARGUMENT


class Unauthenticated(SankofaError):
    """Who the caller is can't be established."""

    default = ErrorReason.ERROR_REASON_INVALID_TOKEN


class Forbidden(SankofaError):
    """The caller is known, and may not."""

    default = ErrorReason.ERROR_REASON_PERMISSION_DENIED


class CrossingRefused(Forbidden):
    """The guard: this call may not cross, or may not be served here."""

    default = ErrorReason.ERROR_REASON_CROSSING_FORBIDDEN


class NotFound(SankofaError):
    """No such thing here."""

    default = ErrorReason.ERROR_REASON_NOT_FOUND


class Conflict(SankofaError):
    """It clashes with what is."""

    default = ErrorReason.ERROR_REASON_ROW_CONFLICT


class RateLimited(SankofaError):
    """The caller asks too often."""

    default = ErrorReason.ERROR_REASON_RATE_LIMITED


class Unavailable(SankofaError):
    """The same call may succeed later."""

    default = ErrorReason.ERROR_REASON_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Wire:
    """How a reason looks outside."""

    type: type[SankofaError]
    code: grpc.StatusCode
    http: int
    text: str


_BAD, _UNAUTH, _DENIED = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
)
_MISSING, _EXISTS, _AWAY = (
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.UNAVAILABLE,
)
_BUSY = "Service temporarily unavailable"
_SLOWER = "Rate limit exceeded. Please wait a moment."
_NO_MORE = (
    "quota_exceeded: the Hobby plan's live events of this month are used up. "
    "Upgrade to Pro, or send again next month (UTC)."
)

TABLE: dict[int, Wire] = {
    ErrorReason.Value("ERROR_REASON_" + name): Wire(kind, code, http, text)
    for name, kind, code, http, text in (
        ("INTERNAL", SankofaError, grpc.StatusCode.INTERNAL, 500, "Internal error"),
        ("UNAVAILABLE", Unavailable, _AWAY, 503, _BUSY),
        ("DEADLINE_EXCEEDED", Unavailable, grpc.StatusCode.DEADLINE_EXCEEDED, 503, _BUSY),
        ("LOG_FULL", Unavailable, grpc.StatusCode.RESOURCE_EXHAUSTED, 503, _BUSY),
        ("IN_FLIGHT_FULL", Unavailable, grpc.StatusCode.RESOURCE_EXHAUSTED, 503, _BUSY),
        ("PROJECT_SHARE", Unavailable, grpc.StatusCode.RESOURCE_EXHAUSTED, 503, _BUSY),
        ("RATE_LIMITED", RateLimited, grpc.StatusCode.RESOURCE_EXHAUSTED, 429, _SLOWER),
        ("IDENTITY_REQUIRED", Unauthenticated, _UNAUTH, 401, "A certificate of the mesh is required"),
        ("CROSSING_FORBIDDEN", CrossingRefused, _DENIED, 403, "The call may not cross regions"),
        ("WRONG_REGION", CrossingRefused, _DENIED, 403, "The subject belongs to another region"),
        ("PIN_UNKNOWN", CrossingRefused, _DENIED, 403, "The subject's region is not known here"),
        ("PLANE_UNKNOWN", CrossingRefused, _DENIED, 403, "The method has no plane"),
        ("ROLE_FORBIDDEN", CrossingRefused, _DENIED, 403, "The caller's role may not call this method"),
        ("ROW_NOT_SIGNED", Forbidden, _DENIED, 403, "The row is not signed by its region"),
        ("ROW_NOT_OWN", Forbidden, _DENIED, 403, "The row belongs to another region"),
        ("ROW_CONFLICT", Conflict, _EXISTS, 409, "The row is written once and has another value"),
        ("INVALID_BODY", InvalidInput, _BAD, 400, "Invalid request body"),
        ("INVALID_ARGUMENT", InvalidInput, _BAD, 400, "Invalid argument"),
        ("MISSING_EVENT_NAME", InvalidInput, _BAD, 400, "Missing event_name"),
        ("MISSING_DISTINCT_ID", InvalidInput, _BAD, 400, "Missing distinct_id"),
        ("MISSING_ALIAS_ID", InvalidInput, _BAD, 400, "Missing alias_id"),
        ("NO_OPERATIONS", InvalidInput, _BAD, 400, "No operations provided"),
        ("UNKNOWN_OPERATION_TYPE", InvalidInput, _BAD, 400, "unknown operation type"),
        ("INVALID_TRACK_PAYLOAD", InvalidInput, _BAD, 400, "Invalid track payload"),
        ("INVALID_PEOPLE_PAYLOAD", InvalidInput, _BAD, 400, "Invalid people payload"),
        ("INVALID_ALIAS_PAYLOAD", InvalidInput, _BAD, 400, "Invalid alias payload"),
        ("BODY_TOO_LARGE", InvalidInput, _BAD, 413, "Request body too large"),
        ("UNSUPPORTED_ENCODING", InvalidInput, _BAD, 415, "Unsupported Content-Encoding"),
        ("TOO_MANY_OPERATIONS", InvalidInput, _BAD, 413, "Too many operations in one batch, split it"),
        (
            "TOO_MANY_PROPERTIES",
            InvalidInput,
            _BAD,
            413,
            "Too many properties: 10000 at most for one person, 100000 for the people of one batch",
        ),
        ("REQUEST_TIMEOUT", InvalidInput, _BAD, 408, "Request timeout"),
        ("INVALID_REQUEST", InvalidInput, _BAD, 400, "Invalid request"),
        ("HEADERS_TOO_LARGE", InvalidInput, _BAD, 431, "Request headers too large"),
        ("MISSING_API_KEY", Unauthenticated, _UNAUTH, 401, "Missing API key"),
        ("INVALID_API_KEY", Forbidden, _DENIED, 403, "Invalid API Key"),
        ("MISSING_TOKEN", Unauthenticated, _UNAUTH, 401, "Missing bearer token"),
        ("INVALID_TOKEN", Unauthenticated, _UNAUTH, 401, "Invalid or expired token"),
        ("LOGIN_FAILED", Unauthenticated, _UNAUTH, 401, "Wrong e-mail or password"),
        (
            "SESSION_ENDED",
            Unauthenticated,
            _UNAUTH,
            401,
            "The session has ended, or its refresh token was used before: log in again",
        ),
        (
            "LOGIN_THROTTLED",
            RateLimited,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            429,
            "Too many failed attempts to sign in. Please wait before the next one.",
        ),
        ("SESSION_NOT_FOUND", NotFound, _MISSING, 404, "Session not found"),
        ("PERMISSION_DENIED", Forbidden, _DENIED, 403, "Permission denied"),
        ("UNAUTHORIZED_ORIGIN", Forbidden, _DENIED, 403, "Unauthorized Origin"),
        ("UNAUTHORIZED_IP", Forbidden, _DENIED, 403, "Unauthorized IP Address"),
        ("ACCESS_STALE", Unavailable, _AWAY, 503, _BUSY),
        ("NOT_FOUND", NotFound, _MISSING, 404, "Not found"),
        ("PROJECT_NOT_FOUND", NotFound, _MISSING, 404, "Project not found"),
        ("ORG_NOT_FOUND", NotFound, _MISSING, 404, "Organisation not found"),
        ("PERSON_NOT_FOUND", NotFound, _MISSING, 404, "Person not found"),
        ("KEY_NOT_FOUND", NotFound, _MISSING, 404, "Key not found"),
        ("MEMBER_NOT_FOUND", NotFound, _MISSING, 404, "Member not found"),
        ("TEAM_NOT_FOUND", NotFound, _MISSING, 404, "Team not found"),
        (
            "INVITATION_NOT_FOUND",
            NotFound,
            _MISSING,
            404,
            "The invitation was withdrawn, used, or has expired: ask for a new one",
        ),
        ("METHOD_NOT_ALLOWED", InvalidInput, grpc.StatusCode.UNIMPLEMENTED, 405, "Method not allowed"),
        ("EMAIL_TAKEN", Conflict, _EXISTS, 409, "This e-mail has an account already: log in instead"),
        ("REGION_UNKNOWN", InvalidInput, _BAD, 400, "Unknown region"),
        ("REGION_NOT_OPEN", Conflict, grpc.StatusCode.FAILED_PRECONDITION, 409, "Region not open yet"),
        ("REGION_IMMUTABLE", InvalidInput, _BAD, 400, "A project's region is never changed"),
        ("TICKET_INVALID", Forbidden, _DENIED, 403, "The ticket is forged, expired or used"),
        (
            "IDEMPOTENCY_KEY_REUSED",
            Conflict,
            _EXISTS,
            409,
            "The Idempotency-Key was used with another body: send this one with a new key",
        ),
        ("PLAN_REQUIRED", Forbidden, _DENIED, 403, "plan_required"),
        ("QUOTA_EXCEEDED", RateLimited, grpc.StatusCode.RESOURCE_EXHAUSTED, 429, _NO_MORE),
        ("QUOTA_UNKNOWN", Unavailable, grpc.StatusCode.RESOURCE_EXHAUSTED, 503, _BUSY),
        ("PLAN_TOO_SMALL", Conflict, grpc.StatusCode.FAILED_PRECONDITION, 409, "The plan is too small"),
        ("ALREADY_MEMBER", Conflict, _EXISTS, 409, "This person is a member already"),
        (
            "LAST_OWNER",
            Conflict,
            grpc.StatusCode.FAILED_PRECONDITION,
            409,
            "An organisation needs an Owner: make somebody else one first",
        ),
        (
            "INVITATION_OF_ANOTHER",
            Forbidden,
            _DENIED,
            403,
            "The invitation is for another e-mail: sign in to its account, or accept it with a password",
        ),
        ("PROJECT_ARCHIVED", Conflict, grpc.StatusCode.FAILED_PRECONDITION, 409, "The project is archived"),
        (
            "ORG_MOVING",
            Unavailable,
            _AWAY,
            503,
            "The organisation is moving to another region: it can be changed again in a moment",
        ),
        (
            "ORG_MOVED",
            CrossingRefused,
            _DENIED,
            503,
            "The organisation has moved to another region: try again",
        ),
        (
            "OPERATION_IN_FLIGHT",
            Conflict,
            grpc.StatusCode.FAILED_PRECONDITION,
            409,
            "Another operation on the organisation is in flight: wait until it is done",
        ),
        (
            "ACCOUNT_MOVED",
            CrossingRefused,
            _DENIED,
            503,
            "The account has moved to another region: try again",
        ),
        ("EGRESS_REFUSED", InvalidInput, _BAD, 400, "The address can't be used: change it"),
        ("EGRESS_FAILED", Unavailable, _AWAY, 503, "The address did not answer: check it, and try again"),
        ("WEBHOOK_NOT_FOUND", NotFound, _MISSING, 404, "Webhook not found"),
        ("EXPORT_NOT_FOUND", NotFound, _MISSING, 404, "The export is not there, or no more: order a new one"),
        (
            "LINK_INVALID",
            Forbidden,
            _DENIED,
            403,
            "The link is over or not whole: read the export for a new one",
        ),
        ("TOO_MANY", Conflict, grpc.StatusCode.FAILED_PRECONDITION, 409, "Too many"),
        (
            "SSO_NOT_SET",
            NotFound,
            _MISSING,
            404,
            "The organisation has no single sign-on: an Owner can set it",
        ),
        (
            "SSO_REQUIRED",
            Forbidden,
            _DENIED,
            403,
            "The organisation takes single sign-on only: begin at /api/v1/auth/sso/start?org_id=…",
        ),
        (
            "SSO_STATE_INVALID",
            Unauthenticated,
            _UNAUTH,
            401,
            "No such sign-in was begun here in the last 10 minutes, or it has ended: begin again",
        ),
        ("SSO_REFUSED", Unauthenticated, _UNAUTH, 401, "Single sign-on failed"),
        ("SSO_PROVIDER_UNUSABLE", InvalidInput, _BAD, 400, "The provider can't be used"),
        ("SSO_LINK_NEEDED", Conflict, _EXISTS, 409, "Single sign-on belongs to somebody else here"),
        ("GRANT_INVALID", CrossingRefused, _DENIED, 403, "The grant of the transfer is not good here"),
        ("AUDIT_ROW_NOT_FOUND", NotFound, _MISSING, 404, "No such row in this audit log"),
        ("TRANSFER_REPLAYED", Conflict, _EXISTS, 409, "The part of the transfer came before, or too early"),
    )
}


def error_of(reason: int, *, detail: str = "", retry_after_s: int = 0) -> SankofaError:
    """The error of the type that the table gives a reason; `retry_after_s` 0: the other end said none."""
    wire = TABLE.get(reason)
    if wire is None:
        return SankofaError(detail=f"reason {reason}")
    return wire.type(cast(ErrorReason, reason), detail=detail, retry_after_s=retry_after_s or RETRY_AFTER_S)


def to_status(error: SankofaError) -> status_pb2.Status:
    """The rich status of an error: code, public text, google.rpc.ErrorInfo."""
    info = error_details_pb2.ErrorInfo(
        reason=ErrorReason.Name(error.reason).removeprefix("ERROR_REASON_"), domain=DOMAIN
    )
    if error.detail:
        info.metadata["detail"] = error.detail
    if error.retry_after_s != RETRY_AFTER_S:
        info.metadata["retry_after_s"] = str(error.retry_after_s)
    packed = any_pb2.Any()
    packed.Pack(info)
    return status_pb2.Status(code=error.grpc_code.value[0], message=error.public_text, details=[packed])


def from_rpc_error(error: Any) -> SankofaError:
    """Rebuilds the domain error from a grpc.RpcError; a bare transport failure becomes Unavailable."""
    status = rpc_status.from_call(error)
    for packed in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if packed.Is(info.DESCRIPTOR) and packed.Unpack(info) and info.domain == DOMAIN:
            name = "ERROR_REASON_" + info.reason
            known = name in ErrorReason.keys()  # noqa: SIM118 - an enum wrapper, not a dict
            told = info.metadata.get("retry_after_s", "")
            return error_of(
                ErrorReason.Value(name) if known else 0,
                detail=info.metadata.get("detail", ""),
                retry_after_s=int(told) if told.isdecimal() else 0,
            )
    code = error.code() if hasattr(error, "code") else grpc.StatusCode.UNKNOWN
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unavailable(ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED)
    if code is grpc.StatusCode.UNAVAILABLE:
        return Unavailable()
    return SankofaError(detail=code_pb2.Code.Name(code.value[0]))
