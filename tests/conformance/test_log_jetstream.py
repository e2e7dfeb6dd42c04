"""What only a log on a NATS server meets: a lost answer, a killed server, another owner, a wrong server."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from pathlib import Path

import pytest

from mesh.months import month_of
from storage.log import Append, Counted, DurableLog, LogFailed, LogFull, Once, Outcome, Rows, Table
from storage.log import jetstream_commit as commits
from storage.log.blocks import records
from storage.log.jetstream import JetStreamLog
from storage.log.jetstream_dead import DeadLetters
from tests.support.cell import until
from tests.support.logs import LogPlace
from tests.support.nats import Nats, running_nats
from tests.support.network import Fault, network_to

pytestmark = [pytest.mark.disk, pytest.mark.network]

EU = "eu-west-1"
PATIENCE_S = 3.0
MONTH = month_of(time.time_ns() // 1_000_000)


@pytest.fixture
def place(nats: Nats) -> LogPlace:
    return LogPlace.on_nats(nats)


def rows(*bodies: bytes, once: Once | None = None) -> list[Append]:
    counted = Counted("proj_a", MONTH, len(bodies))
    return [Append([Rows(Table.EVENTS, "proj_a", bodies)], once, counted)]


def bodies_in(log: DurableLog) -> list[bytes]:
    """All rows beyond the cursor, which must be numbered without gaps."""
    found, after = list[bytes](), log.cursor()
    while blocks := log.read(after, 10_000):
        taken = list(records(blocks))
        assert [record.seq for record in taken] == list(range(after + 1, after + 1 + len(taken)))
        found += [record.row for record in taken]
        after = blocks[-1].last
    return found


@pytest.mark.parametrize("fault", [Fault.CUT_BODY, Fault.CUT_ANSWER], ids=lambda fault: fault.name)
@pytest.mark.parametrize("large", [False, True], ids=["one message", "several"])
async def test_an_append_whose_connection_is_cut_is_acknowledged_and_stored_once(
    nats: Nats, place: LogPlace, fault: Fault, large: bool
) -> None:
    body = b"x" * (9 << 20 if large else 20_000)
    with network_to(nats.port) as network:
        log = _through(place, nats, network.port)
        assert await log.append(rows(b"1}")) == [1]
        network.fail(f"{place.name}.{EU}.rows".encode(), fault)
        key = Once(b"k" * 32, b"digest")
        assert await log.append(rows(body, b"3}", once=key)) == [2]
        assert network.struck.is_set()
        assert await log.append(rows(body, b"3}", once=key)) == [2]
        assert await log.append(rows(b"4}")) == [4]
        assert bodies_in(log) == [b"1}", body, b"3}", b"4}"]
        assert log.usage == {MONTH: {"proj_a": 4}}
        log.close()


@pytest.mark.parametrize("fault", [Fault.HOLD_REQUEST, Fault.HOLD_ANSWER], ids=lambda fault: fault.name)
async def test_an_append_that_nobody_answers_fails_and_is_there_whole_or_not_at_all(
    nats: Nats, place: LogPlace, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not acknowledged, so either is right; what comes after it is numbered after it."""
    monkeypatch.setattr(commits, "PATIENCE_S", PATIENCE_S)
    with network_to(nats.port) as network:
        log = _through(place, nats, network.port)
        assert await log.append(rows(b"1}")) == [1]
        network.fail(f"{place.name}.{EU}.rows".encode(), fault)
        with pytest.raises(LogFailed, match="does not answer"):
            await log.append(rows(b"2}", b"3}"))
        network.released.set()
        later = await _once_it_answers(log, rows(b"4}"))
        assert bodies_in(log) in ([b"1}", b"2}", b"3}", b"4}"], [b"1}", b"4}"])
        assert later == [len(bodies_in(log))]
        counted = {MONTH: {"proj_a": len(bodies_in(log))}}
        assert log.usage == counted
        log.close()
    again = place.open()
    assert again.usage == counted
    again.close()


async def test_a_cursor_whose_answer_is_cut_is_moved_and_moves_on(nats: Nats, place: LogPlace) -> None:
    with network_to(nats.port) as network:
        log = _through(place, nats, network.port)
        await log.append(rows(b"1}", b"2}", b"3}"))
        network.fail(f"{place.name}.{EU}.cursor".encode(), Fault.CUT_ANSWER)
        log.commit(2)
        assert network.struck.is_set()
        assert bodies_in(log) == [b"3}"]
        log.commit(3)
        log.close()
        again = place.open()
        assert (again.cursor(), bodies_in(again)) == (3, [])
        again.close()


