"""AuditMirrorService on the wire: for an operator."""

from __future__ import annotations

from collections.abc import AsyncIterator

from mesh.access import require_operator
from mesh.errors import NotFound
from sankofa.ingest.v1 import audit_mirror_pb2 as pb
from sankofa.ingest.v1.audit_mirror_pb2_grpc import AuditMirrorServiceServicer
from services.ingest.mirror.comparing import Comparer, Comparison, Kind

_KINDS = {
    Kind.MISSING: pb.MIRROR_DEFECT_KIND_MISSING,
    Kind.CHANGED: pb.MIRROR_DEFECT_KIND_CHANGED,
    Kind.SURPLUS: pb.MIRROR_DEFECT_KIND_SURPLUS,
}


class AuditMirrorServicer(AuditMirrorServiceServicer):
    """Handlers of one region."""

    def __init__(self, *, comparer: Comparer) -> None:
        self._comparer = comparer

    async def CompareMirror(
        self, request: pb.CompareMirrorRequest, context: object
    ) -> AsyncIterator[pb.CompareMirrorResponse]:
        """Raises NotFound for a log that is not here, and not mirrored."""
        require_operator()
        every = await self._comparer.scopes()
        wanted = {scope: log for scope, log in every.items() if request.scope in ("", scope)}
        if request.scope and not wanted:
            raise NotFound(detail=f"{request.scope} has no audit log in this region")
        for scope, log in wanted.items():
            yield _answer(scope, await self._comparer.compare(log, scope))


def _answer(scope: str, compared: Comparison) -> pb.CompareMirrorResponse:
    defects = [
        pb.MirrorDefect(kind=_KINDS[one.kind], seq=one.seq, last=one.last, audit_id=one.audit_id)
        for one in compared.differences
    ]
    return pb.CompareMirrorResponse(scope=scope, rows=compared.rows, behind=compared.behind, defects=defects)
