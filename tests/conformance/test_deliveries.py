"""Webhooks, their cursors and dead letters, and exports: one suite, SQLite and a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from mesh.context import act_as
from mesh.errors import Conflict, NotFound
from mesh.exports.records import Export
from mesh.webhooks.records import Failure, Waiting, Webhook
from storage.records.audit.chain import AuditRow
from storage.records.audit.reading import Log
from storage.records.change import org_change, project_change
from storage.records.engine import Database
from storage.records.moves import fences
from storage.records.orgs import Account, OrgRecord
from storage.records.projects import ProjectRecord
from storage.records.records import Deliveries, Records
from storage.records.sql_deliveries import SqlDeliveryRecords
from storage.records.sql_exports import SqlExportRecords
from storage.records.sql_webhooks import SqlWebhookRecords

pytestmark = [pytest.mark.disk, pytest.mark.network]

EU = "eu-west-1"
NOW = 10_000_000_000_000


@dataclass(frozen=True)
class Bed:
    """Two organisations, or two projects, in one database, and what goes out of their logs."""

    log: Log
    database: Database
    deliveries: Deliveries
    scope: str
    other: str
    first: str
    """What its log begins with."""
    email: str
    """What of it the log has."""

    @property
    def webhooks(self) -> SqlWebhookRecords:
        return self.deliveries.webhooks

    @property
    def cursors(self) -> SqlDeliveryRecords:
        return self.deliveries.cursors

    @property
    def exports(self) -> SqlExportRecords:
        return self.deliveries.exports

    @property
    def hook(self) -> Webhook:
        return Webhook(self.scope, "whk_1", "https://hooks.example.com/secret-path", b"sealed", False, 1)

    async def change(self, *names: str, scope: str = "") -> None:
        """Rows of the log, one for each name."""
        changing = org_change if self.log is Log.ORG else project_change
        async with changing(self.database, scope or self.scope) as made:
            for name in names:
                made.note(name, "test", name)

    async def next_of(self, webhook_id: str = "whk_1") -> Waiting[AuditRow] | None:
        return await self.cursors.waiting(self.scope, webhook_id, NOW)

    async def take_all(self, webhook_id: str = "whk_1") -> list[str]:
        taken = []
        while waiting := await self.next_of(webhook_id):
            await self.cursors.taken(waiting, NOW)
            taken.append(waiting.row.action)
        return taken

    def export(self, name: str = "1", created_ms: int = 1, until_ms: int = 1 << 60) -> Export:
        return Export(self.scope, f"exp_{name}", "pending", "usr_ada", created_ms, 0, until_ms)


@pytest.fixture(params=list(Log))
async def bed(request: pytest.FixtureRequest, url: str) -> AsyncIterator[Bed]:
    """The same of an organisation's log, and of a project's."""
    log: Log = request.param
    records = await Records.open(url, region=EU)
    for name in ("1", "2"):
        account = Account(f"usr_{name}", f"{name}@example.org", f"{name}@example.org", "hash", 1)
        await records.orgs.sign_up(account, OrgRecord(f"org_{name}", "Org", "pro", 1, 1), name * 64)
        project = ProjectRecord(f"proj_{name}", f"org_{name}", "Shop", EU, "active", 1)
        await records.projects.provision(project, [])
    await records.close()
    act_as("usr_test", "test@example.com")
    database = await Database.open(url, region=EU)
    deliveries = Deliveries.of(database, log)
    if log is Log.ORG:
        yield Bed(log, database, deliveries, "org_1", "org_2", "org.created", "test@example.com")
    else:
        yield Bed(log, database, deliveries, "proj_1", "proj_2", "project.provisioned", "")
    await database.close()


async def test_a_webhook_is_sent_what_is_written_from_its_own_making_on_in_order(bed: Bed) -> None:
    await bed.change("before")
    await bed.webhooks.add(bed.hook, most=1)
    await bed.change("one", "two")
    assert [each.webhook_id for each in await bed.cursors.due(NOW)] == ["whk_1"]
    assert await bed.take_all() == ["audit.webhook.created", "one", "two"]
    assert await bed.cursors.due(NOW) == []
    found = await bed.webhooks.one(bed.scope, "whk_1")
    assert found is not None and (found.waiting, found.webhook.delivered_at_ms) == (0, NOW)


async def test_each_webhook_has_a_cursor_of_its_own(bed: Bed) -> None:
    await bed.webhooks.add(bed.hook, most=2)
    await bed.webhooks.add(replace(bed.hook, webhook_id="whk_2", created_at_ms=2), most=2)
    assert await bed.take_all() == ["audit.webhook.created"] * 2
    assert [(b.webhook.webhook_id, b.waiting) for b in await bed.webhooks.every(bed.scope)] == [
        ("whk_1", 0),
        ("whk_2", 1),
    ]
    assert await bed.webhooks.every(bed.other) == []


async def test_the_log_says_what_owners_do_to_webhooks_and_no_path_and_no_secret(bed: Bed) -> None:
    await bed.webhooks.add(bed.hook, most=1)
    await bed.webhooks.change(bed.scope, "whk_1", url=None, paused=True)
    await bed.webhooks.change(bed.scope, "whk_1", url="https://b.example.com/x", paused=False)
    await bed.webhooks.replay(bed.scope, "whk_1", seqs=None)
    await bed.webhooks.remove(bed.scope, "whk_1")
    _, *rows = await bed.exports.rows(bed.export(), after_seq=0, limit=9)
    assert [row.action.removeprefix("audit.webhook.") for row in rows] == [
        *("created", "changed", "changed", "replayed", "deleted"),
    ]
    assert {(row.actor_id, row.actor_email) for row in rows} == {("usr_test", bed.email)}
    told = "".join(row.before + row.after for row in rows)
    assert "hooks.example.com" in told and "b.example.com" in told
    assert "secret-path" not in told and "sealed" not in told


async def test_one_too_many_is_refused_and_one_that_is_not_there_is_not_found(bed: Bed) -> None:
    await bed.webhooks.add(bed.hook, most=1)
    with pytest.raises(Conflict, match="1 webhooks at most"):
        await bed.webhooks.add(replace(bed.hook, webhook_id="whk_2"), most=1)
    await bed.webhooks.add(replace(bed.hook, scope=bed.other), most=1)
    for gone in (
        bed.webhooks.change(bed.scope, "whk_9", url=None, paused=True),
        bed.webhooks.remove(bed.scope, "whk_9"),
        bed.webhooks.replay(bed.scope, "whk_9", seqs=None),
    ):
        with pytest.raises(NotFound):
            await gone
    assert await bed.webhooks.one(bed.scope, "whk_9") is None


async def test_a_failure_is_waited_out_and_a_change_tries_at_once(bed: Bed) -> None:
    await bed.webhooks.add(bed.hook, most=1)
    waiting = await bed.next_of()
    assert waiting is not None
    await bed.cursors.failed(waiting, Failure("down", 1, NOW, NOW + 5), NOW, give_up_ms=0)
    assert await bed.cursors.due(NOW + 4) == [] and await bed.next_of() is None
    (due,) = await bed.cursors.due(NOW + 5)
    assert (due.failures, due.failing_since_ms, due.last_error, due.sent_seq) == (1, NOW, "down", 1)
    changed = await bed.webhooks.change(bed.scope, "whk_1", url="https://c.example.com", paused=None)
    assert (changed.webhook.failures, changed.webhook.failing_since_ms, changed.webhook.last_error) == (
        0,
        0,
        "",
    )
    assert await bed.next_of() is not None


async def test_what_an_owner_changed_during_an_attempt_is_not_undone_by_its_failure(bed: Bed) -> None:
    await bed.webhooks.add(bed.hook, most=1)
    waiting = await bed.next_of()
    assert waiting is not None
    await bed.webhooks.change(bed.scope, "whk_1", url="https://c.example.com", paused=None)
    await bed.cursors.failed(waiting, Failure("down", 1, 1, NOW + 5), NOW, give_up_ms=NOW)
    again = await bed.next_of()
    assert again is not None and again.row == waiting.row and again.webhook.failures == 0
    assert await bed.webhooks.dead_letters(bed.scope, "whk_1", after_seq=0, limit=9) == []


async def test_a_paused_webhook_sends_nothing_and_goes_on_where_it_stopped(bed: Bed) -> None:
    await bed.webhooks.add(bed.hook, most=1)
    await bed.take_all()
    await bed.webhooks.change(bed.scope, "whk_1", url=None, paused=True)
    await bed.change("meanwhile")
    assert await bed.cursors.due(NOW) == [] and await bed.next_of() is None
    await bed.webhooks.change(bed.scope, "whk_1", url=None, paused=False)
    assert await bed.take_all() == ["audit.webhook.changed", "meanwhile", "audit.webhook.changed"]


async def test_an_organisation_that_is_leaving_sends_nothing(bed: Bed) -> None:
    await bed.webhooks.add(bed.hook, most=1)
    waiting = await bed.next_of()
    assert waiting is not None
    async with bed.database.write() as connection:
        await fences.fence(connection, fences.ORG, bed.scope, "us-east-1")
    assert await bed.cursors.due(NOW) == [] and await bed.next_of() is None
    async with bed.database.write() as connection:
        await fences.unfence(connection, bed.scope)
    assert await bed.next_of() is not None


async def test_a_row_is_taken_once_however_often_its_taking_is_told(bed: Bed) -> None:
    await bed.webhooks.add(bed.hook, most=1)
    await bed.change("one", "two")
    first = await bed.next_of()
    assert first is not None
    await bed.cursors.taken(first, NOW)
    await bed.cursors.taken(first, NOW)
    assert await bed.take_all() == ["one", "two"]


async def _give_up_on_three(bed: Bed) -> None:
    """`audit.webhook.created`, one and two are dead letters; three, which is younger, waits."""
    await bed.webhooks.add(bed.hook, most=1)
    await bed.change("one", "two")
    waiting = await bed.next_of()
    assert waiting is not None
    rows = await bed.exports.rows(bed.export(), after_seq=0, limit=9)
    before = rows[-1].at_ms
    while (youngest := rows[-1].at_ms) <= before:
        await bed.change("three")
        rows = await bed.exports.rows(bed.export(), after_seq=0, limit=999)
    assert youngest > before
    failure = Failure("it answered 500", 30, 1, NOW)
    await bed.cursors.failed(waiting, failure, NOW, give_up_ms=before)


async def test_what_is_given_up_is_a_dead_letter_and_what_follows_is_next(bed: Bed) -> None:
    await _give_up_on_three(bed)
    letters = await bed.webhooks.dead_letters(bed.scope, "whk_1", after_seq=0, limit=9)
    given_up = [(letter.error, letter.failed_at_ms, letter.replaying) for letter in letters]
    assert given_up[:3] == [("it answered 500", NOW, False)] * 3
    waiting = await bed.next_of()
    assert waiting is not None and waiting.row.action == "three" and not waiting.replayed
    assert waiting.row.seq == letters[-1].seq + 1
    page = await bed.webhooks.dead_letters(bed.scope, "whk_1", after_seq=letters[0].seq, limit=1)
    assert page == [letters[1]]


async def test_a_replay_goes_before_what_is_new_and_ends_when_it_is_taken(bed: Bed) -> None:
    await _give_up_on_three(bed)
    letters = await bed.webhooks.dead_letters(bed.scope, "whk_1", after_seq=0, limit=9)
    assert await bed.webhooks.replay(bed.scope, "whk_1", seqs=[letters[1].seq, 99_999]) == 1
    waiting = await bed.next_of()
    assert waiting is not None and waiting.replayed and waiting.row.action == "one"
    await bed.cursors.taken(waiting, NOW)
    left = await bed.webhooks.dead_letters(bed.scope, "whk_1", after_seq=0, limit=9)
    assert [letter.seq for letter in left] == [letters[0].seq, *(letter.seq for letter in letters[2:])]
    assert await bed.webhooks.replay(bed.scope, "whk_1", seqs=None) == len(left)
    taken = await bed.take_all()
    assert taken[:2] == ["audit.webhook.created", "two"]
    assert taken[-2:] == ["audit.webhook.replayed"] * 2
    assert await bed.webhooks.dead_letters(bed.scope, "whk_1", after_seq=0, limit=9) == []


async def test_a_replay_that_fails_is_a_dead_letter_again_and_keeps_nothing_waiting(bed: Bed) -> None:
    await _give_up_on_three(bed)
    letters = await bed.webhooks.dead_letters(bed.scope, "whk_1", after_seq=0, limit=9)
    await bed.webhooks.replay(bed.scope, "whk_1", seqs=[letters[0].seq])
    waiting = await bed.next_of()
    assert waiting is not None and waiting.replayed
    await bed.cursors.failed(waiting, Failure("still", 1, NOW, NOW), NOW + 1, give_up_ms=0)
    again = await bed.webhooks.dead_letters(bed.scope, "whk_1", after_seq=0, limit=1)
    assert [(each.error, each.failed_at_ms, each.replaying) for each in again] == [("still", NOW + 1, False)]
    following = await bed.next_of()
    assert following is not None and following.row.action == "three"


async def test_dead_letters_go_with_their_webhook(bed: Bed) -> None:
    await _give_up_on_three(bed)
    await bed.webhooks.remove(bed.scope, "whk_1")
    assert await bed.webhooks.dead_letters(bed.scope, "whk_1", after_seq=0, limit=9) == []
    assert await bed.next_of() is None


async def test_an_order_is_pending_until_it_is_ready_and_ready_until_it_expires(bed: Bed) -> None:
    exports = bed.exports
    first, second = bed.export("1"), bed.export("2", created_ms=2)
    await exports.add(first, most_pending=2, most_kept=9)
    await exports.add(second, most_pending=2, most_kept=9)
    with pytest.raises(Conflict, match="wait until one is ready"):
        await exports.add(bed.export("3"), most_pending=2, most_kept=9)
    assert await exports.pending() == [first, second]
    await exports.ready(first, rows=3, size=99, now_ms=1_000)
    assert await exports.every(bed.scope) == [
        second,
        replace(first, state="ready", rows=3, bytes=99, ready_at_ms=1_000),
    ]
    assert (await exports.with_files(), await exports.pending()) == ({"exp_1"}, [second])
    await exports.expire(1_000)
    assert await exports.with_files() == {"exp_1"}
    await exports.expire(1_001)
    found = await exports.one(bed.scope, "exp_1")
    assert await exports.with_files() == set() and found is not None and found.state == "expired"
    assert await exports.one(bed.other, "exp_1") is None


async def test_an_export_without_its_file_is_ready_no_more_and_is_forgotten_in_its_time(bed: Bed) -> None:
    exports = bed.exports
    for number, name in enumerate(("1", "2", "3")):
        await exports.add(bed.export(name), most_pending=9, most_kept=9)
        if name != "3":
            await exports.ready(bed.export(name), rows=3, size=99, now_ms=1_000 + number)
    await exports.lose(["exp_2", "exp_3", "exp_unknown", *(f"exp_{number}" for number in range(4, 1_500))])

    async def states() -> dict[str, str]:
        return {each.export_id: each.state for each in await exports.every(bed.scope)}

    assert await states() == {"exp_1": "ready", "exp_2": "expired", "exp_3": "pending"}
    await exports.expire(1_001)
    await exports.forget(1_001)
    assert await states() == {"exp_2": "expired", "exp_3": "pending"}
    await exports.forget(1_002)
    assert await states() == {"exp_3": "pending"}


async def test_what_is_leaving_is_neither_lost_nor_forgotten_here(bed: Bed) -> None:
    for name in ("1", "2"):
        await bed.exports.add(bed.export(name), most_pending=9, most_kept=9)
        await bed.exports.ready(bed.export(name), rows=3, size=99, now_ms=1_000)
    await bed.exports.lose(["exp_2"])
    async with bed.database.write() as connection:
        await fences.fence(connection, fences.ORG, bed.scope, "us-east-1")
    await bed.exports.lose(["exp_1"])
    await bed.exports.forget(9_999)
    states = {each.export_id: each.state for each in await bed.exports.every(bed.scope)}
    assert states == {"exp_1": "ready", "exp_2": "expired"}


async def test_a_log_has_so_many_exports_until_the_day_of_one_is_over(bed: Bed) -> None:
    async def order(name: str, export: Export | None = None) -> None:
        await bed.exports.add(export or bed.export(name), most_pending=2, most_kept=3)

    for number, name in enumerate(("1", "2", "3")):
        await order(name)
        if name != "3":
            await bed.exports.ready(bed.export(name), rows=3, size=99, now_ms=1_000 + number)
    with pytest.raises(Conflict, match=r"3 exports at a time.*wait until the oldest is gone"):
        await order("4")
    await order("elsewhere", replace(bed.export("elsewhere"), scope=bed.other))
    await bed.exports.expire(1_001)
    await order("4")
    assert {each.export_id for each in await bed.exports.pending()} == {"exp_3", "exp_4", "exp_elsewhere"}


async def test_ordering_and_fetching_are_rows_of_the_log_and_pages_of_it_are_whole(bed: Bed) -> None:
    await bed.change("a", "b")
    await bed.change("other", scope=bed.other)
    await bed.exports.add(bed.export(), most_pending=1, most_kept=9)
    await bed.exports.fetched(bed.export())
    first = await bed.exports.rows(bed.export(), after_seq=0, limit=3)
    rest = await bed.exports.rows(bed.export(), after_seq=first[-1].seq, limit=3)
    assert [row.action for row in [*first, *rest]] == [
        *(bed.first, "a", "b"),
        *("audit.exported", "audit.export.downloaded"),
    ]
    assert await bed.exports.rows(bed.export(until_ms=first[0].at_ms), after_seq=0, limit=3) == []


async def test_an_export_of_an_organisation_that_is_leaving_is_made_where_it_goes(bed: Bed) -> None:
    await bed.exports.add(bed.export(), most_pending=1, most_kept=9)
    async with bed.database.write() as connection:
        await fences.fence(connection, fences.ORG, bed.scope, "us-east-1")
    assert await bed.exports.pending() == []
