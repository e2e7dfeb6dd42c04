"""AssignmentService and TransferService on the wire: parse, call, convert."""

from __future__ import annotations

from mesh.context import current
from sankofa.org.v1 import transfer_pb2 as pb
from sankofa.org.v1.transfer_pb2_grpc import AssignmentServiceServicer, TransferServiceServicer
from services.org.transfer.assignments import Assignments
from services.org.transfer.receiving import Finished, Receiver
from services.org.transfer.words import from_messages


class AssignmentServicer(AssignmentServiceServicer):
    """For Owners."""

    def __init__(self, *, region: str, assignments: Assignments) -> None:
        self._region = region
        self._assignments = assignments

    async def Assign(self, request: pb.AssignRequest, context: object) -> pb.AssignResponse:
        """It has begun, or is done."""
        assignment = await self._assignments.assign(current().token, request.org_id, request.region)
        return pb.AssignResponse(assignment=assignment, primary_region=self._region)

    async def GetAssignment(
        self, request: pb.GetAssignmentRequest, context: object
    ) -> pb.GetAssignmentResponse:
        """How far it is."""
        assignment = await self._assignments.get(current().token, request.org_id)
        return pb.GetAssignmentResponse(assignment=assignment, primary_region=self._region)


class TransferServicer(TransferServiceServicer):
    """For the region that an organisation leaves."""

    def __init__(self, *, receiver: Receiver) -> None:
        self._receiver = receiver

    async def Begin(self, request: pb.BeginRequest, context: object) -> pb.BeginResponse:
        """A key."""
        return await self._receiver.begin(request.grant)

    async def Put(self, request: pb.PutRequest, context: object) -> pb.PutResponse:
        """The next rows."""
        await self._receiver.put(request.grant, request.cursor, request.nonce, request.sealed)
        return pb.PutResponse(cursor=request.cursor)

    async def Verify(self, request: pb.VerifyRequest, context: object) -> pb.VerifyResponse:
        """What differs."""
        return pb.VerifyResponse(
            differing=await self._receiver.verify(request.grant, from_messages(request.tables))
        )

    async def Take(self, request: pb.TakeRequest, context: object) -> pb.TakeResponse:
        """The organisation."""
        tables = from_messages(request.tables)
        row = await self._receiver.take(request.grant, request.handover, tables)
        return pb.TakeResponse(row=row, signer=self._receiver.signer_row())

    async def TakeAccount(self, request: pb.TakeAccountRequest, context: object) -> pb.TakeAccountResponse:
        """An account."""
        await self._receiver.take_account(
            request.grant, request.user_id, request.handover, request.nonce, request.sealed
        )
        return pb.TakeAccountResponse()

    async def Finish(self, request: pb.FinishRequest, context: object) -> pb.FinishResponse:
        """All is done."""
        left = from_messages(request.left)
        told = Finished(left, request.files_left, request.write_pause_ms, request.accounts)
        await self._receiver.finish(request.grant, told)
        return pb.FinishResponse()

    async def Abandon(self, request: pb.AbandonRequest, context: object) -> pb.AbandonResponse:
        """It stays where it is."""
        await self._receiver.abandon(request.grant)
        return pb.AbandonResponse()
