"""The registry and its feed over mTLS, with the identities and the row keys of real regions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from mesh.errors import Conflict, Forbidden, SankofaError, Unavailable
from mesh.regions import GLOBAL
from mesh.server import MeshServer
from mesh.signing import RowSigner, RowVerifier
from sankofa.registry.v1 import registry_pb2 as pb
from sankofa.registry.v1.registry_pb2_grpc import RegistryServiceStub
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.region_registry import build
from services.region_registry.config import CatalogueRegion, RegistryConfig
from storage.directory.feed import DirectoryFeed
from storage.directory.lmdb import LmdbDirectory
from storage.registry.store import RegistryStore
from tests.support import rows
from tests.support.nodes import EU, US, make_node
from tests.support.rows import hash_of

pytestmark = [pytest.mark.disk, pytest.mark.network]

DEADLINE_S = 15.0


@dataclass
class Mesh:
    """One registry, and what each region needs to call it."""

    pki: Path
    folder: Path
    port: int
    stack: AsyncExitStack
    signers: dict[str, RowSigner] = field(default_factory=dict)

    def stub(self, region: str) -> RegistryServiceStub:
        """The registry, as that region's cell calls it."""
        channel = make_node(self.pki, region=region).node.channel(GLOBAL, f"127.0.0.1:{self.port}")
        self.stack.push_async_callback(channel.close)
        return RegistryServiceStub(channel)

    def signed(self, row: pb.SignedRow, *, by: str | None = None) -> pb.SignedRow:
        """The row, signed for real by its region or in its name by another."""
        signer = self.signer(by or row.row.region)
        forged = signer.sign(pb.Row(region=signer.region)) if by else signer.sign(row.row)
        return pb.SignedRow(row=row.row, signer_key_id=forged.signer_key_id, signature=forged.signature)

    def signer(self, region: str) -> RowSigner:
        """The region's row key."""
        return self.signers.setdefault(region, RowSigner.load(self.pki, region))

    async def put(self, region: str, *unsigned: pb.SignedRow) -> pb.PutRowsResponse:
        """Puts rows of a region as itself, its signer first."""
        batch = [self.signer(region).signer_row(), *(self.signed(row) for row in unsigned)]
        return await self.stub(region).PutRows(pb.PutRowsRequest(rows=batch))


@asynccontextmanager
async def registry(
    pki: Path, folder: Path, *, port: int = 0, database: str = "registry.db"
) -> AsyncIterator[Mesh]:
    """A registry on its own port, stopped at the end."""
    config = RegistryConfig(
        store_url=f"sqlite+aiosqlite:///{folder}/{database}",
        catalogue=(CatalogueRegion(EU, "EU"), CatalogueRegion(US, "US", "roadmap")),
        poll_ms=20,
        heartbeat_ms=50,
    )
    node = make_node(pki, region=GLOBAL, role="registry").node
    async with AsyncExitStack() as stack:
        store = await RegistryStore.open(config.store_url)
        stack.push_async_callback(store.close)
        services = await build(config=config, node=node, stack=stack, store=store)
        server = MeshServer(
            credentials=node.credentials,
            hop_of=node.arrival,
            services=services,
            internal=None,
            federated=f"127.0.0.1:{port}",
        )
        await server.start()
        stack.push_async_callback(server.drain, 0)
        yield Mesh(pki, folder, server.federated_port, stack)


@pytest.fixture
async def mesh(pki: Path, tmp_path: Path) -> AsyncIterator[Mesh]:
    async with registry(pki, tmp_path) as running:
        yield running


@dataclass
class Cell:
    """A directory that follows the registry."""

    directory: LmdbDirectory
    feed: DirectoryFeed
    feeds_seen: list[str]

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits for what the feed brings."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, "the feed did not bring it"
            await asyncio.sleep(0.01)


@asynccontextmanager
async def cell(
    pki: Path,
    folder: Path,
    stub: Callable[[], RegistryServiceStub],
    *,
    region: str | None = EU,
    republish: Callable[[], Coroutine[None, None, object]] | None = None,
) -> AsyncIterator[Cell]:
    """A cell's directory and its feed; region None is the router."""
    directory = LmdbDirectory.open(folder / f"directory-{region}", region=region)
    seen: list[str] = []

    async def changed(feed_id: str) -> None:
        seen.append(feed_id)
        if republish is not None:
            await republish()

    verifier = RowVerifier(make_node(pki, region=region or EU).node.credentials.authorities)
    feed = DirectoryFeed(
        directory=directory, verifier=verifier, stub=stub, region=region, on_feed_change=changed
    )
    task = asyncio.create_task(feed.run())
    try:
        yield Cell(directory, feed, seen)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        directory.close()


