"""Times of other centuries, of no calendar, and of a hundred months at once."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from tests.support.hostile import Attacked

pytestmark = [pytest.mark.network, pytest.mark.disk, pytest.mark.asyncio(loop_scope="module")]


def _event(who: str, **fields: str) -> str:
    rest = "".join(f',"{name}":{json}' for name, json in fields.items())
    return f'{{"event_name":"tap","distinct_id":"{who}"{rest}}}'


async def _stored(target: Attacked, who: str) -> dict[str, str]:
    (event,) = await target.events(f"&distinct_id={who}")
    return {name: msgspec.json.decode(event[name]) for name in ("timestamp", "received_at")}


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ('"0001-01-01T00:00:00Z"', "0001-01-01T00:00:00.000Z"),
        ('"0001-01-01 00:00:00"', "0001-01-01T00:00:00.000Z"),
        ("-62135596800000", "0001-01-01T00:00:00.000Z"),
        ('"1582-10-10T00:00:00Z"', "1582-10-10T00:00:00.000Z"),
        ('"1969-12-31T23:59:59.999Z"', "1969-12-31T23:59:59.999Z"),
        ("-1", "1969-12-31T23:59:59.999Z"),
        ("0", "1970-01-01T00:00:00.000Z"),
        ("-0", "1970-01-01T00:00:00.000Z"),
        ('"1970-01-01T00:00:00Z"', "1970-01-01T00:00:00.000Z"),
        ('"2038-01-19T03:14:08Z"', "2038-01-19T03:14:08.000Z"),
        ('"2106-02-07T06:28:16Z"', "2106-02-07T06:28:16.000Z"),
        ('"2107-01-01T00:00:00Z"', "2107-01-01T00:00:00.000Z"),
        ('"2149-06-07T00:00:00Z"', "2149-06-07T00:00:00.000Z"),
        ('"2300-01-01T00:00:00Z"', "2300-01-01T00:00:00.000Z"),
        ('"9999-12-31T23:59:59.999Z"', "9999-12-31T23:59:59.999Z"),
        ("253402300799999", "9999-12-31T23:59:59.999Z"),
        ('"2024-02-29T12:00:00Z"', "2024-02-29T12:00:00.000Z"),
        ('"2016-12-31T23:59:60Z"', "2017-01-01T00:00:00.000Z"),
        ('"2016-12-31T23:59:60.5Z"', "2017-01-01T00:00:00.500Z"),
        ('"2026-05-09T14:32:01.4829999Z"', "2026-05-09T14:32:01.482Z"),
        ('"2026-05-09t14:32:01z"', "2026-05-09T14:32:01.000Z"),
        ('"2026-05-09T14:32:01+05:30"', "2026-05-09T09:02:01.000Z"),
        ('"2026-05-09T14:32:01-23:59"', "2026-05-10T14:31:01.000Z"),
        ('"1778337121482"', "2026-05-09T14:32:01.482Z"),
        ("1778337121482.999", "2026-05-09T14:32:01.482Z"),
        ("1.778337121482e12", "2026-05-09T14:32:01.482Z"),
    ],
)
async def test_a_valid_time_of_the_years_1_to_9999_is_kept(target: Attacked, sent: str, stored: str) -> None:
    assert (await target.post(_event("single", timestamp=sent).encode())).status == 200
    operation = f'{{"type":"track","payload":{_event("batch", timestamp=sent)}}}'
    assert (await target.post(f'{{"operations":[{operation}]}}'.encode(), path="batch")).status == 200
    for who in ("single", "batch"):
        assert (await _stored(target, who))["timestamp"] == stored


@pytest.mark.parametrize(
    "sent",
    [
        '"0000-01-01T00:00:00Z"',
        '"0001-01-01T00:00:00+00:01"',
        '"9999-12-31T23:59:59-00:01"',
        '"9999-12-31T23:59:60Z"',
        '"10000-01-01T00:00:00Z"',
        '"-0001-01-01T00:00:00Z"',
        "-62135596800001",
        "253402300800000",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551616",
        "1e300",
        '"2026-02-30T00:00:00Z"',
        '"2023-02-29T00:00:00Z"',
        '"2026-13-01T00:00:00Z"',
        '"2026-05-09T24:00:00Z"',
        '"2026-05-09T14:60:00Z"',
        '"2026-05-09T14:32:61Z"',
        '"2026-05-09T14:32:01+24:00"',
        '"2026-05-09T14:32:01"',
        '"2026-05-09"',
        '"20260509T143201Z"',
        '"2026-W19-6T14:32:01Z"',
        '"٢٠٢٦-05-09T14:32:01Z"',
        '"2026-05-09T14:32:01.Z"',
        '"2026-05-09T14:32:01,5Z"',
        '"2026-05-09T14:32:01Z\\u0000"',
        '" 2026-05-09T14:32:01Z"',
        '"Sat, 09 May 2026 14:32:01 GMT"',
        '"now"',
        '""',
        "null",
        f'"{"1" * 1_000_000}"',
        f'"2026-05-09T14:32:01.{"1" * 1_000_000}"',
    ],
    ids=lambda sent: sent[:32],
)
async def test_what_is_no_time_leaves_the_servers_own(target: Attacked, sent: str) -> None:
    """Neither refused nor wrapped: the event is stored at the time it was received."""
    bag = f'{{"$timestamp":{sent},"$time":{sent}}}'
    assert (await target.post(_event("user_1", timestamp=sent, properties=bag).encode())).status == 200
    stored = await _stored(target, "user_1")
    assert stored["timestamp"] == stored["received_at"]


@pytest.mark.parametrize("sent", ["true", "[]", "{}", "NaN", "1e400", "1" * 5000], ids=lambda sent: sent[:8])
async def test_a_time_of_another_type_is_400_and_in_a_bag_is_passed_over(target: Attacked, sent: str) -> None:
    for path in ("track", "people", "alias"):
        body = f'{{"event_name":"tap","distinct_id":"user_1","alias_id":"user_2","timestamp":{sent}}}'
        reply = await target.post(body.encode(), path=path)
        assert (reply.status, reply.error) == (400, "Invalid request body")
    if sent != "NaN":
        bag = f'{{"$timestamp":{sent},"$time":"1970-01-01T00:00:00Z"}}'
        assert (await target.post(_event("user_1", properties=bag).encode())).status == 200
        assert (await _stored(target, "user_1"))["timestamp"] == "1970-01-01T00:00:00.000Z"


async def test_a_persons_times_of_other_centuries_decide_which_trait_is_newest(target: Attacked) -> None:
    for year, plan in ((9999, "last"), (1, "first"), (2107, "later"), (1970, "early")):
        at = f"{year:04}-01-01T00:00:00Z"
        person = f'{{"distinct_id":"ages","timestamp":"{at}","properties":{{"plan":"{plan}"}}}}'
        assert (await target.post(person.encode(), path="people")).status == 200
    await target.cell.flushed()
    found = msgspec.json.decode(await target.get("people/ages"))["person"]
    assert (found["properties"], found["updated_at"]) == ({"plan": "last"}, "9999-01-01T00:00:00.000Z")


async def test_a_hundred_months_at_once_make_no_more_parts_than_one(target: Attacked) -> None:
    """A part for each month would make every insert of the region a hundred small ones."""
    sql = (
        "SELECT name, partition FROM system.parts WHERE database = 'sankofa' AND table = 'events' AND active"
    )
    begun = datetime.now(UTC)
    before = {name for name, _ in await target.cell.engine.query(sql)}
    months = [f"{2000 + number // 12}-{number % 12 + 1:02}-15T00:00:00Z" for number in range(100)]
    operations = ",".join(
        f'{{"type":"track","payload":{_event("months", timestamp=msgspec.json.encode(month).decode())}}}'
        for month in months
    )
    assert (await target.post(f'{{"operations":[{operations}]}}'.encode(), path="batch")).status == 200
    stored = await target.events("&distinct_id=months")
    assert sorted(msgspec.json.decode(event["timestamp"])[:19] + "Z" for event in stored) == months
    parts = await target.cell.engine.query(sql)
    now = {f"{moment:%Y%m}" for moment in (begun, datetime.now(UTC))}
    assert {partition for _, partition in parts} <= now
    assert len({name for name, _ in parts} - before) <= len(now)


async def test_queries_take_the_same_times(target: Attacked) -> None:
    for sent in ('"0001-01-01T00:00:00Z"', '"1970-01-01T00:00:00Z"', '"9999-12-31T23:59:59.999Z"'):
        assert (await target.post(_event("ages", timestamp=sent).encode())).status == 200
    for query, count in (
        ("", 3),
        ("&since=0001-01-01T00:00:00Z", 3),
        ("&since=1970-01-01T00:00:00Z", 2),
        ("&until=1970-01-01T00:00:00Z", 1),
        ("&since=-62135596800000&until=0", 1),
        ("&since=253402300799999", 1),
        ("&since=9999-12-31T23:59:59.999Z", 1),
        ("&since=999999999999999", 0),
    ):
        assert len(await target.events(f"&distinct_id=ages{query}")) == count, query
    for wrong in (
        "now",
        "1e3",
        "0000-01-01T00:00:00Z",
        "99999999999999999999",
        "%00",
        "2026-02-30T00:00:00Z",
    ):
        answer = await target.shim.http.get(
            f"/api/v1/projects/{target.project_id}/events?since={wrong}",
            headers={"authorization": f"Bearer {target.token}"},
        )
        assert (answer.status_code, answer.json()["error"]) == (
            400,
            "Invalid argument: since is RFC 3339 or unix milliseconds",
        )
