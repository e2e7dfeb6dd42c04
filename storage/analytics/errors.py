"""Errors of the analytics store, without the driver's text: ClickHouse quotes the row it can't read.

Unavailable       ── StoreUnavailable   the same statement may succeed later
                     └── StoreDenied     once the server lets this user in
InvalidInput      ── RowsRefused        a row does not fit its table: it never will
SankofaError      ── StoreFailed        the statement or the schema is wrong
                  └─ StoreUnforeseen    an error in no list here: the store's, or a row's
CrossingRefused   ── StoreRefused       the row, or the store, belongs to another region
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mesh.errors import CrossingRefused, InvalidInput, SankofaError, Unavailable
from sankofa.residency.v1.error_pb2 import ErrorReason


class StoreUnavailable(Unavailable):
    """The store did not answer, or had no room. `cause` is ClickHouse's name of the error."""

    def __init__(self, cause: str, reason: ErrorReason = ErrorReason.ERROR_REASON_UNAVAILABLE) -> None:
        super().__init__(reason)
        self.cause = cause


class StoreDenied(StoreUnavailable):
    """The server does not let the user in, or not do that: its password or its grants are to be mended."""


class RowsRefused(InvalidInput):
    """At least one row of an insert does not fit its table, so none was accepted."""

    def __init__(self, cause: str) -> None:
        super().__init__()
        self.cause = cause


class StoreFailed(SankofaError):
    """The statement or the schema is wrong: a defect of ours."""

    def __init__(self, cause: str) -> None:
        super().__init__()
        self.cause = cause


class StoreUnforeseen(SankofaError):
    """An error that no list here names: it may be the store's, or one row's."""

    def __init__(self, cause: str) -> None:
        super().__init__()
        self.cause = cause


class StoreRefused(CrossingRefused):
    """The store guard: what belongs to another region does not rest here."""


_BAD_ROW_PREFIXES = ("CANNOT_PARSE_", "CANNOT_READ_", "CANNOT_CONVERT_")
_BAD_ROW = frozenset(
    {
        "ARGUMENT_OUT_OF_BOUND",
        "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
        "DECIMAL_OVERFLOW",
        "INCORRECT_DATA",
        "TOO_DEEP_RECURSION",
        "TOO_LARGE_ARRAY_SIZE",
        "TOO_LARGE_STRING_SIZE",
        "TYPE_MISMATCH",
        "UNEXPECTED_END_OF_FILE",
        "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
        "VIOLATED_CONSTRAINT",
    }
)
_DENIED = frozenset(
    {"ACCESS_DENIED", "AUTHENTICATION_FAILED", "REQUIRED_PASSWORD", "UNKNOWN_USER", "WRONG_PASSWORD"}
)
_AWAY = frozenset(
    {
        "ABORTED",
        "ALL_CONNECTION_TRIES_FAILED",
        "ATOMIC_RENAME_FAIL",
        "AZURE_BLOB_STORAGE_ERROR",
        "CANNOT_ALLOCATE_MEMORY",
        "CANNOT_CREATE_DIRECTORY",
        "CANNOT_CREATE_FILE",
        "CANNOT_FSYNC",
        "CANNOT_MREMAP",
        "CANNOT_OPEN_FILE",
        "CANNOT_READ_FROM_FILE_DESCRIPTOR",
        "CANNOT_READ_FROM_SOCKET",
        "CANNOT_SCHEDULE_TASK",
        "CANNOT_STATVFS",
        "CANNOT_TRUNCATE_FILE",
        "CANNOT_WRITE_TO_FILE",
        "CANNOT_WRITE_TO_FILE_DESCRIPTOR",
        "CANNOT_WRITE_TO_SOCKET",
        "DAMAGED_PART",
        "DNS_ERROR",
        "ERASURE_STILL_RUNNING",
        "GCP_ERROR",
        "HTTP_CONNECTION_LIMIT_REACHED",
        "INSERT_STILL_RUNNING",
        "KEEPER_EXCEPTION",
        "MEMORY_LIMIT_EXCEEDED",
        "MEMORY_RESERVATION_ACQUISITION_TIMEOUT",
        "MEMORY_RESERVATION_FAILED",
        "MEMORY_RESERVATION_KILLED",
        "NETWORK_ERROR",
        "NOT_ENOUGH_SPACE",
        "NO_FREE_CONNECTION",
        "NO_ZOOKEEPER",
        "POCO_EXCEPTION",  # the library that ClickHouse speaks to the network and the disk with
        "QUERY_SLOT_ACQUISITION_TIMEOUT",
        "QUERY_WAS_CANCELLED",
        "QUERY_WAS_CANCELLED_BY_CLIENT",
        "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
        "QUOTA_EXCEEDED",
        "RAFT_ERROR",
        "RECEIVED_ERROR_TOO_MANY_REQUESTS",
        "REPLICA_IS_NOT_IN_QUORUM",
        "RESOURCE_LIMIT_EXCEEDED",
        "S3_ERROR",
        "SERVER_OVERLOADED",
        "SOCKET_TIMEOUT",
        "STD_EXCEPTION",  # a file operation that failed: a full or broken disk
        "SYSTEM_ERROR",
        "TABLE_IS_BEING_RESTARTED",
        "TABLE_IS_PERMANENTLY_READ_ONLY",
        "TABLE_IS_READ_ONLY",
        "TCP_CONNECTION_LIMIT_REACHED",
        "TOO_FEW_LIVE_REPLICAS",
        "TOO_MANY_MUTATIONS",
        "TOO_MANY_PARTS",
        "TOO_MANY_SIMULTANEOUS_QUERIES",
        "UNFINISHED",
        "UNKNOWN_STATUS_OF_INSERT",
        "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",
    }
)
_OUT_OF_TIME = frozenset({"TIMEOUT_EXCEEDED", "TOO_SLOW"})
_OURS = frozenset(
    {
        "ILLEGAL_TYPE_OF_ARGUMENT",
        "READONLY",
        "SYNTAX_ERROR",
        "NO_SUCH_COLUMN_IN_TABLE",
        "NOT_IMPLEMENTED",
        "READONLY_SETTING",
        "SETTING_CONSTRAINT_VIOLATION",
        "UNKNOWN_DATABASE",
        "UNKNOWN_FORMAT",
        "UNKNOWN_FUNCTION",
        "UNKNOWN_IDENTIFIER",
        "UNKNOWN_SETTING",
        "UNKNOWN_TABLE",
    }
)


@contextmanager
def typed_errors() -> Iterator[None]:
    """Turns the driver's errors into ours, and cuts the chain: its text may hold a payload."""
    from clickhouse_connect.driver.exceptions import Error

    try:
        yield
    except Error as error:
        raise _translated(error.name or _deepest(error)) from None
    except OSError as error:
        raise StoreUnavailable(type(error).__name__) from None


def _deepest(error: BaseException) -> str:
    """What lies under the driver's own error: ConnectionRefusedError, ReadTimeoutError, …"""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return type(error).__name__


def _translated(cause: str) -> SankofaError:
    """ClickHouse writes names of its errors in capitals; others are the driver's, which did not reach it."""
    if cause in _AWAY or not cause.isupper():
        return StoreUnavailable(cause)
    if cause in _BAD_ROW or cause.startswith(_BAD_ROW_PREFIXES):
        return RowsRefused(cause)
    if cause in _DENIED:
        return StoreDenied(cause)
    if cause in _OUT_OF_TIME:
        return StoreUnavailable(cause, ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED)
    return StoreFailed(cause) if cause in _OURS else StoreUnforeseen(cause)
