"""A cell on the stores of production: what its settings name is what it uses, or waits for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from cli.cell import Cell as StoresOfCell
from cli.cell import open_engine
from cli.process import Process, ProcessConfig, Settings, open_process
from mesh.config import ConfigError
from mesh.errors import Unavailable
from sankofa.ingest.v1.ingest_pb2 import Track
from sankofa.query.v1.query_pb2 import CountEventsRequest, Scope
from sankofa.query.v1.query_pb2_grpc import QueryServiceStub
from sankofa.residency.v1.environment_pb2 import ENVIRONMENT_LIVE
from sankofa.residency.v1.ledger_pb2 import SweepRequest
from sankofa.residency.v1.ledger_pb2_grpc import SweepServiceStub
from storage.analytics.engine import QueryLimits
from storage.log import Append, Rows, Table
from tests.support.cell import Cell, item, open_cell
from tests.support.clickhouse.server import ClickHouse
from tests.support.engines import running_clickhouse
from tests.support.nats import running_nats
from tests.support.nodes import EU

pytestmark = [pytest.mark.disk, pytest.mark.network]

OpenProcess = Callable[..., Process]


@pytest.fixture
async def process_of(
    pki: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OpenProcess]:
    """A process of eu-west-1 with these settings of [cell], closed at the end."""
    monkeypatch.setattr("cli.process.own_temporary_files", lambda _: None)
    async with AsyncExitStack() as stack:

        def process_of(**cell: Any) -> Process:
            config = ProcessConfig(data_dir=str(tmp_path / "eu"), pki_dir=str(pki))
            process = open_process(
                region=EU,
                role="cell",
                name="ingest",
                settings=Settings(None, {"cell": cell}),
                config=config,
                stack=stack,
            )
            process.targets = frozenset({"ingest", "query"})
            return process

        yield process_of


async def count(cell: Cell, project: str) -> int:
    """Events of the project, by the query service."""
    answer = await QueryServiceStub(cell.channel()).CountEvents(
        CountEventsRequest(scope=Scope(project_id=project, environment=ENVIRONMENT_LIVE)),
        metadata=(("authorization", f"Bearer {await cell.token(project)}"),),
    )
    return int(answer.events)


async def test_a_cell_takes_events_while_its_clickhouse_is_away_and_answers_once_it_is_there(
    pki: Path, tmp_path: Path, process_of: OpenProcess
) -> None:
    server = ClickHouse(tmp_path / "clickhouse")
    engine = await open_engine(process_of(analytics_url=server.url), QueryLimits())
    async with open_cell(pki, tmp_path / "eu", engine) as cell:
        project = await cell.project()
        (result,) = await cell.append(item(project, Track(event_name="early", distinct_id="user_1")))
        assert (result.error, result.events) == (0, 1)
        with pytest.raises(Unavailable):
            await count(cell, project)
        server.start()
        try:
            await cell.store(project, Track(event_name="later", distinct_id="user_1"))
            assert await count(cell, project) == 2
        finally:
            server.stop()


async def test_a_wrong_password_for_clickhouse_is_an_error_of_the_configuration(
    tmp_path: Path, process_of: OpenProcess
) -> None:
    server = ClickHouse(tmp_path / "clickhouse")
    server.start()
    try:
        process = process_of(analytics_url=server.url_by(server.port, password="wrong"))
        with pytest.raises(ConfigError, match=r"refuses the user of \[cell\] analytics_url"):
            await open_engine(process, QueryLimits())
    finally:
        server.stop()


async def test_a_cell_on_clickhouse_and_nats_takes_events_answers_them_and_is_swept(
    pki: Path, tmp_path: Path, process_of: OpenProcess
) -> None:
    marker = "mark_abcdefghij0123456789"
    with running_nats(tmp_path / "nats") as nats, running_clickhouse(tmp_path / "clickhouse") as clickhouse:
        process = process_of(
            analytics_url=clickhouse.url,
            log_url=nats.url,
            log_monitor_url=nats.monitor_url,
            log_bytes=64 << 20,
        )
        log, engine = await StoresOfCell(process).open_log(), await open_engine(process, QueryLimits())
        async with open_cell(pki, tmp_path / "eu", engine, log=log) as cell:
            project = await cell.project()
            bad = Rows(Table.EVENTS, project, [b'"timestamp_ms":"' + marker.encode() + b'"}'])
            await log.append([Append([bad])])
            marked = Track(event_name="a", distinct_id="user_1", properties=f'{{"m":"{marker}"}}'.encode())
            await cell.store(project, marked, Track(event_name="b", distinct_id="user_1"))
            assert await count(cell, project) == 2
            stub = SweepServiceStub(cell.channel(role="operator"))
            places = {
                (one.store, one.place): one for one in (await stub.Sweep(SweepRequest(marker=marker))).places
            }
            assert (places["log", "log"].hits, places["analytics", "sankofa.events"].hits) == (1, 1)
        again = await StoresOfCell(process).open_log()
        assert (again.log_id, again.stats().lag, again.stats().dead_letters) == (log.log_id, 0, 1)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ({"log_url": "nats://127.0.0.1:1"}, "does not let us in"),
        ({"log_url": "{nats}", "log_monitor_url": "http://127.0.0.1:1"}, "whether it syncs"),
    ],
)
async def test_a_nats_server_that_can_not_be_trusted_is_an_error_of_the_configuration(
    tmp_path: Path, process_of: OpenProcess, cell: dict[str, str], why: str
) -> None:
    with running_nats(tmp_path / "nats") as nats:
        process = process_of(**{key: value.replace("{nats}", nats.url) for key, value in cell.items()})
        with pytest.raises(ConfigError, match=rf"\[cell\] log_url: .*{why}"):
            await StoresOfCell(process).open_log()
