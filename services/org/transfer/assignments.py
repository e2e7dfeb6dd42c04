"""What an Owner may ask: another primary region, and how far that is."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from mesh.clock import wall_ms
from mesh.context import acting
from mesh.errors import Conflict
from mesh.grants import DIGEST_KEY_BYTES
from mesh.ids import new_id
from mesh.permissions import OrgAction
from sankofa.org.v1 import transfer_pb2 as pb
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.callers import Callers
from services.org.core import Orgs, OwnDirectory
from services.org.transfer.mover import Mover
from storage.records.moves.arrivals import Arrival
from storage.records.moves.departures import Departure
from storage.records.records import Moves

_ERASED: Final = (pb.ASSIGNMENT_STEP_ERASED, pb.ASSIGNMENT_STEP_DONE)
_NOTHING: Final = pb.Left()
"""Neither end reaches these steps before it is counted so."""

CLAIM_WAIT_S: Final = 3.0
"""How long an answer waits to say whether anything else is in flight."""


class Assignments:
    """Reassignments of organisations whose primary region this is."""

    def __init__(
        self,
        *,
        region: str,
        callers: Callers,
        orgs: Orgs,
        directory: OwnDirectory,
        moves: Moves,
        mover: Mover,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._region = region
        self._callers = callers
        self._orgs = orgs
        self._directory = directory
        self._departures, self._arrivals = moves.departures, moves.arrivals
        self._mover = mover
        self._clock_ms = clock_ms

    async def assign(self, token: str | None, org_id: str, region: str) -> pb.Assignment | None:
        """Begins to move an organisation, for its Owners; the same again answers how far it is.

        None where it is there, and never was elsewhere. Raises Unauthenticated, Forbidden, InvalidInput
        (REGION_UNKNOWN), Conflict (REGION_NOT_OPEN, OPERATION_IN_FLIGHT), Unavailable.
        """
        member = await self._callers.member(token, org_id, OrgAction.ASSIGN_ORG)
        self._orgs.require_open(region)
        under_way = await self._departures.latest(org_id)
        if region == self._region and (under_way is None or under_way.ended):
            return await self._last(org_id)
        wanted = Departure(
            operation_id=new_id("op"),
            org_id=org_id,
            to_region=region,
            epoch=member.org.epoch + 1,
            step=pb.ASSIGNMENT_STEP_CLAIMING,
            asked_by=member.user_id,
            digest_key=secrets.token_bytes(DIGEST_KEY_BYTES),
            begun_at_ms=self._clock_ms(),
        )
        begun = await self._departures.begin(wanted, acting())
        self._mover.wake()
        departure = await self._mover.until(begun.operation_id, CLAIM_WAIT_S)
        if departure.step == pb.ASSIGNMENT_STEP_ABANDONED:
            raise Conflict(ErrorReason.ERROR_REASON_OPERATION_IN_FLIGHT)
        return self._leaving(departure)

    async def get(self, token: str | None, org_id: str) -> pb.Assignment | None:
        """How far the last one is, for Owners; None where there never was one."""
        await self._callers.member(token, org_id, OrgAction.ASSIGN_ORG)
        return await self._last(org_id)

    async def _last(self, org_id: str) -> pb.Assignment | None:
        """What is under way, else what brought the organisation here, else what was given up."""
        departure = await self._departures.latest(org_id)
        arrival = await self._arrivals.latest(org_id)
        if departure is not None and (arrival is None or departure.begun_at_ms > arrival.begun_at_ms):
            return self._leaving(departure)
        return None if arrival is None else self._arrived(arrival)

    def _leaving(self, departure: Departure) -> pb.Assignment:
        return pb.Assignment(
            operation_id=departure.operation_id,
            from_region=self._region,
            to_region=departure.to_region,
            step=departure.step,
            begun_at_unix_ms=departure.begun_at_ms,
            finished_at_unix_ms=departure.finished_at_ms,
            write_pause_ms=departure.write_pause_ms,
            rows=departure.rows,
            accounts=departure.accounts,
            reason=departure.reason,
            left=_NOTHING if departure.step in _ERASED else None,
        )

    def _arrived(self, arrival: Arrival) -> pb.Assignment:
        return pb.Assignment(
            operation_id=arrival.operation_id,
            from_region=arrival.from_region,
            to_region=self._region,
            step=arrival.step,
            begun_at_unix_ms=arrival.begun_at_ms,
            finished_at_unix_ms=arrival.finished_at_ms,
            write_pause_ms=arrival.write_pause_ms,
            rows=arrival.rows,
            accounts=arrival.accounts,
            left=_NOTHING if arrival.step in _ERASED else None,
        )
