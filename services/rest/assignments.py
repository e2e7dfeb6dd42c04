"""Reassigning a primary region: thin routes that ask the region that is it now."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.errors import InvalidInput
from sankofa.org.v1.transfer_pb2 import (
    Assignment,
    AssignmentStep,
    AssignRequest,
    AssignResponse,
    GetAssignmentRequest,
    GetAssignmentResponse,
)
from services.rest.cells import Cells
from services.rest.primaries import Primaries
from services.rest.render import Json, timestamp
from services.rest.routing import bearer, read_json, reply, resource

STEPS: Final[dict[int, str]] = {
    value: name.removeprefix("ASSIGNMENT_STEP_").lower() for name, value in AssignmentStep.items() if value
}


class NewRegion(msgspec.Struct):
    """POST /api/v1/admin/regions/orgs/{org_id}/assign."""

    region: str


class Assignments:
    """How an organisation gets another primary region, and how far that is."""

    def __init__(self, *, cells: Cells, primaries: Primaries) -> None:
        self._cells = cells
        self._primaries = primaries

    def routes(self) -> list[Route]:
        """Every route of reassignments."""
        return [resource("/api/v1/admin/regions/orgs/{org_id}/assign", POST=self.assign, GET=self.progress)]

    async def assign(self, http: HttpRequest) -> Response:
        """Begins it; the same again says how far it is."""
        token, org_id = bearer(http), http.path_params["org_id"]
        wanted = await read_json(http, NewRegion)
        if not wanted.region:
            raise InvalidInput(detail="region is required")
        stub = await self._cells.assignments(await self._primaries.of(token, org_id))
        request = AssignRequest(org_id=org_id, region=wanted.region)
        return reply(_progress(org_id, await self._cells.call(stub.Assign, request, token=token)))

    async def progress(self, http: HttpRequest) -> Response:
        """How far the last one is."""
        token, org_id = bearer(http), http.path_params["org_id"]
        stub = await self._cells.assignments(await self._primaries.of(token, org_id))
        request = GetAssignmentRequest(org_id=org_id)
        return reply(_progress(org_id, await self._cells.call(stub.GetAssignment, request, token=token)))


def _progress(org_id: str, answer: AssignResponse | GetAssignmentResponse) -> Json:
    assignment = _assignment(answer.assignment) if answer.HasField("assignment") else None
    return {
        "ok": True,
        "org_id": org_id,
        "primary_region": answer.primary_region,
        "assignment": assignment,
    }


def _assignment(found: Assignment) -> Json:
    finished = found.finished_at_unix_ms
    return {
        "operation_id": found.operation_id,
        "from_region": found.from_region,
        "to_region": found.to_region,
        "step": STEPS[found.step],
        "begun_at": timestamp(found.begun_at_unix_ms),
        "finished_at": timestamp(finished) if finished else None,
        "write_pause_ms": found.write_pause_ms,
        "rows": found.rows,
        "accounts": found.accounts,
        "reason": found.reason,
        "left": {"rows": found.left.rows, "files": found.left.files} if found.HasField("left") else None,
    }