async def test_a_server_that_is_killed_under_load_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    acknowledged: dict[int, bytes] = {}
    with running_nats(tmp_path / "nats") as server:
        log = LogPlace.on_nats(server).open()
        done = asyncio.Event()

        async def send(sender: int) -> None:
            number = 0
            while not done.is_set():
                body = b"%d-%d}" % (sender, number)
                number += 1
                try:
                    (first,) = await log.append(rows(body, body))
                except LogFailed:
                    continue
                assert isinstance(first, int)
                acknowledged[first] = body

        async def kill_and_restart() -> None:
            for after in (300, 900, 1500):
                await until(lambda after=after: len(acknowledged) >= after)  # type: ignore[misc]
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
            await until(lambda: len(acknowledged) >= 2000)
            done.set()

        async with asyncio.TaskGroup() as tasks:
            for sender in range(8):
                tasks.create_task(send(sender))
            tasks.create_task(kill_and_restart())
        found = bodies_in(log)
        assert found[::2] == found[1::2]
        assert len(set(found)) == len(found) // 2
        assert {first: found[first - 1] for first in acknowledged} == acknowledged
        log.commit(len(found) - 2)
        server.kill()
        server.start()
        assert bodies_in(log) == found[-2:]
        log.close()


async def test_a_log_belongs_to_the_process_that_opened_it_last(place: LogPlace) -> None:
    former = place.open()
    await former.append(rows(b"1}", b"2}"))
    latter = place.open()
    assert await latter.append(rows(b"3}")) == [3]
    for refused in (former.append(rows(b"x}")), asyncio.to_thread(former.commit, 1)):
        with pytest.raises(LogFailed, match="another process has opened this log"):
            await refused
    latter.commit(2)
    assert bodies_in(latter) == [b"3}"]
    assert latter.usage == {MONTH: {"proj_a": 3}}
    former.close()
    latter.close()


async def test_a_process_that_was_replaced_while_it_wrote_totals_puts_none_over_newer_ones(
    place: LogPlace,
) -> None:
    former = place.open()
    assert isinstance(former, JetStreamLog)
    await former.append(rows(b"1}", b"2}"))
    latter = place.open()
    await latter.append(rows(b"3}"))
    latter.commit(3)
    with pytest.raises(LogFailed, match="another process has opened this log"):
        former._call(former._commits.save_usage())
    latter.close()
    former.close()
    again = place.open()
    assert (again.usage, bodies_in(again)) == ({MONTH: {"proj_a": 3}}, [])
    again.close()


async def test_an_append_of_many_messages_and_keys_comes_back_whole(place: LogPlace) -> None:
    log = place.open(max_bytes=256 << 20)
    large = [b"%d" % number + b"x" * 500_000 for number in range(60)]
    keyed = [rows(b"%d}" % number, once=Once(b"%032d" % number, b"d"))[0] for number in range(1200)]
    outcomes = await log.append([*rows(*large), *keyed])
    assert outcomes == [1, *range(61, 1261)]
    assert await log.append([*keyed, *rows(b"last}")]) == [*range(61, 1261), 1261]
    assert bodies_in(log) == [*large, *[b"%d}" % number for number in range(1200)], b"last}"]
    log.commit(1261)
    assert (log.stats().lag, bodies_in(log)) == (0, [])
    log.close()


async def test_a_dead_letter_larger_than_a_message_is_kept_whole(place: LogPlace) -> None:
    log = place.open(max_bytes=256 << 20)
    body = b'"n":1,' + b"y" * (10 << 20)
    await log.append(rows(body))
    (record,) = records(log.read(0, 1))
    log.dead_letter(record, "TOO_LARGE_STRING_SIZE")
    log.commit(1)
    log.close()
    again = place.open(max_bytes=256 << 20)
    (letter,) = again.dead_letters()
    assert (letter.record, letter.reason) == (record, "TOO_LARGE_STRING_SIZE")
    assert again.replay(1) == 2
    assert (bodies_in(again), again.dead_letters()) == ([body], [])
    again.close()


