"""Domain errors (tree.py), the one table that says how each looks (table.py), and gRPC's wire (rpc.py).

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

from mesh.errors.rpc import error_of, from_rpc_error, to_status
from mesh.errors.table import TABLE
from mesh.errors.tree import (
    RETRY_AFTER_S,
    Conflict,
    CrossingRefused,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    SankofaError,
    Unauthenticated,
    Unavailable,
)

__all__ = [
    "RETRY_AFTER_S",
    "TABLE",
    "Conflict",
    "CrossingRefused",
    "Forbidden",
    "InvalidInput",
    "NotFound",
    "RateLimited",
    "SankofaError",
    "Unauthenticated",
    "Unavailable",
    "error_of",
    "from_rpc_error",
    "to_status",
]
