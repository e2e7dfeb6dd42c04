"""Errors on gRPC's wire: google.rpc.Status with an ErrorInfo, and back."""

from __future__ import annotations

from typing import Any, cast

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from mesh.errors.table import TABLE
from mesh.errors.tree import RETRY_AFTER_S, SankofaError, Unavailable
from sankofa.residency.v1.error_pb2 import ErrorReason

DOMAIN = "sankofa"


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
