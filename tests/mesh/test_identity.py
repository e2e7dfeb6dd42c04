"""Who may open what: real TLS on real ports, honest and forged certificates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509

from mesh.certificates import Issued, create_authority, issue
from mesh.context import current
from mesh.errors import CrossingRefused, Unavailable
from mesh.identity import Credentials, Identity
from mesh.server import MeshServer, Service
from sankofa.residency.v1 import ledger_pb2, ledger_pb2_grpc
from sankofa.residency.v1.ledger_pb2 import (
    ListEdgesRequest,
    ListEdgesResponse,
    ReportRequest,
    ReportResponse,
    Side,
    Verdict,
)
from sankofa.residency.v1.ledger_pb2_grpc import AuditServiceStub, LedgerServiceStub
from tests.support.nodes import EU, REGIONS, US, MemoryDirectory, TestNode, make_node

pytestmark = [pytest.mark.network, pytest.mark.disk]


@dataclass
class Recorder(ledger_pb2_grpc.LedgerServiceServicer, ledger_pb2_grpc.AuditServiceServicer):
    """Answers, and remembers who called."""

    callers: list[Identity] = field(default_factory=list)

    async def Report(self, request: ReportRequest, context: Any) -> ReportResponse:
        self.callers.append(current().caller)
        return ReportResponse()

    async def ListEdges(self, request: ListEdgesRequest, context: Any) -> ListEdgesResponse:
        self.callers.append(current().caller)
        return ListEdgesResponse()


@dataclass
class Cell:
    server: MeshServer
    served: TestNode
    recorder: Recorder

    @property
    def internal(self) -> str:
        return f"127.0.0.1:{self.server.internal_port}"

    @property
    def federated(self) -> str:
        return f"127.0.0.1:{self.server.federated_port}"


@pytest.fixture
async def cell(pki: Path) -> AsyncIterator[Cell]:
    served = make_node(pki, region=EU, directory=MemoryDirectory())
    recorder = Recorder()
    services = ledger_pb2.DESCRIPTOR.services_by_name
    server = MeshServer(
        credentials=served.node.credentials,
        hop_of=served.node.arrival,
        services=[
            Service(ledger_pb2_grpc.add_LedgerServiceServicer_to_server, recorder, services["LedgerService"]),
            Service(ledger_pb2_grpc.add_AuditServiceServicer_to_server, recorder, services["AuditService"]),
        ],
        internal="127.0.0.1:0",
        federated="127.0.0.1:0",
    )
    await server.start()
    yield Cell(server, served, recorder)
    await server.drain(0)


def authority(pki: Path, region: str) -> Issued:
    from mesh.certificates import _load

    loaded = _load(pki / region / "authority")
    assert loaded is not None
    return loaded


def raw_channel(address: str, pki: Path, leaf: Issued | None) -> grpc.aio.Channel:
    """A client that has no guard of its own."""
    root = (pki / "trust" / f"{EU}.pem").read_bytes()
    pair = (leaf.key_pem, leaf.certificate_pem) if leaf else (None, None)
    tls = grpc.ssl_channel_credentials(root, *pair)
    return grpc.aio.secure_channel(
        address, tls, options=[("grpc.ssl_target_name_override", f"cell.{EU}.sankofa")]
    )


async def code_of(call: Any) -> grpc.StatusCode:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def test_a_process_of_the_region_is_served_and_known_by_its_certificate(cell: Cell, pki: Path) -> None:
    rest = make_node(pki, region=EU, role="rest").node
    await LedgerServiceStub(rest.channel(EU, cell.internal)).Report(ReportRequest())
    assert cell.recorder.callers == [Identity(EU, "rest")]


async def test_another_region_is_served_on_the_federated_port_only(cell: Cell, pki: Path) -> None:
    other = make_node(pki, region=US, role="cell").node
    await AuditServiceStub(other.channel(EU, cell.federated)).ListEdges(ListEdgesRequest(region=EU))
    with pytest.raises(CrossingRefused):
        await LedgerServiceStub(other.channel(EU, cell.internal)).Report(ReportRequest())
    leaf = issue(authority(pki, US), Identity(US, "cell"))
    async with raw_channel(cell.internal, pki, leaf) as channel:
        assert (
            await code_of(LedgerServiceStub(channel).Report(ReportRequest())) is grpc.StatusCode.UNAVAILABLE
        )
    assert cell.recorder.callers == [Identity(US, "cell")]


async def test_plaintext_and_a_client_without_a_certificate_open_nothing(cell: Cell, pki: Path) -> None:
    for address in (cell.internal, cell.federated):
        async with grpc.aio.insecure_channel(address) as plain:
            assert (
                await code_of(AuditServiceStub(plain).ListEdges(ListEdgesRequest())) is not grpc.StatusCode.OK
            )
        async with raw_channel(address, pki, None) as nameless:
            answer = await code_of(AuditServiceStub(nameless).ListEdges(ListEdgesRequest(region=EU)))
            assert answer is grpc.StatusCode.UNAVAILABLE
    assert cell.recorder.callers == []


@pytest.mark.parametrize("forger", [region for region in (*REGIONS, "global") if region != EU])
async def test_an_authority_cannot_sign_a_name_of_another_region(cell: Cell, pki: Path, forger: str) -> None:
    """The pooled port trusts every authority; only the name constraint keeps this one out."""
    forged = issue(authority(pki, forger), Identity(EU, "rest"))
    for address in (cell.internal, cell.federated):
        async with raw_channel(address, pki, forged) as channel:
            answer = await code_of(AuditServiceStub(channel).ListEdges(ListEdgesRequest(region=EU)))
            assert answer is grpc.StatusCode.UNAVAILABLE
    assert cell.recorder.callers == []


def test_every_authority_is_constrained_to_its_own_names_critically(pki: Path) -> None:
    for region in (*REGIONS, "global"):
        found = authority(pki, region).certificate.extensions.get_extension_for_class(x509.NameConstraints)
        assert found.critical
        assert {name.value for name in found.value.permitted_subtrees or ()} == {f"{region}.sankofa"}


async def test_a_stranger_with_an_authority_of_their_own_opens_nothing(cell: Cell, pki: Path) -> None:
    stranger = issue(create_authority(EU), Identity(EU, "rest"))
    async with raw_channel(cell.federated, pki, stranger) as channel:
        answer = await code_of(AuditServiceStub(channel).ListEdges(ListEdgesRequest(region=EU)))
        assert answer is grpc.StatusCode.UNAVAILABLE


async def test_a_client_does_not_talk_to_a_server_of_another_region(cell: Cell, pki: Path) -> None:
    node = make_node(pki, region=US, role="rest").node
    channel = node.channel(US, cell.federated)
    with pytest.raises(Unavailable):
        await AuditServiceStub(channel).ListEdges(ListEdgesRequest(region=US), timeout=2)
    assert cell.recorder.callers == []


async def test_both_ends_count_the_same_call_and_a_refusal_is_always_traced(cell: Cell, pki: Path) -> None:
    client = make_node(pki, region=EU, role="rest", ratio=0.0)
    stub = LedgerServiceStub(client.node.channel(EU, cell.internal))
    await stub.Report(ReportRequest())
    with pytest.raises(CrossingRefused):
        await LedgerServiceStub(client.node.channel(US, cell.federated)).Report(ReportRequest())

    def counted(node: TestNode) -> dict[tuple[int, str, str, int], tuple[int, int]]:
        edges = node.node.ledger.report().edges
        return {
            (edge.side, edge.caller_region, edge.callee_region, edge.verdict): (edge.requests, edge.answered)
            for edge in edges
        }

    allowed, refused = Verdict.VERDICT_ALLOWED, Verdict.VERDICT_REFUSED
    assert counted(client) == {
        (Side.SIDE_CLIENT, EU, EU, allowed): (1, 1),
        (Side.SIDE_CLIENT, EU, US, refused): (1, 0),
    }
    assert [(span.name, dict(span.attributes or {})["sankofa.verdict"]) for span in client.spans] == [
        ("sankofa.residency.v1.LedgerService/Report", "refused")
    ]
    assert counted(cell.served) == {(Side.SIDE_SERVER, EU, EU, allowed): (1, 1)}


def test_a_bundle_knows_every_authority(pki: Path) -> None:
    assert set(Credentials.load(pki, region=EU, role="cell").authorities) == {*REGIONS, "global"}