class Killed(Exception):
    """Ends a call at a step, as a kill would."""


@pytest.mark.parametrize("stop", ["replay", "_forget"])
async def test_a_replay_that_a_kill_interrupts_leaves_the_row_in_one_place(
    place: LogPlace, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    log = place.open()
    await log.append(rows(b"1}"))
    log.dead_letter(next(records(log.read(0, 1))), "why")
    log.commit(1)

    async def killed(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(commits.Commits if stop == "replay" else DeadLetters, stop, killed)
    with pytest.raises(Killed):
        log.replay(1)
    monkeypatch.undo()
    again = place.open()
    assert (len(bodies_in(again)), len(again.dead_letters())) == ((0, 1) if stop == "replay" else (1, 0))
    again.replay(1)
    assert (bodies_in(again), again.dead_letters()) == ([b"1}"], [])
    again.close()
    log.close()


@pytest.mark.parametrize("max_bytes", [32 << 20, 256 << 20])
async def test_after_a_shred_no_byte_of_what_was_deleted_is_in_a_file(tmp_path: Path, max_bytes: int) -> None:
    mark, kept, folder = b"mark_erased", b"mark_kept", tmp_path / "nats"
    with running_nats(folder) as server:
        place = LogPlace.on_nats(server)
        log = place.open(max_bytes)
        for number in range(30):
            await log.append(rows(mark * 2000, once=Once(b"%032d" % number, b"digest")))
            log.commit(max(0, number - 3))
        letter = next(records(log.read(27, 1)))
        log.dead_letter(letter, "why")
        log.commit(30)
        log.shred()
        assert traces(folder, mark) > 0, "nobody asked for it"
        log.drop(letter.seq)
        log.commit(30, erased=True)
        await log.append(rows(kept))
        log.close()
        log = place.open(max_bytes)
        log.shred()
        log.commit(31)
        log.shred()
        assert (traces(folder, mark), traces(folder, kept)) == (0, 0)
        await log.append(rows(kept, once=Once(b"%032d" % 29, b"digest")))
        assert bodies_in(log) == [], "its key is still known"
        assert log.stats().used_bytes < 100_000
        log.close()


async def test_a_server_without_room_refuses_whole_appends_and_the_log_goes_on(place: LogPlace) -> None:
    """Its own bound is reached before ours: another has changed it."""
    log = place.open()
    assert isinstance(log, JetStreamLog)
    name = f"{place.name}-rows-{EU}"
    made = log._link.wait(log._link.ask(f"STREAM.INFO.{name}"))["config"]
    log._link.wait(log._link.ask(f"STREAM.UPDATE.{name}", made | {"max_bytes": 100_000}))
    key = Once(b"k" * 32, b"digest")
    refused, *_ = await log.append([*rows(b"x" * 200_000, once=key), *rows(b"y}")])
    assert isinstance(refused, LogFull)
    assert await log.append(rows(b"1}", once=key)) == [1]
    log.commit(1)
    assert await log.append(rows(b"2}")) == [2]
    log.close()


async def test_a_replay_that_got_no_answer_is_not_done_twice(place: LogPlace) -> None:
    log = place.open()
    assert isinstance(log, JetStreamLog)
    parts, mark = [Rows(Table.EVENTS, "proj_a", [b"1}"])], f"{place.name}.{EU}.replayed.7"
    for _ in range(2):
        assert log._link.wait(log._commits.replay(parts, mark)) == 1
    assert bodies_in(log) == [b"1}"]
    log.close()


async def test_keys_take_no_more_than_their_part_of_the_bound(place: LogPlace) -> None:
    log = place.open(max_bytes=2 << 20)
    for number in range(40):
        keyed = [rows(b"}", once=Once(b"%032d" % (number * 100 + at), b"d"))[0] for at in range(100)]
        outcomes = await log.append(keyed)
        assert all(isinstance(outcome, int) for outcome in outcomes)
        log.commit(number * 100 + 100)
    assert log.stats().used_bytes < log.stats().bound_bytes // 2
    assert await log.append(rows(b"new}", once=Once(b"%032d" % 3999, b"d"))) == [4000]
    log.close()


def traces(folder: Path, mark: bytes) -> int:
    """How often a mark is in any file of the server."""
    return sum(path.read_bytes().count(mark) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"config": {"sync_interval: always": "sync_interval: 2m"}}, "acknowledges before it syncs"),
        ({"region": "us-east-1"}, "not of eu-west-1: its server_tags lack 'region:eu-west-1'"),
        ({"config": {"jetstream {": "jetstream {\n  enabled: false"}}, "without JetStream"),
    ],
    ids=["not synced", "another region", "no JetStream"],
)
def test_a_server_that_would_not_keep_it_or_not_here_is_refused(
    tmp_path: Path, options: dict[str, object], why: str
) -> None:
    with running_nats(tmp_path / "nats", **options) as server, pytest.raises(LogFailed, match=why):
        LogPlace.on_nats(server).open()


