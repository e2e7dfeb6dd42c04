"""Organisations and accounts that move, at the registry's store: SQLite and a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from mesh.errors import Conflict, Forbidden, InvalidInput
from sankofa.registry.v1.registry_pb2 import Org, Row, SignedRow
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.registry.store import RegistryStore
from tests.support.nodes import AF, EU, US
from tests.support.postgres import Postgres, running_postgres
from tests.support.rows import handovers, hint, moved_hint, moved_org, operation, org, signed, signer

pytestmark = [pytest.mark.disk, pytest.mark.network]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/registry.db"
    server: Postgres = request.getfixturevalue("postgres")
    return await server.new_database()


@pytest.fixture
async def store(url: str) -> AsyncIterator[RegistryStore]:
    opened = await RegistryStore.open(url)
    await opened.put([signer(EU), signer(US), signer(AF), org("org_1", EU), hint("h", EU)])
    yield opened
    await opened.close()


async def stored_org(store: RegistryStore) -> SignedRow:
    (found,) = [row for _, row in await store.changes(0, None, 100) if row.row.WhichOneof("fact") == "org"]
    return found


async def test_an_organisation_moves_by_the_word_of_the_region_that_it_leaves(store: RegistryStore) -> None:
    await store.put([moved_org("org_1", EU, US)])
    assert await stored_org(store) == moved_org("org_1", EU, US)
    await store.put([moved_org("org_1", EU, US, AF, EU)])
    assert (await stored_org(store)).row.org.epoch == 4, "epochs that nobody has seen are in the row"


async def test_a_row_of_an_older_epoch_changes_nothing(store: RegistryStore) -> None:
    after = await store.put([moved_org("org_1", EU, US)])
    assert await store.put([org("org_1", EU)]) == after


@pytest.mark.parametrize(
    "row",
    [
        moved_org("org_1", AF, US),
        moved_org("org_1", US, US),
        moved_org("org_1", AF, EU, US),
        org("org_1", US),
    ],
)
async def test_who_did_not_have_an_organisation_gives_none_away(store: RegistryStore, row: SignedRow) -> None:
    with pytest.raises(Conflict):
        await store.put([row])
    assert await stored_org(store) == org("org_1", EU)


async def test_of_two_moves_into_one_epoch_the_first_counts(store: RegistryStore) -> None:
    await store.put([moved_org("org_1", EU, US)])
    with pytest.raises(Conflict):
        await store.put([moved_org("org_1", EU, AF)])
    with pytest.raises(Conflict):
        await store.put([moved_org("org_1", EU, AF, EU)])
    assert (await stored_org(store)).row.region == US


@pytest.mark.parametrize(
    "row",
    [
        Row(region=US, org=Org(org_id="org_1", epoch=2)),
        Row(region=US, org=Org(org_id="org_1", epoch=3, handovers=handovers((EU, US), org_id="org_1"))),
        Row(region=AF, org=Org(org_id="org_1", epoch=2, handovers=handovers((EU, US), org_id="org_1"))),
        Row(region=US, org=Org(org_id="org_1", epoch=2, handovers=handovers((EU, US), org_id="org_2"))),
        Row(region=US, org=Org(org_id="org_1", epoch=2, handovers=handovers((EU, US), login_hint="org_1"))),
        Row(
            region=US,
            org=Org(
                org_id="org_1",
                epoch=3,
                handovers=[
                    *handovers((EU, AF), org_id="org_1"),
                    handovers((EU, EU, US), org_id="org_1")[1],
                ],
            ),
        ),
    ],
    ids=["no word", "an epoch without word", "another's region", "another's word", "a hint's word", "a gap"],
)
async def test_a_chain_with_a_gap_is_refused_before_the_database(store: RegistryStore, row: Row) -> None:
    with pytest.raises(InvalidInput):
        await store.put([signed(row)])


async def test_an_account_moves_and_its_e_mail_stays_taken(store: RegistryStore) -> None:
    await store.put([moved_hint("h", EU, US)])
    found = await store.find_login_hint("h")
    assert found is not None and found[0] == moved_hint("h", EU, US)
    for claim in (hint("h", EU), hint("h", AF), moved_hint("h", EU, AF), moved_hint("h", AF, AF, US)):
        with pytest.raises(Conflict):
            await store.put([claim])
    assert await store.find_login_hint("h") == found


async def test_the_database_itself_refuses_a_second_home_of_one_epoch(store: RegistryStore) -> None:
    with pytest.raises(DBAPIError):
        async with store._engine.begin() as connection:
            await connection.execute(text("UPDATE login_hints SET region = 'us-east-1'"))


async def test_one_operation_at_a_time(store: RegistryStore) -> None:
    await store.put([operation("org_1", "op_a", EU, 1)])
    again = await store.put([operation("org_1", "op_a", EU, 1)])
    assert await store.position() == again, "a repeat changes nothing"
    with pytest.raises(Conflict) as refused:
        await store.put([operation("org_1", "op_b", EU, 2)])
    assert refused.value.reason == ErrorReason.ERROR_REASON_OPERATION_IN_FLIGHT
    await store.put([operation("org_1", "op_a", EU, 1, finished=True)])
    await store.put([operation("org_1", "op_b", EU, 2)])


async def test_an_operation_that_is_over_never_begins_again(store: RegistryStore) -> None:
    for name, begun in (("op_a", 1), ("op_b", 2)):
        await store.put([operation("org_1", name, EU, begun)])
        await store.put([operation("org_1", name, EU, begun, finished=True)])
    assert await store.put([operation("org_1", "op_b", EU, 2)]) == await store.position()
    with pytest.raises(Conflict):
        await store.put([operation("org_1", "op_a", EU, 1)])


async def test_operations_are_the_primary_regions_to_begin_and_to_end(store: RegistryStore) -> None:
    with pytest.raises(Forbidden):
        await store.put([operation("org_1", "op_a", US)])
    with pytest.raises(Forbidden):
        await store.put([operation("org_9", "op_a", EU)])
    await store.put([operation("org_1", "op_a", EU)])
    await store.put([moved_org("org_1", EU, US)])
    with pytest.raises(Forbidden):
        await store.put([operation("org_1", "op_a", EU, finished=True)])
    await store.put([operation("org_1", "op_a", US, finished=True)])
    assert all(row.row.WhichOneof("fact") != "org_operation" for _, row in await store.changes(0, None, 100))
