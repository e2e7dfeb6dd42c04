"""The mirror of the audit logs in a mesh: who moves leaves none behind, and an operator has it compared."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from mesh.admin import Gauges
from mesh.errors import CrossingRefused, InvalidInput, NotFound
from mesh.identity import Credentials
from mesh.node import Node
from mesh.server import MeshServer
from sankofa.ingest.v1.audit_mirror_pb2 import (
    CompareMirrorRequest,
    CompareMirrorResponse,
    CountMirrorRequest,
    CountMirrorResponse,
    MirrorCountBy,
)
from sankofa.ingest.v1.audit_mirror_pb2_grpc import AuditMirrorServiceStub
from sankofa.org.v1 import transfer_pb2 as pb
from sankofa.org.v1.transfer_pb2_grpc import AssignmentServiceStub
from services.ingest.mirror import build_mirror
from services.org.config import OrgConfig
from storage.analytics.engine import Engine
from storage.records.audit.reading import Filter, Log
from storage.records.moves.departures import Departure
from tests.support.cells import Cells, Owner, RunningCell, until
from tests.support.nodes import EU, US

pytestmark = [pytest.mark.disk, pytest.mark.network]


@pytest.fixture
async def cells(pki: Path, tmp_path: Path) -> AsyncIterator[Cells]:
    async with Cells(pki, tmp_path, (EU, US), OrgConfig()) as mesh:
        yield mesh


@asynccontextmanager
async def mirroring(cell: RunningCell, engine: Engine) -> AsyncIterator[str]:
    """The mirror of a cell as its ingest runs it, for the block; the address that it is compared at."""
    gauges: list[Gauges] = []
    async with AsyncExitStack() as stack:
        services = build_mirror(
            stack=stack,
            engine=engine,
            audit_records=cell.records.audit,
            records=cell.records.audit_mirror,
            every_s=0.02,
            gauges=gauges,
        )
        server = MeshServer(
            credentials=cell.node.credentials,
            hop_of=cell.node.arrival,
            services=services,
            internal="127.0.0.1:0",
            federated=None,
        )
        await server.start()
        stack.push_async_callback(server.drain, 0)
        yield f"127.0.0.1:{server.internal_port}"
        assert "audit_mirror_lag_seconds" in gauges[0]()


async def mirrored(engine: Engine, scope: str) -> int:
    ((rows,),) = await engine.query(
        "SELECT count() FROM audit_rows FINAL WHERE scope = {s:String}", {"s": scope}
    )
    return int(rows)


async def departure_of(cells: Cells, owner: Owner) -> Departure:
    found = await cells.of[EU].records.moves.departures.latest(owner.org_id)
    assert found is not None
    return found


async def assign(cells: Cells, owner: Owner) -> None:
    cell = cells.of[EU]
    stub = AssignmentServiceStub(cell._channel("rest", EU, cell.port))
    await stub.Assign(pb.AssignRequest(org_id=owner.org_id, region=US), metadata=owner.metadata)


async def test_a_reassignment_is_over_when_the_mirror_is_erased_and_says_what_it_waits_for(
    cells: Cells, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.org.transfer.mover.MIRROR_WAIT_S", 0.2)
    owner, stays = await cells.sign_up(EU), await cells.sign_up(EU, "bob@example.org")
    async with mirroring(cells.of[EU], engine):
        await until(lambda: mirrored(engine, owner.org_id))
        await until(lambda: mirrored(engine, stays.org_id))

    await assign(cells, owner)

    async def waits() -> bool:
        return "mirror" in (await departure_of(cells, owner)).reason

    await until(waits, deadline_s=30)
    assert (await departure_of(cells, owner)).step == pb.ASSIGNMENT_STEP_ACCOUNTS_MOVED
    assert await mirrored(engine, owner.org_id) > 0

    async with mirroring(cells.of[EU], engine):

        async def done() -> bool:
            return (await departure_of(cells, owner)).step == pb.ASSIGNMENT_STEP_DONE

        await until(done, deadline_s=60)
        assert await mirrored(engine, owner.org_id) == 0
        assert await mirrored(engine, stays.org_id) > 0


async def test_an_organisation_that_was_never_mirrored_waits_for_nothing(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    await assign(cells, owner)

    async def done() -> bool:
        return (await departure_of(cells, owner)).step == pb.ASSIGNMENT_STEP_DONE

    await until(done, deadline_s=60)


def node_of(cell: RunningCell, role: str) -> Node:
    """Somebody else's place in the mesh."""
    return Node(
        credentials=Credentials.load(cell.pki, region=EU, role=role),
        directory=cell.directory,
        ledger=cell.node.ledger,
        tracer=cell.node.tracer,
    )


async def compare(
    cells: Cells, address: str, scope: str = "", *, role: str = "operator"
) -> list[CompareMirrorResponse]:
    async with node_of(cells.of[EU], role).channel(EU, address) as channel:
        request = CompareMirrorRequest(scope=scope)
        return [one async for one in AuditMirrorServiceStub(channel).CompareMirror(request)]


async def test_an_operator_and_nobody_else_has_it_compared(cells: Cells, engine: Engine) -> None:
    owner = await cells.sign_up(EU)
    async with mirroring(cells.of[EU], engine) as address:

        async def whole() -> bool:
            (one,) = await compare(cells, address, owner.org_id)
            assert list(one.defects) == []
            return one.rows > 0 and one.behind == 0

        await until(whole)
        assert owner.org_id in {one.scope for one in await compare(cells, address)}
        with pytest.raises(NotFound):
            await compare(cells, address, "org_none")
        with pytest.raises(CrossingRefused):
            await compare(cells, address, role="rest")


async def count(
    cells: Cells, address: str, scope: str, by: MirrorCountBy, *, role: str = "operator"
) -> CountMirrorResponse:
    async with node_of(cells.of[EU], role).channel(EU, address) as channel:
        request = CountMirrorRequest(scope=scope, by=by)
        answer: CountMirrorResponse = await AuditMirrorServiceStub(channel).CountMirror(request)
        return answer


async def test_an_operator_counts_in_it_and_the_log_says_so(cells: Cells, engine: Engine) -> None:
    owner = await cells.sign_up(EU)
    by = MirrorCountBy.MIRROR_COUNT_BY_ACTION
    async with mirroring(cells.of[EU], engine) as address:
        await until(lambda: mirrored(engine, owner.org_id))
        found = await count(cells, address, owner.org_id, by)
        assert {one.value: one.rows for one in found.counts}["org.created"] == 1
        (newest,) = await cells.of[EU].records.audit.page(Log.ORG, owner.org_id, Filter(), 1)
        assert (newest.action, newest.actor_id) == ("audit.read", "operator/audit-log")
        for scope, what, role, refusal in (
            ("org_none", by, "operator", NotFound),
            (owner.org_id, MirrorCountBy.MIRROR_COUNT_BY_UNSPECIFIED, "operator", InvalidInput),
            (owner.org_id, by, "rest", CrossingRefused),
        ):
            with pytest.raises(refusal):
                await count(cells, address, scope, what, role=role)
