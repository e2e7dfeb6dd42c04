"""API tokens in the records: one suite, SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from mesh.errors import Conflict, NotFound, SankofaError
from sankofa.org.v1.org_pb2 import ProjectRole
from sankofa.residency.v1.environment_pb2 import Environment
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records import sql_api_tokens
from storage.records.api_tokens import MOST_TOKENS, REMEMBERED, USES_APART, ApiTokenRecord
from storage.records.audit.chain import AuditRow
from storage.records.audit.reading import Filter, Log
from storage.records.projects import KeyRecord, ProjectRecord
from storage.records.records import Records
from tests.support.nodes import EU

pytestmark = [pytest.mark.disk, pytest.mark.network]

NOW = 1_800_000_000_000
MS = timedelta(milliseconds=1)
DAY = timedelta(days=1) // MS


def token(name: str, project_id: str = "proj_1", **changes: int) -> ApiTokenRecord:
    digest = hashlib.sha256(name.encode()).digest()
    made = ApiTokenRecord(
        f"tok_{name}", project_id, f"CI {name}", ProjectRole.PROJECT_ROLE_EDITOR, digest, "usr_ada", NOW, NOW
    )
    return replace(made, **{"expires_at_ms": NOW + 90 * DAY} | changes)


@pytest.fixture
async def two(records: Records) -> AsyncIterator[Records]:
    """Records with two projects."""
    for name in ("proj_1", "proj_2"):
        key = KeyRecord(
            f"key_{name}",
            name,
            Environment.ENVIRONMENT_LIVE,
            hashlib.sha256(name.encode()).digest(),
            NOW,
            None,
        )
        await records.projects.provision(ProjectRecord(name, "org_1", "Shop", EU, "active", NOW), [key])
    yield records


async def ids(records: Records, project_id: str = "proj_1") -> list[str]:
    return [each.token_id for each in await records.api_tokens.of_project(project_id)]


async def good(records: Records, now_ms: int = NOW) -> set[str]:
    return {each.token_id for each in await records.api_tokens.good(now_ms)}


async def log(records: Records, project_id: str = "proj_1") -> list[AuditRow]:
    """Rows about tokens, the oldest first."""
    which = Filter(resource_type="api_token")
    return list(reversed(await records.audit.page(Log.PROJECT, project_id, which, 1_000)))


async def test_a_token_is_kept_as_it_was_made_and_its_making_is_told(two: Records) -> None:
    first, second = token("a"), token("b", created_at_ms=NOW + 1)
    for made in (first, second):
        await two.api_tokens.add(made)
    assert await two.api_tokens.of_project("proj_1") == [second, first]
    assert await two.api_tokens.of_project("proj_2") == []
    row, _ = await log(two)
    assert (row.action, row.resource_id, row.actor_id, row.actor_email) == (
        "api_token.created",
        "tok_a",
        "usr_test",
        "",
    )
    told = {"name": "CI a", "role": "editor", "expires_at": first.expires_at_ms}
    assert json.loads(row.after) == told
    assert first.token_hash.hex() not in str(row)


async def test_a_revoked_token_is_listed_and_opens_nothing(two: Records) -> None:
    await two.api_tokens.add(token("a"))
    for at_ms in (NOW + 5, NOW + 9):
        await two.api_tokens.revoke("proj_1", "tok_a", at_ms)
    (found,) = await two.api_tokens.of_project("proj_1")
    assert found.revoked_at_ms == NOW + 5
    assert await good(two) == set()
    assert [row.action for row in await log(two)] == ["api_token.created", "api_token.revoked"]


@pytest.mark.parametrize(("project_id", "token_id"), [("proj_1", "tok_x"), ("proj_2", "tok_a")])
async def test_only_a_project_s_own_token_is_revoked(two: Records, project_id: str, token_id: str) -> None:
    await two.api_tokens.add(token("a"))
    with pytest.raises(NotFound, match="API token not found"):
        await two.api_tokens.revoke(project_id, token_id, NOW)
    assert await good(two) == {"tok_a"}


async def test_a_token_past_its_time_opens_nothing(two: Records) -> None:
    await two.api_tokens.add(token("a", expires_at_ms=NOW + 10))
    assert await good(two, NOW + 9) == {"tok_a"}
    assert await good(two, NOW + 10) == set()


async def test_an_archived_project_has_no_good_token_and_gets_none(two: Records) -> None:
    for made in (token("a"), token("b"), token("c", "proj_2")):
        await two.api_tokens.add(made)
    await two.api_tokens.revoke("proj_1", "tok_b", NOW + 1)
    for _ in range(2):
        await two.projects.archive("proj_1", NOW + 2)
    assert await good(two) == {"tok_c"}
    assert {each.revoked_at_ms for each in await two.api_tokens.of_project("proj_1")} == {NOW + 1, NOW + 2}
    assert [row.action for row in await log(two)] == ["api_token.created"] * 2 + ["api_token.revoked"] * 2
    with pytest.raises(Conflict, match="The project is archived"):
        await two.api_tokens.add(token("d"))
    with pytest.raises(NotFound, match="Project not found"):
        await two.api_tokens.add(token("d", "proj_x"))


async def test_of_a_mint_and_an_archive_at_once_no_good_token_is_left(two: Records) -> None:
    """Whichever is first: the other waits for it, and then sees it."""

    async def mint() -> None:
        try:
            await two.api_tokens.add(token("a"))
        except Conflict as error:
            assert error.reason == ErrorReason.ERROR_REASON_PROJECT_ARCHIVED

    await asyncio.gather(mint(), two.projects.archive("proj_1", NOW))
    assert await good(two) == set()


async def test_a_project_has_so_many_good_tokens_at_most_also_when_many_ask_at_once(two: Records) -> None:
    for number in range(MOST_TOKENS - 2):
        await two.api_tokens.add(token(f"old{number}"))

    async def add(name: str) -> str:
        try:
            await two.api_tokens.add(token(name))
        except SankofaError as error:
            return ErrorReason.Name(error.reason)
        return "made"

    done = await asyncio.gather(*(add(name) for name in "abcde"))
    assert sorted(done) == ["ERROR_REASON_TOO_MANY"] * 3 + ["made"] * 2
    await two.api_tokens.revoke("proj_1", "tok_old0", NOW)
    assert await add("again") == "made"
    assert await add("too many") == "ERROR_REASON_TOO_MANY"
    await two.api_tokens.add(token("elsewhere", "proj_2"))


async def test_what_ended_long_ago_is_forgotten_when_the_next_one_is_made(two: Records) -> None:
    await two.api_tokens.add(token("revoked"))
    await two.api_tokens.add(token("expired", expires_at_ms=NOW + 1))
    await two.api_tokens.add(token("good", expires_at_ms=NOW + 365 * DAY))
    await two.api_tokens.add(token("elsewhere", "proj_2", expires_at_ms=NOW + 1))
    await two.api_tokens.revoke("proj_1", "tok_revoked", NOW + 1)
    remembered = REMEMBERED // MS
    at_the_end = token("x", created_at_ms=NOW + 1 + remembered, expires_at_ms=NOW + 365 * DAY)
    await two.api_tokens.add(at_the_end)
    assert set(await ids(two)) == {"tok_revoked", "tok_expired", "tok_good", "tok_x"}
    await two.api_tokens.add(
        replace(token("y"), created_at_ms=NOW + 2 + remembered, expires_at_ms=NOW + 365 * DAY)
    )
    assert set(await ids(two)) == {"tok_good", "tok_x", "tok_y"}
    assert await ids(two, "proj_2") == ["tok_elsewhere"]


async def test_of_those_that_ended_the_last_are_listed_and_good_ones_never_go(
    two: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_api_tokens, "MOST_ENDED", 3)
    later = NOW + 50
    await two.api_tokens.add(token("good"))
    await two.api_tokens.add(token("expired", expires_at_ms=NOW + 10))
    await two.api_tokens.add(token("elsewhere", "proj_2", expires_at_ms=NOW + 1))
    for number in range(5):
        await two.api_tokens.add(token(f"r{number}"))
    for number in (4, 1, 0, 3, 2):
        await two.api_tokens.revoke("proj_1", f"tok_r{number}", NOW + 5 - number)
    await two.api_tokens.add(token("next", created_at_ms=later))
    assert set(await ids(two)) == {"tok_next", "tok_good", "tok_expired", "tok_r0", "tok_r1"}
    assert await ids(two, "proj_2") == ["tok_elsewhere"]
    assert await good(two, later) == {"tok_next", "tok_good"}


async def test_uses_are_written_ten_minutes_apart_and_are_no_rows_of_the_log(two: Records) -> None:
    apart = USES_APART // MS
    await two.api_tokens.add(token("a"))

    async def used(at_ms: int, project_id: str = "proj_1") -> int | None:
        await two.api_tokens.note_use(project_id, "tok_a", at_ms)
        (found,) = await two.api_tokens.of_project("proj_1")
        return found.last_used_at_ms

    assert await used(NOW, "proj_2") is None
    assert await used(NOW) == NOW
    assert await used(NOW + apart - 1) == NOW
    assert await used(NOW + apart) == NOW + apart
    assert len(await log(two)) == 1
