"""AuditProofService: every chain of the region, proven one after the other, for an operator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from mesh.access import require_operator
from mesh.errors import NotFound
from sankofa.org.v1 import audit_pb2 as pb
from sankofa.org.v1.audit_pb2_grpc import AuditProofServiceServicer
from storage.records.audit.proof import Kind, Proof, prove
from storage.records.audit.reading import AuditRecords, Head, Log

_KINDS = {
    Kind.CHANGED: pb.CHAIN_DEFECT_KIND_CHANGED,
    Kind.MISSING: pb.CHAIN_DEFECT_KIND_MISSING,
    Kind.BEYOND: pb.CHAIN_DEFECT_KIND_BEYOND,
    Kind.HEAD: pb.CHAIN_DEFECT_KIND_HEAD,
    Kind.BEGINNING: pb.CHAIN_DEFECT_KIND_BEGINNING,
    Kind.REWRITTEN: pb.CHAIN_DEFECT_KIND_REWRITTEN,
}


class AuditProofServicer(AuditProofServiceServicer):
    """Handlers of one region."""

    def __init__(self, *, records: AuditRecords) -> None:
        self._records = records

    async def VerifyLogs(
        self, request: pb.VerifyLogsRequest, context: object
    ) -> AsyncIterator[pb.VerifyLogsResponse]:
        """Raises NotFound for a log that is not here."""
        require_operator()
        async for chain in proofs(self._records, request):
            yield chain


async def proofs(
    records: AuditRecords, request: pb.VerifyLogsRequest
) -> AsyncIterator[pb.VerifyLogsResponse]:
    """Each chain of some records, as it was proven. Raises NotFound for a log that is not here."""
    every = [(log, scope) for log in Log for scope in await records.scopes(log)]
    wanted = [one for one in every if request.scope in ("", one[1])]
    if request.scope and not wanted:
        raise NotFound(detail=f"{request.scope} has no audit log in this region")
    for log, scope in wanted:
        ends = {end.seq: end.hash for end in request.ends if end.scope == scope}
        proof = await prove(partial(_head, records, log, scope), partial(records.rows, log, scope), ends)
        yield _answer(scope, proof, chains=len(wanted))


async def _head(records: AuditRecords, log: Log, scope: str) -> Head:
    head = await records.head(log, scope)
    if head is None:
        raise NotFound(detail=f"{scope} has left this region")
    return head


def _answer(scope: str, proof: Proof, *, chains: int) -> pb.VerifyLogsResponse:
    defects = [
        pb.ChainDefect(kind=_KINDS[one.kind], seq=one.seq, last=one.last, audit_id=one.audit_id)
        for one in proof.defects
    ]
    return pb.VerifyLogsResponse(
        scope=scope,
        rows=proof.rows,
        head_seq=proof.head.seq,
        head_hash=proof.head.hash,
        defects=defects,
        chains=chains,
    )
