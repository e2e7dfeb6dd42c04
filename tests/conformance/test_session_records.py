"""Sessions in the records: one suite, SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import create_async_engine

from mesh.context import act_as
from mesh.errors import CrossingRefused
from sankofa.org.v1.org_pb2 import OrgRole
from storage.records.orgs import Account, OrgRecord
from storage.records.records import Records
from storage.records.sessions import SessionRecord
from storage.records.tables import sessions
from tests.support.databases import sqlite_at
from tests.support.postgres import Postgres, running_postgres
from tests.support.roles import put_member

pytestmark = [pytest.mark.disk, pytest.mark.network]

EU, MEMBER = "eu-west-1", OrgRole.ORG_ROLE_MEMBER
NOW, LATER = 1_800_000_000_000, 1_900_000_000_000


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_at(tmp_path / "records.db")
    server: Postgres = request.getfixturevalue("postgres")
    return await server.new_database()


@pytest.fixture
async def records(url: str) -> AsyncIterator[Records]:
    opened = await Records.open(url, region=EU)
    account = Account("usr_1", "ada@example.org", "ada@example.org", "argon2", 1)
    await opened.orgs.sign_up(account, OrgRecord("org_1", "Org", "hobby", 1, 1), "hint")
    yield opened
    await opened.close()


def session(name: str) -> SessionRecord:
    return SessionRecord(f"ses_{name}", "usr_1", 0, NOW, NOW, LATER, "203.0.113.7", "curl")


async def ends_pending(records: Records) -> list[str]:
    pending = await records.outbox.pending(None, 100)
    return [each.row.session_end.session_id for each in pending if each.row.HasField("session_end")]


async def test_of_uses_of_one_refresh_token_at_once_one_counts(records: Records) -> None:
    await records.sessions.begin(session("a"))
    used = replace(session("a"), generation=1)
    done = await asyncio.gather(*(records.sessions.advance(used, 0) for _ in range(5)))
    assert sorted(done) == [False] * 4 + [True]
    found = await records.sessions.find("ses_a")
    assert found is not None and found.generation == 1


async def test_an_end_is_written_with_its_row_and_keeps_neither_address_nor_agent(records: Records) -> None:
    for name in ("a", "b"):
        await records.sessions.begin(session(name))
    (row,) = await records.sessions.end(["ses_a"], NOW, NOW + 1000)
    assert (row.region, row.session_end.session_id) == (EU, "ses_a")
    assert await ends_pending(records) == ["ses_a"]
    assert await records.sessions.end(["ses_a", "ses_none"], NOW, NOW + 1000) == []
    assert await records.sessions.find("ses_a") is None
    assert not await records.sessions.advance(replace(session("a"), generation=1), 0)
    assert [each.session_id for each in await records.sessions.of("usr_1", NOW)] == ["ses_b"]
    assert await records.sessions.ends(NOW) == [row]
    assert await records.sessions.ends(NOW + 1001) == []


async def test_what_is_over_is_forgotten_with_its_row(records: Records) -> None:
    await records.sessions.begin(session("a"))
    await records.sessions.begin(replace(session("old"), expires_at_ms=NOW + 1))
    await records.sessions.end(["ses_a"], NOW, NOW + 1000)
    await records.sessions.begin(replace(session("new"), created_at_ms=NOW + 1001))
    assert await ends_pending(records) == []
    assert await records.sessions.find("ses_old") is None


async def test_more_is_forgotten_at_once_than_a_statement_has_parameters(records: Records, url: str) -> None:
    await records.sessions.begin(replace(session("old0"), expires_at_ms=NOW + 1))
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        (old,) = (await connection.execute(select(sessions))).mappings()
        more = [dict(old) | {"session_id": f"ses_old{number}"} for number in range(1, 33_000)]
        await connection.execute(insert(sessions), more)
    await engine.dispose()
    await records.sessions.begin(replace(session("new"), created_at_ms=NOW + 2))
    assert await records.sessions.find("ses_old1") is None
    assert await records.sessions.find("ses_new") is not None


async def test_a_new_password_ends_all_sessions_but_one(records: Records) -> None:
    for name in ("a", "b", "c"):
        await records.sessions.begin(session(name))
    rows = await records.sessions.change_password(
        "usr_1", "other", keep="ses_b", now_ms=NOW, forget_after_ms=NOW + 1000
    )
    assert sorted(row.session_end.session_id for row in rows) == ["ses_a", "ses_c", "usr_1"]
    account = await records.orgs.account("ada@example.org")
    assert account is not None and account.password_hash == "other"


async def test_the_end_of_all_of_an_account_is_told_of_other_regions_too_and_later_again(
    records: Records,
) -> None:
    await records.sessions.begin(session("a"))
    rows = await records.sessions.end_all("usr_1", NOW, NOW + 1000)
    told = [(row.session_end.session_id, row.session_end.before_unix_ms) for row in rows]
    assert told == [("ses_a", 0), ("usr_1", NOW)]
    assert await records.sessions.of("usr_1", NOW) == []
    assert sorted(map(str, await records.sessions.ends(NOW))) == sorted(map(str, rows))
    (again,) = await records.sessions.end_all("usr_1", NOW + 500, NOW + 1500)
    assert again.session_end.before_unix_ms == NOW + 500
    assert await ends_pending(records) == ["ses_a", "usr_1"]
    await records.sessions.begin(replace(session("b"), created_at_ms=NOW + 2000))
    assert await ends_pending(records) == []


async def test_a_single_sign_on_needs_a_membership_and_no_account_and_is_listed_by_its_organisation(
    records: Records,
) -> None:
    act_as("usr_test")
    other = Account("usr_2", "eve@example.org", "eve@example.org", "argon2", 1)
    await records.orgs.sign_up(other, OrgRecord("org_2", "Other", "hobby", 1, 1), "hint 2")
    for user, org_id in (("usr_1", "org_2"), ("usr_sso", "org_1")):
        await put_member(records.orgs, org_id, user, MEMBER, "")
    for name, user, org_id in (("a", "usr_1", "org_1"), ("b", "usr_1", "org_2"), ("c", "usr_sso", "org_1")):
        assert await records.sessions.begin(replace(session(name), user_id=user, org_id=org_id))
    assert not await records.sessions.begin(replace(session("e"), user_id="usr_sso", org_id="org_2"))
    await records.sessions.begin(session("d"))
    of = records.sessions.of
    assert [each.session_id for each in await of("usr_1", NOW)] == ["ses_a", "ses_b", "ses_d"]
    assert [each.session_id for each in await of("usr_1", NOW, org_id="org_1")] == ["ses_a"]
    assert [each.org_id for each in await of("usr_sso", NOW, org_id="org_1")] == ["org_1"]


async def test_nobody_without_an_account_here_has_a_session(records: Records) -> None:
    assert not await records.sessions.begin(replace(session("a"), user_id="usr_none"))
    with pytest.raises(CrossingRefused):
        await records.sessions.end_all("usr_none", NOW, NOW + 1000)
    assert await ends_pending(records) == []
