"""The door of a shim: whether a request is let in, decided from its headers, before its body is read.

It holds the bounds of what this process may have in hand, each project's share of them, and what the cell
said last: told that there is no room, it refuses at once, until that time has passed or a probe got through.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from mesh.errors import SankofaError, Unavailable, error_of
from mesh.pressure import DrainRate, Shares
from sankofa.ingest.v1.ingest_pb2 import AppendResult
from sankofa.residency.v1.error_pb2 import (
    ERROR_REASON_IN_FLIGHT_FULL,
    ERROR_REASON_LOG_FULL,
    ERROR_REASON_PROJECT_SHARE,
    ErrorReason,
)

PROBE_EVERY_S: Final = 0.25
"""While the cell has no room, one request in so many seconds is let through to see whether it has again."""

_UNKNOWN_BYTES: Final = 1 << 62
_FORGOTTEN_S: Final = 5.0
"""Refusals further apart than this are not of one rush: what left between them says nothing of a rate."""


class _Gate:
    """Closed for bodies of `from_bytes` and more: the cell had no room for one of that size."""

    __slots__ = ("from_bytes", "probe_at_s", "until_s")

    def __init__(self) -> None:
        self.from_bytes = _UNKNOWN_BYTES
        self.probe_at_s = self.until_s = 0.0

    def close(self, size_bytes: int, retry_after_s: int, now_s: float) -> None:
        self.from_bytes = min(self.from_bytes, size_bytes)
        self.until_s = now_s + retry_after_s
        self.probe_at_s = max(self.probe_at_s, now_s + PROBE_EVERY_S)

    def lets_through(self, size_bytes: int, now_s: float) -> bool:
        """A smaller one, or a probe."""
        if size_bytes >= self.from_bytes:
            if now_s < self.probe_at_s:
                return False
            self.probe_at_s = now_s + PROBE_EVERY_S
        return True


class _Share:
    """What one project has in hand here, and whether the cell has room for more of it."""

    __slots__ = ("bytes", "gate", "requests")

    def __init__(self) -> None:
        self.requests = self.bytes = 0
        self.gate: _Gate | None = None


class Admitted:
    """A request in hand, from its headers to its answer, and what it holds of its project's share."""

    __slots__ = ("declared_bytes", "project_id", "share", "size_bytes")

    def __init__(self, project_id: str, share: _Share, declared_bytes: int | None) -> None:
        self.project_id = project_id
        self.share = share
        self.declared_bytes = _UNKNOWN_BYTES if declared_bytes is None else declared_bytes
        self.size_bytes = declared_bytes or 0


