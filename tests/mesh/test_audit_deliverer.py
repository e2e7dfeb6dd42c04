"""The deliverer over real records and a real receiver: its order, its patience, what a kill leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mesh.context import Actor, Origin, act_as
from mesh.egress import Egress, EgressConfig
from mesh.exports.records import Export
from mesh.keyring import Keyring
from mesh.webhooks.deliverer import Deliverer
from mesh.webhooks.patience import GIVE_UP_AFTER_MS, LONGEST_WAIT_MS
from mesh.webhooks.payload import Payload
from mesh.webhooks.records import Webhook
from mesh.webhooks.sending import SECRET_USE, Sender
from mesh.webhooks.signing import delivery_id, new_secret
from storage.records.audit.public import row_json
from storage.records.change import org_change
from storage.records.engine import Database
from storage.records.orgs import Account, OrgRecord
from storage.records.records import Records
from tests.support.audit_sending import Taker, deliveries_of
from tests.support.cells import until
from tests.support.nodes import EU, make_node
from tests.support.receiver import LOOPBACK, Received, Receiver, answer, receiver

pytestmark = [pytest.mark.disk, pytest.mark.network]

ADA = Actor("usr_ada", "ada@example.org", Origin("req_1", "192.0.2.1", "curl"))
RING = Keyring(b"k" * 32, SECRET_USE)
LOOK_S = 0.01
EVERYTHING = Export("org_1", "", "pending", "", 0, 0, 1 << 60)


@dataclass
class Bench:
    """Records of one organisation, a clock that is set by hand, and the way out."""

    database: Database
    records: Records
    egress: Egress
    now_ms: int = 0
    stopped: list[Callable[[], None]] = field(default_factory=list)

    async def webhook(self, url: str, name: str = "whk_1") -> Taker:
        """A webhook, and a receiver that knows its secret."""
        secret = new_secret()
        sealed = RING.seal(secret.encode(), place=name)
        webhook = Webhook("org_1", name, url, sealed, paused=False, created_at_ms=1)
        await self.records.deliveries.webhooks.add(webhook, most=9)
        return Taker(secret)

    async def note(self, *names: str) -> None:
        """Rows of the log."""
        async with org_change(self.database, "org_1", ADA) as change:
            for name in names:
                change.note(name, "test", name, before={"a": 1})

    async def state(self, name: str = "whk_1") -> Webhook:
        """How far a webhook is."""
        backlog = await self.records.deliveries.webhooks.one("org_1", name)
        assert backlog is not None
        return backlog.webhook

    async def set_clock(self) -> None:
        """To now: rows are of the time at which they were written."""
        export = await self.records.deliveries.exports.rows(EVERYTHING, after_seq=0, limit=1)
        self.now_ms = export[0].at_ms

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[None]:
        """A deliverer at work; left, it is gone as after a kill: nothing of it is finished."""
        sender = Sender(egress=self.egress, keyring=RING)
        cursors = self.records.deliveries.cursors
        deliverer = Deliverer(
            records=cursors,
            sender=sender,
            payload=Payload("org_id", row_json),
            every_s=LOOK_S,
            clock_ms=lambda: self.now_ms,
        )
        task = asyncio.create_task(deliverer.run())
        try:
            yield
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def bench(pki: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    url = f"sqlite+aiosqlite:///{tmp_path}/records.db"
    database = await Database.open(url, region=EU)
    records = Records(database)
    act_as("usr_ada", "ada@example.org")
    account = Account("usr_ada", "ada@example.org", "ada@example.org", "hash", 1)
    await records.orgs.sign_up(account, OrgRecord("org_1", "Org", "pro", 1, 1), "0" * 64)
    egress = Egress.of(make_node(pki, region=EU).node, EgressConfig(allowed_networks=[LOOPBACK]))
    yield Bench(database, records, egress)
    await egress.close()
    await database.close()


async def test_rows_come_in_order_signed_and_whole(bench: Bench) -> None:
    async with receiver() as there:
        taker = there.behave = await bench.webhook(there.url)
        await bench.note("one", "two")
        async with bench.delivering():
            await until(lambda: len(taker.bodies) == 3)
            await bench.note("three")
            await until(lambda: len(taker.bodies) == 4)
    assert taker.actions == ["audit.webhook.created", "one", "two", "three"] and not taker.forged
    body = taker.bodies[1]
    assert (body["type"], body["org_id"]) == ("audit.row", "org_1")
    assert body["delivery_id"] == delivery_id("whk_1", body["row"]["seq"])
    row = body["row"]
    assert (row["actor"], row["resource"]) == (
        {"id": "usr_ada", "email": "ada@example.org"},
        {"type": "test", "id": "one"},
    )
    assert (row["before"], row["after"], row["metadata"]["request_id"]) == ({"a": 1}, None, "req_1")
    assert there.received[0].headers["content-type"] == "application/json"


async def test_a_row_whose_answer_a_kill_cut_off_comes_again_under_the_same_id(bench: Bench) -> None:
    arrived, never = asyncio.Event(), asyncio.Event()

    async def hang(_: Received) -> bytes:
        arrived.set()
        await never.wait()
        return answer()

    async with receiver(hang) as there:
        taker = await bench.webhook(there.url)
        await bench.note("one")
        async with bench.delivering():
            await arrived.wait()
        there.behave = taker
        async with bench.delivering():
            await until(lambda: len(taker.bodies) == 2)
    ids = deliveries_of(there)
    assert len(ids) == 3 and ids[0] == ids[1]
    assert taker.actions == ["audit.webhook.created", "one"]


async def test_one_slow_receiver_keeps_no_other_waiting(bench: Bench) -> None:
    async def hang(_: Received) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with receiver(hang) as slow, receiver() as quick:
        await bench.webhook(slow.url, "whk_slow")
        taker = quick.behave = await bench.webhook(quick.url, "whk_quick")
        async with bench.delivering():
            await until(lambda: slow.received)
            await bench.note("one", "two")
            await until(lambda: taker.actions[-1:] == ["two"])
    assert len(slow.received) == 1


async def _fails(bench: Bench, there: Receiver, failures: int) -> Webhook:
    async def counted() -> bool:
        return (await bench.state()).failures == failures

    await until(counted)
    return await bench.state()


async def test_a_failure_is_tried_again_after_longer_and_longer_waits_in_order(bench: Bench) -> None:
    async with receiver() as there:
        taker = there.behave = await bench.webhook(there.url)
        taker.status = 500
        await bench.note("one")
        await bench.set_clock()
        start, waits = bench.now_ms, []
        async with bench.delivering():
            for failures in range(1, 14):
                webhook = await _fails(bench, there, failures)
                assert (webhook.last_error, webhook.failing_since_ms) == ("it answered 500", start)
                waits.append(webhook.next_attempt_at_ms - bench.now_ms)
                assert len(there.received) == failures
                bench.now_ms = webhook.next_attempt_at_ms
            taker.status = 200
            await until(lambda: len(taker.bodies) == 2)
    assert waits[:4] == [5_000, 10_000, 20_000, 40_000] and waits[-1] == waits[-2] == LONGEST_WAIT_MS
    assert len(set(deliveries_of(there)[:14])) == 1
    assert taker.actions == ["audit.webhook.created", "one"]
    assert (await bench.state()).failures == 0


async def test_what_was_not_taken_for_24_hours_is_given_up_what_is_younger_is_not(bench: Bench) -> None:
    webhooks = bench.records.deliveries.webhooks
    async with receiver() as there:
        taker = there.behave = await bench.webhook(there.url)
        taker.status = 503
        await bench.note("one")
        await bench.set_clock()
        async with bench.delivering():
            await _fails(bench, there, 1)
            bench.now_ms += GIVE_UP_AFTER_MS - 1
            await _fails(bench, there, 2)
            assert await webhooks.dead_letters("org_1", "whk_1", after_seq=0, limit=9) == []
            bench.now_ms += LONGEST_WAIT_MS
            await _fails(bench, there, 3)
            letters = await webhooks.dead_letters("org_1", "whk_1", after_seq=0, limit=9)
            assert [letter.error for letter in letters] == ["it answered 503"] * 2
            assert len(there.received) == 3  # the second row had its time too, without an attempt of its own

            # The receiver is well again: what is new comes, and a replay brings what was given up.
            taker.status = 200
            await webhooks.change("org_1", "whk_1", url=None, paused=False)
            await until(lambda: taker.actions == ["audit.webhook.changed"])
            await webhooks.replay("org_1", "whk_1", seqs=None)
            await until(lambda: len(taker.bodies) == 4)
    assert taker.actions[1:] == ["audit.webhook.created", "one", "audit.webhook.replayed"]
    assert await webhooks.dead_letters("org_1", "whk_1", after_seq=0, limit=9) == []
    again = [body["delivery_id"] for body in taker.bodies[1:3]]
    assert again == [delivery_id("whk_1", letter.seq) for letter in letters]
    assert again[0] == deliveries_of(there)[0]


async def test_a_paused_or_deleted_webhook_stops(bench: Bench) -> None:
    webhooks = bench.records.deliveries.webhooks
    async with receiver() as there, receiver() as other:
        paused = there.behave = await bench.webhook(there.url)
        gone = other.behave = await bench.webhook(other.url, "whk_2")
        async with bench.delivering():
            await until(lambda: len(paused.bodies) == 2 and len(gone.bodies) == 1)
            await webhooks.change("org_1", "whk_1", url=None, paused=True)
            await until(lambda: gone.actions[-1:] == ["audit.webhook.changed"])
            await webhooks.remove("org_1", "whk_2")
            await bench.note("unseen")
            await webhooks.change("org_1", "whk_1", url=None, paused=False)
            await until(lambda: paused.actions[-2:] == ["unseen", "audit.webhook.changed"])
    assert "unseen" not in gone.actions


async def test_a_private_address_is_refused_at_each_delivery(bench: Bench, pki: Path) -> None:
    """It may have been public when it was set."""
    closed = Egress.of(make_node(pki, region=EU).node, EgressConfig())
    bench.egress, open_way = closed, bench.egress
    async with receiver() as there:
        await bench.webhook(there.url)
        async with bench.delivering():
            webhook = await _fails(bench, there, 1)
    await closed.close()
    await open_way.close()
    assert "not public" in webhook.last_error and there.connections == 0


async def test_records_that_do_not_answer_are_asked_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiver() as there:
        taker = there.behave = await bench.webhook(there.url)
        async with bench.delivering():
            await until(lambda: len(taker.bodies) == 1)
            async with bench.database.write() as connection:
                await connection.exec_driver_sql("ALTER TABLE audit_webhooks RENAME TO away")
            await until(lambda: "audit webhooks: the records do not answer" in caplog.text)
            async with bench.database.write() as connection:
                await connection.exec_driver_sql("ALTER TABLE away RENAME TO audit_webhooks")
            await bench.note("one")
            await until(lambda: len(taker.bodies) == 2)
