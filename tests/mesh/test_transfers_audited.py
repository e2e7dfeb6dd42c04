"""What an auditor learns of reassignments: from both ends, beside what their ledgers counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cli.transfers import covered
from mesh.regions import GLOBAL
from sankofa.org.v1 import transfer_pb2 as pb
from sankofa.org.v1.transfer_pb2_grpc import AssignmentServiceStub, TransferAuditServiceStub
from services.org.config import OrgConfig
from tests.support.cells import Cells, address, reason_of, until
from tests.support.nodes import EU, US, make_node

pytestmark = [pytest.mark.disk, pytest.mark.network]


@pytest.fixture
async def cells(pki: Path, tmp_path: Path) -> AsyncIterator[Cells]:
    async with Cells(pki, tmp_path, (EU, US), OrgConfig()) as running:
        yield running


async def told(
    cells: Cells, pki: Path, *, role: str = "operator", region: str = GLOBAL
) -> dict[str, pb.ListTransfersResponse]:
    """What each region says of its reassignments."""
    async with AsyncExitStack() as stack:
        node = make_node(pki, region=region, role=role).node
        found = {}
        for cell in cells.of.values():
            channel = node.channel(cell.region, address(cell))
            stack.push_async_callback(channel.close)
            request = pb.ListTransfersRequest(region=cell.region)
            found[cell.region] = await TransferAuditServiceStub(channel).ListTransfers(request)
        return found


async def test_both_ends_of_a_reassignment_tell_of_it_and_it_covers_what_they_counted(
    cells: Cells, pki: Path
) -> None:
    owner = await cells.sign_up(EU)
    request = pb.AssignRequest(org_id=owner.org_id, region=US)
    stub = AssignmentServiceStub(cells.of[EU].channel())
    asked = await stub.Assign(request, metadata=owner.metadata)

    async def finished() -> bool:
        ends = await told(cells, pki)
        every = [*ends[EU].departures, *ends[US].arrivals]
        return len(every) == 2 and all(one.finished_at_unix_ms for one in every)

    await until(finished)
    kept = await told(cells, pki)
    (left,), (came,) = kept[EU].departures, kept[US].arrivals
    for one in (left, came):
        assert (one.operation_id, one.org_id) == (asked.assignment.operation_id, owner.org_id)
        assert (one.epoch, one.from_region, one.to_region, one.handed_over) == (2, EU, US, True)
    assert not kept[EU].arrivals and not kept[US].departures

    edges = [edge for cell in cells.of.values() for edge in cell.node.ledger.report().edges]
    (found,), missing = covered(edges, kept)
    assert missing == []
    assert (found.caller, found.callee, found.operations) == (EU, US, [left.operation_id])
    assert found.requests >= 5, "begin, put, verify, take, finish"
    _, missing = covered(edges, {**kept, US: pb.ListTransfersResponse()})
    assert missing == [f"{EU} → {US}: {EU} alone knows of {left.operation_id}"]


async def test_only_operators_are_told(cells: Cells, pki: Path) -> None:
    assert await reason_of(told(cells, pki, role="rest", region=EU)) == "ROLE_FORBIDDEN"