class Door:
    """Lets requests of many projects in. `project_share`: the part of the bounds that one alone may hold."""

    def __init__(
        self,
        *,
        max_requests: int,
        max_bytes: int,
        project_share: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_requests, self._max_bytes = max_requests, max_bytes
        # While all projects together hold no more than one may alone, no share needs to be looked at.
        self._calm_requests, self._calm_bytes = project_share * max_requests, project_share * max_bytes
        self._allow = Shares(project_share).allow
        self._clock = clock
        self._shares: dict[str, _Share] = {}
        self._requests = self._bytes = self._left = 0
        self._rate = DrainRate(clock())
        self._refused_at_s = -_FORGOTTEN_S
        self._gate: _Gate | None = None
        self._refused = dict.fromkeys(
            (ERROR_REASON_IN_FLIGHT_FULL, ERROR_REASON_PROJECT_SHARE, ERROR_REASON_LOG_FULL), 0
        )

    def enter(self, project_id: str, declared_bytes: int | None) -> Admitted:
        """Lets in a request whose body is said to be so large (None: not said). Raises Unavailable."""
        share = self._shares.get(project_id)
        if share is None:
            share = self._shares[project_id] = _Share()
        admitted = Admitted(project_id, share, declared_bytes)
        if self._gate is not None or share.gate is not None:
            self._pass_gates(admitted)
        self._hold(share, 1, admitted.size_bytes)
        return admitted

    def grow(self, admitted: Admitted, size_bytes: int) -> None:
        """The body is larger than it was said to be: chunked, or compressed. Raises Unavailable."""
        if size_bytes > admitted.size_bytes:
            self._hold(admitted.share, 0, size_bytes - admitted.size_bytes)
            admitted.size_bytes = size_bytes

    def answered(self, admitted: Admitted, result: AppendResult) -> None:
        """What the cell said decides on those that come next. Raises what it said, where it refused."""
        share = admitted.share
        if not result.error:
            if self._gate is not None or share.gate is not None:
                self._reopen(admitted)
            return
        if result.error == ERROR_REASON_LOG_FULL:
            self._gate = self._gate or _Gate()
            self._gate.close(admitted.declared_bytes, result.retry_after_s, self._clock())
        elif result.error == ERROR_REASON_PROJECT_SHARE:
            share.gate = share.gate or _Gate()
            share.gate.close(admitted.declared_bytes, result.retry_after_s, self._clock())
        raise self._counted(error_of(result.error, retry_after_s=result.retry_after_s))

    def leave(self, admitted: Admitted) -> None:
        """Gives back what a request held: its answer is on its way."""
        share = admitted.share
        share.requests -= 1
        share.bytes -= admitted.size_bytes
        self._requests -= 1
        self._bytes -= admitted.size_bytes
        self._left += 1
        if not share.requests and share.gate is None:
            del self._shares[admitted.project_id]

    def gauges(self) -> dict[str, float]:
        """For /metrics: what is in hand beside its bounds, and refusals by reason. No project is named."""
        found: dict[str, float] = {
            "rest_inflight_requests": self._requests,
            "rest_inflight_requests_bound": self._max_requests,
            "rest_inflight_bytes": self._bytes,
            "rest_inflight_bytes_bound": self._max_bytes,
            "rest_closed": self._gate is not None,
            "rest_closed_projects": sum(share.gate is not None for share in self._shares.values()),
        }
        for reason, count in self._refused.items():
            found[f"rest_refused_{ErrorReason.Name(reason).removeprefix('ERROR_REASON_').lower()}"] = count
        return found

    def _hold(self, share: _Share, requests: int, size_bytes: int) -> None:
        if self._requests + requests > self._calm_requests or self._bytes + size_bytes > self._calm_bytes:
            self._check_share(share, requests, size_bytes)
        share.requests += requests
        share.bytes += size_bytes
        self._requests += requests
        self._bytes += size_bytes

    def _check_share(self, share: _Share, requests: int, size_bytes: int) -> None:
        free_requests, free_bytes = self._max_requests - self._requests, self._max_bytes - self._bytes
        allow = self._allow
        if allow(share.requests, requests, free_requests) and allow(share.bytes, size_bytes, free_bytes):
            return
        full = free_requests < requests or free_bytes < size_bytes
        raise self._overloaded(ERROR_REASON_IN_FLIGHT_FULL if full else ERROR_REASON_PROJECT_SHARE)

    def _overloaded(self, reason: ErrorReason) -> SankofaError:
        """Half of what is in hand gone is room enough to come again."""
        now_s = self._clock()
        note = self._rate.skip if now_s - self._refused_at_s > _FORGOTTEN_S else self._rate.observe
        note(self._left, now_s)
        self._refused_at_s = now_s
        return self._counted(Unavailable(reason, retry_after_s=self._rate.retry_after_s(self._requests / 2)))

    def _reopen(self, admitted: Admitted) -> None:
        """There was room for one of its size: a smaller one that got through says nothing of larger ones."""
        share, size_bytes = admitted.share, admitted.declared_bytes
        if self._gate is not None and size_bytes >= self._gate.from_bytes:
            self._gate = None
        if share.gate is not None and size_bytes >= share.gate.from_bytes:
            share.gate = None

    def _pass_gates(self, admitted: Admitted) -> None:
        now_s, share = self._clock(), admitted.share
        if self._gate is not None and now_s >= self._gate.until_s:
            self._gate = None
        if share.gate is not None and now_s >= share.gate.until_s:
            share.gate = None
        for gate, reason in ((self._gate, ERROR_REASON_LOG_FULL), (share.gate, ERROR_REASON_PROJECT_SHARE)):
            if gate is not None and not gate.lets_through(admitted.declared_bytes, now_s):
                left_s = max(1, int(gate.until_s - now_s))
                raise self._counted(Unavailable(reason, retry_after_s=left_s))

    def _counted(self, error: SankofaError) -> SankofaError:
        if error.reason in self._refused:
            self._refused[error.reason] += 1
        return error
