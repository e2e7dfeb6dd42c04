"""Pages of events read in two steps are those that FINAL gives, however many rows wait for their merge."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator

import msgspec
import pytest

from storage.analytics.engine import Engine
from storage.analytics.queries import AnalyticsQueries, Filter, Position, Scope
from storage.analytics.tables import EventRow, seconds, tail

pytestmark = [pytest.mark.disk, pytest.mark.network]

NOW_MS = 1_778_337_121_482
PAGE = 5


@pytest.fixture
def unmerged(engine: Engine) -> Iterator[Engine]:
    """Rows stay as they were inserted while a test runs."""
    engine.writer().command("SYSTEM STOP MERGES events")
    yield engine
    engine.writer().command("SYSTEM START MERGES events")


def row(scope: Scope, row_id: str, received_ms: int, **fields: object) -> EventRow:
    base: dict[str, object] = {
        "project_id": scope.project_id,
        "environment": scope.environment,
        "org_id": "org_a",
        "id": row_id,
        "event_name": "opened",
        "distinct_id": "user_1",
        "timestamp_ms": received_ms,
        "received_at": seconds(received_ms),
        "properties": msgspec.Raw(b'{"received":%d}' % received_ms),
        "default_properties": msgspec.Raw(b"{}"),
    }
    return EventRow(**(base | fields))  # type: ignore[arg-type]


def insert(engine: Engine, rows: list[EventRow], first_seq: int) -> None:
    lines = [
        b'{"log_id":"log_p","log_seq":%d,%b\n' % (first_seq + at, tail(each)) for at, each in enumerate(rows)
    ]
    engine.writer().insert("events", b"".join(lines))


async def every_page(queries: AnalyticsQueries, scope: Scope, which: Filter) -> list[tuple[str, int, str]]:
    found: list[tuple[str, int, str]] = []
    after: Position | None = None
    while page := await queries.events(scope, which, after=after, limit=PAGE):
        assert len(page) <= PAGE
        found += [(event.id, event.timestamp_ms, event.properties) for event in page]
        after = Position(page[-1].timestamp_ms, page[-1].id)
    return found


async def as_if_merged(engine: Engine, scope: Scope, condition: str) -> list[tuple[str, int, str]]:
    sql = f"""
        SELECT id, timestamp_ms, properties FROM events FINAL
        WHERE project_id = {{p:String}} AND environment = {{e:String}} AND {condition}
        ORDER BY timestamp_ms DESC, id DESC
    """
    rows = await engine.query(sql, {"p": scope.project_id, "e": scope.environment})
    return [(row[0], row[1], row[2]) for row in rows]


@pytest.mark.parametrize("seed", range(6))
async def test_pages_of_retried_events_are_those_of_final(unmerged: Engine, seed: int) -> None:
    """Few ids, few times, many retries, each with a time and a name of its own; a part for each insert."""
    chance = random.Random(seed)
    scope, received = Scope(f"proj_{uuid.uuid4().hex}", "live"), NOW_MS
    ids = [f"evt_{number}" for number in range(chance.choice((3, 12, 60)))]
    times = [chance.randrange(-5, 10) for _ in range(chance.choice((2, 8)))]
    for part in range(4):
        rows = []
        for _ in range(30):
            received += chance.randrange(3)
            rows.append(
                row(
                    scope,
                    chance.choice(ids),
                    received,
                    timestamp_ms=chance.choice(times),
                    event_name=chance.choice(("opened", "closed")),
                    distinct_id=chance.choice(("user_1", "user_2", "user_3")),
                )
            )
        insert(unmerged, rows, first_seq=part * 1000)
    queries = AnalyticsQueries(engine=unmerged)
    for which, condition in (
        (Filter(), "1"),
        (Filter(event_name="closed"), "event_name = 'closed'"),
        (Filter(distinct_ids=("user_1", "user_3")), "distinct_id IN ('user_1', 'user_3')"),
        (Filter(since_ms=-1, until_ms=6), "timestamp_ms >= -1 AND timestamp_ms < 6"),
    ):
        assert await every_page(queries, scope, which) == await as_if_merged(unmerged, scope, condition)


async def test_a_retry_far_in_the_future_does_not_hide_what_is_there(unmerged: Engine) -> None:
    """The first received stays, so none of a hundred later rows of the same id is an event."""
    scope = Scope(f"proj_{uuid.uuid4().hex}", "live")
    insert(unmerged, [row(scope, f"evt_{number}", NOW_MS + number) for number in range(12)], 0)
    retries = [
        row(scope, "evt_3", NOW_MS + 100 + number, timestamp_ms=2 * NOW_MS + number) for number in range(100)
    ]
    insert(unmerged, retries, 1000)
    found = await every_page(AnalyticsQueries(engine=unmerged), scope, Filter())
    assert [event_id for event_id, _, _ in found] == [f"evt_{number}" for number in reversed(range(12))]


async def test_an_expired_row_hides_and_brings_back_none_of_its_retries(unmerged: Engine) -> None:
    scope = Scope(f"proj_{uuid.uuid4().hex}", "live")
    insert(unmerged, [row(scope, "evt_1", NOW_MS - 90 * 86_400_000, retention_days=1)], 0)
    insert(unmerged, [row(scope, "evt_1", NOW_MS), row(scope, "evt_2", NOW_MS)], 1000)
    found = await every_page(AnalyticsQueries(engine=unmerged), scope, Filter())
    assert [event_id for event_id, _, _ in found] == ["evt_2"]


async def test_a_store_without_events_has_no_page(engine: Engine) -> None:
    queries = AnalyticsQueries(engine=engine)
    assert await queries.events(Scope("proj_none", "test"), Filter(), after=None, limit=PAGE) == []
    assert (
        await queries.events(Scope("proj_none", "test"), Filter(), after=Position(-5, "evt"), limit=PAGE)
        == []
    )