def test_what_can_not_be_asked_is_refused(nats: Nats, tmp_path: Path) -> None:
    place = LogPlace.on_nats(nats)
    wrong = place.url.replace(":0e1234@", ":wrong@")
    for changes, why in (
        ({"monitor_url": f"http://127.0.0.1:{nats.port}"}, "set .cell. log_monitor_url"),
        ({"url": wrong}, "does not let us in: .*Authorization"),
        ({"url": "nats://127.0.0.1:1"}, "does not let us in: .*Connect call failed"),
    ):
        with pytest.raises(LogFailed, match=why) as refused:
            dataclasses.replace(place, **changes).open()
        assert "wrong" not in str(refused.value)
    with running_nats(tmp_path / "other") as other, pytest.raises(LogFailed, match="another NATS server"):
        dataclasses.replace(place, monitor_url=other.monitor_url).open()


@pytest.mark.parametrize(
    ("stream", "changes", "why"),
    [
        ("rows", {"placement": {"tags": ["region:us-east-1"]}}, "has placement"),
        (
            "rows",
            {"num_replicas": 1, "retention": "interest"},
            "has retention 'interest' instead of 'limits'",
        ),
        ("rows", {"discard": "old"}, "has discard 'old' instead of 'new'"),
        ("state", {"max_age": 10**12}, "has max_age"),
    ],
)
def test_a_stream_that_keeps_its_rows_elsewhere_or_otherwise_is_refused(
    place: LogPlace, stream: str, changes: dict[str, object], why: str
) -> None:
    log = place.open()
    assert isinstance(log, JetStreamLog)
    name = f"{place.name}-{stream}-{EU}"
    made = log._link.wait(log._link.ask(f"STREAM.INFO.{name}"))["config"]
    log._link.wait(log._link.ask(f"STREAM.DELETE.{name}"))
    log._link.wait(log._link.ask(f"STREAM.CREATE.{name}", made | changes))
    log.close()
    with pytest.raises(LogFailed, match=why):
        place.open()


async def test_a_log_of_a_version_that_did_not_count_counts_from_now_on(place: LogPlace) -> None:
    log = place.open()
    assert isinstance(log, JetStreamLog)
    name = f"{place.name}-state-{EU}"
    made = log._link.wait(log._link.ask(f"STREAM.INFO.{name}"))["config"]
    older = [subject for subject in made["subjects"] if ".usage." not in subject]
    log._link.wait(log._link.ask(f"STREAM.UPDATE.{name}", made | {"subjects": older}))
    log.close()
    log = place.open()
    await log.append(rows(b"1}", b"2}"))
    log.commit(2)
    log.close()
    again = place.open()
    assert (again.usage, bodies_in(again)) == ({MONTH: {"proj_a": 2}}, [])
    again.close()


def test_rows_without_their_cursor_are_not_taken_for_a_new_log(place: LogPlace) -> None:
    log = place.open()
    assert isinstance(log, JetStreamLog)
    log._link.wait(log._link.ask(f"STREAM.DELETE.{place.name}-state-{EU}"))
    log.close()
    with pytest.raises(LogFailed, match="is gone"):
        place.open()


def _through(place: LogPlace, nats: Nats, port: int) -> DurableLog:
    return dataclasses.replace(place, url=place.url.replace(f":{nats.port}", f":{port}")).open()


async def _once_it_answers(log: DurableLog, append: list[Append]) -> list[Outcome]:
    async with asyncio.timeout(30):
        while True:
            try:
                return await log.append(append)
            except LogFailed:
                await asyncio.sleep(0.05)
