"""Errors of the analytics store, without the driver's text: ClickHouse quotes the row it can't read.

Unavailable       ── StoreUnavailable   the same statement may succeed later
                     └── StoreDenied     once the server lets this user in
InvalidInput      ── RowsRefused        a row does not fit its table: it never will
SankofaError      ── StoreFailed        the statement or the schema is wrong
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
_OUT_OF_TIME = frozenset({"TIMEOUT_EXCEEDED", "TOO_SLOW"})
_OURS = frozenset(
    {
        "ILLEGAL_TYPE_OF_ARGUMENT",
        "READONLY",
        "SYNTAX_ERROR",
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
    if cause in _BAD_ROW or cause.startswith(_BAD_ROW_PREFIXES):
        return RowsRefused(cause)
    if cause in _DENIED:
        return StoreDenied(cause)
    if cause in _OUT_OF_TIME:
        return StoreUnavailable(cause, ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED)
    return StoreFailed(cause) if cause in _OURS else StoreUnavailable(cause)
