"""What may be done with the exports of one kind of log, without gRPC and SQL; a gate says who may."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol

from mesh.clock import wall_ms
from mesh.errors import InvalidInput, NotFound
from mesh.exports.links import Link, Links
from mesh.exports.records import Export, Files, OrderRecords
from mesh.ids import new_id
from sankofa.residency.v1.error_pb2 import ErrorReason

MOST_PENDING: Final = 3

MOST_KEPT: Final = 10
"""Of one log: files that are there, and those that are being made."""


class ExportGate(Protocol):
    """Who may have a log as a file. They act from here on; each method answers their id, or raises Forbidden.

    Those that take a token raise Unauthenticated as well.
    """

    async def orders(self, token: str | None, scope: str) -> str:
        """Raises Forbidden(PLAN_REQUIRED), too, where the plan has no exports."""

    async def sees(self, token: str | None, scope: str) -> str:
        """What was ordered, and by a link what it became: whatever the plan is by now."""

    async def still_sees(self, user_id: str, scope: str) -> str:
        """The same of who is known by a link alone."""


class Exports:
    """The exports of the logs that this region has. `ordered` is called for each new order."""

    def __init__(
        self,
        *,
        gate: ExportGate,
        records: OrderRecords,
        files: Files,
        ordered: Callable[[], None],
        links: Links,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._gate = gate
        self._records = records
        self._files = files
        self._ordered = ordered
        self._links = links
        self._clock_ms = clock_ms

    async def create(self, token: str | None, scope: str, *, since_ms: int, until_ms: int) -> Export:
        """Orders one of the rows of a time; 0: from the first, up to now.

        Raises Forbidden (PLAN_REQUIRED too), InvalidInput, Conflict where too many are pending, or there.
        """
        user_id = await self._gate.orders(token, scope)
        now = self._clock_ms()
        until_ms = min(until_ms or now, now)
        if not 0 <= since_ms < until_ms:
            raise InvalidInput(detail="since must be before until, and in the past")
        export = Export(scope, new_id("exp"), "pending", user_id, now, since_ms, until_ms)
        await self._records.add(export, most_pending=MOST_PENDING, most_kept=MOST_KEPT)
        self._ordered()
        return export

    async def every(self, token: str | None, scope: str) -> list[Export]:
        """Newest first. Raises Forbidden."""
        await self._gate.sees(token, scope)
        return await self._records.every(scope)

    async def one(self, token: str | None, scope: str, export_id: str) -> tuple[Export, Link | None]:
        """An export, and a link in the caller's name where its file is there. Raises Forbidden, NotFound."""
        user_id = await self._gate.sees(token, scope)
        export = await self._records.one(scope, export_id)
        if export is None:
            raise _missing()
        if export.state != "ready":
            return export, None
        return export, self._links.make(scope, export_id, user_id, self._clock_ms())

    async def download(self, scope: str, export_id: str, link: Link) -> AsyncIterator[bytes]:
        """The pieces of the file. Whom the link was given to must still be one who may have it.

        Raises Forbidden (LINK_INVALID too), NotFound where the file is gone.
        """
        self._links.check(link, scope, export_id, self._clock_ms())
        await self._gate.still_sees(link.user_id, scope)
        export = await self._records.one(scope, export_id)
        if export is None or export.state != "ready" or not await self._files.has(export_id):
            raise _missing()
        await self._records.fetched(export)
        return self._files.read(export_id)


def _missing() -> NotFound:
    return NotFound(ErrorReason.ERROR_REASON_EXPORT_NOT_FOUND)