async def first(stub: RegistryServiceStub, request: pb.WatchRequest, count: int) -> list[pb.WatchResponse]:
    """The first responses of a watch."""
    responses: list[pb.WatchResponse] = []
    async with asyncio.timeout(DEADLINE_S), aclosing(stub.Watch(request)) as watch:
        async for response in watch:
            responses.append(response)
            if len(responses) == count:
                break
    return responses


def events(responses: list[pb.WatchResponse]) -> list[str | None]:
    return [response.WhichOneof("event") for response in responses]


async def test_a_region_writes_its_own_rows_and_everyone_finds_them(mesh: Mesh) -> None:
    receipt = await mesh.put(EU, rows.pin("proj_1", EU), rows.hint("h", EU))
    assert receipt.seq == 3 and receipt.feed_id
    found = await mesh.stub(US).FindLoginHint(pb.FindLoginHintRequest(hint="h"))
    missing = await mesh.stub(US).FindLoginHint(pb.FindLoginHintRequest(hint="other"))
    assert (found.row.row.region, found.signer.row.region) == (EU, EU)
    assert not missing.HasField("row")


async def test_a_region_can_not_write_rows_of_another_not_even_well_signed_ones(mesh: Mesh) -> None:
    await mesh.put(EU, rows.pin("proj_1", EU))
    stolen = [mesh.signer(EU).signer_row(), mesh.signed(rows.api_key("a", EU))]
    with pytest.raises(Forbidden) as refused:
        await mesh.stub(US).PutRows(pb.PutRowsRequest(rows=stolen))
    assert refused.value.reason == ErrorReason.ERROR_REASON_ROW_NOT_OWN


@pytest.mark.parametrize(
    "forgery", ["another row's signature", "another region's key", "no signature", "unknown key"]
)
async def test_a_row_that_its_region_did_not_sign_is_refused(mesh: Mesh, forgery: str) -> None:
    before = await mesh.put(EU)
    await mesh.put(US)
    row = rows.pin("proj_1", EU)
    good = mesh.signed(row)
    if forgery == "another row's signature":
        good.row.pin.org_id = "org_2"
    elif forgery == "another region's key":
        good = mesh.signed(row, by=US)
    elif forgery == "no signature":
        good.signature = b""
    else:
        good.signer_key_id = "0" * 64
    with pytest.raises(Forbidden) as refused:
        await mesh.stub(EU).PutRows(pb.PutRowsRequest(rows=[good]))
    assert refused.value.reason == ErrorReason.ERROR_REASON_ROW_NOT_SIGNED
    assert (await mesh.put(EU)).seq == before.seq + 1, "only the other region's signer was added"


async def test_a_signer_that_another_authority_vouches_for_is_refused(mesh: Mesh) -> None:
    signer = mesh.signer(US).signer_row()
    signer.row.region = EU
    with pytest.raises(Forbidden) as refused:
        await mesh.stub(EU).PutRows(pb.PutRowsRequest(rows=[signer]))
    assert refused.value.reason == ErrorReason.ERROR_REASON_ROW_NOT_SIGNED


async def test_a_second_value_reaches_the_caller_as_a_conflict(mesh: Mesh) -> None:
    await mesh.put(EU, rows.pin("proj_1", EU))
    with pytest.raises(Conflict) as refused:
        await mesh.put(US, rows.pin("proj_1", US))
    assert refused.value.reason == ErrorReason.ERROR_REASON_ROW_CONFLICT


async def test_a_client_without_a_certificate_opens_nothing(mesh: Mesh) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{mesh.port}") as channel:
        with pytest.raises(grpc.RpcError):
            await RegistryServiceStub(channel).FindLoginHint(pb.FindLoginHintRequest(hint="h"), timeout=5)


