"""The registry's store: one suite, SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from mesh.errors import Conflict, Forbidden, InvalidInput, Unavailable
from sankofa.registry.v1.registry_pb2 import ApiKey, Org, Pin, Row, SignedRow
from storage.registry.store import SCHEMA, RegistryStore
from storage.registry.tables import metadata
from storage.sql import open_database
from tests.support.nodes import EU, US
from tests.support.postgres import Postgres, running_postgres
from tests.support.rows import account_end, api_key, hint, jwt_key, org, pin, signed, signer

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
    await opened.put([signer(EU), signer(US)])
    yield opened
    await opened.close()


async def rows_after(store: RegistryStore, seq: int, region: str | None = None) -> list[SignedRow]:
    return [row for _, row in await store.changes(seq, region, 1000)]


async def test_a_repeat_changes_nothing_and_takes_no_number(store: RegistryStore) -> None:
    rows = [pin("proj_1", EU), api_key("a", EU), org("org_1", EU), hint("h", EU)]
    first = await store.put(rows)
    assert await store.put(rows) == first == await store.position()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pin("proj_1", EU), pin("proj_1", US)),
        (pin("proj_1", EU), pin("proj_1", EU, org="org_2")),
        (api_key("a", EU), api_key("a", EU, "proj_2")),
        (api_key("a", EU), api_key("a", US)),
        (hint("h", EU), hint("h", US)),
        (org("org_1", EU), org("org_1", US)),
        (org("org_1", EU), org("org_1", US, epoch=2)),
        (pin("proj_1", EU), api_key("a", US)),
        (jwt_key(EU, fill=b"1"), jwt_key(EU, fill=b"2")),
    ],
)
async def test_a_second_value_of_what_is_written_once_is_a_conflict(
    store: RegistryStore, first: SignedRow, second: SignedRow
) -> None:
    await store.put([first])
    with pytest.raises(Conflict):
        await store.put([second])
    assert (await rows_after(store, 0))[2:] in ([first], [])  # a login hint is in no feed
    with pytest.raises(Conflict):
        await store.put([pin("proj_9", EU), pin("proj_9", US)])


async def test_a_refused_batch_leaves_nothing(store: RegistryStore) -> None:
    before = await store.put([pin("proj_1", EU)])
    with pytest.raises(Conflict):
        await store.put([pin("proj_2", EU), hint("h", EU), pin("proj_1", US)])
    assert await store.position() == before
    assert await store.find_login_hint("h") is None
    assert await rows_after(store, before.seq) == []


async def test_a_revoked_key_is_never_revoked_back(store: RegistryStore) -> None:
    await store.put([api_key("a", EU)])
    revoked = await store.put([api_key("a", EU, revoked=True)])
    assert await store.put([api_key("a", EU)]) == revoked
    assert (await rows_after(store, revoked.seq - 1))[0].row.api_key.revoked


async def test_an_account_may_end_again_and_an_earlier_end_changes_nothing(store: RegistryStore) -> None:
    await store.put([account_end("usr_1", EU, 5)])
    later = await store.put([account_end("usr_1", EU, 7)])
    assert await store.put([account_end("usr_1", EU, 6)]) == later
    assert await rows_after(store, later.seq - 1) == [account_end("usr_1", EU, 7)]


async def test_a_retired_token_key_is_never_taken_back_and_has_no_second_value(store: RegistryStore) -> None:
    await store.put([jwt_key(EU)])
    retired = await store.put([jwt_key(EU, retired=True)])
    assert await store.put([jwt_key(EU)]) == retired
    assert await rows_after(store, retired.seq - 1) == [jwt_key(EU, retired=True)]
    with pytest.raises(Conflict):
        await store.put([jwt_key(EU, fill=b"2", retired=True)])


async def test_a_newer_epoch_of_the_same_region_replaces_and_an_older_changes_nothing(
    store: RegistryStore,
) -> None:
    await store.put([org("org_1", EU, epoch=2)])
    after = await store.put([org("org_1", EU, epoch=3)])
    assert await store.put([org("org_1", EU, epoch=1)]) == after
    assert await rows_after(store, 2) == [org("org_1", EU, epoch=3)]


async def test_a_row_whose_signer_is_not_stored_is_refused(store: RegistryStore) -> None:
    with pytest.raises(Forbidden):
        await store.put([pin("proj_1", "af-south-1")])
    await store.put([signer("af-south-1"), pin("proj_1", "af-south-1")])


@pytest.mark.parametrize(
    "row",
    [
        Row(region=EU),
        Row(region=EU, pin=Pin(project_id="", org_id="org_1")),
        Row(region="", pin=Pin(project_id="proj_1", org_id="org_1")),
        Row(region=EU, pin=Pin(project_id="proj_\0", org_id="org_1")),
        Row(region=EU, api_key=ApiKey(key_hash=b"short", project_id="p", environment="ENVIRONMENT_LIVE")),
        Row(region=EU, api_key=ApiKey(key_hash=b"1" * 32, project_id="p")),
        Row(region=EU, org=Org(org_id="org_1", epoch=2**63)),
    ],
)
async def test_a_malformed_row_is_refused_before_the_database(store: RegistryStore, row: Row) -> None:
    with pytest.raises(InvalidInput):
        await store.put([signed(row)])


async def test_the_feed_gives_each_change_once_in_order_with_signers_first(store: RegistryStore) -> None:
    await store.put([pin("proj_1", EU), api_key("a", EU), api_key("b", EU)])
    await store.put([org("org_1", EU), api_key("a", EU, revoked=True)])
    changes = await store.changes(0, None, 1000)
    assert [row for _, row in changes] == [
        signer(EU),
        signer(US),
        pin("proj_1", EU),
        api_key("b", EU),
        org("org_1", EU),
        api_key("a", EU, revoked=True),
    ]
    numbers = [seq for seq, _ in changes]
    assert numbers == sorted(set(numbers)) and numbers[-1] == (await store.position()).seq


async def test_the_feed_resumes_after_any_number_in_pages(store: RegistryStore) -> None:
    await store.put([pin(f"proj_{n}", EU) for n in range(25)])
    whole, paged, seq = await store.changes(0, None, 1000), [], 0
    while page := await store.changes(seq, None, 10):
        paged += page
        seq = page[-1][0]
    assert paged == whole and len(whole) == 27


async def test_a_region_gets_only_its_own_pins_and_keys_but_all_orgs_signers_and_token_keys(
    store: RegistryStore,
) -> None:
    token_key = jwt_key(US)
    await store.put([pin("proj_1", EU), api_key("a", EU), hint("h", EU)])
    await store.put([pin("proj_2", US), api_key("b", US, "proj_2"), org("org_2", US), token_key])
    assert await rows_after(store, 0, EU) == [
        signer(EU),
        signer(US),
        pin("proj_1", EU),
        api_key("a", EU),
        org("org_2", US),
        token_key,
    ]


async def test_a_login_hint_is_found_by_its_hash_only(store: RegistryStore) -> None:
    await store.put([hint("h", US)])
    found = await store.find_login_hint("h")
    assert found is not None and [each.row.region for each in found] == [US, US]
    assert found[0].signer_key_id == found[1].row.signer.key_id
    assert await store.find_login_hint("other") is None


async def test_numbers_of_concurrent_writers_have_no_gap_and_no_twin(store: RegistryStore, url: str) -> None:
    other = await RegistryStore.open(url)
    writers = (store, other)
    await asyncio.gather(
        *(writers[n % 2].put([pin(f"proj_{n}", EU), api_key(f"{n}", EU, f"proj_{n}")]) for n in range(12))
    )
    await other.close()
    assert [seq for seq, _ in await store.changes(0, None, 100)] == list(range(1, 27))


async def test_rows_and_feed_id_survive_a_restart(store: RegistryStore, url: str) -> None:
    before = await store.put([pin("proj_1", EU)])
    again = await RegistryStore.open(url)
    assert await again.position() == before
    assert await rows_after(again, 2) == [pin("proj_1", EU)]
    assert await again.signers() == [signer(EU), signer(US)]
    await again.close()


async def test_a_cancelled_caller_cuts_no_transaction_in_two(store: RegistryStore, url: str) -> None:
    callers = [asyncio.create_task(store.put([pin(f"proj_{n}", EU)])) for n in range(5)]
    callers += [asyncio.create_task(store.changes(0, None, 10)) for _ in range(5)]  # type: ignore[arg-type]
    await asyncio.sleep(0)
    for caller in callers:
        caller.cancel()
    assert all(
        isinstance(end, asyncio.CancelledError)
        for end in await asyncio.gather(*callers, return_exceptions=True)
    )
    await store.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    with pytest.raises(Unavailable):
        await store.position()
    again = await RegistryStore.open(url)
    assert (await again.position()).seq == 7
    await again.close()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE pins SET region = 'us-east-1'",
        "DELETE FROM pins",
        "UPDATE login_hints SET region = 'us-east-1'",
        "DELETE FROM login_hints",
        "TRUNCATE pins",
        "INSERT OR REPLACE INTO pins SELECT project_id, org_id, 'us-east-1', seq, signed FROM pins",
        "INSERT INTO pins SELECT * FROM pins WHERE true ON CONFLICT (project_id) DO UPDATE SET region = 'x'",
    ],
)
async def test_the_database_itself_refuses_to_change_what_is_written_once(
    store: RegistryStore, url: str, sql: str
) -> None:
    await store.put([pin("proj_1", EU), hint("h", EU)])
    engine = await open_database(url, schema=SCHEMA)
    foreign = {"TRUNCATE": "sqlite", "INSERT OR REPLACE": "postgresql"}
    mine = not any(sql.startswith(words) and engine.name == name for words, name in foreign.items())
    with pytest.raises(DBAPIError, match="written once" if mine else "syntax error"):
        async with engine.begin() as connection:
            await connection.execute(text(sql))
    async with engine.begin() as connection:
        assert (await connection.scalars(text("SELECT region FROM pins"))).all() == [EU]
        assert (await connection.scalars(text("SELECT region FROM login_hints"))).all() == [EU]
    await engine.dispose()


async def test_the_migrations_make_the_tables_the_code_uses(store: RegistryStore, url: str) -> None:
    engine = await open_database(url, schema=SCHEMA)
    async with engine.connect() as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
    await engine.dispose()
    assert difference == []


async def test_a_database_that_is_away_is_unavailable_without_its_driver_text() -> None:
    with pytest.raises(Unavailable) as refused:
        await RegistryStore.open("postgresql+asyncpg://nobody:secret@127.0.0.1:1/none")
    assert refused.value.detail == ""
