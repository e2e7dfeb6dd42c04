"""What only a server over HTTP does: it goes away, answers late, answers nobody, and asks for a password."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from services.ingest.writer import Writer
from storage.analytics.engine import Engine
from storage.analytics.errors import StoreDenied, StoreUnavailable
from storage.analytics.guard import StoreGuard
from storage.analytics.tables import EventRow, seconds, tail
from storage.log import Append, Rows, Table
from storage.log.lmdb import LmdbLog
from tests.support.clickhouse.server import ClickHouse
from tests.support.network import Fault, network_to
from tests.support.writer_rows import PATIENCE

pytestmark = [pytest.mark.disk, pytest.mark.network]

REGION = "eu-west-1"
INSERT = b"INSERT+INTO+sankofa.events"
PATIENCE_S = 2

StartWriter = Callable[[Engine], Writer]


@pytest.fixture
def project() -> str:
    return f"proj_{uuid.uuid4().hex}"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LmdbLog]:
    opened = LmdbLog.open(tmp_path / "log", max_bytes=64 << 20)
    yield opened
    opened.close()


@pytest.fixture
def start_writer(log: LmdbLog) -> Iterator[StartWriter]:
    """Starts a writer from the test's log to an engine; stops it, then closes the engine."""
    made: list[tuple[Writer, Engine]] = []

    def start(engine: Engine) -> Writer:
        guard = StoreGuard(REGION, lambda _: REGION)
        writer = Writer(log=log, engine=engine, guard=guard, batch_rows=500, linger=timedelta(milliseconds=5))
        made.append((writer, engine))
        writer.start()
        return writer

    yield start
    for writer, engine in made:
        writer.stop(PATIENCE)
        engine.close()


def events(project: str, count: int, first: int = 0) -> list[Append]:
    return [Append([Rows(Table.EVENTS, project, [_row(project, at) for at in range(first, first + count)])])]


def _row(project: str, number: int) -> bytes:
    now_ms = 1_778_337_121_482
    event = EventRow(
        project_id=project,
        environment="live",
        org_id="org_a",
        id=f"evt_{number:021}",
        event_name=f"event {number}",
        distinct_id="user_1",
        timestamp_ms=now_ms,
        received_at=seconds(now_ms),
        properties=msgspec.Raw(b'{"text":"' + b"x" * 300 + b'"}'),
        default_properties=msgspec.Raw(b"{}"),
    )
    return tail(event)


def stored(engine: Engine, project: str, *, final: bool = False) -> list[str]:
    """Without `final` a row that is there twice counts twice."""
    sql = f"SELECT event_name FROM events {'FINAL' * final} WHERE project_id = {{p:String}} ORDER BY log_seq"
    return [row[0] for row in engine.reader().query_rows(sql, {"p": project})]


def over(server: ClickHouse, port: int) -> Engine:
    return Engine.server(server.url_by(port), region=REGION, timeout_s=PATIENCE_S)


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name)
async def test_every_row_of_an_insert_that_fails_on_the_wire_is_stored_once(
    clickhouse: ClickHouse, log: LmdbLog, project: str, start_writer: StartWriter, fault: Fault
) -> None:
    with network_to(clickhouse.port) as network:
        await log.append(events(project, 300))
        engine = over(clickhouse, network.port)
        network.fail(INSERT, fault)
        writer = start_writer(engine)
        assert await asyncio.to_thread(network.struck.wait, 20)
        assert await asyncio.to_thread(writer.flush, None, PATIENCE)
        network.released.set()
        await log.append(events(f"{project}_later", 1))
        assert await asyncio.to_thread(writer.flush, None, PATIENCE)
        assert writer.stats().failures >= 1
        late = (
            fault is Fault.HOLD_REQUEST
        )  # no look can tell what has yet to arrive: the rows' keys make it good
        assert stored(engine, project, final=late) == [f"event {number}" for number in range(300)]
        assert log.dead_letters() == []


@pytest.mark.parametrize("fault", [Fault.CUT_BODY, Fault.CUT_ANSWER], ids=lambda fault: fault.name)
def test_the_driver_does_not_repeat_an_insert_of_its_own_accord(
    clickhouse: ClickHouse, project: str, fault: Fault
) -> None:
    """It repeats what it may read as safe; whether the first one landed is for the writer to find out."""
    lines = b"".join(b'{"log_id":"l","log_seq":1,%b\n' % _row(project, number) for number in range(300))
    with network_to(clickhouse.port) as network:
        engine = over(clickhouse, network.port)
        network.fail(INSERT, fault)
        with pytest.raises(StoreUnavailable):
            engine.writer().insert("events", lines)
        assert network.seen == 1
        engine.close()


def test_an_insert_that_nobody_waits_for_any_more_is_ended_before_settle_returns(
    clickhouse: ClickHouse, project: str
) -> None:
    direct = Engine.server(clickhouse.url, region=REGION)
    running = "SELECT count() FROM system.processes WHERE startsWith(query_id, {prefix:String})"
    bound, lines = {"prefix": f"insert-{project}"}, b'{"log_id":"l","log_seq":1,' + _row(project, 1) + b"\n"
    with network_to(clickhouse.port) as network:
        engine = over(clickhouse, network.port)
        network.fail(INSERT, Fault.HOLD_BODY)
        with pytest.raises(StoreUnavailable) as failed:
            engine.writer().insert("events", lines * 2000, query_id=f"insert-{project}-1")
        assert "Timeout" in failed.value.cause
        assert direct.reader().query_rows(running, bound) == [(1,)]
        direct.writer().settle(f"insert-{project}")
        assert direct.reader().query_rows(running, bound) == [(0,)]
        network.released.set()
        assert stored(direct, project) == []
        engine.close()
    direct.close()


def test_a_wrong_password_is_told_at_once_and_by_name(clickhouse: ClickHouse) -> None:
    with pytest.raises(StoreDenied) as denied:
        Engine.server(clickhouse.url_by(clickhouse.port, password="wrong"), region=REGION)
    assert denied.value.cause == "AUTHENTICATION_FAILED"
    assert "wrong" not in str(denied.value)


async def test_a_server_that_is_away_at_the_start_is_waited_for(
    tmp_path: Path,
    log: LmdbLog,
    project: str,
    start_writer: StartWriter,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = ClickHouse(tmp_path / "clickhouse")
    engine = Engine.server(server.url, region=REGION)
    assert "ClickHouse does not answer yet (ConnectionRefusedError)" in caplog.text
    writer = start_writer(engine)
    await log.append(events(project, 20))
    with pytest.raises(StoreUnavailable):
        await engine.query("SELECT 1")
    server.start()
    try:
        assert await asyncio.to_thread(writer.flush, None, PATIENCE)
        assert len(await engine.query("SELECT 1 FROM events")) == 20
    finally:
        server.stop()


async def test_a_server_that_is_killed_under_load_loses_and_doubles_nothing(
    tmp_path: Path, log: LmdbLog, project: str, start_writer: StartWriter
) -> None:
    server = ClickHouse(tmp_path / "clickhouse")
    server.start()
    engine = Engine.server(server.url, region=REGION)
    writer = start_writer(engine)
    for at in range(0, 6000, 100):
        await log.append(events(project, 100, at))
        if at in (2000, 4000):
            assert await asyncio.to_thread(writer.flush, at // 2, PATIENCE)
            server.kill()
            server.start()
    assert await asyncio.to_thread(writer.flush, None, PATIENCE)
    assert stored(engine, project) == [f"event {number}" for number in range(6000)]
    server.stop()