async def test_a_first_watch_is_a_catalogue_a_full_compare_and_heartbeats(mesh: Mesh) -> None:
    await mesh.put(EU, rows.pin("proj_1", EU))
    await mesh.put(US, rows.pin("proj_2", US), rows.org("org_2", US))
    responses = await first(mesh.stub(EU), pb.WatchRequest(region=EU), 5)
    assert events(responses) == ["catalogue", "snapshot_begin", "rows", "snapshot_end", "heartbeat"]
    catalogue = responses[0].catalogue
    assert catalogue.default_region == EU
    assert [(region.id, region.status) for region in catalogue.regions] == [
        (EU, pb.RegionStatus.REGION_STATUS_OPEN),
        (US, pb.RegionStatus.REGION_STATUS_ROADMAP),
    ]
    kinds = [(row.row.region, row.row.WhichOneof("fact")) for row in responses[2].rows.rows]
    assert kinds == [(EU, "signer"), (EU, "pin"), (US, "signer"), (US, "org")]
    assert responses[3].seq == responses[4].seq == 5


async def test_a_watch_resumes_after_the_last_number_and_brings_a_revocation(mesh: Mesh) -> None:
    receipt = await mesh.put(EU, rows.pin("proj_1", EU), rows.api_key("a", EU))
    await mesh.put(EU, rows.api_key("a", EU, revoked=True))
    resumed = pb.WatchRequest(feed_id=receipt.feed_id, after_seq=receipt.seq, region=EU)
    catalogue, change = await first(mesh.stub(EU), resumed, 2)
    assert catalogue.WhichOneof("event") == "catalogue"
    assert [row.row.api_key.revoked for row in change.rows.rows] == [True]
    assert change.seq == receipt.seq + 1


@pytest.mark.parametrize(("feed_id", "after_seq"), [("another", 2), (None, 0), (None, 1_000)])
async def test_a_watch_that_can_not_resume_compares_everything(
    mesh: Mesh, feed_id: str | None, after_seq: int
) -> None:
    receipt = await mesh.put(EU, rows.pin("proj_1", EU))
    request = pb.WatchRequest(feed_id=feed_id or receipt.feed_id, after_seq=after_seq)
    assert events(await first(mesh.stub(EU), request, 2)) == ["catalogue", "snapshot_begin"]


async def test_a_full_compare_of_many_rows_comes_in_bounded_messages(mesh: Mesh) -> None:
    await mesh.put(EU, *(rows.pin(f"proj_{n}", EU) for n in range(1_500)))
    responses = await first(mesh.stub(EU), pb.WatchRequest(), 5)
    assert events(responses) == ["catalogue", "snapshot_begin", "rows", "rows", "snapshot_end"]
    assert [len(response.rows.rows) for response in responses[2:4]] == [1_000, 501]


async def test_rows_of_one_registry_reach_the_watchers_of_another_on_the_same_database(
    mesh: Mesh, pki: Path, tmp_path: Path
) -> None:
    async with registry(pki, tmp_path) as other, cell(pki, tmp_path, lambda: mesh.stub(EU)) as eu:
        await eu.feed.ready.wait()
        await other.put(EU, rows.pin("proj_1", EU))
        await eu.until(lambda: eu.directory.pin("proj_1") == EU)
        # The first registry has not seen this signer itself.
        await mesh.stub(EU).PutRows(pb.PutRowsRequest(rows=[mesh.signed(rows.pin("proj_2", EU))]))


async def test_a_directory_follows_the_registry_key_revocation_included(
    mesh: Mesh, pki: Path, tmp_path: Path
) -> None:
    await mesh.put(EU, rows.pin("proj_1", EU), rows.api_key("a", EU))
    async with (
        cell(pki, tmp_path, lambda: mesh.stub(EU)) as eu,
        cell(pki, tmp_path, lambda: mesh.stub(EU), region=None) as router,
    ):
        for process in (eu, router):
            await asyncio.wait_for(process.feed.ready.wait(), DEADLINE_S)
            assert process.directory.default_region() == EU
            assert process.directory.key(hash_of("a")) is not None
            assert len(process.feeds_seen) == 1
        await mesh.put(US, rows.pin("proj_2", US), rows.org("org_2", US))
        await mesh.put(EU, rows.api_key("a", EU, revoked=True))
        for process in (eu, router):
            await process.until(lambda: process.directory.key(hash_of("a")) is None)  # noqa: B023
            assert process.directory.org("org_2") is not None
        assert (eu.directory.pin("proj_2"), router.directory.pin("proj_2")) == (None, US)
        assert eu.feed.refused == router.feed.refused == 0


