"""TransferAuditService: every reassignment that this region was an end of, for an operator's audit."""

from __future__ import annotations

from mesh.access import require_operator
from sankofa.org.v1 import transfer_pb2 as pb
from sankofa.org.v1.transfer_pb2_grpc import TransferAuditServiceServicer
from storage.records.moves.arrivals import Arrival
from storage.records.moves.departures import Departure
from storage.records.records import Moves


class TransferAuditServicer(TransferAuditServiceServicer):
    """Handlers of one region."""

    def __init__(self, *, region: str, moves: Moves) -> None:
        self._region = region
        self._moves = moves

    async def ListTransfers(
        self, request: pb.ListTransfersRequest, context: object
    ) -> pb.ListTransfersResponse:
        """Both kinds. Raises CrossingRefused for who is no operator."""
        require_operator()
        return pb.ListTransfersResponse(
            departures=[self._departure(one) for one in await self._moves.departures.every()],
            arrivals=[self._arrival(one) for one in await self._moves.arrivals.every()],
        )

    def _departure(self, departure: Departure) -> pb.Transfer:
        return pb.Transfer(
            operation_id=departure.operation_id,
            org_id=departure.org_id,
            epoch=departure.epoch,
            from_region=self._region,
            to_region=departure.to_region,
            handed_over=departure.handed_over,
            begun_at_unix_ms=departure.begun_at_ms,
            finished_at_unix_ms=departure.finished_at_ms,
        )

    def _arrival(self, arrival: Arrival) -> pb.Transfer:
        return pb.Transfer(
            operation_id=arrival.operation_id,
            org_id=arrival.org_id,
            epoch=arrival.epoch,
            from_region=arrival.from_region,
            to_region=self._region,
            handed_over=arrival.taken,
            begun_at_unix_ms=arrival.begun_at_ms,
            finished_at_unix_ms=arrival.finished_at_ms,
        )
