"""Second factors in the records: one suite, SQLite and a real PostgreSQL; two processes have them open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from mesh.context import Actor
from mesh.errors import SankofaError
from sankofa.org.v1.transfer_pb2 import AssignmentStep
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.moves.accounts import Leaving
from storage.records.moves.departures import Departure
from storage.records.orgs import Account, OrgRecord
from storage.records.records import Records
from storage.records.second_factors import MOST_WRONG_CODES, SecondFactor
from storage.records.tables import recovery_codes, second_factors
from tests.support.nodes import EU, US
from tests.support.rows import handovers

pytestmark = [pytest.mark.disk, pytest.mark.network]

NOW = 1_800_000_000_000
STEP = NOW // 30_000
FACTOR = SecondFactor("usr_1", b"sealed", NOW)


@pytest.fixture
async def both(url: str) -> AsyncIterator[list[Records]]:
    """Opened twice, as two org processes of a region have them; with one account."""
    opened = [await Records.open(url, region=EU) for _ in range(2)]
    account = Account("usr_1", "ada@example.org", "ada@example.org", "argon2", 1)
    await opened[0].orgs.sign_up(account, OrgRecord("org_1", "Org", "hobby", 1, 1), "hint")
    yield opened
    for each in opened:
        await each.close()


async def confirmed(records: Records, *hashes: str) -> None:
    assert await records.second_factors.begin(FACTOR)
    assert await records.second_factors.confirm(FACTOR, STEP - 1, NOW + 1, hashes or ("hash",))


async def refusal(call: object) -> str:
    with pytest.raises(SankofaError) as refused:
        await call  # type: ignore[misc]
    return ErrorReason.Name(refused.value.reason).removeprefix("ERROR_REASON_")


async def test_of_uses_of_one_code_at_once_in_two_processes_one_counts(both: list[Records]) -> None:
    await confirmed(both[0])
    for step in range(STEP, STEP + 5):
        uses = [records.second_factors.accept(FACTOR, step) for records in both * 4]
        assert sorted(await asyncio.gather(*uses)) == [False] * 7 + [True]
    assert not await both[1].second_factors.accept(FACTOR, STEP + 3)
    found = await both[1].second_factors.find("usr_1")
    assert found == replace(FACTOR, confirmed_at_ms=NOW + 1, last_step=STEP + 4)


async def test_of_uses_of_one_recovery_code_at_once_in_two_processes_one_counts(both: list[Records]) -> None:
    await confirmed(both[0], *"abcde")
    for code in "abcd":
        uses = [records.second_factors.use_recovery_code(FACTOR, code) for records in both * 4]
        assert sorted(await asyncio.gather(*uses)) == [False] * 7 + [True]
    assert await both[0].second_factors.recovery_codes_left("usr_1") == 1
    other = replace(FACTOR, user_id="usr_2")
    assert not await both[0].second_factors.use_recovery_code(other, "e")


async def test_of_enrolments_at_once_one_can_be_confirmed_and_only_once(both: list[Records]) -> None:
    begun = [replace(FACTOR, sealed_secret=b"sealed %d" % number) for number in range(6)]
    pairs = list(zip(begun, both * 3, strict=True))
    assert all(await asyncio.gather(*(records.second_factors.begin(each) for each, records in pairs)))
    confirming = (records.second_factors.confirm(each, STEP, NOW, ["hash"]) for each, records in pairs * 2)
    assert sum(await asyncio.gather(*confirming)) == 1
    assert not await both[0].second_factors.begin(FACTOR), "one is set"


async def test_what_is_only_begun_accepts_nothing(both: list[Records]) -> None:
    factors = both[0].second_factors
    assert await factors.begin(FACTOR)
    assert not await factors.accept(FACTOR, STEP)
    assert not await factors.renew_recovery_codes(FACTOR, ["a"])
    assert await factors.recovery_codes_left("usr_1") == 0
    assert not await factors.confirm(replace(FACTOR, sealed_secret=b"other"), STEP, NOW, ["a"])


async def test_wrong_codes_are_counted_over_processes_and_a_good_one_begins_anew(both: list[Records]) -> None:
    await confirmed(both[0], "a", "b")
    await asyncio.gather(*(records.second_factors.count_wrong(FACTOR) for records in both * 3))
    found = await both[1].second_factors.find("usr_1")
    assert found is not None and found.wrong_codes == 6
    assert await both[1].second_factors.accept(FACTOR, STEP)
    for records in (both * MOST_WRONG_CODES)[:MOST_WRONG_CODES]:
        await records.second_factors.count_wrong(FACTOR)
    found = await both[1].second_factors.find("usr_1")
    assert found is not None and found.locked
    assert not await both[0].second_factors.accept(FACTOR, STEP + 1)
    assert await both[0].second_factors.use_recovery_code(FACTOR, "a")
    assert await both[1].second_factors.accept(FACTOR, STEP + 1)


async def test_nothing_of_one_that_is_disabled_is_left(both: list[Records]) -> None:
    await confirmed(both[0], "a", "b")
    await both[1].second_factors.remove("usr_1")
    assert await both[0].second_factors.find("usr_1") is None
    assert await rows(both[0]) == 0
    assert not await both[0].second_factors.renew_recovery_codes(FACTOR, ["c"])
    assert await rows(both[0]) == 0


async def test_it_goes_where_its_account_goes_and_changes_nowhere_on_the_way(
    both: list[Records], tmp_path: object
) -> None:
    old = both[0]
    await confirmed(old, "a", "b")
    assert await old.second_factors.accept(FACTOR, STEP)
    assert await old.second_factors.use_recovery_code(FACTOR, "a")
    (word,) = handovers((EU, US), login_hint="hint")
    step = AssignmentStep.ASSIGNMENT_STEP_FENCED
    departure = Departure("op_1", "org_1", US, 2, step, "usr_1", b"k" * 32, 2)
    await old.moves.departures.begin(departure, Actor("usr_1", "ada@example.org"))
    leaving = Leaving("usr_1", "ada@example.org", 2)
    given = await old.moves.accounts.hand_over(leaving, "org_1", "op_1", "hint", word, str.encode)
    assert given == word
    changes = old.second_factors
    for call in (
        changes.accept(FACTOR, STEP + 1),
        changes.use_recovery_code(FACTOR, "b"),
        changes.renew_recovery_codes(FACTOR, ["c"]),
        changes.count_wrong(FACTOR),
        changes.remove("usr_1"),
    ):
        assert await refusal(call) == "ACCOUNT_MOVED"
    raw = await old.moves.accounts.rows("usr_1")
    new = await Records.open(f"sqlite+aiosqlite:///{tmp_path}/new.db", region=US)
    await new.moves.accounts.take("usr_1", word, raw, {"ada@example.org": "hint"}.__getitem__)
    await old.moves.accounts.erase("usr_1", "op_1")
    assert await rows(old) == 0 and await old.second_factors.find("usr_1") is None
    assert await refusal(changes.begin(FACTOR)) == "ACCOUNT_MOVED"
    assert not await new.second_factors.accept(FACTOR, STEP), "used before, in the old region"
    assert await new.second_factors.accept(FACTOR, STEP + 1)
    assert not await new.second_factors.use_recovery_code(FACTOR, "a")
    assert await new.second_factors.use_recovery_code(FACTOR, "b")
    await new.close()


async def rows(records: Records) -> int:
    """Of both tables."""
    async with records._database.read() as connection:
        counts = [
            await connection.scalar(select(func.count()).select_from(table))
            for table in (second_factors, recovery_codes)
        ]
    return sum(counts)