async def test_a_row_that_the_registry_made_up_is_refused_by_the_directory_and_the_feed_goes_on(
    mesh: Mesh, pki: Path, tmp_path: Path
) -> None:
    await mesh.put(EU, rows.pin("proj_1", EU))
    await mesh.put(US)
    lying = await RegistryStore.open(f"sqlite+aiosqlite:///{tmp_path}/registry.db")
    await lying.put([mesh.signed(rows.pin("proj_2", EU), by=EU), mesh.signed(rows.pin("proj_3", EU))])
    await lying.close()
    async with cell(pki, tmp_path, lambda: mesh.stub(EU)) as eu:
        await eu.until(lambda: eu.directory.pin("proj_3") == EU)
        assert eu.directory.pin("proj_2") is None
        assert eu.feed.refused == 1


async def test_a_directory_outlives_the_registry_and_republishes_to_a_new_one(
    pki: Path, tmp_path: Path
) -> None:
    async with registry(pki, tmp_path) as mesh:
        await mesh.put(EU, rows.pin("proj_1", EU))
        async with cell(pki, tmp_path, lambda: mesh.stub(EU)) as eu:
            await asyncio.wait_for(eu.feed.ready.wait(), DEADLINE_S)
        port = mesh.port
    # The registry is away, and comes back having lost its store.
    with pytest.raises(Unavailable):
        await mesh.put(EU)
    node = make_node(pki, region=EU).node
    channel = node.channel(GLOBAL, f"127.0.0.1:{port}")
    republished = asyncio.Event()

    async def republish() -> None:
        republished.set()

    stub = RegistryServiceStub(channel)
    async with cell(pki, tmp_path, lambda: stub, republish=republish) as eu:
        await asyncio.wait_for(eu.feed.ready.wait(), DEADLINE_S)
        assert eu.directory.pin("proj_1") == EU and not republished.is_set()
        old = eu.directory.feed_position()
        async with registry(pki, tmp_path, port=port, database="new.db"):
            await asyncio.wait_for(republished.wait(), DEADLINE_S)
            await eu.until(lambda: eu.directory.feed_position() not in (None, old))
            assert eu.directory.pin("proj_1") == EU
        await channel.close()


async def test_a_republish_that_fails_is_asked_for_again(mesh: Mesh, pki: Path, tmp_path: Path) -> None:
    attempts: list[int] = []

    async def republish() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise SankofaError

    async with cell(pki, tmp_path, lambda: mesh.stub(EU), republish=republish) as eu:
        await asyncio.wait_for(eu.feed.ready.wait(), DEADLINE_S)
    assert len(attempts) == 2


async def test_a_move_counts_where_the_region_that_is_left_has_signed_it(mesh: Mesh) -> None:
    await mesh.put(EU, rows.org("org_1", EU))
    moved = rows.moved_org("org_1", EU, US)
    with pytest.raises(Forbidden):
        await mesh.put(US, moved)  # nobody has signed the handover
    unsigned = moved.row.org.handovers[0]
    forged = mesh.signer(EU).sign_handover(unsigned)
    forged.at_unix_ms += 1
    for word in (forged, pb.Handover(org_id="org_1", from_region=EU, to_region=US, epoch=2)):
        moved.row.org.handovers[0].CopyFrom(word)
        with pytest.raises(Forbidden):
            await mesh.put(US, moved)
    with pytest.raises(Forbidden):
        mesh.signer(US).sign_handover(unsigned)
    moved.row.org.handovers[0].CopyFrom(mesh.signer(EU).sign_handover(unsigned))
    with pytest.raises(Forbidden):
        await mesh.put(EU, moved)  # the target's own row is the target's to write
    await mesh.put(US, moved)


async def test_a_directory_follows_a_move_and_refuses_one_that_a_registry_made_up(
    mesh: Mesh, pki: Path, tmp_path: Path
) -> None:
    await mesh.put(EU, rows.org("org_1", EU), rows.org("org_2", EU))
    await mesh.put(US, rows.pin("proj_2", US))
    async with cell(pki, tmp_path, lambda: mesh.stub(EU)) as following:
        await following.until(lambda: following.directory.org("org_2"))
        store = await RegistryStore.open(f"sqlite+aiosqlite:///{tmp_path}/registry.db")
        await store.put([mesh.signed(rows.moved_org("org_2", EU, US))])  # no word of eu-west-1
        await store.close()
        moved = rows.moved_org("org_1", EU, US)
        word = mesh.signer(EU).sign_handover(moved.row.org.handovers[0])
        moved.row.org.handovers[0].CopyFrom(word)
        await mesh.put(US, moved)
        await following.until(lambda: following.directory.org("org_1").primary_region == US)
        assert following.directory.org("org_2").primary_region == EU and following.feed.refused == 1
