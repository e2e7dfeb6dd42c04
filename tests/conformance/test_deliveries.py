"""Webhooks, their cursors and dead letters, and exports: one suite, SQLite and a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from mesh.context import act_as
from mesh.errors import Conflict, NotFound
from storage.records.change import org_change
from storage.records.engine import Database
from storage.records.exports import Export
from storage.records.moves import fences
from storage.records.orgs import Account, OrgRecord
from storage.records.records import Deliveries, Records
from storage.records.webhooks import Failure, Waiting, Webhook

pytestmark = [pytest.mark.disk, pytest.mark.network]

EU = "eu-west-1"
HOOK = Webhook("org_1", "whk_1", "https://hooks.example.com/secret-path", b"sealed", False, 1)
NOW = 10_000_000_000_000


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """Of two organisations."""
    records = await Records.open(url, region=EU)
    for name in ("1", "2"):
        account = Account(f"usr_{name}", f"{name}@example.org", f"{name}@example.org", "hash", 1)
        await records.orgs.sign_up(account, OrgRecord(f"org_{name}", "Org", "pro", 1, 1), name * 64)
    await records.close()
    act_as("usr_test", "test@example.com")
    opened = await Database.open(url, region=EU)
    yield opened
    await opened.close()


@pytest.fixture
def deliveries(database: Database) -> Deliveries:
    return Records(database).deliveries


async def change(database: Database, *names: str, org_id: str = "org_1") -> None:
    """Rows of the log, one for each name."""
    async with org_change(database, org_id) as made:
        for name in names:
            made.note(name, "test", name)


async def next_of(deliveries: Deliveries, webhook_id: str = "whk_1") -> Waiting | None:
    return await deliveries.cursors.waiting("org_1", webhook_id, NOW)


async def take_all(deliveries: Deliveries, webhook_id: str = "whk_1") -> list[str]:
    taken = []
    while waiting := await next_of(deliveries, webhook_id):
        await deliveries.cursors.taken(waiting, NOW)
        taken.append(waiting.row.action)
    return taken


async def test_a_webhook_is_sent_what_is_written_from_its_own_making_on_in_order(
    database: Database, deliveries: Deliveries
) -> None:
    await change(database, "before")
    await deliveries.webhooks.add(HOOK, most=1)
    await change(database, "one", "two")
    assert [each.webhook_id for each in await deliveries.cursors.due(NOW)] == ["whk_1"]
    assert await take_all(deliveries) == ["audit.webhook.created", "one", "two"]
    assert await deliveries.cursors.due(NOW) == []
    found = await deliveries.webhooks.one("org_1", "whk_1")
    assert found is not None and (found.waiting, found.webhook.delivered_at_ms) == (0, NOW)


async def test_each_webhook_has_a_cursor_of_its_own(database: Database, deliveries: Deliveries) -> None:
    await deliveries.webhooks.add(HOOK, most=2)
    await deliveries.webhooks.add(replace(HOOK, webhook_id="whk_2", created_at_ms=2), most=2)
    assert await take_all(deliveries) == ["audit.webhook.created"] * 2
    assert [(b.webhook.webhook_id, b.waiting) for b in await deliveries.webhooks.every("org_1")] == [
        ("whk_1", 0),
        ("whk_2", 1),
    ]
    assert await deliveries.webhooks.every("org_2") == []


async def test_the_log_says_what_owners_do_to_webhooks_and_no_path_and_no_secret(
    database: Database, deliveries: Deliveries
) -> None:
    await deliveries.webhooks.add(HOOK, most=1)
    await deliveries.webhooks.change("org_1", "whk_1", url=None, paused=True)
    await deliveries.webhooks.change("org_1", "whk_1", url="https://b.example.com/x", paused=False)
    await deliveries.webhooks.replay("org_1", "whk_1", seqs=None)
    await deliveries.webhooks.remove("org_1", "whk_1")
    _, *rows = await deliveries.exports.rows(export(), after_seq=0, limit=9)
    assert [row.action.removeprefix("audit.webhook.") for row in rows] == [
        *("created", "changed", "changed", "replayed", "deleted"),
    ]
    assert {(row.actor_id, row.actor_email) for row in rows} == {("usr_test", "test@example.com")}
    told = "".join(row.before + row.after for row in rows)
    assert "hooks.example.com" in told and "b.example.com" in told
    assert "secret-path" not in told and "sealed" not in told


async def test_one_too_many_is_refused_and_one_that_is_not_there_is_not_found(deliveries: Deliveries) -> None:
    await deliveries.webhooks.add(HOOK, most=1)
    with pytest.raises(Conflict, match="1 webhooks at most"):
        await deliveries.webhooks.add(replace(HOOK, webhook_id="whk_2"), most=1)
    await deliveries.webhooks.add(replace(HOOK, org_id="org_2"), most=1)
    for gone in (
        deliveries.webhooks.change("org_1", "whk_9", url=None, paused=True),
        deliveries.webhooks.remove("org_1", "whk_9"),
        deliveries.webhooks.replay("org_1", "whk_9", seqs=None),
    ):
        with pytest.raises(NotFound):
            await gone
    assert await deliveries.webhooks.one("org_1", "whk_9") is None


async def test_a_failure_is_waited_out_and_a_change_tries_at_once(
    database: Database, deliveries: Deliveries
) -> None:
    await deliveries.webhooks.add(HOOK, most=1)
    waiting = await next_of(deliveries)
    assert waiting is not None
    await deliveries.cursors.failed(waiting, Failure("down", 1, NOW, NOW + 5), NOW, give_up_ms=0)
    assert await deliveries.cursors.due(NOW + 4) == [] and await next_of(deliveries) is None
    (due,) = await deliveries.cursors.due(NOW + 5)
    assert (due.failures, due.failing_since_ms, due.last_error, due.sent_seq) == (1, NOW, "down", 1)
    changed = await deliveries.webhooks.change("org_1", "whk_1", url="https://c.example.com", paused=None)
    assert (changed.webhook.failures, changed.webhook.failing_since_ms, changed.webhook.last_error) == (
        0,
        0,
        "",
    )
    assert await next_of(deliveries) is not None


async def test_what_an_owner_changed_during_an_attempt_is_not_undone_by_its_failure(
    deliveries: Deliveries,
) -> None:
    await deliveries.webhooks.add(HOOK, most=1)
    waiting = await next_of(deliveries)
    assert waiting is not None
    await deliveries.webhooks.change("org_1", "whk_1", url="https://c.example.com", paused=None)
    await deliveries.cursors.failed(waiting, Failure("down", 1, 1, NOW + 5), NOW, give_up_ms=NOW)
    again = await next_of(deliveries)
    assert again is not None and again.row == waiting.row and again.webhook.failures == 0
    assert await deliveries.webhooks.dead_letters("org_1", "whk_1", after_seq=0, limit=9) == []


async def test_a_paused_webhook_sends_nothing_and_goes_on_where_it_stopped(
    database: Database, deliveries: Deliveries
) -> None:
    await deliveries.webhooks.add(HOOK, most=1)
    await take_all(deliveries)
    await deliveries.webhooks.change("org_1", "whk_1", url=None, paused=True)
    await change(database, "meanwhile")
    assert await deliveries.cursors.due(NOW) == [] and await next_of(deliveries) is None
    await deliveries.webhooks.change("org_1", "whk_1", url=None, paused=False)
    assert await take_all(deliveries) == ["audit.webhook.changed", "meanwhile", "audit.webhook.changed"]


async def test_an_organisation_that_is_leaving_sends_nothing(
    database: Database, deliveries: Deliveries
) -> None:
    await deliveries.webhooks.add(HOOK, most=1)
    waiting = await next_of(deliveries)
    assert waiting is not None
    async with database.write() as connection:
        await fences.fence(connection, fences.ORG, "org_1", "us-east-1")
    assert await deliveries.cursors.due(NOW) == [] and await next_of(deliveries) is None
    async with database.write() as connection:
        await fences.unfence(connection, "org_1")
    assert await next_of(deliveries) is not None


async def test_a_row_is_taken_once_however_often_its_taking_is_told(
    database: Database, deliveries: Deliveries
) -> None:
    await deliveries.webhooks.add(HOOK, most=1)
    await change(database, "one", "two")
    first = await next_of(deliveries)
    assert first is not None
    await deliveries.cursors.taken(first, NOW)
    await deliveries.cursors.taken(first, NOW)
    assert await take_all(deliveries) == ["one", "two"]


async def _give_up_on_three(database: Database, deliveries: Deliveries) -> None:
    """`audit.webhook.created`, one and two are dead letters; three, which is younger, waits."""
    await deliveries.webhooks.add(HOOK, most=1)
    await change(database, "one", "two")
    waiting = await next_of(deliveries)
    assert waiting is not None
    rows = await deliveries.exports.rows(export(), after_seq=0, limit=9)
    before = rows[-1].at_ms
    while (youngest := rows[-1].at_ms) <= before:
        await change(database, "three")
        rows = await deliveries.exports.rows(export(), after_seq=0, limit=999)
    assert youngest > before
    failure = Failure("it answered 500", 30, 1, NOW)
    await deliveries.cursors.failed(waiting, failure, NOW, give_up_ms=before)


async def test_what_is_given_up_is_a_dead_letter_and_what_follows_is_next(
    database: Database, deliveries: Deliveries
) -> None:
    await _give_up_on_three(database, deliveries)
    letters = await deliveries.webhooks.dead_letters("org_1", "whk_1", after_seq=0, limit=9)
    given_up = [(letter.error, letter.failed_at_ms, letter.replaying) for letter in letters]
    assert given_up[:3] == [("it answered 500", NOW, False)] * 3
    waiting = await next_of(deliveries)
    assert waiting is not None and waiting.row.action == "three" and not waiting.replayed
    assert waiting.row.seq == letters[-1].seq + 1
    page = await deliveries.webhooks.dead_letters("org_1", "whk_1", after_seq=letters[0].seq, limit=1)
    assert page == [letters[1]]


async def test_a_replay_goes_before_what_is_new_and_ends_when_it_is_taken(
    database: Database, deliveries: Deliveries
) -> None:
    await _give_up_on_three(database, deliveries)
    letters = await deliveries.webhooks.dead_letters("org_1", "whk_1", after_seq=0, limit=9)
    assert await deliveries.webhooks.replay("org_1", "whk_1", seqs=[letters[1].seq, 99_999]) == 1
    waiting = await next_of(deliveries)
    assert waiting is not None and waiting.replayed and waiting.row.action == "one"
    await deliveries.cursors.taken(waiting, NOW)
    left = await deliveries.webhooks.dead_letters("org_1", "whk_1", after_seq=0, limit=9)
    assert [letter.seq for letter in left] == [letters[0].seq, *(letter.seq for letter in letters[2:])]
    assert await deliveries.webhooks.replay("org_1", "whk_1", seqs=None) == len(left)
    taken = await take_all(deliveries)
    assert taken[:2] == ["audit.webhook.created", "two"]
    assert taken[-2:] == ["audit.webhook.replayed"] * 2
    assert await deliveries.webhooks.dead_letters("org_1", "whk_1", after_seq=0, limit=9) == []


async def test_a_replay_that_fails_is_a_dead_letter_again_and_keeps_nothing_waiting(
    database: Database, deliveries: Deliveries
) -> None:
    await _give_up_on_three(database, deliveries)
    letters = await deliveries.webhooks.dead_letters("org_1", "whk_1", after_seq=0, limit=9)
    await deliveries.webhooks.replay("org_1", "whk_1", seqs=[letters[0].seq])
    waiting = await next_of(deliveries)
    assert waiting is not None and waiting.replayed
    await deliveries.cursors.failed(waiting, Failure("still", 1, NOW, NOW), NOW + 1, give_up_ms=0)
    again = await deliveries.webhooks.dead_letters("org_1", "whk_1", after_seq=0, limit=1)
    assert [(each.error, each.failed_at_ms, each.replaying) for each in again] == [("still", NOW + 1, False)]
    following = await next_of(deliveries)
    assert following is not None and following.row.action == "three"


async def test_dead_letters_go_with_their_webhook(database: Database, deliveries: Deliveries) -> None:
    await _give_up_on_three(database, deliveries)
    await deliveries.webhooks.remove("org_1", "whk_1")
    assert await deliveries.webhooks.dead_letters("org_1", "whk_1", after_seq=0, limit=9) == []
    assert await next_of(deliveries) is None


def export(name: str = "1", org_id: str = "org_1", created_ms: int = 1, until_ms: int = 1 << 60) -> Export:
    return Export(org_id, f"exp_{name}", "pending", "usr_ada", created_ms, 0, until_ms)


async def test_an_order_is_pending_until_it_is_ready_and_ready_until_it_expires(
    deliveries: Deliveries,
) -> None:
    exports = deliveries.exports
    first, second = export("1"), export("2", created_ms=2)
    await exports.add(first, most_pending=2)
    await exports.add(second, most_pending=2)
    with pytest.raises(Conflict, match="wait until one is ready"):
        await exports.add(export("3"), most_pending=2)
    assert await exports.pending() == [first, second]
    await exports.ready(first, rows=3, size=99, now_ms=1_000)
    assert await exports.every("org_1") == [
        second,
        replace(first, state="ready", rows=3, bytes=99, ready_at_ms=1_000),
    ]
    assert (await exports.with_files(), await exports.pending()) == ({"exp_1"}, [second])
    await exports.expire(1_000)
    assert await exports.with_files() == {"exp_1"}
    await exports.expire(1_001)
    found = await exports.one("org_1", "exp_1")
    assert await exports.with_files() == set() and found is not None and found.state == "expired"
    assert await exports.one("org_2", "exp_1") is None


async def test_ordering_and_fetching_are_rows_of_the_log_and_pages_of_it_are_whole(
    deliveries: Deliveries, database: Database
) -> None:
    await change(database, "a", "b")
    await change(database, "other", org_id="org_2")
    await deliveries.exports.add(export(), most_pending=1)
    await deliveries.exports.fetched(export())
    first = await deliveries.exports.rows(export(), after_seq=0, limit=3)
    rest = await deliveries.exports.rows(export(), after_seq=first[-1].seq, limit=3)
    assert [row.action for row in [*first, *rest]] == [
        *("org.created", "a", "b"),
        *("audit.exported", "audit.export.downloaded"),
    ]
    assert await deliveries.exports.rows(export(until_ms=first[0].at_ms), after_seq=0, limit=3) == []


async def test_an_export_of_an_organisation_that_is_leaving_is_made_where_it_goes(
    database: Database, deliveries: Deliveries
) -> None:
    await deliveries.exports.add(export(), most_pending=1)
    async with database.write() as connection:
        await fences.fence(connection, fences.ORG, "org_1", "us-east-1")
    assert await deliveries.exports.pending() == []
