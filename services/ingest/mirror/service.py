"""AuditMirrorService on the wire: for an operator."""

from __future__ import annotations

from collections.abc import AsyncIterator

from mesh.access import require_operator
from mesh.context import act_as
from mesh.errors import InvalidInput, NotFound
from sankofa.ingest.v1 import audit_mirror_pb2 as pb
from sankofa.ingest.v1.audit_mirror_pb2_grpc import AuditMirrorServiceServicer
from services.ingest.mirror.comparing import Comparer, Comparison, Kind
from services.ingest.mirror.counting import Counter
from storage.analytics.audit_mirror import COUNTED_BY

_KINDS = {
    Kind.MISSING: pb.MIRROR_DEFECT_KIND_MISSING,
    Kind.CHANGED: pb.MIRROR_DEFECT_KIND_CHANGED,
    Kind.SURPLUS: pb.MIRROR_DEFECT_KIND_SURPLUS,
}
_BY = {pb.MirrorCountBy.Value(f"MIRROR_COUNT_BY_{name.upper()}"): name for name in COUNTED_BY}


class AuditMirrorServicer(AuditMirrorServiceServicer):
    """Handlers of one region."""

    def __init__(self, *, comparer: Comparer, counter: Counter) -> None:
        self._comparer = comparer
        self._counter = counter

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

    async def CountMirror(self, request: pb.CountMirrorRequest, context: object) -> pb.CountMirrorResponse:
        """Raises NotFound for a log that is not here, InvalidInput for what can't be counted by."""
        require_operator()
        by = _BY.get(request.by)
        if by is None:
            raise InvalidInput(detail=f"rows are counted by {', '.join(COUNTED_BY)}")
        act_as("operator/audit-log")
        found = await self._counter.count(request.scope, by, request.since_unix_ms, request.until_unix_ms)
        counts = [pb.MirrorCount(value=value, rows=rows) for value, rows in found.of]
        return pb.CountMirrorResponse(counts=counts, behind=found.behind)


def _answer(scope: str, compared: Comparison) -> pb.CompareMirrorResponse:
    defects = [
        pb.MirrorDefect(kind=_KINDS[one.kind], seq=one.seq, last=one.last, audit_id=one.audit_id)
        for one in compared.differences
    ]
    return pb.CompareMirrorResponse(scope=scope, rows=compared.rows, behind=compared.behind, defects=defects)
